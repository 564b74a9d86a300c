/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is given to restored tasks from outside, because they may lack the
 * privilege: real-time policies, nice values and I/O classes (a user namespace
 * never gives it), limits above their own, oom_score_adj, files of /proc.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/err.h"
#include "base/io.h"
#include "base/proc.h"
#include "parasite/stub.h"
#include "task/restore.h"
#include "task/task-internal.h"

static int sched_set(pid_t tid, const ThreadCoreEntry *tc, struct err *e)
{
	struct kernel_sched_attr now = { 0 }, a = {
		.size = sizeof(a),
		.policy = tc->has_sched_policy ? tc->sched_policy : SCHED_OTHER,
		.nice = tc->has_sched_nice ? tc->sched_nice : 0,
		.priority = tc->has_sched_prio ? tc->sched_prio : 0,
		.flags = tc->sched_flags,
		.runtime = tc->sched_runtime,
		.deadline = tc->sched_deadline,
		.period = tc->sched_period,
	};

	if (syscall(SYS_sched_getattr, tid, &now, sizeof(now), 0))
		return err_sys(e, "read the scheduling of", "thread %d", tid);
	if (now.policy == a.policy && now.nice == a.nice && now.priority == a.priority &&
	    now.flags == a.flags && !a.runtime)
		return 0;
	/* A real-time policy has no use for a nice value, but keeps the one for later. */
	if (!syscall(SYS_sched_setattr, tid, &a, 0) && !setpriority(PRIO_PROCESS, tid, a.nice))
		return 0;
	err_sys(e, "set the scheduling of", "thread %d: policy %u, priority %u, nice %d", tid,
		a.policy, a.priority, a.nice);
	return err_hint(e, "real-time policies and negative nice values need CAP_SYS_NICE");
}

static int thread_outside(const struct stub_thread *st, const ThreadCoreEntry *tc, struct err *e)
{
	int r;

	/* Here is another machine perhaps: a mask without any processor of ours is passed over. */
	if (tc->has_cpu_mask && tc->cpu_mask.len)
		syscall(SYS_sched_setaffinity, st->host, tc->cpu_mask.len, tc->cpu_mask.data);
	r = sched_set(st->host, tc, e);
	if (r || !tc->has_io_priority)
		return r;
	if (!syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, st->host, tc->io_priority))
		return 0;
	err_sys(e, "set the I/O priority of", "thread %d: %#x", st->host, tc->io_priority);
	return err_hint(e, "the real-time class needs CAP_SYS_ADMIN or CAP_SYS_NICE");
}

/* Without the capability only the task itself can change them: it may lower them. */
bool task_limits_from_outside(struct model *m)
{
	return task_own_status(m)->cap_eff >> CAP_SYS_RESOURCE & 1;
}

static int limits_set(const struct task *t, struct err *e)
{
	const TaskRlimitsEntry *l = t->threads[0].core->tc->rlimits;

	for (size_t i = 0; l && i < l->n_rlimits && i < RLIM_NLIMITS; i++) {
		struct rlimit v = { l->rlimits[i]->cur, l->rlimits[i]->max };

		if (prlimit(t->stub->host, (int)i, &v, NULL))
			return err_sys(e, "set", "limit \"%s\" of pid %d to %llu, %llu",
				       task_limit_name(i), t->pid, (unsigned long long)v.rlim_cur,
				       (unsigned long long)v.rlim_max);
	}
	return 0;
}

static int oom_score_set(const struct task *t, struct err *e)
{
	const TaskCoreEntry *tc = t->threads[0].core->tc;
	char path[64], text[16], now[16];
	int r;

	if (!tc->has_oom_score_adj)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", t->stub->host);
	snprintf(text, sizeof(text), "%d", tc->oom_score_adj);
	if (read_text_at(AT_FDCWD, path, now, sizeof(now)) > 0 && atoi(now) == tc->oom_score_adj)
		return 0;
	r = write_text_at(AT_FDCWD, path, text);
	if (!r)
		return 0;
	errno = -r;
	err_sys(e, "write", "%s = %s", path, text);
	return err_hint(e, "lowering oom_score_adj needs CAP_SYS_RESOURCE");
}

int task_outside(struct model *m, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];

		if (t->state == TASK_ZOMBIE)
			continue;
		r = task_traits_outside(t, e);
		if (!r)
			r = oom_score_set(t, e);
		for (size_t k = t->leader_dead; !r && k < t->n_threads; k++)
			r = thread_outside(&t->stub->threads[k], t->threads[k].core->thread_core,
					   e);
		if (!r && task_limits_from_outside(m))
			r = limits_set(t, e);
	}
	return r;
}
