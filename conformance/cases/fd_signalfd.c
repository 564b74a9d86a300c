// SPDX-License-Identifier: MIT
/*
 * Proves that signalfds come back with mask and flags, shared by a child, with
 * signals pending and to come; that an epoll watches them for the process that
 * added them, a number that was closed included; and a blocked reader goes on.
 */
// kinds: signalfd epoll
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "case.h"

static char *info(int fd)
{
	static char text[4][512];
	static int turn;
	char path[64], *t = text[turn++ % 4];
	int f, n;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = case_sys(open(path, O_RDONLY | O_CLOEXEC));
	n = case_sys(read(f, t, 511));
	t[n] = 0;
	close(f);
	return strstr(t, "sigmask") ?: "";
}

static void expect(int fd, int sig, int value, const char *what)
{
	struct signalfd_siginfo si = { 0 };
	ssize_t n = read(fd, &si, sizeof(si));

	case_check(n == sizeof(si) && (int)si.ssi_signo == sig && si.ssi_int == value,
		   "%s: read %zd, signal %u value %d, want %d %d", what, n, si.ssi_signo,
		   si.ssi_int, sig, value);
}

static void none(int fd, const char *what)
{
	struct signalfd_siginfo si;

	case_check(read(fd, &si, sizeof(si)) == -1 && errno == EAGAIN, "%s: not empty", what);
}

static int watch(int fd, uint64_t data, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };
	int ep = case_sys(epoll_create1(EPOLL_CLOEXEC));

	case_sys(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	return ep;
}

static void ready(int ep, uint64_t data, int timeout, const char *what)
{
	struct epoll_event ev = { 0 };
	int n = epoll_wait(ep, &ev, 1, timeout);

	case_check(data ? n == 1 && ev.data.u64 == data : n == 0, "%s: %d events, data %lu", what,
		   n, (unsigned long)ev.data.u64);
}

int main(int argc, char **argv)
{
	int two, all, ep, edge, low, gone, copy, st;
	char before[4][512];
	sigset_t a, b;
	pid_t kid;

	case_begin(argc, argv);
	sigfillset(&b);
	case_sys(sigprocmask(SIG_SETMASK, &b, NULL));
	sigemptyset(&a);
	sigaddset(&a, SIGUSR1);
	sigaddset(&a, SIGRTMAX);
	two = case_sys(signalfd(-1, &a, SFD_NONBLOCK));
	sigdelset(&b, SIGCHLD);
	sigdelset(&b, SIGUSR1);
	sigdelset(&b, SIGRTMAX);
	all = case_sys(signalfd(-1, &b, SFD_CLOEXEC));
	case_sys(fcntl(all, F_SETFL, O_RDWR | O_NONBLOCK));
	ep = watch(two, 11, EPOLLIN);
	edge = watch(all, 12, EPOLLIN | EPOLLET);
	/* The epoll's target was added under a number that something else has now. */
	copy = case_sys(fcntl(two, F_DUPFD, 40));
	low = watch(copy, 13, EPOLLIN);
	close(copy);
	gone = case_sys(open("/dev/null", O_RDONLY));
	case_sys(dup2(gone, copy));
	case_sys(sigqueue(getpid(), SIGRTMAX, (union sigval){ .sival_int = 5 }));
	case_sys(sigqueue(getpid(), SIGRTMAX, (union sigval){ .sival_int = 6 }));
	kid = case_sys(fork());
	if (!kid) {
		struct signalfd_siginfo si;

		case_sys(fcntl(all, F_SETFL, O_RDWR));
		case_child_ready("reader");
		/* Blocks; the flag is shared with the parent. */
		case_check(read(all, &si, sizeof(si)) == sizeof(si) && si.ssi_signo == SIGUSR2,
			   "the child's read");
		_exit(0);
	}
	case_wait_child("reader");
	strcpy(before[0], info(two));
	strcpy(before[1], info(all));
	case_ready();

	case_check(!strcmp(info(two), before[0]) && !strcmp(info(all), before[1]),
		   "masks: %s%s, were %s%s", info(two), info(all), before[0], before[1]);
	case_check(fcntl(two, F_GETFL) == (O_RDWR | O_NONBLOCK) && !fcntl(two, F_GETFD),
		   "flags of the first: %o", fcntl(two, F_GETFL));
	case_check(fcntl(all, F_GETFL) == O_RDWR && fcntl(all, F_GETFD) == FD_CLOEXEC,
		   "flags of the second: %o", fcntl(all, F_GETFL));
	ready(ep, 11, 0, "pending before");
	ready(low, 13, 0, "pending before, other number");
	ready(edge, 0, 0, "nothing for the other mask");
	expect(two, SIGRTMAX, 5, "first");
	expect(two, SIGRTMAX, 6, "second");
	none(two, "after both");
	ready(ep, 0, 0, "after both");
	case_sys(sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 7 }));
	ready(ep, 11, 1000, "a new signal");
	ready(low, 13, 1000, "a new signal, other number");
	expect(two, SIGUSR1, 7, "new");
	case_sys(kill(getpid(), SIGUSR2));
	ready(edge, 12, 1000, "an edge");
	ready(edge, 0, 0, "no second edge");
	case_sys(kill(kid, SIGUSR2));
	case_check(waitpid(kid, &st, 0) == kid && !st, "the child's status is %x", st);
	expect(all, SIGUSR2, 0, "own signal, not the child's");
	case_pass();
}
