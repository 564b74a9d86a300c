// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that descriptors keep who is told by a signal, which signal, O_ASYNC,
 * with whose permissions it is sent, and which number it bears: of pipes, FIFOs
 * and sockets; set to a process, a group and a thread, by root and by another user.
 */
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "case.h"

#ifndef F_GETOWNER_UIDS
#define F_GETOWNER_UIDS 17
#endif

static volatile sig_atomic_t told;

static void on_ready(int sig)
{
	told++;
}

static volatile int told_fd = -1;

static void on_number(int sig, siginfo_t *si, void *ctx)
{
	told_fd = si->si_fd;
}

/* With F_SETSIG a signal names the descriptor that O_ASYNC was asked for with. */
static void ask_number(int fd)
{
	struct sigaction sa = { .sa_sigaction = on_number, .sa_flags = SA_SIGINFO };

	case_sys(sigaction(SIGRTMIN + 1, &sa, NULL));
	case_sys(fcntl(fd, F_SETSIG, SIGRTMIN + 1));
	case_sys(fcntl(fd, F_SETOWN, getpid()));
	case_sys(fcntl(fd, F_SETFL, O_ASYNC));
}

static void own(int fd, int type, pid_t pid, int sig)
{
	struct f_owner_ex o = { type, pid };

	case_sys(fcntl(fd, F_SETSIG, sig));
	case_sys(fcntl(fd, F_SETOWN_EX, &o));
}

static void check(const char *what, int fd, int type, pid_t pid, int sig, uid_t uid, uid_t euid)
{
	struct f_owner_ex o = { -1, -1 };
	uid_t uids[2] = { 9, 9 };

	case_check(!fcntl(fd, F_GETOWN_EX, &o) && (int)o.type == type && o.pid == pid,
		   "%s: owner %d of type %d", what, o.pid, o.type);
	case_check(fcntl(fd, F_GETSIG) == sig, "%s: F_GETSIG %d", what, fcntl(fd, F_GETSIG));
	case_check(fcntl(fd, F_GETOWNER_UIDS, uids) || (uids[0] == uid && uids[1] == euid),
		   "%s: set by %u, %u", what, uids[0], uids[1]);
}

int main(int argc, char **argv)
{
	char path[512];
	int p[2], q[2], s[2], a[2], fifo;

	case_begin(argc, argv);
	signal(SIGUSR1, on_ready);
	case_path(path, "fifo");
	case_sys(mkfifo(path, 0600));
	fifo = case_sys(open(path, O_RDWR | O_NONBLOCK));
	case_sys(pipe(p));
	case_sys(pipe(q));
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	own(fifo, F_OWNER_PID, getpid(), SIGUSR1);
	case_sys(fcntl(fifo, F_SETFL, O_ASYNC | O_NONBLOCK));
	own(p[0], F_OWNER_PGRP, getpgrp(), SIGUSR2);
	own(s[0], F_OWNER_TID, (pid_t)syscall(SYS_gettid), 0);
	case_sys(pipe(a));
	case_sys(dup2(a[0], 900));
	case_sys(close(a[0]));
	ask_number(900);
	case_sys((int)syscall(SYS_setresuid, 1234, 4321, -1));
	own(q[0], F_OWNER_PID, getpid(), SIGUSR1);
	case_sys((int)syscall(SYS_setresuid, 0, 0, -1));
	case_ready();

	check("the FIFO", fifo, F_OWNER_PID, getpid(), SIGUSR1, 0, 0);
	check("the group's pipe", p[0], F_OWNER_PGRP, getpgrp(), SIGUSR2, 0, 0);
	check("the thread's socket", s[0], F_OWNER_TID, (pid_t)syscall(SYS_gettid), 0, 0, 0);
	check("the pipe set by a user", q[0], F_OWNER_PID, getpid(), SIGUSR1, 1234, 4321);
	case_check(fcntl(fifo, F_GETFL) & O_ASYNC, "the FIFO's O_ASYNC is gone");
	case_check(!(fcntl(p[0], F_GETFL) & O_ASYNC), "the pipe has O_ASYNC");
	case_check(!told, "a signal came too early");
	case_check(write(fifo, "x", 1) == 1 && told, "no signal came");
	case_check(write(a[1], "x", 1) == 1 && told_fd == 900, "a signal names descriptor %d",
		   told_fd);
	case_pass();
}
