// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that pipes and FIFOs come back with data, sizes, flags and packets;
 * that an end which nobody had is missing again, an end held by a child only
 * belongs to it, and blocked readers wake.
 */
// kinds: pipe fifo
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "case.h"

static volatile sig_atomic_t signalled;

static void on_signal(int sig)
{
	signalled++;
}

static void check_data(int fd, const char *want)
{
	char buf[256] = "";
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	case_check(n == (ssize_t)strlen(want) && !strcmp(buf, want),
		   "fd %d gives \"%s\" (%zd), want \"%s\"", fd, buf, n, want);
}

static short revents(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	poll(&p, 1, 0);
	return p.revents;
}

int main(int argc, char **argv)
{
	int plain[2], big[2], full[2], noread[2], nowrite[2], packets[2], split[2], async[2], fr,
		fw, fx, n;
	static char block[1 << 16], back[1 << 16];
	char fifo[512], p[64];
	pid_t child;
	int st;

	case_begin(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	case_sys(pipe(plain));
	case_sys(write(plain[1], "hello ", 6));
	case_sys(write(plain[1], "pipe", 4));
	case_sys(pipe2(big, O_NONBLOCK | O_CLOEXEC));
	case_sys(fcntl(big[1], F_SETPIPE_SZ, 1 << 18));
	case_sys(pipe2(full, O_NONBLOCK));
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)(i * 7 + i / 251);
	while (write(full[1], block, 4096) > 0)
		;
	case_sys(pipe(noread));
	close(noread[0]);
	case_sys(pipe(nowrite));
	case_sys(write(nowrite[1], "rest", 4));
	close(nowrite[1]);
	case_sys(pipe2(packets, O_DIRECT | O_NONBLOCK));
	case_sys(write(packets[1], "one", 3));
	case_sys(write(packets[1], "three", 5));
	case_path(fifo, "fifo");
	case_sys(mkfifo(fifo, 0600));
	fr = case_sys(open(fifo, O_RDONLY | O_NONBLOCK));
	fw = case_sys(open(fifo, O_WRONLY));
	case_sys(write(fw, "through the fifo", 16));
	case_path(fifo, "fifo2");
	case_sys(mkfifo(fifo, 0600));
	fx = case_sys(open(fifo, O_RDONLY | O_NONBLOCK));
	snprintf(p, sizeof(p), "/proc/self/fd/%d", plain[0]);
	n = case_sys(open(p, O_RDONLY | O_NONBLOCK)); /* a second description of the reading end */
	case_sys(pipe(async));
	signal(SIGUSR2, on_signal);
	case_sys(fcntl(async[0], F_SETSIG, SIGUSR2));
	case_sys(fcntl(async[0], F_SETOWN, getpid()));
	case_sys(fcntl(async[0], F_SETFL, O_ASYNC));
	case_sys(pipe(split));
	child = case_sys(fork());
	if (!child) {
		close(split[1]);
		case_child_ready("reader");
		check_data(split[0], "late"); /* sleeps in read(2) meanwhile */
		_exit(0);
	}
	close(split[0]);
	case_wait_child("reader");
	case_ready();

	case_check(fcntl(n, F_GETFL) & O_NONBLOCK, "the second description lost O_NONBLOCK");
	case_check(!(fcntl(plain[0], F_GETFL) & O_NONBLOCK),
		   "the first description got O_NONBLOCK");
	check_data(plain[0], "hello pipe");
	case_check(read(n, p, 1) == -1 && errno == EAGAIN,
		   "the second description reads another pipe");
	case_check(fcntl(big[0], F_GETPIPE_SZ) == 1 << 18, "size %d", fcntl(big[0], F_GETPIPE_SZ));
	case_check(fcntl(big[0], F_GETFL) & O_NONBLOCK && fcntl(big[1], F_GETFD) == FD_CLOEXEC,
		   "flags");
	case_check(write(full[1], block, 1) == -1 && errno == EAGAIN, "the full pipe has room");
	for (int i = 0; i < 16; i++)
		case_check(read(full[0], back, 4096) == 4096 && !memcmp(back, block, 4096),
			   "block %d", i);
	case_check(revents(noread[1]) & POLLERR && write(noread[1], "x", 1) == -1 && errno == EPIPE,
		   "a reading end has appeared");
	check_data(nowrite[0], "rest");
	check_data(nowrite[0], "");
	check_data(packets[0], "one");
	check_data(packets[0], "three");
	case_check(fcntl(packets[1], F_GETFL) & O_DIRECT, "O_DIRECT is gone");
	check_data(fr, "through the fifo");
	case_sys(write(fw, "again", 5));
	check_data(fr, "again");
	case_check(!(revents(fx) & (POLLHUP | POLLIN)), "the FIFO without writer: %x", revents(fx));
	case_check(!signalled && fcntl(async[0], F_GETFL) & O_ASYNC, "%d signals", signalled);
	case_sys(write(async[1], "x", 1));
	case_check(signalled == 1, "O_ASYNC: %d signals", signalled);
	case_sys(write(split[1], "late", 4));
	case_check(waitpid(child, &st, 0) == child && !st, "the reader ended with status %x", st);
	case_check(write(split[1], "x", 1) == -1 && errno == EPIPE,
		   "somebody else reads the child's pipe");
	case_pass();
}
