// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that what waits in unix sockets keeps its senders: datagrams from named
 * ones that live, that are gone with their file or without it, from abstract and
 * nameless ones, in one order; credentials; empty packets; out-of-band bytes and
 * their marks; the error of a connection that was closed with data unread.
 */
// kinds: unix
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "case.h"

#ifndef SIOCATMARK
#define SIOCATMARK 0x8905
#endif

static socklen_t address(struct sockaddr_un *un, const char *name)
{
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	if (!name)
		return sizeof(sa_family_t);
	strcpy(un->sun_path, name);
	if (name[0] == '@')
		un->sun_path[0] = 0;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) +
			   (name[0] != '@'));
}

static int bound(const char *name)
{
	struct sockaddr_un un;
	socklen_t n = address(&un, name);
	int fd = case_sys(socket(AF_UNIX, SOCK_DGRAM, 0));

	if (name)
		case_sys(bind(fd, (struct sockaddr *)&un, n));
	return fd;
}

static void post(int fd, const char *to, const char *data)
{
	struct sockaddr_un un;
	socklen_t n = address(&un, to);

	case_sys(sendto(fd, data, strlen(data), 0, (struct sockaddr *)&un, n));
}

static void check_from(int fd, const char *data, const char *name)
{
	struct sockaddr_un un = { 0 }, want;
	socklen_t n = sizeof(un), m = address(&want, name);
	char buf[64] = "";
	ssize_t got = recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&un, &n);

	if (!name)
		m = n ? m : 0;
	case_check(got == (ssize_t)strlen(data) && !strcmp(buf, data), "\"%s\" (%zd), want \"%s\"",
		   buf, got, data);
	case_check(n == m && (!n || !memcmp(&un, &want, n)),
		   "\"%s\" comes from %s%s (%u), not %s (%u)", data, un.sun_path[0] ? "" : "@",
		   un.sun_path + !un.sun_path[0], n, name ? name : "a nameless one", m);
}

static void check_data(int fd, const char *want, int flags)
{
	char buf[64] = "";
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT | flags);

	case_check(n == (ssize_t)strlen(want) && !strcmp(buf, want),
		   "fd %d gives \"%s\" (%zd), want \"%s\"", fd, buf, n, want);
}

static void check_mark(int fd, int want)
{
	int v = -1;

	case_check(!ioctl(fd, SIOCATMARK, &v) && v == want, "fd %d: at mark %d, want %d", fd, v,
		   want);
}

static void check_cred(int fd, const char *want, pid_t pid, uid_t uid)
{
	union {
		char buf[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} ctl;
	char buf[64] = "";
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof(ctl)
	};
	struct ucred c = { 0 };

	case_check(recvmsg(fd, &mh, MSG_DONTWAIT) == (ssize_t)strlen(want) && !strcmp(buf, want),
		   "\"%s\", want \"%s\"", buf, want);
	case_check(CMSG_FIRSTHDR(&mh) && CMSG_FIRSTHDR(&mh)->cmsg_type == SCM_CREDENTIALS,
		   "\"%s\" has no credentials", want);
	memcpy(&c, CMSG_DATA(CMSG_FIRSTHDR(&mh)), sizeof(c));
	case_check(c.pid == pid && c.uid == uid && c.gid == uid, "\"%s\": pid %d, uid %d, gid %d",
		   want, c.pid, c.uid, c.gid);
}

static void set_opt(int fd, int opt, int v)
{
	case_sys(setsockopt(fd, SOL_SOCKET, opt, &v, sizeof(v)));
}

int main(int argc, char **argv)
{
	char me[512], live_name[512], gone_name[512], file_name[512], taken_name[512], abstract[64],
		other[64];
	int rx, live, dead, mutual[2], oob[2], before[2], marked[2], line[2], reset[2], sq[2],
		cred[2], dcred[2], st, v;
	struct sockaddr_un un;
	socklen_t n;
	pid_t child;
	char b;

	case_begin(argc, argv);
	case_path(me, "rx");
	case_path(live_name, "live");
	case_path(gone_name, "gone");
	case_path(file_name, "file");
	case_path(taken_name, "taken");
	snprintf(abstract, sizeof(abstract), "@gone %d", getpid());
	snprintf(other, sizeof(other), "@other %d", getpid());
	rx = bound(me);
	live = bound(live_name);
	post(live, me, "live 1");
	dead = bound(gone_name);
	post(dead, me, "gone");
	close(dead);
	case_sys(unlink(gone_name));
	dead = bound(file_name);
	post(dead, me, "file");
	close(dead);
	dead = bound(abstract);
	post(dead, me, "abstract");
	close(dead);
	dead = bound(NULL);
	post(dead, me, "nameless");
	close(dead);
	post(live, me, "live 2");
	/* Its name is somebody else's by now, who sends nothing. */
	dead = bound(taken_name);
	post(dead, me, "taken");
	close(dead);
	case_sys(unlink(taken_name));
	v = case_sys(open(taken_name, O_WRONLY | O_CREAT, 0644));
	case_sys(write(v, "a file", 6));
	close(v);
	/* Two that found each other, with a stranger's datagram from before. */
	mutual[0] = bound(other);
	post(live, other, "stranger");
	mutual[1] = bound(NULL);
	snprintf(other + 1, sizeof(other) - 1, "another %d", getpid());
	n = address(&un, other);
	case_sys(bind(mutual[1], (struct sockaddr *)&un, n));
	case_sys(connect(mutual[0], (struct sockaddr *)&un, n));
	snprintf(other + 1, sizeof(other) - 1, "other %d", getpid());
	n = address(&un, other);
	case_sys(connect(mutual[1], (struct sockaddr *)&un, n));
	case_sys(send(mutual[1], "friend", 6, 0));

	case_sys(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sq));
	case_sys(send(sq[0], "", 0, 0));
	case_sys(send(sq[0], "x", 1, 0));
	case_sys(send(sq[0], "", 0, 0));
	case_sys(send(sq[0], "yz", 2, 0));
	case_sys(shutdown(sq[0], SHUT_WR));

	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, oob));
	case_sys(send(oob[0], "abcX", 4, MSG_OOB));
	case_sys(send(oob[0], "def", 3, 0));
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, before));
	case_sys(send(before[0], "Y", 1, MSG_OOB));
	case_sys(send(before[0], "after", 5, 0));
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, marked));
	case_sys(send(marked[0], "abcX", 4, MSG_OOB));
	case_sys(send(marked[0], "def", 3, 0));
	case_sys(recv(marked[1], &b, 1, MSG_OOB));
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, line));
	set_opt(line[1], SO_OOBINLINE, 1);
	case_sys(send(line[0], "abX", 3, MSG_OOB));
	case_sys(send(line[0], "cd", 2, 0));

	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, reset));
	case_sys(send(reset[1], "answer", 6, 0));
	case_sys(send(reset[0], "unread", 6, 0));
	close(reset[1]);

	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, cred));
	case_sys(socketpair(AF_UNIX, SOCK_DGRAM, 0, dcred));
	case_sys(send(cred[0], "early", 5, 0));
	set_opt(cred[1], SO_PASSCRED, 1);
	set_opt(dcred[1], SO_PASSCRED, 1);
	case_sys(send(cred[0], "parent", 6, 0));
	case_sys(send(dcred[0], "parent", 6, 0));
	child = case_sys(fork());
	if (!child) {
		case_sys(setgid(1234));
		case_sys(setuid(1234));
		case_sys(send(cred[0], "child", 5, 0));
		case_sys(send(dcred[0], "child", 5, 0));
		case_child_ready("child");
		case_wait_go();
		case_wait_for("end");
		_exit(0);
	}
	case_sys(chmod(case_dir, 0777));
	case_wait_child("child");
	case_sys(send(cred[0], " again", 6, 0));
	case_ready();

	check_from(rx, "live 1", live_name);
	check_from(rx, "gone", gone_name);
	check_from(rx, "file", file_name);
	check_from(rx, "abstract", abstract);
	check_from(rx, "nameless", NULL);
	check_from(rx, "live 2", live_name);
	check_from(rx, "taken", taken_name);
	v = case_sys(open(taken_name, O_RDONLY));
	case_check(read(v, me, sizeof(me)) == 6, "the file in the name's place");
	case_check(access(gone_name, F_OK) == -1 && errno == ENOENT, "a name is back");
	check_from(mutual[0], "stranger", live_name);
	check_data(mutual[0], "friend", 0);
	case_sys(send(mutual[0], "answer", 6, 0));
	check_data(mutual[1], "answer", 0);

	check_data(sq[1], "", 0);
	check_data(sq[1], "x", 0);
	check_data(sq[1], "", 0);
	check_data(sq[1], "yz", 0);
	check_data(sq[1], "", 0);

	check_mark(oob[1], 0);
	check_data(oob[1], "abc", 0);
	check_mark(oob[1], 1);
	check_data(oob[1], "X", MSG_OOB);
	check_data(oob[1], "def", 0);
	check_mark(before[1], 1);
	check_data(before[1], "Y", MSG_OOB);
	check_data(before[1], "after", 0);
	check_data(marked[1], "abc", 0);
	check_mark(marked[1], 1);
	case_check(recv(marked[1], &b, 1, MSG_OOB | MSG_DONTWAIT) == -1, "the byte is back");
	check_data(marked[1], "def", 0);
	check_data(line[1], "ab", 0);
	check_mark(line[1], 1);
	check_data(line[1], "Xcd", 0);

	v = 0;
	n = sizeof(v);
	case_check(!getsockopt(reset[0], SOL_SOCKET, SO_ERROR, &v, &n) && v == ECONNRESET,
		   "the error is %d", v);
	check_data(reset[0], "answer", 0);
	check_data(reset[0], "", 0);

	check_cred(cred[1], "early", 0, 65534);
	check_cred(cred[1], "parent", getpid(), 0);
	check_cred(cred[1], "child", child, 1234);
	check_cred(cred[1], " again", getpid(), 0);
	check_cred(dcred[1], "parent", getpid(), 0);
	check_cred(dcred[1], "child", child, 1234);
	case_touch("end");
	case_check(waitpid(child, &st, 0) == child && !st, "the child ended with status %x", st);
	case_pass();
}
