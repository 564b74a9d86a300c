/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Credentials of threads and resource limits of processes, both from /proc. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/io.h"
#include "base/proc.h"
#include "model/ids.h"
#include "task/task-internal.h"

/* What the kernel shows for an id without a number (proc(5), kernel.overflowgid). */
#define OVERFLOW_ID 65534

static uint32_t *cap_words(struct pool *p, uint64_t caps, size_t *ret_n)
{
	uint32_t w[2] = { (uint32_t)caps, (uint32_t)(caps >> 32) };

	*ret_n = 2;
	return pool_dup(p, w, sizeof(w));
}

static int no_number(const struct thread *th, const char *what, uint32_t id, struct err *e)
{
	char object[64];

	snprintf(object, sizeof(object), "pid %d, thread %d", th->task->host, th->host);
	return err_set(e, ERR_UNSUPPORTED, ENOTSUP, "checkpoint", object,
		       "its %s %u has no number in its user namespace", what, id);
}

static int ids_dump(const struct model *m, const struct thread *th, const struct proc_status *st,
		    CredsEntry *c, struct err *e)
{
	uint32_t *const uids[] = { &c->uid, &c->euid, &c->suid, &c->fsuid };
	uint32_t *const gids[] = { &c->gid, &c->egid, &c->sgid, &c->fsgid };

	for (size_t i = 0; i < ARRAY_SIZE(uids); i++) {
		if (!model_uid_in(m, st->uid[i], uids[i]))
			return no_number(th, "user id", st->uid[i], e);
		if (!model_gid_in(m, st->gid[i], gids[i]))
			return no_number(th, "group id", st->gid[i], e);
	}
	return 0;
}

/* Groups without a number inside can only be kept from whoever made the user namespace. */
static int groups_dump(const struct model *m, const struct thread *th, const struct proc_status *st,
		       CredsEntry *c, struct err *e)
{
	bool kept = m->id_maps && (m->groups_fixed || m->n_kept_groups) &&
		    st->ngroups == m->n_kept_groups &&
		    (!st->ngroups ||
		     !memcmp(st->groups, m->kept_groups, st->ngroups * sizeof(*st->groups)));

	c->n_groups = st->ngroups;
	c->groups = pool_alloc(m->pool, st->ngroups * sizeof(*c->groups) + 1);
	if (kept)
		c->has_groups_kept = c->groups_kept = 1;
	else if (m->groups_fixed)
		return err_set(e, ERR_UNSUPPORTED, ENOTSUP, "checkpoint", "supplementary groups",
			       "those of thread %d are not the root task's, and setgroups(2) is "
			       "forbidden in their user namespace",
			       th->host);
	for (size_t i = 0; i < st->ngroups; i++) {
		if (model_gid_in(m, st->groups[i], &c->groups[i]))
			continue;
		if (!kept)
			return no_number(th, "supplementary group", st->groups[i], e);
		c->groups[i] = OVERFLOW_ID;
	}
	return 0;
}

int task_creds_dump(struct model *m, struct thread *th, int secbits, uint64_t *ret_shdpnd,
		    uint64_t *ret_sigpnd, int *ret_seccomp, struct err *e)
{
	struct pool *p = m->pool;
	CredsEntry *c = pool_msg(p, CredsEntry, creds_entry__init);
	struct proc_status st = { 0 };
	int r = proc_status_read(th->task->host, th->host, &st, e);

	if (r)
		return r;
	r = ids_dump(m, th, &st, c, e);
	if (!r)
		r = groups_dump(m, th, &st, c, e);
	if (r) {
		proc_status_free(&st);
		return r;
	}
	c->cap_inh = cap_words(p, st.cap_inh, &c->n_cap_inh);
	c->cap_prm = cap_words(p, st.cap_prm, &c->n_cap_prm);
	c->cap_eff = cap_words(p, st.cap_eff, &c->n_cap_eff);
	c->cap_bnd = cap_words(p, st.cap_bnd, &c->n_cap_bnd);
	c->cap_amb = cap_words(p, st.cap_amb, &c->n_cap_amb);
	c->secbits = secbits;
	if (st.no_new_privs) {
		c->has_no_new_privs = 1;
		c->no_new_privs = 1;
	}
	th->core->thread_core->creds = c;
	if (th == task_speaker(th->task))
		th->task->umask = st.umask;
	*ret_shdpnd = st.shdpnd;
	*ret_sigpnd = st.sigpnd;
	*ret_seccomp = st.seccomp;
	proc_status_free(&st);
	return 0;
}

/* Rows of /proc/PID/limits in the order of RLIMIT_* (asm-generic/resource.h). */
static const char *const limit_rows[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = "Max cpu time",
	[RLIMIT_FSIZE] = "Max file size",
	[RLIMIT_DATA] = "Max data size",
	[RLIMIT_STACK] = "Max stack size",
	[RLIMIT_CORE] = "Max core file size",
	[RLIMIT_RSS] = "Max resident set",
	[RLIMIT_NPROC] = "Max processes",
	[RLIMIT_NOFILE] = "Max open files",
	[RLIMIT_MEMLOCK] = "Max locked memory",
	[RLIMIT_AS] = "Max address space",
	[RLIMIT_LOCKS] = "Max file locks",
	[RLIMIT_SIGPENDING] = "Max pending signals",
	[RLIMIT_MSGQUEUE] = "Max msgqueue size",
	[RLIMIT_NICE] = "Max nice priority",
	[RLIMIT_RTPRIO] = "Max realtime priority",
	[RLIMIT_RTTIME] = "Max realtime timeout",
};

const char *task_limit_name(size_t limit)
{
	return limit_rows[limit];
}

static uint64_t limit_value(char **s)
{
	while (**s == ' ')
		(*s)++;
	if (!strncmp(*s, "unlimited", 9)) {
		*s += 9;
		return RLIM_INFINITY;
	}
	return strtoull(*s, s, 10);
}

int task_limits_dump(struct model *m, struct task *t, TaskCoreEntry *tc, struct err *e)
{
	struct pool *p = m->pool;
	TaskRlimitsEntry *l = pool_msg(p, TaskRlimitsEntry, task_rlimits_entry__init);
	char path[64], buf[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/limits", t->host);
	n = read_text_at(AT_FDCWD, path, buf, sizeof(buf));
	if (n < 0) {
		errno = -n;
		return err_sys(e, "read", "%s", path);
	}
	l->n_rlimits = RLIM_NLIMITS;
	l->rlimits = pool_alloc(p, RLIM_NLIMITS * sizeof(*l->rlimits));
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		RlimitEntry *r = pool_msg(p, RlimitEntry, rlimit_entry__init);
		char *row = strstr(buf, limit_rows[i]);

		if (!row)
			return err_set(e, ERR_SYSTEM, EPROTO, "read", path, "no row \"%s\"",
				       limit_rows[i]);
		row += 25; /* the column where values begin */
		r->cur = limit_value(&row);
		r->max = limit_value(&row);
		l->rlimits[i] = r;
	}
	tc->rlimits = l;
	return 0;
}
