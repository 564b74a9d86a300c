// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Registers of x86-64 threads, as the engine needs them: reading and writing,
 * putting interrupted calls right, and the register sets that park a thread.
 */
#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/abi.h"
#include "parasite/remote-internal.h"

/* The kernel's own codes for "see to a restart", never seen by user space. */
#define ERESTARTNOHAND 514

#define USER32_CS 0x23
#define FLAG_CF (1ul << 0)
#define FLAG_FIXED (1ul << 1)
#define FLAG_PF (1ul << 2)
#define FLAG_ZF (1ul << 6)
#define FLAG_SF (1ul << 7)
#define FLAG_IF (1ul << 9)
#define FLAG_OF (1ul << 11)

int regs_get(pid_t tid, struct user_regs_struct *regs)
{
	struct iovec v = { regs, sizeof(*regs) };

	return ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &v) ? -errno : 0;
}

int regs_set(pid_t tid, const struct user_regs_struct *regs)
{
	struct iovec v = { (void *)regs, sizeof(*regs) };

	return ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &v) ? -errno : 0;
}

bool regs_are_compat(const struct user_regs_struct *regs)
{
	return regs->cs == USER32_CS;
}

/*
 * Calls that give up with -EINTR for any wakeup, also when no handler ran: a
 * freeze or a ptrace stop would show. (Others use the restart codes.) Reads and
 * writes are here for sockets with a timeout; they return -EINTR only when
 * nothing was transferred, so making the call again loses nothing.
 */
static const int eintr_calls[] = {
	SYS_epoll_wait, SYS_epoll_pwait,    SYS_epoll_pwait2,  SYS_rt_sigtimedwait, SYS_semop,
	SYS_semtimedop, SYS_io_getevents,   SYS_io_pgetevents, SYS_recvfrom,	    SYS_recvmsg,
	SYS_recvmmsg,	SYS_sendto,	    SYS_sendmsg,       SYS_sendmmsg,	    SYS_accept,
	SYS_accept4,	SYS_connect,	    SYS_read,	       SYS_readv,	    SYS_write,
	SYS_writev,	SYS_io_uring_enter,
};

bool eintr_call(int nr)
{
	for (size_t i = 0; i < sizeof(eintr_calls) / sizeof(eintr_calls[0]); i++) {
		if (nr == eintr_calls[i])
			return true;
	}
	return false;
}

static bool settle_eintr(struct user_regs_struct *regs)
{
	if ((int64_t)regs->rax != -EINTR || !eintr_call((int)regs->orig_rax))
		return false;
	/* Now the kernel decides: restarted, or EINTR if a handler really runs. */
	regs->rax = (uint64_t)-ERESTARTNOHAND;
	return true;
}

bool regs_settle_fast(pid_t tid)
{
	const size_t rax = offsetof(struct user_regs_struct, rax);
	long v;

	errno = 0;
	v = ptrace(PTRACE_PEEKUSER, tid, rax, 0);
	if (v == -1 && errno == ESRCH)
		return false;
	if (v == -EINTR)
		ptrace(PTRACE_POKEUSER, tid, rax, -(long)ERESTARTNOHAND);
	return true;
}

/* linux/rseq.h; the part that a thread in a critical section points to */
struct rseq_area {
	uint32_t cpu_id_start, cpu_id;
	uint64_t rseq_cs;
};
struct rseq_section {
	uint32_t version, flags;
	uint64_t start_ip, post_commit_offset, abort_ip;
};

/*
 * What the kernel does at preemption: a thread inside a restartable sequence
 * goes on at its abort handler. Only the instruction pointer is set; the kernel
 * clears rseq_cs itself once it sees the pointer outside.
 */
static bool settle_rseq(pid_t pid, struct user_regs_struct *regs, const struct remote_rseq *rseq)
{
	struct rseq_area area;
	struct rseq_section cs;

	if (!rseq->ptr || task_memory_read(pid, rseq->ptr, &area, sizeof(area)) || !area.rseq_cs)
		return false;
	if (task_memory_read(pid, area.rseq_cs, &cs, sizeof(cs)))
		return false;
	if (regs->rip - cs.start_ip >= cs.post_commit_offset || !cs.abort_ip)
		return false;
	regs->rip = cs.abort_ip;
	return true;
}

bool regs_settle(pid_t pid, struct user_regs_struct *regs, const struct remote_rseq *rseq)
{
	bool a = settle_eintr(regs), b = settle_rseq(pid, regs, rseq);

	return a || b;
}

/*
 * User space without opinions: a task may have been stopped with the direction
 * flag set, under its own single stepping or with alignment checks.
 */
static void regs_plain(struct user_regs_struct *regs, uint64_t flags)
{
	regs->eflags = FLAG_FIXED | FLAG_IF | flags;
	regs->orig_rax = (uint64_t)-1;
}

void regs_for_call(struct user_regs_struct *regs, uint64_t gadget, uint32_t nr)
{
	regs_plain(regs, 0);
	regs->rip = gadget;
	regs->rax = nr;
	regs->rdi = regs->rsi = regs->rdx = regs->r10 = regs->r8 = regs->r9 = 0;
	for (size_t i = 0; idle_calls[i] >= 0; i++) {
		if ((int)nr == idle_calls[i])
			regs->rdi = (uint64_t)-1;
	}
}

/* At a call's entry stop: make it another one, which returns to @back_to. */
void regs_replace_call(struct user_regs_struct *regs, uint64_t nr, const uint64_t a[6],
		       uint64_t back_to, uint64_t back_flags)
{
	regs_plain(regs, back_flags);
	regs->orig_rax = nr;
	regs->rax = (uint64_t)-ENOSYS;
	regs->rip = back_to;
	regs->rdi = a[0];
	regs->rsi = a[1];
	regs->rdx = a[2];
	regs->r10 = a[3];
	regs->r8 = a[4];
	regs->r9 = a[5];
}

void regs_for_spin(struct user_regs_struct *regs, uint64_t spin, uint64_t flags)
{
	regs_plain(regs, flags);
	regs->rip = spin;
	regs->rax = 0;
}

void regs_for_blob(struct user_regs_struct *regs, uint64_t entry, uint64_t ring, uint64_t sp)
{
	regs_plain(regs, 0);
	regs->rip = entry;
	regs->rdi = ring;
	regs->rsp = sp;
	regs->rax = 0;
}

int64_t regs_result(const struct user_regs_struct *regs)
{
	return (int64_t)regs->rax;
}

ssize_t text_gadget(const unsigned char *text, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		if (text[i] == 0x0f && text[i + 1] == 0x05)
			return (ssize_t)i;
	}
	return -1;
}

/* Conditional short jumps 0x70..0x7f: flags with which each is taken. */
static const uint64_t jump_flags[16] = {
	FLAG_OF, 0, FLAG_CF, 0, FLAG_ZF, 0, FLAG_CF, 0,
	FLAG_SF, 0, FLAG_PF, 0, FLAG_SF, 0, FLAG_ZF, 0,
};

ssize_t text_spin(const unsigned char *text, size_t n, uint64_t *ret_flags)
{
	for (size_t i = 0; i + 1 < n; i++) {
		if (text[i + 1] != 0xfe) /* displacement -2: the jump itself */
			continue;
		if (text[i] == 0xeb || (text[i] & 0xf0) == 0x70) {
			*ret_flags = text[i] == 0xeb ? 0 : jump_flags[text[i] & 15];
			return (ssize_t)i;
		}
	}
	return -1;
}

/*
 * All return -ERESTARTNOHAND when interrupted. poll would overwrite the
 * restart block; rt_sigsuspend would change the mask.
 */
const int sleep_calls[] = { SYS_pause, SYS_ppoll, SYS_select, SYS_pselect6, -1 };

/* With -1 as the first argument, these do nothing. */
const int idle_calls[] = { SYS_getpid, SYS_gettid, SYS_close, SYS_write, SYS_read, SYS_fcntl, -1 };
