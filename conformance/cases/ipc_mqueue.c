// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that POSIX message queues come back, with nothing mounted: names,
 * sizes, owners and modes; messages with their priorities and in their order;
 * descriptions with modes, flags and sharing; a queue that nobody has open.
 */
// kinds: mqueue ipc-mqueue
#include <mqueue.h>
#include <sched.h>
#include <sys/wait.h>

#include "case.h"

static char buf[9000];

static void send(mqd_t q, const char *text, unsigned prio)
{
	case_check(!mq_send(q, text, strlen(text), prio), "mq_send: %s", strerror(errno));
}

static void expect(mqd_t q, const char *text, unsigned prio)
{
	unsigned p = 77;
	ssize_t n = mq_receive(q, buf, sizeof(buf), &p);

	case_check(n == (ssize_t)strlen(text) && !memcmp(buf, text, (size_t)n) && p == prio,
		   "want %s by %u: %.*s by %u", text, prio, n < 0 ? 0 : (int)n, buf, p);
}

static void info(int fd, char *out)
{
	char path[64], text[1024], *p;
	int f;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = case_sys(open(path, O_RDONLY));
	n = case_sys(read(f, text, sizeof(text) - 1));
	close(f);
	text[n] = 0;
	p = strstr(text, "mnt_id");
	if (p)
		*p = 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = case_sys(readlink(path, out, 500));
	snprintf(out + n, 1500 - n, " cloexec %d %s", fcntl(fd, F_GETFD), text);
}

static void child(mqd_t q)
{
	case_child_ready("child");
	case_wait_go();
	case_wait_for("sent");
	expect(q, "to the child", 3);
	_exit(0);
}

int main(int argc, char **argv)
{
	struct mq_attr attr = { .mq_maxmsg = 7, .mq_msgsize = 9000 }, got;
	static char before[4][2048], now[2048];
	mqd_t fds[4], other;
	struct stat st;
	pid_t pid;
	int status, fd;

	case_begin(argc, argv);
	case_sys(unshare(CLONE_NEWIPC));
	fd = case_sys(open("/proc/sys/fs/mqueue/msgsize_max", O_WRONLY));
	case_sys(write(fd, "9000", 4));
	close(fd);
	umask(0);
	fds[0] = case_sys(mq_open("/full", O_CREAT | O_RDWR | O_NONBLOCK, 0642, &attr));
	fds[1] = case_sys(mq_open("/full", O_RDONLY));
	fds[2] = case_sys(mq_open("/full", O_WRONLY | O_NONBLOCK));
	fds[3] = case_sys(dup(fds[0]));
	case_sys(fcntl(fds[3], F_SETFD, FD_CLOEXEC));
	send(fds[0], "second by two", 2);
	send(fds[0], "first by nine", 9);
	send(fds[0], "third by two", 2);
	send(fds[0], "", 0);
	memset(buf, 'L', 9000);
	case_sys(mq_send(fds[0], buf, 9000, 9));
	send(fds[0], "top", 32767);
	send(fds[0], "last", 0);
	case_sys(fchown(fds[0], 1234, 4321));
	other = case_sys(mq_open("/alone", O_CREAT | O_RDWR, 0600, NULL));
	send(other, "kept", 1);
	case_sys(mq_close(other));
	for (int i = 0; i < 4; i++)
		info(fds[i], before[i]);
	pid = case_sys(fork());
	if (!pid)
		child(fds[1]);
	case_wait_child("child");
	fd = case_sys(open("/proc/sys/fs/mqueue/msgsize_max", O_WRONLY));
	case_sys(write(fd, "200", 3));
	close(fd);
	case_ready();

	for (int i = 0; i < 4; i++) {
		info(fds[i], now);
		case_check(!strcmp(now, before[i]), "fd %d is %s, was %s", fds[i], now, before[i]);
	}
	case_check(!mq_getattr(fds[1], &got) && got.mq_maxmsg == 7 && got.mq_msgsize == 9000 &&
			   got.mq_curmsgs == 7 && got.mq_flags == 0,
		   "%ld of %ld messages", got.mq_curmsgs, got.mq_maxmsg);
	case_check(!fstat(fds[0], &st) && st.st_uid == 1234 && st.st_gid == 4321 &&
			   (st.st_mode & 07777) == 0642,
		   "owner %d:%d mode %o", st.st_uid, st.st_gid, st.st_mode);
	case_check(mq_send(fds[2], "x", 1, 0) == -1 && errno == EAGAIN, "it is not full");
	case_check(mq_send(fds[1], "x", 1, 0) == -1 && errno == EBADF, "the reader writes");
	expect(fds[1], "top", 32767);
	expect(fds[0], "first by nine", 9);
	case_check(mq_receive(fds[3], buf, sizeof(buf), NULL) == 9000 && buf[8999] == 'L', "large");
	expect(fds[1], "second by two", 2);
	expect(fds[1], "third by two", 2);
	expect(fds[1], "", 0);
	expect(fds[1], "last", 0);
	send(fds[2], "to the child", 3);
	case_touch("sent");
	case_check(waitpid(pid, &status, 0) == pid && !status, "the child ended with %#x", status);
	other = mq_open("/alone", O_RDONLY | O_NONBLOCK);
	case_check(other >= 0, "the queue that nobody had open: %s", strerror(errno));
	expect(other, "kept", 1);
	case_check(!mq_unlink("/full") && !mq_unlink("/alone"), "mq_unlink");
	case_check(mq_open("/x", O_CREAT | O_RDWR, 0600, &attr) == -1 && errno == EINVAL,
		   "the limit");
	case_pass();
}
