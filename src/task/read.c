/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the tree and its core images back, trusting nothing: every pid,
 * count and size is checked before anybody uses it.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "image/image.h"
#include "model/options.h"
#include "task/task-internal.h"

#define CPU_MASK_MAX 1024  /* bytes: CONFIG_NR_CPUS is at most 8192 */
#define GROUPS_LIMIT 65536 /* NGROUPS_MAX, linux/limits.h */

static bool pid_valid(uint32_t pid)
{
	return pid > 0 && pid <= PID_LIMIT;
}

static int pid_cmp(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Every thread id is used once. */
static int pids_unique(struct model *m, struct image_in *in, struct err *e)
{
	size_t n = 0, total = 0;
	uint32_t *v;

	for (size_t i = 0; i < m->n_tasks; i++)
		total += m->tasks[i]->n_threads;
	v = pool_alloc(m->pool, total * sizeof(*v));
	for (size_t i = 0; i < m->n_tasks; i++)
		for (size_t k = 0; k < m->tasks[i]->n_threads; k++)
			v[n++] = m->tasks[i]->threads[k].tid;
	qsort(v, n, sizeof(*v), pid_cmp);
	for (size_t i = 1; i < n; i++)
		if (v[i] == v[i - 1])
			return image_bad(in, e, "pid %u appears twice", v[i]);
	return 0;
}

static int task_add(struct model *m, struct image_in *in, PstreeEntry *ps, struct err *e)
{
	struct task *parent = NULL, *t;

	if (!pid_valid(ps->pid) || ps->pgid > PID_LIMIT || ps->sid > PID_LIMIT)
		return image_bad(in, e, "pid %u, group %u, session %u: out of range", ps->pid,
				 ps->pgid, ps->sid);
	if (!ps->n_threads)
		return image_bad(in, e, "pid %u has no threads", ps->pid);
	if (m->root) {
		parent = model_task_by_pid(m, ps->ppid);
		if (!parent)
			return image_bad(in, e, "the parent of pid %u, %u, does not come before it",
					 ps->pid, ps->ppid);
	}
	t = model_task_new(m, parent);
	t->pstree = ps;
	t->pid = ps->pid;
	t->ppid = parent ? parent->pid : 0;
	t->pgid = ps->pgid;
	t->sid = ps->sid;
	t->n_threads = ps->n_threads;
	t->threads = pool_alloc(m->pool, ps->n_threads * sizeof(*t->threads));
	/* The leader need not come first in the list. */
	t->threads[0] = (struct thread){ .task = t, .tid = ps->pid };
	for (size_t i = 0, n = 1; i < ps->n_threads; i++) {
		if (!pid_valid(ps->threads[i]))
			return image_bad(in, e, "thread id %u: out of range", ps->threads[i]);
		if (ps->threads[i] == ps->pid)
			continue;
		if (n == ps->n_threads)
			return image_bad(in, e, "pid %u is not among its threads", ps->pid);
		t->threads[n++] = (struct thread){ .task = t, .tid = ps->threads[i] };
	}
	return 0;
}

static int pstree_read(struct model *m, struct err *e)
{
	struct image_in *in;
	PstreeEntry *ps;
	int r = image_open(m->dir, IMG_PSTREE, 0, &in, e);

	if (r)
		return r;
	while ((r = image_get(in, &pstree_entry__descriptor, &ps, e)) > 0) {
		r = task_add(m, in, ps, e);
		if (r)
			break;
	}
	if (!r && !m->root)
		r = image_bad(in, e, "it holds no task");
	if (!r)
		r = pids_unique(m, in, e);
	image_in_close(in);
	return r;
}

static int bad(struct thread *th, struct err *e, const char *what)
{
	char name[64];

	snprintf(name, sizeof(name), "core-%d.img", th->tid);
	return err_set(e, ERR_IMAGE, EINVAL, "read", name, "%s", what);
}

static int thread_check(struct thread *th, struct err *e)
{
	CoreEntry *c = th->core;
	ThreadCoreEntry *tc = c->thread_core;

	if (c->mtype != CORE_ENTRY__MARCH__X86_64)
		return bad(th, e, "it is of another processor architecture");
	if (!c->thread_info || !tc)
		return bad(th, e, "a living thread without registers");
	if (c->thread_info->gpregs->has_mode &&
	    c->thread_info->gpregs->mode == USER_X86_REGS_MODE__COMPAT)
		return err_set(e, ERR_UNSUPPORTED, ENOTSUP, "restore", "a 32-bit task",
			       "thread %d ran 32-bit code, which is not supported yet", th->tid);
	if (tc->creds && tc->creds->n_groups > GROUPS_LIMIT)
		return bad(th, e, "too many supplementary groups");
	if (tc->creds &&
	    (tc->creds->n_cap_inh > 2 || tc->creds->n_cap_prm > 2 || tc->creds->n_cap_eff > 2 ||
	     tc->creds->n_cap_bnd > 2 || tc->creds->n_cap_amb > 2))
		return bad(th, e, "capability sets of the wrong size");
	if (!task_states_known(tc))
		return bad(th, e, "a state that this version does not know");
	if (tc->has_cpu_mask && tc->cpu_mask.len > CPU_MASK_MAX)
		return bad(th, e, "a mask of too many processors");
	if (tc->signals_p)
		for (size_t i = 0; i < tc->signals_p->n_signals; i++)
			if (tc->signals_p->signals[i]->siginfo.len != sizeof(siginfo_t))
				return bad(th, e, "a pending signal of the wrong size");
	return 0;
}

static int process_check(struct task *t, struct err *e)
{
	struct thread *th = &t->threads[0];
	TaskCoreEntry *tc = th->core->tc;
	const char *why;

	if (!tc)
		return bad(th, e, "a process leader without process state");
	switch (tc->task_state) {
	case CORE_ALIVE:
		t->state = TASK_ALIVE;
		break;
	case CORE_STOPPED:
		t->state = TASK_STOPPED;
		break;
	case CORE_DEAD:
		t->state = TASK_ZOMBIE;
		t->exit_code = tc->exit_code;
		break;
	default:
		return bad(th, e, "an unknown task state");
	}
	snprintf(t->comm, sizeof(t->comm), "%s", tc->comm);
	if (task_traits_check(t, &why))
		return bad(th, e, why);
	if (t->state == TASK_ZOMBIE)
		return t->n_children || t->n_threads > 1 ?
			       bad(th, e, "a zombie with children or threads") :
			       0;
	if (tc->n_sigactions && tc->n_sigactions != N_SIGNALS - 2)
		return bad(th, e, "signal actions are incomplete");
	if (timers_bad(t))
		return bad(th, e, timers_bad(t));
	if (tc->has_stop_signo && (tc->stop_signo < 1 || tc->stop_signo > N_SIGNALS))
		return bad(th, e, "an unknown stop signal");
	if (tc->signals_s)
		for (size_t i = 0; i < tc->signals_s->n_signals; i++)
			if (tc->signals_s->signals[i]->siginfo.len != sizeof(siginfo_t))
				return bad(th, e, "a pending signal of the wrong size");
	return 0;
}

static int core_read(struct model *m, struct task *t, struct err *e)
{
	int r;

	for (size_t i = 0; i < t->n_threads; i++) {
		struct thread *th = &t->threads[i];

		r = image_get_one(m->dir, IMG_CORE, th->tid, &core_entry__descriptor, &th->core, e);
		if (!r && i == 0)
			r = process_check(t, e);
		if (!r && i == 0 && t->n_threads > 1 && !th->core->thread_info)
			t->leader_dead = true;
		else if (!r && t->state != TASK_ZOMBIE)
			r = thread_check(th, e);
		if (r)
			return r;
	}
	if (t->state == TASK_ZOMBIE)
		return 0;
	m->n_threads += t->n_threads;
	if (image_exists(m->dir, IMG_FS, t->pid)) {
		r = image_get_one(m->dir, IMG_FS, t->pid, &fs_entry__descriptor, &t->fs, e);
		if (r)
			return r;
	}
	if (t->threads[0].core->ids) {
		t->ids = t->threads[0].core->ids;
		return 0;
	}
	return image_get_one(m->dir, IMG_IDS, t->pid, &task_kobj_ids_entry__descriptor, &t->ids, e);
}

static int seccomp_read(struct model *m, struct err *e)
{
	SeccompEntry *s;
	int r;

	if (!image_exists(m->dir, IMG_SECCOMP, 0))
		return 0;
	r = image_get_one(m->dir, IMG_SECCOMP, 0, &seccomp_entry__descriptor, &s, e);
	if (r)
		return r;
	for (size_t i = 0; i < s->n_seccomp_filters; i++) {
		SeccompFilter *f = s->seccomp_filters[i];

		/* A chain only leads to earlier entries, so it ends. */
		if (!f->filter.len || f->filter.len % 8 || f->filter.len / 8 > 4096 ||
		    (f->has_prev && f->prev >= i))
			return err_set(e, ERR_IMAGE, EINVAL, "read", "seccomp.img",
				       "filter %zu is malformed", i);
	}
	m->seccomp = s;
	return 0;
}

int task_read(struct model *m, struct err *e)
{
	int r = pstree_read(m, e);

	if (!r)
		r = seccomp_read(m, e);
	for (size_t i = 0; !r && i < m->n_tasks; i++)
		r = core_read(m, m->tasks[i], e);
	if (!r && m->root->state == TASK_ZOMBIE)
		r = bad(&m->root->threads[0], e, "the root task is dead");
	if (!r && m->seccomp)
		for (size_t i = 0; !r && i < m->n_tasks; i++)
			for (size_t k = 0; !r && k < m->tasks[i]->n_threads; k++) {
				struct thread *th = &m->tasks[i]->threads[k];
				ThreadCoreEntry *tc = th->core->thread_core;

				if (tc && tc->has_seccomp_filter &&
				    tc->seccomp_filter >= m->seccomp->n_seccomp_filters)
					r = bad(th, e, "a seccomp filter that does not exist");
			}
	return r;
}
