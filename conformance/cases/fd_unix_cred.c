// SPDX-License-Identifier: MIT
/*
 * Proves that unix sockets go on naming who made them (SO_PEERCRED,
 * SO_PEERGROUPS): pairs of the root task, of children, of another user with
 * other groups, of a process that is gone; connections of all of these, whose
 * clients see who listened when they connected; a listener that another
 * process took over; one that is gone, with its file and without; one that
 * waits to be accepted; a closed end.
 */
// kinds: unix
#include <grp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "case.h"

#define USER 1
#define GROUP 2

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

static const gid_t groups[2] = { 3, 4 };

struct seen {
	int fd;
	const char *what;
	struct ucred c;
	socklen_t n;
	gid_t groups[128];
};

static struct seen all[64];
static int n_all;

static void look(int fd, struct seen *s)
{
	socklen_t n = sizeof(s->c);

	memset(s, 0, sizeof(*s));
	s->fd = fd;
	case_sys(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &s->c, &n));
	s->n = sizeof(s->groups);
	case_sys(getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, s->groups, &s->n));
}

/* It must be of @pid now, and the same after. */
static void keep(int fd, const char *what, pid_t pid, bool user)
{
	struct seen *s = &all[n_all++];

	look(fd, s);
	s->what = what;
	case_check(s->c.pid == pid && s->c.uid == (user ? USER : 0) &&
			   s->c.gid == (user ? GROUP : 0),
		   "%s: made by %d, %u, %u, not %d", what, s->c.pid, s->c.uid, s->c.gid, pid);
	case_check(!user || (s->n == sizeof(groups) && !memcmp(s->groups, groups, s->n)),
		   "%s: %u bytes of groups", what, s->n);
}

static void check_one(const struct seen *s, int fd)
{
	struct seen now;

	look(fd, &now);
	case_check(!memcmp(&now.c, &s->c, sizeof(now.c)), "%s: shows %d, %u, %u, not %d, %u, %u",
		   s->what, now.c.pid, now.c.uid, now.c.gid, s->c.pid, s->c.uid, s->c.gid);
	case_check(now.n == s->n && !memcmp(now.groups, s->groups, now.n),
		   "%s: shows %u bytes of groups, not %u, or others", s->what, now.n, s->n);
}

static void check_all(void)
{
	for (int i = 0; i < n_all; i++)
		check_one(&all[i], all[i].fd);
}

static void talk(int a, int b, const char *what)
{
	char c = 0;

	case_check(send(a, "x", 1, MSG_DONTWAIT) == 1 && recv(b, &c, 1, MSG_DONTWAIT) == 1 &&
			   c == 'x',
		   "%s: nothing comes over: %s", what, strerror(errno));
}

static socklen_t address(struct sockaddr_un *un, const char *name)
{
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	if (name[0] == '@') {
		/* The namespace may be shared with other runs. */
		case_path(un->sun_path + 1, "%s", name);
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				   strlen(un->sun_path + 1));
	}
	case_path(un->sun_path, "%s", name);
	return sizeof(*un);
}

static int listening(const char *name, int type)
{
	struct sockaddr_un un;
	socklen_t n = address(&un, name);
	int fd = case_sys(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));

	case_sys(bind(fd, (struct sockaddr *)&un, n));
	case_sys(listen(fd, 5));
	return fd;
}

static int client(const char *name, int type)
{
	struct sockaddr_un un;
	socklen_t n = address(&un, name);
	int fd = case_sys(socket(AF_UNIX, type, 0));

	case_sys(connect(fd, (struct sockaddr *)&un, n));
	return fd;
}

static void give(int to, int fd)
{
	char byte = 0, buf[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = { &byte, 1 };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof(buf)
	};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	case_sys(sendmsg(to, &mh, 0));
}

static int take(int from)
{
	char byte, buf[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof(buf)
	};
	int fd;

	case_check(recvmsg(from, &mh, 0) == 1 && mh.msg_controllen, "nothing to take");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&mh)), sizeof(fd));
	return fd;
}

static void pairs(bool user)
{
	static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM };
	int sv[2];

	for (int i = 0; i < 3; i++) {
		case_sys(socketpair(AF_UNIX, types[i], 0, sv));
		keep(sv[0], "own pair", getpid(), user);
		keep(sv[1], "own pair, other end", getpid(), user);
	}
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	close(sv[1]);
	keep(sv[0], "end of a pair without the other", getpid(), user);
}

/* Lives on; it connects, and takes over the listener that it inherits. */
static void plain_child(int taken, int pipe_fd)
{
	pairs(false);
	case_sys(listen(taken, 7));
	keep(taken, "listener taken over", getpid(), false);
	keep(client("@cred-first", SOCK_STREAM), "child's client", getppid(), false);
	keep(client("pending", SOCK_STREAM), "child's client that waits", getppid(), false);
	case_sys(write(pipe_fd, "1", 1));
	case_wait_go();
	check_all();
	talk(all[0].fd, all[1].fd, "pair");
	_exit(0);
}

static void user_child(int pipe_fd)
{
	int abs = listening("@cred-user", SOCK_SEQPACKET), fd;

	case_sys(setgroups(2, groups));
	case_sys(setresgid(GROUP, GROUP, GROUP));
	fd = listening("user", SOCK_STREAM);
	case_sys(setresuid(USER, USER, USER));
	case_sys(listen(abs, 3));
	case_sys(listen(fd, 3));
	pairs(true);
	keep(abs, "user's listener", getpid(), true);
	keep(fd, "user's listener with a file", getpid(), true);
	keep(client("@cred-first", SOCK_STREAM), "user's client", getppid(), false);
	case_sys(write(pipe_fd, "1", 1));
	keep(case_sys(accept(abs, NULL, NULL)), "user accepted root", getppid(), false);
	keep(case_sys(accept(fd, NULL, NULL)), "user accepted root by file", getppid(), false);
	case_sys(write(pipe_fd, "1", 1));
	case_wait_go();
	check_all();
	talk(all[0].fd, all[1].fd, "pair");
	_exit(0);
}

/* Ends: a pair and two listeners with a connection each, accepted here and left to the root task. */
static void passing_child(int to)
{
	int a = listening("@cred-gone", SOCK_STREAM), b = listening("gone", SOCK_STREAM), sv[2];

	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	give(to, sv[0]);
	give(to, sv[1]);
	give(to, case_sys(accept(a, NULL, NULL)));
	give(to, case_sys(accept(b, NULL, NULL)));
	give(to, case_sys(accept(b, NULL, NULL)));
	_exit(0);
}

static void wait_byte(int fd)
{
	char c;

	case_check(read(fd, &c, 1) == 1, "a child ended");
}

static void with_passing_child(void)
{
	struct sockaddr_un un;
	int sv[2], fds[8];
	pid_t pid;

	case_sys(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv));
	pid = case_sys(fork());
	if (!pid)
		passing_child(sv[1]);
	close(sv[1]);
	fds[0] = take(sv[0]);
	fds[1] = take(sv[0]);
	fds[2] = client("@cred-gone", SOCK_STREAM);
	fds[3] = take(sv[0]);
	fds[4] = client("gone", SOCK_STREAM);
	fds[5] = take(sv[0]);
	fds[6] = client("gone", SOCK_STREAM);
	fds[7] = take(sv[0]);
	case_sys(waitpid(pid, NULL, 0));
	close(sv[0]);
	keep(fds[0], "pair of a dead process", pid, false);
	keep(fds[1], "pair of a dead process, other end", pid, false);
	keep(fds[2], "client of a dead listener", pid, false);
	keep(fds[3], "accepted from a dead listener", getpid(), false);
	keep(fds[4], "client of a dead listener with a file", pid, false);
	keep(fds[5], "accepted from a dead listener with a file", getpid(), false);
	keep(fds[6], "second client of a dead listener with a file", pid, false);
	close(fds[7]);
	address(&un, "gone");
	unlink(un.sun_path);
}

/* What it sends bears its name, though the other end does not ask for that yet. */
static pid_t with_sender(int *ret_fd)
{
	int sv[2], on = 1;
	pid_t pid;

	case_sys(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
	pid = case_sys(fork());
	if (!pid) {
		close(sv[0]);
		case_sys(setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
		case_sys(send(sv[1], "hidden", 6, 0));
		case_child_ready("sender");
		case_wait_go();
		case_wait_for("seen");
		_exit(0);
	}
	close(sv[1]);
	case_wait_child("sender");
	*ret_fd = sv[0];
	return pid;
}

static void check_sender(int fd, pid_t pid)
{
	char byte, buf[CMSG_SPACE(sizeof(struct ucred))] = "";
	struct iovec iov = { &byte, 1 };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof(buf)
	};
	struct ucred c = { 0 };
	int on = 1;

	case_sys(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	case_check(recvmsg(fd, &mh, MSG_DONTWAIT) == 1 && CMSG_FIRSTHDR(&mh), "no credentials");
	memcpy(&c, CMSG_DATA(CMSG_FIRSTHDR(&mh)), sizeof(c));
	case_check(c.pid == pid && !c.uid && !c.gid, "sent by %d, %u, %u, not %d", c.pid, c.uid,
		   c.gid, pid);
	case_touch("seen");
}

int main(int argc, char **argv)
{
	int hidden, first, pending, by_child, by_user, fd, p[2];
	struct seen child_waits;
	pid_t child, user, sender;

	case_begin(argc, argv);
	case_sys(chmod(argv[1], 0777));
	case_sys(pipe(p));
	pairs(false);
	first = listening("@cred-first", SOCK_STREAM);
	pending = listening("pending", SOCK_STREAM);
	keep(pending, "listener", getpid(), false);
	fd = listening("@cred-taken", SOCK_STREAM);
	keep(client("@cred-taken", SOCK_STREAM), "client of the first listener", getpid(), false);
	keep(case_sys(accept(fd, NULL, NULL)), "accepted before", getpid(), false);
	child = case_sys(fork());
	if (!child) {
		n_all = 0;
		plain_child(fd, p[1]);
	}
	wait_byte(p[0]);
	keep(fd, "listener taken over, in the parent", child, false);
	keep(client("@cred-taken", SOCK_STREAM), "client of the second listener", child, false);
	keep(case_sys(accept(fd, NULL, NULL)), "accepted after", getpid(), false);
	by_child = case_sys(accept(first, NULL, NULL));
	keep(by_child, "accepted from the child", child, false);
	user = case_sys(fork());
	if (!user) {
		n_all = 0;
		user_child(p[1]);
	}
	wait_byte(p[0]);
	by_user = case_sys(accept(first, NULL, NULL));
	keep(by_user, "accepted from the user", user, true);
	keep(client("@cred-user", SOCK_SEQPACKET), "client of the user", user, true);
	keep(client("user", SOCK_STREAM), "client of the user by file", user, true);
	wait_byte(p[0]);
	with_passing_child();
	sender = with_sender(&hidden);

	case_ready();
	check_all();
	talk(all[0].fd, all[1].fd, "pair");
	fd = case_sys(accept(pending, NULL, NULL));
	look(fd, &child_waits);
	case_check(child_waits.c.pid == child && !child_waits.c.uid,
		   "who waited was %d, %u, not %d", child_waits.c.pid, child_waits.c.uid, child);
	check_sender(hidden, sender);
	for (int i = 0; i < 2; i++) {
		int st;

		case_sys(waitpid(i ? user : child, &st, 0));
		case_check(!st, "child %d ended with 0x%x", i, st);
	}
	case_pass();
}
