// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Probes of ptrace. All of them are tried on one child, which waits in pause()
 * and is killed at once; it sends no SIGCHLD and dies with us.
 */
#include <elf.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/abi.h"
#include "base/cleanup.h"
#include "base/probe-internal.h"

#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif

struct findings {
	int seize, sigmask, xstate, rseq, suspend_seccomp;
};

static long trace(long request, pid_t pid, uintptr_t addr, uintptr_t data)
{
	return syscall(SYS_ptrace, request, pid, addr, data);
}

static int request(long what, pid_t pid, uintptr_t addr, void *data)
{
	return trace(what, pid, addr, (uintptr_t)data) < 0 ? -errno : 0;
}

static void try_all(pid_t pid, struct findings *f)
{
	uint64_t rseq[3]; /* struct ptrace_rseq_configuration, which two headers name differently */
	unsigned char xstate[16384];
	struct iovec iov = { xstate, sizeof(xstate) };
	uint64_t mask;
	int status;

	f->seize = request(PTRACE_SEIZE, pid, 0, NULL);
	if (!f->seize)
		f->seize = request(PTRACE_INTERRUPT, pid, 0, NULL);
	if (!f->seize && waitpid(pid, &status, __WALL) != pid)
		f->seize = -errno;
	if (f->seize) {
		f->sigmask = f->xstate = f->rseq = f->suspend_seccomp = f->seize;
		return;
	}
	f->sigmask = request(PTRACE_GETSIGMASK, pid, sizeof(mask), &mask);
	f->xstate = request(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &iov);
	f->rseq = request(PTRACE_GET_RSEQ_CONFIGURATION, pid, sizeof(rseq), rseq);
	f->suspend_seccomp =
		request(PTRACE_SETOPTIONS, pid, 0, (void *)(uintptr_t)PTRACE_O_SUSPEND_SECCOMP);
}

static const struct findings *findings(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct findings f;
	static bool done;
	pid_t pid, parent = getpid();

	pthread_mutex_lock(&lock);
	if (!done) {
		/* Not fork(): no exit signal, and nothing of the C library runs in the child. */
		pid = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, 0);
		if (!pid) {
			syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
			if (syscall(SYS_getppid) == parent)
				for (;;)
					syscall(SYS_pause);
			syscall(SYS_exit_group, 0);
		}
		if (pid < 0) {
			f.seize = f.sigmask = f.xstate = f.rseq = f.suspend_seccomp = -errno;
		} else {
			try_all(pid, &f);
			kill(pid, SIGKILL);
			waitpid(pid, NULL, __WALL);
		}
		done = true;
	}
	pthread_mutex_unlock(&lock);
	return &f;
}

int probe_ptrace_seize(const struct probe *p)
{
	return findings()->seize;
}

int probe_ptrace_sigmask(const struct probe *p)
{
	return findings()->sigmask;
}

int probe_ptrace_xstate(const struct probe *p)
{
	return findings()->xstate;
}

int probe_ptrace_get_rseq(const struct probe *p)
{
	return findings()->rseq;
}

int probe_ptrace_suspend_seccomp(const struct probe *p)
{
	return findings()->suspend_seccomp;
}
