/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pending signals with their siginfo, by PTRACE_PEEKSIGINFO (ptrace(2)), which
 * takes nothing away.
 *
 * A thread may be stopped between a fault of its own and the signal for it. The
 * kernel keeps beside that signal what its handler finds in the machine context
 * (trap number, error code, address), which nobody can set from outside. But the
 * instruction has not been executed: the restored thread makes the fault again,
 * and gets the signal from the kernel, with everything. A breakpoint has been
 * executed; the thread goes back to it.
 */
#include <signal.h>
#include <sys/ptrace.h>

#include "base/err.h"
#include "parasite/remote.h"
#include "task/task-internal.h"

/*
 * A forged one (rt_tgsigqueueinfo(2)) is found blocked, or in the very call. SI_KERNEL
 * is no fault's code here: it is also how a frame that did not fit is told.
 */
static bool comes_again(struct thread *th, const siginfo_t *si)
{
	const struct remote_thread *rt = th->rt;

	if (!arch_regs_in_fault(&rt->regs) || rt->sigmask >> (si->si_signo - 1) & 1)
		return false;
	switch (si->si_signo) {
	case SIGSEGV:
		return si->si_code == SEGV_MAPERR || si->si_code == SEGV_ACCERR;
	case SIGBUS:
		return si->si_code == BUS_ADRERR || si->si_code == BUS_ADRALN;
	case SIGFPE:
		return si->si_code >= FPE_INTDIV && si->si_code <= FPE_FLTSUB;
	case SIGILL:
		return si->si_code == ILL_ILLOPN;
	case SIGTRAP:
		return si->si_code == SI_KERNEL && arch_breakpoint_again(rt, th->core->thread_info);
	}
	return false;
}

/* @faulting: whose own signals these are; NULL for the process's. */
static int peek(struct pool *p, pid_t tid, struct thread *faulting, SignalQueueEntry **ret,
		struct err *e)
{
	enum { BATCH = 32 };
	SignalQueueEntry *q = pool_msg(p, SignalQueueEntry, signal_queue_entry__init);
	siginfo_t info[BATCH];
	struct __ptrace_peeksiginfo_args a = {
		.flags = faulting ? 0 : PTRACE_PEEKSIGINFO_SHARED,
		.nr = BATCH,
	};
	long n;

	for (;;) {
		n = ptrace(PTRACE_PEEKSIGINFO, tid, &a, info);
		if (n < 0)
			return err_sys(e, "read pending signals", "thread %d", tid);
		for (long i = 0; i < n; i++) {
			SiginfoEntry *s;

			if (faulting && comes_again(faulting, &info[i]))
				continue;
			s = pool_msg(p, SiginfoEntry, siginfo_entry__init);
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
		r = peek(p, th->host, th, &tc->signals_p, e);
	if (r || th != task_speaker(th->task))
		return r;
	process = th->task->threads[0].core->tc;
	process->signals_s = pool_msg(p, SignalQueueEntry, signal_queue_entry__init);
	if (shared)
		r = peek(p, th->host, NULL, &process->signals_s, e);
	return r;
}
