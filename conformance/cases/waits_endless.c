// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a wait without end goes on until its event comes, and then gives
 * what it should: read, recv, accept, poll, epoll_wait, futex, pause (ended by
 * a handler, so EINTR is right there), sigwaitinfo, wait4, and a blocking write
 * to a full pipe.
 */
// kinds: pipe epoll unix
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "waits.h"

static int pipe_fds[2], full[2], sock[2], listener;
static struct sockaddr_un addr = { .sun_family = AF_UNIX };
static uint32_t *word;
static char block[65536];

static long w_read(void)
{
	char c;

	return read(pipe_fds[0], &c, 1);
}

static long w_write(void)
{
	return write(full[1], "x", 1);
}

static long w_recv(void)
{
	char c;

	return recv(sock[0], &c, 1, 0);
}

static long w_accept(void)
{
	return accept(listener, NULL, NULL) < 0 ? -1 : 0;
}

static long w_poll(void)
{
	struct pollfd p = { .fd = pipe_fds[0], .events = POLLIN };

	return syscall(SYS_poll, &p, 1, -1);
}

static long w_epoll(void)
{
	struct epoll_event ev = { .events = EPOLLIN }, got;
	int fd = case_sys(epoll_create1(0));

	case_sys(epoll_ctl(fd, EPOLL_CTL_ADD, pipe_fds[0], &ev));
	return syscall(SYS_epoll_wait, fd, &got, 1, -1);
}

static long w_futex(void)
{
	return syscall(SYS_futex, word, FUTEX_WAIT, 1, NULL, NULL, 0);
}

static void on_signal(int sig)
{
}

static long w_pause(void)
{
	signal(SIGUSR1, on_signal);
	return pause();
}

static long w_sigwaitinfo(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return syscall(SYS_rt_sigtimedwait, &set, NULL, NULL, 8);
}

static long w_wait4(void)
{
	pid_t pid = case_sys(fork());
	int st;

	if (!pid) {
		case_wait_go();
		_exit(3);
	}
	return wait4(pid, &st, 0, NULL) == pid ? st : -1;
}

static const struct wait_kind kinds[] = {
	{ "read", w_read, 1, 0, false },
	{ "poll", w_poll, 1, 0, false },
	{ "epoll_wait", w_epoll, 1, 0, false },
	{ "write", w_write, 1, 0, false },
	{ "recv", w_recv, 1, 0, false },
	{ "accept", w_accept, 0, 0, false },
	{ "futex", w_futex, 0, 0, false },
	{ "pause", w_pause, -1, EINTR, false },
	{ "sigwaitinfo", w_sigwaitinfo, SIGUSR1, 0, false },
	{ "wait4", w_wait4, 3 << 8, 0, false },
};
#define N (sizeof(kinds) / sizeof(kinds[0]))

int main(int argc, char **argv)
{
	pid_t pids[N];
	size_t i;
	int s;

	case_begin(argc, argv);
	case_sys(pipe(pipe_fds));
	case_sys(pipe(full));
	case_sys(fcntl(full[1], F_SETPIPE_SZ, 65536));
	case_sys(write(full[1], block, sizeof(block)));
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	listener = case_sys(socket(AF_UNIX, SOCK_STREAM, 0));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.80s/listener", case_dir);
	case_sys(bind(listener, (struct sockaddr *)&addr, sizeof(addr)));
	case_sys(listen(listener, 5));
	word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*word = 1;
	for (i = 0; i < N; i++)
		pids[i] = wait_spawn(&kinds[i]);
	case_ready();
	/* All but the last, whose event is "go" itself. */
	for (i = 0; i < N - 1; i++)
		case_check(waitpid(pids[i], &s, WNOHANG) == 0, "%s ended by itself, status %x",
			   kinds[i].name, s);
	/* Enough bytes that every waiter sees one. */
	case_sys(write(pipe_fds[1], "12345", 5));
	case_check(read(full[0], block, sizeof(block)) == sizeof(block),
		   "the full pipe lost bytes");
	case_sys(send(sock[1], "x", 1, 0));
	s = case_sys(socket(AF_UNIX, SOCK_STREAM, 0));
	case_sys(connect(s, (struct sockaddr *)&addr, sizeof(addr)));
	*word = 2;
	case_check(syscall(SYS_futex, word, FUTEX_WAKE, 10, NULL, NULL, 0) == 1, "no futex waiter");
	kill(pids[7], SIGUSR1);
	kill(pids[8], SIGUSR1);
	for (i = 0; i < N; i++)
		wait_reap(pids[i], kinds[i].name);
	case_pass();
}
