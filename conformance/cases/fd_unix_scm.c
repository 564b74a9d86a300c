// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that descriptors on their way through unix sockets arrive: files that
 * nobody else has open with their position, one that a task has open too, a
 * removed one, ends of pipes, sockets with data and descriptors of their own,
 * a socket inside itself; through all types, with the bytes that they came with.
 */
// kinds: unix
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "case.h"

static void send_fds(int s, const char *data, size_t len, const int *fds, int n)
{
	char ctl[CMSG_SPACE(16 * sizeof(int))] = { 0 };
	struct iovec iov = { (void *)data, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cm = (struct cmsghdr *)ctl;

	if (n) {
		mh.msg_control = ctl;
		mh.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, (size_t)n * sizeof(int));
	}
	case_sys(sendmsg(s, &mh, 0));
}

static void send_fd(int s, const char *data, int fd)
{
	send_fds(s, data, strlen(data), &fd, 1);
}

/* One read of at most @max bytes: its data, and @n descriptors. */
static void take(int s, size_t max, const char *want, int *fds, int n)
{
	char ctl[CMSG_SPACE(16 * sizeof(int))] = { 0 }, buf[256] = "";
	struct iovec iov = { buf, max };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl)
	};
	struct cmsghdr *cm;
	ssize_t got = recvmsg(s, &mh, MSG_DONTWAIT);
	int have = 0;

	case_check(got == (ssize_t)strlen(want) && !strcmp(buf, want),
		   "fd %d gives \"%s\" (%zd), want \"%s\"", s, buf, got, want);
	cm = CMSG_FIRSTHDR(&mh);
	if (cm)
		have = (int)((cm->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	case_check(have == n, "with \"%s\" came %d descriptors, not %d", want, have, n);
	if (cm)
		memcpy(fds, CMSG_DATA(cm), (size_t)n * sizeof(int));
}

static void check_read(int fd, const char *want)
{
	char buf[256] = "";
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	case_check(n == (ssize_t)strlen(want) && !strcmp(buf, want), "fd %d reads \"%s\" (%zd)", fd,
		   buf, n);
}

static int file(const char *name, const char *data)
{
	char path[512];
	int fd;

	case_path(path, "%s", name);
	fd = case_sys(open(path, O_RDWR | O_CREAT | O_APPEND, 0600));
	case_sys(write(fd, data, strlen(data)));
	return fd;
}

int main(int argc, char **argv)
{
	int st[2], dg[2], sq[2], in[2], inner[2], self[2], hang[2], p[2], only, both, gone, ev,
		fds[4];
	char path[512];
	uint64_t v = 41;

	case_begin(argc, argv);
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, st));
	case_sys(socketpair(AF_UNIX, SOCK_DGRAM, 0, dg));
	case_sys(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sq));
	only = file("only", "only in flight");
	case_sys(lseek(only, 5, SEEK_SET));
	both = file("both", "here and there");
	case_sys(lseek(both, 9, SEEK_SET));
	gone = file("gone", "without a name");
	case_path(path, "gone");
	case_sys(unlink(path));
	case_sys(lseek(gone, 8, SEEK_SET));
	case_sys(pipe(p));
	case_sys(write(p[1], "in the pipe", 11));
	ev = case_sys(eventfd(0, EFD_NONBLOCK));
	case_sys(write(ev, &v, sizeof(v)));
	/* A stream: plain bytes before and behind, two at once, and two messages in a row. */
	send_fds(st[0], "abc", 3, NULL, 0);
	send_fd(st[0], "def", only);
	send_fds(st[0], "ghi", 3, NULL, 0);
	fds[0] = both;
	fds[1] = gone;
	send_fds(st[0], "jk", 2, fds, 2);
	send_fd(st[0], "l", both);
	send_fds(st[0], "tail", 4, NULL, 0);
	send_fd(dg[0], "", p[0]);
	send_fd(dg[0], "packet", ev);
	/* A socket in a socket, whose queue holds another one with data. */
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, in));
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, inner));
	case_sys(send(inner[0], "innermost", 9, 0));
	send_fd(in[0], "inner", inner[1]);
	send_fd(sq[0], "outer", in[1]);
	case_sys(send(sq[0], "next", 4, 0));
	close(inner[1]);
	close(in[1]);
	/* Each of a pair waits in the other; one of another pair in itself. */
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, self));
	send_fd(self[0], "loop", self[1]);
	send_fd(self[1], "pool", self[0]);
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, hang));
	send_fd(hang[0], "kept", hang[0]);
	close(hang[0]);
	close(p[0]);
	close(only);
	close(gone);
	close(ev);
	case_ready();

	take(st[1], 2, "ab", fds, 0);
	take(st[1], 100, "cdef", fds, 1);
	only = fds[0];
	/* The kernel shows O_LARGEFILE, which the C library calls 0. */
	case_check((fcntl(only, F_GETFL) & ~0100000) == (O_RDWR | O_APPEND), "flags %o",
		   fcntl(only, F_GETFL));
	check_read(only, "in flight");
	take(st[1], 3, "ghi", fds, 0);
	take(st[1], 1, "j", fds, 2);
	check_read(fds[0], "there");
	case_check(!lseek(both, 0, SEEK_SET) && lseek(fds[0], 0, SEEK_CUR) == 0,
		   "the file is not the same one");
	check_read(fds[1], "a name");
	take(st[1], 100, "kl", fds, 1);
	case_check(syscall(SYS_kcmp, getpid(), getpid(), 0, fds[0], both) == 0, "another file");
	take(st[1], 100, "tail", fds, 0);
	take(dg[1], 100, "", fds, 1);
	check_read(fds[0], "in the pipe");
	take(dg[1], 100, "packet", fds, 1);
	case_check(read(fds[0], &v, sizeof(v)) == sizeof(v) && v == 41, "the eventfd: %d", (int)v);
	take(sq[1], 100, "outer", fds, 1);
	take(sq[1], 100, "next", fds + 1, 0);
	take(fds[0], 100, "inner", fds + 1, 1);
	take(fds[1], 100, "innermost", fds + 2, 0);
	case_check(send(fds[1], "back", 4, MSG_NOSIGNAL) == 4, "send: %s", strerror(errno));
	check_read(inner[0], "back");
	take(self[1], 100, "loop", fds, 1);
	take(self[0], 100, "pool", fds + 1, 1);
	case_check(syscall(SYS_kcmp, getpid(), getpid(), 0, fds[0], self[1]) == 0 &&
			   syscall(SYS_kcmp, getpid(), getpid(), 0, fds[1], self[0]) == 0,
		   "not the same sockets");
	take(hang[1], 100, "kept", fds, 1);
	case_sys(send(fds[0], "alive", 5, 0));
	check_read(hang[1], "alive");
	case_pass();
}
