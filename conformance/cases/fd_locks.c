// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that file locks come back with the process and the descriptor that
 * they belong to: flock through a shared description, on a directory and a
 * FIFO; record locks, several per file and process; locks of open files;
 * leases, with the signal that tells of their breaking. Who sleeps for a lock
 * sleeps on until it is given up. /proc/PID/fdinfo shows the same lines.
 */
// dump: --file-locks
// restore: --file-locks
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "case.h"

static volatile sig_atomic_t broken;

static void on_break(int sig)
{
	broken++;
}

/* The lock lines of all descriptors, in order. */
static void lines(char *buf, size_t size)
{
	size_t n = 0;

	for (int fd = 3; fd < 40; fd++) {
		char path[64], line[200];
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f))
			if (!strncmp(line, "lock:", 5))
				n += (size_t)snprintf(buf + n, size - n, "%d %s", fd, line);
		if (f)
			fclose(f);
		case_check(n < size, "too many locks");
	}
}

static void record(int fd, int cmd, short type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	case_sys(fcntl(fd, cmd, &fl));
}

static int opened(const char *name, int flags, int number)
{
	char path[512];
	int fd;

	case_path(path, "%s", name);
	fd = case_sys(open(path, flags, 0600));
	if (fd != number) {
		case_sys(dup2(fd, number));
		close(fd);
	}
	return number;
}

static char before[8192], after[8192];

static void check_lines(const char *who)
{
	lines(after, sizeof(after));
	case_check(!strcmp(before, after), "%s had:\n%snow:\n%s", who, before, after);
}

static pid_t waiter(const char *name, bool by_flock)
{
	pid_t pid = case_sys(fork());
	int fd;

	if (pid)
		return pid;
	for (fd = 3; fd < 40; fd++)
		close(fd);
	fd = opened(by_flock ? "shared" : "records", O_RDWR, 3);
	case_child_ready(name);
	if (by_flock)
		case_sys(flock(fd, LOCK_EX));
	else
		record(fd, F_SETLKW, F_WRLCK, 205, 1);
	case_check(case_exists("released"), "%s had the lock too early", name);
	_exit(0);
}

int main(int argc, char **argv)
{
	char path[512];
	pid_t child, w1, w2;
	int st, fd;

	case_begin(argc, argv);
	signal(SIGUSR2, on_break);
	case_path(path, "fifo");
	case_sys(mkfifo(path, 0600));
	opened("shared", O_RDWR | O_CREAT, 10);
	case_sys(flock(10, LOCK_EX));
	opened(".", O_RDONLY | O_DIRECTORY, 11);
	case_sys(flock(11, LOCK_SH));
	opened("fifo", O_RDWR, 12);
	case_sys(flock(12, LOCK_EX));
	opened("records", O_RDWR | O_CREAT, 13);
	opened("records", O_RDONLY, 14);
	/* Before any is locked: closing one descriptor of a file drops all record locks on it. */
	opened("records", O_RDWR, 20);
	record(13, F_SETLK, F_WRLCK, 0, 10);
	record(14, F_SETLK, F_RDLCK, 100, 5);
	record(13, F_SETLK, F_WRLCK, 200, 50);
	record(13, F_SETLK, F_RDLCK, 1ll << 40, 0);
	opened("open", O_RDWR | O_CREAT, 15);
	opened("open", O_RDWR, 16);
	record(15, F_OFD_SETLK, F_WRLCK, 5, 5);
	record(16, F_OFD_SETLK, F_RDLCK, 20, 1);
	record(16, F_OFD_SETLK, F_WRLCK, 30, 0);
	case_sys(dup2(15, 17));
	opened("leased", O_RDONLY | O_CREAT, 18);
	case_sys(fcntl(18, F_SETSIG, SIGUSR2));
	case_sys(fcntl(18, F_SETLEASE, F_RDLCK));
	opened("wleased", O_RDWR | O_CREAT, 19);
	case_sys(fcntl(19, F_SETLEASE, F_WRLCK));
	case_sys(fcntl(19, F_SETOWN, 0));
	w1 = waiter("w1", true);
	w2 = waiter("w2", false);
	case_wait_child("w1");
	case_wait_child("w2");
	case_sleep_ms(20);
	child = case_sys(fork());
	if (!child) {
		/* Its own record locks, through shared descriptions; 21 is the parent's after the lock. */
		record(13, F_SETLK, F_WRLCK, 50, 10);
		record(14, F_SETLK, F_RDLCK, 103, 5);
		opened("mine", O_RDWR | O_CREAT, 21);
		case_sys(flock(21, LOCK_EX));
		lines(before, sizeof(before));
		case_child_ready("child");
		case_wait_go();
		check_lines("the child");
		case_child_ready("checked");
		case_wait_for("break");
		case_path(path, "leased");
		fd = open(path, O_WRONLY | O_NONBLOCK);
		case_check(fd == -1 && errno == EWOULDBLOCK, "the lease is not held: %d", fd);
		case_path(path, "wleased");
		fd = open(path, O_RDONLY | O_NONBLOCK);
		case_check(fd == -1 && errno == EWOULDBLOCK, "the write lease is not held: %d", fd);
		_exit(0);
	}
	case_wait_child("child");
	lines(before, sizeof(before));
	case_check(strstr(before, "LEASE") && strstr(before, "OFDLCK"), "the locks: %s", before);
	case_ready();

	check_lines("the parent");
	case_wait_child("checked");
	case_check(fcntl(19, F_GETOWN) == 0, "F_GETOWN is %d", fcntl(19, F_GETOWN));
	case_check(fcntl(18, F_GETOWN) == getpid(), "F_GETOWN is %d", fcntl(18, F_GETOWN));
	case_check(!broken, "a lease was broken");
	case_touch("break");
	case_check(waitpid(child, &st, 0) == child && !st, "the child ended with status %x", st);
	case_check(broken, "no signal told of the lease");
	case_check(!waitpid(w1, &st, WNOHANG) && !waitpid(w2, &st, WNOHANG), "a waiter ended");
	case_touch("released");
	case_sys(flock(10, LOCK_UN));
	record(13, F_SETLK, F_UNLCK, 200, 50);
	case_check(waitpid(w1, &st, 0) == w1 && !st, "the first waiter ended with status %x", st);
	case_check(waitpid(w2, &st, 0) == w2 && !st, "the second waiter ended with status %x", st);
	case_pass();
}
