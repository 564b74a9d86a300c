/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A thread's registers to begin with, and how its interrupted system call goes on. */
#include <sys/syscall.h>
#include <time.h>

#include "base/err.h"
#include "task/restore.h"
#include "task/task-internal.h"

#define SYSCALL_INSN_SIZE 2
#define ERESTART_RESTARTBLOCK_ (-516)

/*
 * Our own images tell the kernel's restart code and the call: given back as
 * they were, the kernel itself decides between restart and -EINTR. A relative
 * sleep continues through the restart block when the rest is known; other
 * calls of that class begin anew.
 */
static void restart(const struct model *m, struct stub_thread *st, const ThreadCoreEntry *tc)
{
	if (!tc->has_restart_ax || !tc->has_restart_nr)
		return;
	if (tc->restart_ax != ERESTART_RESTARTBLOCK_) {
		/* thread_info holds the rewound form. */
		st->regs.rip += SYSCALL_INSN_SIZE;
		st->regs.rax = tc->restart_ax;
		st->regs.orig_rax = tc->restart_nr;
		return;
	}
	if (tc->has_restart_left &&
	    (tc->restart_nr == SYS_nanosleep || tc->restart_nr == SYS_clock_nanosleep)) {
		st->nap = true;
		if (__builtin_add_overflow(m->clocks.ours[CLK_MONO], tc->restart_left,
					   &st->nap_until))
			st->nap_until = UINT64_MAX;
		st->nap_clock = tc->restart_nr == SYS_nanosleep ? CLOCK_MONOTONIC : st->regs.rdi;
		st->nap_rest = tc->restart_nr == SYS_nanosleep ? st->regs.rsi : st->regs.r10;
		st->regs.rax = tc->restart_ax;
		st->regs.orig_rax = tc->restart_nr;
		return;
	}
	if (tc->restart_nr == SYS_restart_syscall)
		return; /* nobody knows which call it was: -EINTR, as the portable form says */
	st->regs.rax = tc->restart_nr;
	st->regs.rip -= SYSCALL_INSN_SIZE;
	st->regs.orig_rax = -1;
}

void task_dress(const struct model *m, struct task *t)
{
	for (size_t k = 0; k < t->n_threads; k++) {
		struct thread *th = &t->threads[k];
		struct stub_thread *st = &t->stub->threads[k];
		const ThreadCoreEntry *tc = th->core->thread_core;

		if (k == 0 && t->leader_dead)
			continue;
		arch_regs_restore(th->core->thread_info, &st->regs);
		st->sigmask = tc->has_blk_sigset ? tc->blk_sigset :
			      th->core->tc	 ? th->core->tc->blk_sigset :
						   0;
		restart(m, st, tc);
	}
	if (t->state == TASK_STOPPED) {
		const TaskCoreEntry *tc = t->threads[0].core->tc;

		t->stub->stop_sig = tc->has_stop_signo ? (int)tc->stop_signo : 19 /* SIGSTOP */;
	}
}

int task_xstate(struct stub_thread *th, void *buf, size_t len, struct err *e)
{
	const struct thread *t = th->owner;

	return arch_xstate_restore(t->core->thread_info, buf, len, e);
}
