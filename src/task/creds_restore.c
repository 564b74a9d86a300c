/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Giving a thread its credentials and seccomp filters: the last of its last
 * words, since afterwards it may be allowed nothing.
 *
 * Order (credentials(7), capabilities(7)): no_new_privs; securebits that keep capabilities
 * over set*uid; inheritable while the bounding set is whole; bounding; ids;
 * filters while CAP_SYS_ADMIN is there (the tracer suspends them); ambient;
 * final securebits; final sets.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/io.h"
#include "base/proc.h"
#include "model/ids.h"
#include "task/restore.h"
#include "task/task-internal.h"

static uint64_t caps(const uint32_t *w, size_t n)
{
	return (n > 0 ? w[0] : 0) | (uint64_t)(n > 1 ? w[1] : 0) << 32;
}

struct cap_sets {
	uint64_t inh, prm, eff, bnd, amb;
};

static struct cap_sets sets_of(const CredsEntry *c)
{
	return (struct cap_sets){
		caps(c->cap_inh, c->n_cap_inh), caps(c->cap_prm, c->n_cap_prm),
		caps(c->cap_eff, c->n_cap_eff), caps(c->cap_bnd, c->n_cap_bnd),
		caps(c->cap_amb, c->n_cap_amb),
	};
}

static uint64_t all_caps(void)
{
	int last = CAP_LAST_CAP;

	/* A kernel with fewer capabilities than our headers, or more. */
	while (last < 63 && prctl(PR_CAPBSET_READ, last + 1, 0, 0, 0) >= 0)
		last++;
	while (last > 0 && prctl(PR_CAPBSET_READ, last, 0, 0, 0) < 0)
		last--;
	return ~0ull >> (63 - last);
}

const struct proc_status *task_own_status(struct model *m)
{
	static const struct err none;
	struct err e = none;
	struct proc_status *st = m->own_status;

	if (!st) {
		st = m->own_status = pool_alloc(m->pool, sizeof(*st));
		if (proc_status_read(getpid(), getpid(), st, &e))
			memset(st, 0, sizeof(*st));
	}
	return st;
}

/*
 * What a stub has before its credentials are set: ours, or in a user namespace
 * made for the tree all capabilities there, and root's ids (stubs_settle()).
 */
static struct proc_status start_of(struct model *m)
{
	struct proc_status st = *task_own_status(m);
	uint32_t id;
	bool root_u, root_g;

	if (!m->id_maps)
		return st;
	/* Without a number for root they keep ours, which nobody inside has. */
	root_u = model_uid_out(m, 0, &id);
	root_g = model_gid_out(m, 0, &id);
	st = (struct proc_status){ .cap_prm = all_caps(), .cap_bnd = all_caps() };
	st.cap_eff = st.cap_prm;
	for (int i = 0; i < 4; i++) {
		st.uid[i] = root_u ? 0 : UINT32_MAX;
		st.gid[i] = root_g ? 0 : UINT32_MAX;
	}
	return st;
}

static void capset_call(struct prog *p, uint64_t inh, uint64_t prm, uint64_t eff)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = {
		{ .effective = eff, .permitted = prm, .inheritable = inh },
		{ .effective = eff >> 32, .permitted = prm >> 32, .inheritable = inh >> 32 },
	};

	prog_call(p, "set capabilities", SYS_capset, (uint64_t)prog_dup(p, &h, sizeof(h)),
		  (uint64_t)prog_dup(p, d, sizeof(d)));
}

static bool ids_same(const CredsEntry *c, const struct proc_status *o)
{
	return c->uid == o->uid[0] && c->euid == o->uid[1] && c->suid == o->uid[2] &&
	       c->fsuid == o->uid[3] && c->gid == o->gid[0] && c->egid == o->gid[1] &&
	       c->sgid == o->gid[2] && c->fsgid == o->gid[3];
}

static bool groups_same(const CredsEntry *c, const struct proc_status *o)
{
	return c->n_groups == o->ngroups &&
	       (!o->ngroups || !memcmp(c->groups, o->groups, o->ngroups * sizeof(*o->groups)));
}

static void id_calls(struct prog *p, const CredsEntry *c)
{
	prog_call(p, "set group ids", SYS_setresgid, c->gid, c->egid, c->sgid);
	prog_call(p, "set the filesystem group id", SYS_setfsgid, c->fsgid);
	prog_call(p, "set user ids", SYS_setresuid, c->uid, c->euid, c->suid);
	prog_call(p, "set the filesystem user id", SYS_setfsuid, c->fsuid);
}

void task_creds_calls(struct model *m, struct prog *p, const struct thread *th)
{
	const ThreadCoreEntry *tc = th->core->thread_core;
	const CredsEntry *c = tc->creds;
	const struct proc_status start = start_of(m), *o = &start;
	struct cap_sets s;

	if (!c) {
		task_filter_calls(m, p, th);
		return;
	}
	s = sets_of(c);
	/* Only exec is bound by it; and it lets filters be installed without CAP_SYS_ADMIN. */
	if (c->has_no_new_privs && c->no_new_privs)
		prog_call(p, "set no_new_privs", SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!groups_same(c, o) && !(m->id_maps && c->groups_kept))
		prog_call(p, "set groups", SYS_setgroups, c->n_groups,
			  (uint64_t)prog_dup(p, c->groups, c->n_groups * sizeof(*c->groups)));
	if (ids_same(c, o) && s.inh == o->cap_inh && s.prm == o->cap_prm && s.eff == o->cap_eff &&
	    s.bnd == o->cap_bnd && s.amb == o->cap_amb && !c->secbits) {
		task_filter_calls(m, p, th);
	} else {
		prog_call(p, "keep capabilities", SYS_prctl, PR_SET_SECUREBITS,
			  SECBIT_NO_SETUID_FIXUP);
		capset_call(p, s.inh, o->cap_prm, o->cap_prm);
		for (int i = 0; i < 64; i++)
			if ((o->cap_bnd & ~s.bnd) >> i & 1)
				prog_call(p, "lower the bounding set", SYS_prctl, PR_CAPBSET_DROP,
					  i);
		id_calls(p, c);
		task_filter_calls(m, p, th);
		for (int i = 0; i < 64; i++)
			if (s.amb >> i & 1)
				prog_call(p, "raise an ambient capability", SYS_prctl,
					  PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0);
		prog_call(p, "set securebits", SYS_prctl, PR_SET_SECUREBITS, c->secbits);
		capset_call(p, s.inh, s.prm, s.eff);
	}
}

static int limits_check(struct task *t, struct err_list *problems)
{
	const TaskRlimitsEntry *l = t->threads[0].core->tc->rlimits;

	for (size_t i = 0; l && i < l->n_rlimits && i < RLIM_NLIMITS; i++) {
		struct rlimit now;
		struct err b = { 0 };
		char object[64];

		if (getrlimit(i, &now) || l->rlimits[i]->max <= now.rlim_max)
			continue;
		snprintf(object, sizeof(object), "limit \"%s\" of pid %d", task_limit_name(i),
			 t->pid);
		err_set(&b, ERR_SYSTEM, EPERM, "restore", object,
			"its hard value %llu lies above ours (%llu) and CAP_SYS_RESOURCE is missing",
			(unsigned long long)l->rlimits[i]->max, (unsigned long long)now.rlim_max);
		err_hint(&b, "run with CAP_SYS_RESOURCE or with higher hard limits (prlimit(1))");
		err_list_add(problems, &b);
	}
	return 0;
}

int task_privileges(struct model *m, struct err_list *problems, struct err *e)
{
	const struct proc_status start = start_of(m), *o = &start;

	if (m->seccomp && m->seccomp->n_seccomp_filters &&
	    !(task_own_status(m)->cap_eff >> CAP_SYS_ADMIN & 1)) {
		struct err b = { 0 };

		err_set(&b, ERR_SYSTEM, EPERM, "restore", "seccomp filters",
			"holding them off until a task is whole needs CAP_SYS_ADMIN, which is missing");
		err_list_add(problems, &b);
	}
	for (size_t i = 0; i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];

		if (t->state == TASK_ZOMBIE)
			continue;
		if (!(task_own_status(m)->cap_eff >> CAP_SYS_RESOURCE & 1))
			limits_check(t, problems);
		for (size_t k = 0; k < t->n_threads; k++) {
			const ThreadCoreEntry *tc = t->threads[k].core->thread_core;
			const CredsEntry *c = tc ? tc->creds : NULL;
			struct cap_sets s;
			uint64_t missing;
			struct err b = { 0 };
			char object[64];

			if (!c)
				continue;
			s = sets_of(c);
			missing = ((s.prm | s.bnd | s.inh) & ~o->cap_bnd) | (s.prm & ~o->cap_prm);
			if (!missing)
				continue;
			snprintf(object, sizeof(object), "capabilities of thread %d",
				 t->threads[k].tid);
			err_set(&b, ERR_SYSTEM, EPERM, "restore", object,
				"it held capabilities %#llx that we do not have to give",
				(unsigned long long)missing);
			err_hint(&b, "run with at least the capabilities of the checkpointed tree");
			err_list_add(problems, &b);
			break;
		}
	}
	return 0;
}
