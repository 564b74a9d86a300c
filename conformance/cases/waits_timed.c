// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a timed wait is not disturbed: nanosleep, clock_nanosleep to a
 * point in time, futex, poll, ppoll, select, pselect, epoll_wait, epoll_pwait,
 * rt_sigtimedwait and recv with SO_RCVTIMEO give the result of an undisturbed
 * run (no EINTR) at the right time.
 */
// changes: by itself
// kinds: pipe epoll unix
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "waits.h"

static struct timespec rel = { WAIT_MS / 1000, WAIT_MS % 1000 * 1000000L };
static int pipe_fds[2], sock[2];

static struct timespec at(void)
{
	struct timespec ts;
	long ns;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ns = ts.tv_nsec + rel.tv_nsec;
	return (struct timespec){ ts.tv_sec + rel.tv_sec + ns / 1000000000, ns % 1000000000 };
}

static long w_nanosleep(void)
{
	return syscall(SYS_nanosleep, &rel, NULL);
}

static long w_nanosleep_rem(void)
{
	struct timespec rem;

	return syscall(SYS_nanosleep, &rel, &rem);
}

static long w_clock_abs(void)
{
	struct timespec ts = at();

	return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static long w_clock_rel(void)
{
	return syscall(SYS_clock_nanosleep, CLOCK_BOOTTIME, 0, &rel, NULL);
}

static long w_futex(void)
{
	uint32_t word = 1;

	return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, &rel, NULL, 0);
}

static long w_futex_abs(void)
{
	struct timespec ts = at();
	uint32_t word = 1;

	return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 1, &ts, NULL,
		       FUTEX_BITSET_MATCH_ANY);
}

static long w_poll(void)
{
	struct pollfd p = { .fd = pipe_fds[0], .events = POLLIN };

	return syscall(SYS_poll, &p, 1, WAIT_MS);
}

static long w_ppoll(void)
{
	struct pollfd p = { .fd = pipe_fds[0], .events = POLLIN };
	struct timespec ts = rel;

	return syscall(SYS_ppoll, &p, 1, &ts, NULL, 8);
}

static long w_select(void)
{
	struct timeval tv = { rel.tv_sec, rel.tv_nsec / 1000 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(pipe_fds[0], &set);
	return syscall(SYS_select, pipe_fds[0] + 1, &set, NULL, NULL, &tv);
}

static long w_pselect(void)
{
	struct timespec ts = rel;
	fd_set set;

	FD_ZERO(&set);
	FD_SET(pipe_fds[0], &set);
	return syscall(SYS_pselect6, pipe_fds[0] + 1, &set, NULL, NULL, &ts, NULL);
}

static int epoll_on_pipe(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int fd = case_sys(epoll_create1(0));

	case_sys(epoll_ctl(fd, EPOLL_CTL_ADD, pipe_fds[0], &ev));
	return fd;
}

static long w_epoll(void)
{
	struct epoll_event ev;

	return syscall(SYS_epoll_wait, epoll_on_pipe(), &ev, 1, WAIT_MS);
}

static long w_epoll_pwait(void)
{
	struct epoll_event ev;
	sigset_t none;

	sigemptyset(&none);
	return syscall(SYS_epoll_pwait, epoll_on_pipe(), &ev, 1, WAIT_MS, &none, 8);
}

static long w_sigtimedwait(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return syscall(SYS_rt_sigtimedwait, &set, NULL, &rel, 8);
}

static long w_recv(void)
{
	struct timeval tv = { rel.tv_sec, rel.tv_nsec / 1000 };
	char c;

	case_sys(setsockopt(sock[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	return syscall(SYS_recvfrom, sock[0], &c, 1, 0, NULL, NULL);
}

static const struct wait_kind kinds[] = {
	{ "nanosleep", w_nanosleep, 0, 0, true },
	{ "nanosleep-rem", w_nanosleep_rem, 0, 0, true },
	{ "clock_nanosleep-abs", w_clock_abs, 0, 0, true },
	{ "clock_nanosleep-boottime", w_clock_rel, 0, 0, true },
	{ "futex", w_futex, -1, ETIMEDOUT, true },
	{ "futex-abs", w_futex_abs, -1, ETIMEDOUT, true },
	{ "poll", w_poll, 0, 0, true },
	{ "ppoll", w_ppoll, 0, 0, true },
	{ "select", w_select, 0, 0, true },
	{ "pselect", w_pselect, 0, 0, true },
	{ "epoll_wait", w_epoll, 0, 0, true },
	{ "epoll_pwait", w_epoll_pwait, 0, 0, true },
	{ "rt_sigtimedwait", w_sigtimedwait, -1, EAGAIN, true },
	{ "recv", w_recv, -1, EAGAIN, true },
};
#define N (sizeof(kinds) / sizeof(kinds[0]))

int main(int argc, char **argv)
{
	pid_t pids[N];
	size_t i;

	case_begin(argc, argv);
	case_sys(pipe(pipe_fds));
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	for (i = 0; i < N; i++)
		pids[i] = wait_spawn(&kinds[i]);
	case_ready();
	for (i = 0; i < N; i++)
		wait_reap(pids[i], kinds[i].name);
	case_pass();
}
