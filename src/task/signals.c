/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pending signals with their siginfo, by PTRACE_PEEKSIGINFO (ptrace(2)), which takes nothing away. */
#include <signal.h>
#include <sys/ptrace.h>

#include "base/err.h"
#include "parasite/remote.h"
#include "task/task-internal.h"

static int peek(struct pool *p, pid_t tid, unsigned flags, SignalQueueEntry **ret, struct err *e)
{
	enum { BATCH = 32 };
	SignalQueueEntry *q = pool_msg(p, SignalQueueEntry, signal_queue_entry__init);
	siginfo_t info[BATCH];
	struct __ptrace_peeksiginfo_args a = { .flags = flags, .nr = BATCH };
	long n;

	for (;;) {
		n = ptrace(PTRACE_PEEKSIGINFO, tid, &a, info);
		if (n < 0)
			return err_sys(e, "read pending signals", "thread %d", tid);
		for (long i = 0; i < n; i++) {
			SiginfoEntry *s = pool_msg(p, SiginfoEntry, siginfo_entry__init);

			s->siginfo.data = pool_dup(p, &info[i], sizeof(info[i]));
			s->siginfo.len = sizeof(info[i]);
			pool_push(p, q->signals, q->n_signals, s);
		}
		if (n < BATCH)
			break;
		a.off += n;
	}
	*ret = q;
	return 0;
}

int task_signals_dump(struct model *m, struct thread *th, uint64_t shared, uint64_t private,
		      struct err *e)
{
	struct pool *p = m->pool;
	ThreadCoreEntry *tc = th->core->thread_core;
	TaskCoreEntry *process;
	int r = 0;

	tc->signals_p = pool_msg(p, SignalQueueEntry, signal_queue_entry__init);
	if (private)
		r = peek(p, th->host, 0, &tc->signals_p, e);
	if (r || th != task_speaker(th->task))
		return r;
	process = th->task->threads[0].core->tc;
	process->signals_s = pool_msg(p, SignalQueueEntry, signal_queue_entry__init);
	if (shared)
		r = peek(p, th->host, PTRACE_PEEKSIGINFO_SHARED, &process->signals_s, e);
	return r;
}
