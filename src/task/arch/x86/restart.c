/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls that were interrupted by the checkpoint, as images keep them.
 *
 * A stopped thread shows the call's number in orig_rax and one of the kernel's
 * restart codes in rax (include/linux/errno.h). Those codes never reach user
 * space, so the portable form in thread_info either rewinds the call (ip - 2,
 * the call's number in ax) or, for calls that continue through the kernel's
 * restart block, says -EINTR like other tools do. Our own fields beside it keep
 * the exact state.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/uio.h>
#include <time.h>

#include "base/io.h"
#include "parasite/remote.h"
#include "task/task-internal.h"

#include <fcntl.h>

enum {
	ERESTARTSYS_ = -512,
	ERESTARTNOINTR_ = -513,
	ERESTARTNOHAND_ = -514,
	ERESTART_RESTARTBLOCK_ = -516,
};
#define SYSCALL_INSN_SIZE 2

/*
 * A thread that was stopped once before and went on sleeping shows
 * restart_syscall(2): the number of its real call is gone. While it still runs
 * undisturbed, the function that it sleeps in tells.
 */
int arch_restart_nr_now(pid_t pid, pid_t tid)
{
	static const struct {
		const char *wchan;
		int nr;
	} known[] = {
		{ "hrtimer_nanosleep", SYS_nanosleep },
		{ "do_nanosleep", SYS_nanosleep },
		{ "futex_wait", SYS_futex },
		{ "futex_do_wait", SYS_futex },
		{ "do_poll", SYS_poll },
		{ "poll_schedule_timeout", SYS_poll },
		{ "do_sys_poll", SYS_poll },
	};
	char path[80], buf[256];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	if (read_text_at(AT_FDCWD, path, buf, sizeof(buf)) <= 0 || atoi(buf) != SYS_restart_syscall)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/wchan", pid, tid);
	if (read_text_at(AT_FDCWD, path, buf, sizeof(buf)) <= 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strncmp(buf, known[i].wchan, strlen(known[i].wchan)))
			return known[i].nr;
	return -1;
}

/* nanosleep and clock_nanosleep sleep in the same function; their arguments differ in kind. */
static int true_nr(const struct user_regs_struct *r, int restart_nr)
{
	if (r->orig_rax != SYS_restart_syscall)
		return r->orig_rax;
	if (restart_nr == SYS_nanosleep || restart_nr < 0)
		return r->rdi < 16 && !r->rsi ? SYS_clock_nanosleep :
		       r->rdi >= 4096	      ? (restart_nr < 0 && r->rsi < 4096 && r->rsi ?
							 SYS_futex :
							 SYS_nanosleep) :
						SYS_restart_syscall;
	return restart_nr;
}

/* Where the kernel wrote the rest of an interrupted sleep, 0 when the caller did not ask. */
static uint64_t rest_address(const struct user_regs_struct *r, int nr)
{
	return nr == SYS_nanosleep ? r->rsi : nr == SYS_clock_nanosleep ? r->r10 : 0;
}

void arch_restart_dump(struct pool *p, const struct remote_thread *rt, int restart_nr,
		       struct user_regs_struct *portable, ThreadCoreEntry *tc)
{
	const struct user_regs_struct *r = &rt->regs;
	int64_t ax = r->rax;
	int nr;

	*portable = *r;
	if ((int64_t)r->orig_rax < 0)
		return;
	if (ax != ERESTARTSYS_ && ax != ERESTARTNOINTR_ && ax != ERESTARTNOHAND_ &&
	    ax != ERESTART_RESTARTBLOCK_)
		return;
	nr = true_nr(r, restart_nr);
	tc->has_restart_ax = tc->has_restart_nr = 1;
	tc->restart_ax = ax;
	tc->restart_nr = nr;
	if (ax == ERESTART_RESTARTBLOCK_) {
		uint64_t rest = rest_address(r, nr);
		struct timespec ts;
		struct iovec lo = { &ts, sizeof(ts) }, re = { (void *)rest, sizeof(ts) };

		portable->rax = -EINTR;
		portable->orig_rax = nr;
		if (rest && process_vm_readv(rt->tid, &lo, 1, &re, 1, 0) == sizeof(ts)) {
			tc->has_restart_left = 1;
			tc->restart_left = ts.tv_sec * 1000000000ull + ts.tv_nsec;
		}
		return;
	}
	portable->rax = r->orig_rax;
	portable->rip -= SYSCALL_INSN_SIZE;
}
