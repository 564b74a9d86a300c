// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that pidfds come back: of a living child, of itself, of a zombie, of
 * processes that are gone; with O_NONBLOCK and PIDFD_THREAD, shared or not,
 * watched by epoll. Their processes can be signalled, waited for and polled
 * through them as before, and those that are gone tell how they had ended.
 */
// kinds: pidfd
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "case.h"

#define THREAD O_EXCL
#define GET_INFO _IOWR(0xff, 11, struct info)

struct info {
	uint64_t mask, cgroupid;
	uint32_t ids[11];
	int32_t exit_code;
};

static int pidfd(pid_t pid, unsigned flags)
{
	return case_sys((int)syscall(SYS_pidfd_open, pid, flags));
}

static pid_t child(void)
{
	pid_t pid = case_sys(fork());

	if (!pid) {
		case_child_ready("child");
		case_wait_go();
		pause();
		_exit(1);
	}
	return pid;
}

static pid_t ended(int code, int sig)
{
	pid_t pid = case_sys(fork());

	if (!pid) {
		if (sig)
			kill(getpid(), sig);
		_exit(code);
	}
	return pid;
}

static long shown(int fd, const char *what, int base)
{
	char path[64], line[200];
	long v = -2;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, what, strlen(what)) && line[strlen(what)] == ':')
			v = strtol(line + strlen(what) + 1, NULL, base);
	if (f)
		fclose(f);
	return v;
}

static void check(int fd, long pid, unsigned flags, const char *what)
{
	case_check(shown(fd, "Pid", 10) == pid, "%s: Pid is %ld, was %ld", what,
		   shown(fd, "Pid", 10), pid);
	case_check((shown(fd, "flags", 8) & ~O_CLOEXEC) == (long)(O_RDWR | flags),
		   "%s: flags are %lo", what, shown(fd, "flags", 8));
	case_check(fcntl(fd, F_GETFD) == FD_CLOEXEC, "%s: FD_CLOEXEC is gone", what);
}

static short ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	poll(&p, 1, 0);
	return p.revents;
}

/* What the kernel says of a process that was reaped; -1: this kernel does not. */
static int end_of(int fd)
{
	struct info in = { .mask = 8 };

	return !ioctl(fd, GET_INFO, &in) && in.mask & 8 ? in.exit_code : -1;
}

int main(int argc, char **argv)
{
	int self, live, again, nonblock, thread, zfd, gone1, gone2, gone3, killed, ep, n, was[2];
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 4711 }, got;
	pid_t kid, zombie, g, k;
	siginfo_t si;

	case_begin(argc, argv);
	kid = child();
	case_wait_child("child");
	zombie = ended(3, 0);
	g = ended(7, 0);
	k = ended(0, SIGTERM);
	self = pidfd(getpid(), 0);
	live = pidfd(kid, 0);
	again = pidfd(kid, 0);
	nonblock = pidfd(kid, O_NONBLOCK);
	thread = pidfd(kid, THREAD);
	zfd = pidfd(zombie, 0);
	gone1 = pidfd(g, 0);
	gone2 = pidfd(g, O_NONBLOCK);
	gone3 = dup(gone1);
	killed = pidfd(k, THREAD);
	fcntl(gone3, F_SETFD, FD_CLOEXEC);
	case_check(waitpid(g, &n, 0) == g && waitpid(k, &n, 0) == k, "waitpid");
	case_sys(waitid(P_PID, (id_t)zombie, &si, WEXITED | WNOWAIT));
	ep = case_sys(epoll_create1(EPOLL_CLOEXEC));
	case_sys(epoll_ctl(ep, EPOLL_CTL_ADD, live, &ev));
	was[0] = end_of(gone1);
	was[1] = end_of(killed);
	case_ready();

	check(self, getpid(), 0, "itself");
	check(live, kid, 0, "the child");
	check(again, kid, 0, "the child again");
	check(nonblock, kid, O_NONBLOCK, "O_NONBLOCK");
	check(thread, kid, THREAD, "PIDFD_THREAD");
	check(zfd, zombie, 0, "the zombie");
	check(gone1, -1, 0, "gone");
	check(gone2, -1, O_NONBLOCK, "gone, O_NONBLOCK");
	check(killed, -1, THREAD, "gone by a signal");
	case_check(end_of(gone1) == was[0] && end_of(killed) == was[1],
		   "they ended with %x and %x, before with %x and %x", end_of(gone1),
		   end_of(killed), was[0], was[1]);
	case_check(ready(live) == 0 && ready(self) == 0, "a living process polls as ended");
	case_check(ready(gone1) == (POLLIN | POLLHUP), "gone: poll says %x", ready(gone1));
	case_check(ready(zfd) & POLLIN, "the zombie does not poll as ended");
	case_check(syscall(SYS_pidfd_send_signal, gone1, 0, NULL, 0) == -1 && errno == ESRCH,
		   "a signal to a process that is gone: %s", strerror(errno));
	case_check(waitid(P_PIDFD, (id_t)zfd, &si, WEXITED) == 0 && si.si_pid == zombie &&
			   si.si_status == 3,
		   "waiting for the zombie: pid %d, status %d", si.si_pid, si.si_status);
	case_check(epoll_wait(ep, &got, 1, 0) == 0, "epoll tells of the living child");
	case_check(waitid(P_PIDFD, (id_t)nonblock, &si, WEXITED) == -1 && errno == EAGAIN,
		   "O_NONBLOCK waits");
	case_check(!syscall(SYS_pidfd_send_signal, live, SIGKILL, NULL, 0), "the signal: %s",
		   strerror(errno));
	case_check(waitid(P_PIDFD, (id_t)again, &si, WEXITED) == 0 && si.si_pid == kid &&
			   si.si_status == SIGKILL,
		   "waiting for the child: pid %d, status %d", si.si_pid, si.si_status);
	case_check(epoll_wait(ep, &got, 1, 0) == 1 && got.data.u64 == 4711,
		   "epoll does not tell of the child's end");
	case_pass();
}
