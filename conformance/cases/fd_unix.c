// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that unix sockets come back: pairs of all types with data both ways,
 * shut down directions and a closed end; a listener that accepts, with its
 * connections, their names and data; bound ones by path, relative path and
 * abstract name, one whose file was removed; modes of files; datagrams from
 * strangers; options.
 */
// kinds: unix
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "case.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* asm-generic/socket.h (6.16) */
#endif

static socklen_t address(struct sockaddr_un *un, const char *name)
{
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, name);
	if (name[0] != '@')
		return sizeof(*un);
	un->sun_path[0] = 0;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
}

static int bound(int type, const char *name)
{
	struct sockaddr_un un;
	socklen_t n = address(&un, name);
	int fd = case_sys(socket(AF_UNIX, type, 0));

	case_sys(bind(fd, (struct sockaddr *)&un, n));
	return fd;
}

static void check_name(int fd, const char *want, bool peer)
{
	struct sockaddr_un un = { 0 }, w;
	socklen_t n = sizeof(un), m = want ? address(&w, want) : sizeof(sa_family_t);

	case_check(!(peer ? getpeername : getsockname)(fd, (struct sockaddr *)&un, &n), "fd %d: %s",
		   fd, strerror(errno));
	if (want && want[0] != '@')
		m = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(want) + 1);
	case_check(n == m && (!want || !memcmp(un.sun_path, w.sun_path, n - sizeof(sa_family_t))),
		   "fd %d: %s name is %s%s (%u), want %s", fd, peer ? "peer's" : "own",
		   un.sun_path[0] ? "" : "@", un.sun_path + !un.sun_path[0], n,
		   want ? want : "none");
}

static void check_data(int fd, const char *want)
{
	char buf[256] = "";
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	case_check(n == (ssize_t)strlen(want) && !strcmp(buf, want),
		   "fd %d gives \"%s\" (%zd: %s), want \"%s\"", fd, buf, n,
		   n < 0 ? strerror(errno) : "", want);
}

static void check_talk(int a, int b)
{
	case_sys(send(a, "ping", 4, 0));
	check_data(b, "ping");
	case_sys(send(b, "pong", 4, 0));
	check_data(a, "pong");
}

int main(int argc, char **argv)
{
	bool no_rights;
	int zero = 0;
	int s[2], d[2], q[2], half[2], lone[2], big[2], ls, cl, sv, cl2, sv2, ab, rel, gone,
		gone_cl, dg, dgc, str, dcon, v, st, late;
	char abstract[32], lname[512], dname[512], gname[512], cname[512];
	struct sockaddr_un un;
	static char block[150000];
	struct stat sb;
	pid_t child;
	socklen_t n;

	case_begin(argc, argv);
	snprintf(abstract, sizeof(abstract), "@abstract %d", getpid());
	case_path(lname, "listener");
	case_path(dname, "dgram");
	case_path(gname, "gone");
	case_path(cname, "client");
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	case_sys(send(s[0], "to one", 6, 0));
	case_sys(send(s[1], "to zero", 7, 0));
	v = 1;
	case_sys(setsockopt(s[0], SOL_SOCKET, SO_PASSCRED, &v, sizeof(v)));
	v = 0;
	case_sys(setsockopt(s[0], SOL_SOCKET, SO_PASSCRED, &v, sizeof(v)));
	v = 50000;
	case_sys(setsockopt(s[1], SOL_SOCKET, SO_SNDBUF, &v, sizeof(v)));
	/* Older kernels have no such option. */
	no_rights = !setsockopt(s[1], SOL_SOCKET, SO_PASSRIGHTS, &zero, sizeof(zero));
	case_sys(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, d));
	case_sys(send(d[0], "first", 5, 0));
	case_sys(send(d[0], "", 0, 0));
	case_sys(send(d[0], "second", 6, 0));
	case_sys(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, q));
	case_sys(send(q[1], "a", 1, 0));
	case_sys(send(q[1], "bcd", 3, 0));
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, half));
	case_sys(send(half[0], "before", 6, 0));
	case_sys(shutdown(half[0], SHUT_WR));
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, lone));
	case_sys(send(lone[1], "last words", 10, 0));
	close(lone[1]);
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, big));
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)(i * 11 + i / 253);
	case_sys(send(big[0], block, sizeof(block), 0));
	ls = bound(SOCK_STREAM, lname);
	case_sys(chmod(lname, 0622));
	case_sys(listen(ls, 37));
	n = address(&un, lname);
	cl = case_sys(socket(AF_UNIX, SOCK_STREAM, 0));
	case_sys(connect(cl, (struct sockaddr *)&un, n));
	sv = case_sys(accept4(ls, NULL, NULL, SOCK_NONBLOCK));
	case_sys(send(cl, "request", 7, 0));
	case_sys(send(sv, "answer", 6, 0));
	cl2 = bound(SOCK_STREAM, cname);
	case_sys(connect(cl2, (struct sockaddr *)&un, n));
	sv2 = case_sys(accept(ls, NULL, NULL));
	ab = bound(SOCK_SEQPACKET, abstract);
	case_sys(listen(ab, 1));
	case_sys(chdir(case_dir));
	rel = bound(SOCK_DGRAM, "./relative");
	case_sys(chdir("/"));
	gone = bound(SOCK_STREAM, gname);
	case_sys(listen(gone, 2));
	n = address(&un, gname);
	gone_cl = case_sys(socket(AF_UNIX, SOCK_STREAM, 0));
	case_sys(connect(gone_cl, (struct sockaddr *)&un, n));
	close(gone_cl);
	gone_cl = case_sys(accept(gone, NULL, NULL));
	case_sys(unlink(gname));
	dg = bound(SOCK_DGRAM, dname);
	n = address(&un, dname);
	dgc = case_sys(socket(AF_UNIX, SOCK_DGRAM, 0));
	case_sys(sendto(dgc, "from a stranger", 15, 0, (struct sockaddr *)&un, n));
	dcon = case_sys(socket(AF_UNIX, SOCK_DGRAM, 0));
	case_sys(connect(dcon, (struct sockaddr *)&un, n));
	str = case_sys(socket(AF_UNIX, SOCK_STREAM, 0));
	child = case_sys(fork());
	if (!child) {
		close(s[1]);
		case_child_ready("child");
		case_wait_go();
		case_wait_for("asked");
		check_data(sv, "from the parent");
		_exit(0);
	}
	case_wait_child("child");
	case_ready();

	check_data(s[1], "to one");
	check_data(s[0], "to zero");
	check_talk(s[0], s[1]);
	n = sizeof(v);
	case_check(!no_rights || (!getsockopt(s[1], SOL_SOCKET, SO_PASSRIGHTS, &v, &n) && !v),
		   "SO_PASSRIGHTS %d", v);
	case_check(!getsockopt(s[1], SOL_SOCKET, SO_SNDBUF, &v, &n) && v == 100000, "SO_SNDBUF %d",
		   v);
	check_data(d[1], "first");
	check_data(d[1], "");
	check_data(d[1], "second");
	check_talk(d[0], d[1]);
	case_check(fcntl(d[0], F_GETFL) & O_NONBLOCK, "O_NONBLOCK is gone");
	check_data(q[0], "a");
	check_data(q[0], "bcd");
	check_talk(q[0], q[1]);
	case_check(fcntl(q[0], F_GETFD) == FD_CLOEXEC, "FD_CLOEXEC is gone");
	check_data(half[1], "before");
	check_data(half[1], "");
	case_check(send(half[0], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE,
		   "shut down, but sends");
	case_sys(send(half[1], "still", 5, 0));
	check_data(half[0], "still");
	check_data(lone[0], "last words");
	check_data(lone[0], "");
	case_check(send(lone[0], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE,
		   "the closed end is back");
	{
		static char back[sizeof(block)];

		case_check(recv(big[1], back, sizeof(back), MSG_WAITALL) == sizeof(back) &&
				   !memcmp(back, block, sizeof(back)),
			   "150000 bytes");
	}
	check_name(ls, lname, false);
	check_name(sv, lname, false);
	check_name(cl, lname, true);
	check_name(cl, NULL, false);
	check_name(cl2, cname, false);
	check_name(sv2, cname, true);
	check_data(sv, "request");
	check_data(cl, "answer");
	check_talk(cl, sv);
	check_talk(cl2, sv2);
	case_sys(send(cl, "from the parent", 15, 0));
	case_touch("asked");
	case_check(waitpid(child, &st, 0) == child && !st, "the child ended with status %x", st);
	case_check(!stat(lname, &sb) && S_ISSOCK(sb.st_mode) && (sb.st_mode & 0777) == 0622,
		   "mode %o", sb.st_mode);
	late = case_sys(socket(AF_UNIX, SOCK_STREAM, 0));
	n = address(&un, lname);
	case_check(!connect(late, (struct sockaddr *)&un, n), "connect: %s", strerror(errno));
	case_check((v = accept(ls, NULL, NULL)) >= 0, "accept: %s", strerror(errno));
	check_talk(late, v);
	check_name(ab, abstract, false);
	late = case_sys(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	n = address(&un, abstract);
	case_check(!connect(late, (struct sockaddr *)&un, n), "connect: %s", strerror(errno));
	check_name(rel, "./relative", false);
	check_name(gone, gname, false);
	check_name(gone_cl, gname, false);
	case_check(access(gname, F_OK) == -1 && errno == ENOENT, "the removed name is back");
	check_data(gone_cl, "");
	check_data(dg, "from a stranger");
	check_name(dcon, dname, true);
	case_sys(send(dcon, "from a friend", 13, 0));
	check_data(dg, "from a friend");
	case_path(dname, "relative");
	n = address(&un, dname);
	case_sys(sendto(dgc, "by path", 7, 0, (struct sockaddr *)&un, n));
	check_data(rel, "by path");
	n = address(&un, lname);
	case_check(!connect(str, (struct sockaddr *)&un, n), "the unconnected one: %s",
		   strerror(errno));
	case_pass();
}
