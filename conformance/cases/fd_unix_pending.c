// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that connections that nobody accepted yet still wait, in their order:
 * behind accepted ones, more than the queue would take by now, from bound and
 * nameless clients, one shut down, held by another process; of both types.
 */
// kinds: unix
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "case.h"

static struct sockaddr_un un;
static socklen_t len;

static int connected(int type)
{
	int fd = case_sys(socket(AF_UNIX, type, 0));

	case_sys(connect(fd, (struct sockaddr *)&un, len));
	return fd;
}

static void check_pair(int client, int server, const char *text)
{
	char buf[32] = "";

	case_check(server >= 0, "%s: accept: %s", text, strerror(errno));
	case_check(send(client, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text),
		   "%s: send: %s", text, strerror(errno));
	case_check(recv(server, buf, sizeof(buf), MSG_DONTWAIT) == (ssize_t)strlen(text) &&
			   !strcmp(buf, text),
		   "\"%s\" arrives as \"%s\"", text, buf);
}

int main(int argc, char **argv)
{
	struct sockaddr_un me = { .sun_family = AF_UNIX }, who;
	int ls, sq, before, accepted, first, second, bound, half, seq, fd, st;
	char path[512], buf[8];
	socklen_t n;
	pid_t child;

	case_begin(argc, argv);
	un.sun_family = AF_UNIX;
	case_path(path, "listener");
	strcpy(un.sun_path, path);
	len = sizeof(un);
	ls = case_sys(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
	case_sys(bind(ls, (struct sockaddr *)&un, len));
	case_sys(listen(ls, 5));
	before = connected(SOCK_STREAM);
	first = connected(SOCK_STREAM);
	accepted = case_sys(accept(ls, NULL, NULL));
	second = connected(SOCK_STREAM);
	bound = case_sys(socket(AF_UNIX, SOCK_STREAM, 0));
	case_path(path, "client");
	strcpy(me.sun_path, path);
	case_sys(bind(bound, (struct sockaddr *)&me, sizeof(me)));
	case_sys(connect(bound, (struct sockaddr *)&un, len));
	half = connected(SOCK_STREAM);
	case_sys(shutdown(half, SHUT_WR));
	case_sys(listen(ls, 1));
	n = (socklen_t)snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "pending %d", getpid());
	un.sun_path[0] = 0;
	len = (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1 + n;
	sq = case_sys(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	case_sys(bind(sq, (struct sockaddr *)&un, len));
	case_sys(listen(sq, 0));
	seq = connected(SOCK_SEQPACKET);
	child = case_sys(fork());
	if (!child) {
		close(second);
		case_child_ready("child");
		case_wait_go();
		_exit(0);
	}
	case_wait_child("child");
	close(first);
	case_ready();

	check_pair(before, accepted, "accepted");
	/* The child held the other end of the first, and has gone. */
	case_check(waitpid(child, &st, 0) == child && !st, "the child ended with status %x", st);
	fd = accept(ls, NULL, NULL);
	case_check(fd >= 0 && recv(fd, buf, 8, MSG_DONTWAIT) == 0, "the first one: %s",
		   strerror(errno));
	check_pair(second, accept(ls, NULL, NULL), "second");
	n = sizeof(who);
	fd = accept(ls, (struct sockaddr *)&who, &n);
	check_pair(bound, fd, "bound");
	case_check(n > 2 && !strcmp(who.sun_path, me.sun_path), "the client's name is %s",
		   n > 2 ? who.sun_path : "lost");
	fd = accept(ls, NULL, NULL);
	case_check(fd >= 0 && recv(fd, buf, 8, MSG_DONTWAIT) == 0, "half: %s", strerror(errno));
	case_sys(send(fd, "still", 5, 0));
	case_check(recv(half, buf, 8, MSG_DONTWAIT) == 5, "half: nothing came back");
	case_check(accept(ls, NULL, NULL) == -1 && errno == EAGAIN, "one more waits");
	check_pair(seq, accept(sq, NULL, NULL), "packets");
	case_pass();
}
