// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that signals come back: actions with flags and masks, ignored ones,
 * the blocked mask, pending signals of the process and of a thread with their
 * siginfo and in their order, a pending SIGTRAP among them, and the saved mask
 * of a task that sleeps in sigsuspend().
 */
// cflags: -pthread
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "case.h"

static volatile int got[65];

static void handler(int sig, siginfo_t *si, void *uc)
{
	got[sig]++;
}

static void plain_handler(int sig)
{
	got[sig]++;
}

static void queue(int sig, int value)
{
	case_sys(sigqueue(getpid(), sig, (union sigval){ .sival_int = value }));
}

/* Sleeps in sigsuspend() with SIGUSR2 let through, blocked otherwise. */
static void suspended_child(void)
{
	sigset_t blocked, open;

	sigfillset(&blocked);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	signal(SIGUSR2, plain_handler);
	sigfillset(&open);
	sigdelset(&open, SIGUSR2);
	case_child_ready("suspended");
	sigsuspend(&open);
	case_check(errno == EINTR && got[SIGUSR2] == 1, "sigsuspend ended by %m, %d signals",
		   got[SIGUSR2]);
	sigprocmask(SIG_SETMASK, NULL, &open);
	case_check(sigismember(&open, SIGUSR2) == 1,
		   "the mask after sigsuspend is not the old one");
	_exit(0);
}

static void *thread(void *arg)
{
	sigset_t set;
	siginfo_t si;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGHUP);
	case_child_ready("thread");
	case_wait_go();
	case_check(sigtimedwait(&set, &si, &(struct timespec){ 0 }) == SIGHUP,
		   "the thread's pending signal is lost");
	/* Kernels differ in the code that tgkill() gives. */
	case_check((si.si_code == SI_TKILL || si.si_code == SI_USER) && si.si_pid == getpid(),
		   "its siginfo: code %d pid %d", si.si_code, si.si_pid);
	return NULL;
}

static void expect_pending(int sig, int value)
{
	sigset_t set;
	siginfo_t si;
	int r;

	sigemptyset(&set);
	sigaddset(&set, sig);
	r = sigtimedwait(&set, &si, &(struct timespec){ 0 });
	case_check(r == sig, "pending signal %d: %d (%m)", sig, r);
	case_check(si.si_code == SI_QUEUE && si.si_value.sival_int == value &&
			   si.si_pid == getpid(),
		   "signal %d: code %d value %d pid %d", sig, si.si_code, si.si_value.sival_int,
		   si.si_pid);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_sigaction = handler,
				.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK };
	struct sigaction old;
	sigset_t mask, now;
	pthread_t t;
	pid_t pid;
	int st;

	case_begin(argc, argv);
	sigaddset(&sa.sa_mask, SIGWINCH);
	case_sys(sigaction(SIGUSR1, &sa, NULL));
	sa = (struct sigaction){ .sa_handler = plain_handler,
				 .sa_flags = SA_RESETHAND | SA_NODEFER };
	case_sys(sigaction(SIGALRM, &sa, NULL));
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTRAP, SIG_IGN);
	signal(SIGTRAP, plain_handler);
	pid = case_sys(fork());
	if (!pid)
		suspended_child();
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGTRAP);
	sigaddset(&mask, SIGRTMIN + 1);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	queue(SIGUSR1, 5);
	queue(SIGTRAP, 6);
	queue(SIGRTMIN + 1, 7);
	queue(SIGRTMIN + 1, 8);
	queue(SIGRTMIN + 1, 9);
	case_check(!pthread_create(&t, NULL, thread, NULL), "pthread_create");
	case_wait_child("thread");
	case_wait_child("suspended");
	case_ready();

	sigaction(SIGUSR1, NULL, &old);
	case_check(old.sa_sigaction == handler && sigismember(&old.sa_mask, SIGWINCH) == 1 &&
			   (old.sa_flags & (SA_SIGINFO | SA_RESTART | SA_ONSTACK)) ==
				   (SA_SIGINFO | SA_RESTART | SA_ONSTACK),
		   "the action of SIGUSR1 changed: flags %x", old.sa_flags);
	sigaction(SIGALRM, NULL, &old);
	case_check(old.sa_handler == plain_handler && (old.sa_flags & SA_RESETHAND),
		   "action of SIGALRM");
	sigaction(SIGPIPE, NULL, &old);
	case_check(old.sa_handler == SIG_IGN, "SIGPIPE is no longer ignored");
	sigaction(SIGTERM, NULL, &old);
	case_check(old.sa_handler == SIG_DFL, "SIGTERM has an action");
	sigprocmask(SIG_SETMASK, NULL, &now);
	case_check(!memcmp(&now, &mask, 8), "the signal mask changed");
	case_check(!got[SIGUSR1] && !got[SIGTRAP], "a blocked signal was delivered");
	expect_pending(SIGUSR1, 5);
	expect_pending(SIGTRAP, 6);
	expect_pending(SIGRTMIN + 1, 7);
	expect_pending(SIGRTMIN + 1, 8);
	expect_pending(SIGRTMIN + 1, 9);
	sigpending(&now);
	case_check(sigisemptyset(&now) == 1, "there are more pending signals than before");
	pthread_join(t, NULL);
	kill(pid, SIGUSR2);
	case_check(waitpid(pid, &st, 0) == pid && st == 0, "the suspended child's status is %x",
		   st);
	case_pass();
}
