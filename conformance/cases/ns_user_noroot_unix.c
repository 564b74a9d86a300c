// SPDX-License-Identifier: MIT
/*
 * Proves that unix sockets come back where nobody is root inside: pairs and a
 * connection by path, with the credentials of their makers.
 */
// flavours: user
// userns: noroot
// kinds: unix
#include <sys/socket.h>
#include <sys/un.h>

#include "case.h"

static void check(int fd, const char *what)
{
	struct ucred c = { 0 };
	socklen_t n = sizeof(c);

	case_sys(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n));
	case_check(c.pid == getpid() && c.uid == getuid() && c.gid == getgid(),
		   "%s names %d, %u, %u", what, c.pid, c.uid, c.gid);
}

static void check_all(const int *fd)
{
	static const char *const what[] = { "a pair", "its other end", "a listener", "a client",
					    "who was accepted" };

	for (int i = 0; i < 5; i++)
		check(fd[i], what[i]);
}

int main(int argc, char **argv)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct stat before, after;
	int fd[5];
	char c;

	case_begin(argc, argv);
	case_path(un.sun_path, "socket");
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	fd[2] = case_sys(socket(AF_UNIX, SOCK_STREAM, 0));
	case_sys(bind(fd[2], (struct sockaddr *)&un, sizeof(un)));
	case_sys(listen(fd[2], 3));
	fd[3] = case_sys(socket(AF_UNIX, SOCK_STREAM, 0));
	case_sys(connect(fd[3], (struct sockaddr *)&un, sizeof(un)));
	fd[4] = case_sys(accept(fd[2], NULL, NULL));
	case_sys(stat(un.sun_path, &before));
	check_all(fd);
	case_ready();

	check_all(fd);
	case_sys(stat(un.sun_path, &after));
	case_check(after.st_mode == before.st_mode && after.st_uid == before.st_uid,
		   "the file is of mode 0%o, was 0%o", after.st_mode, before.st_mode);
	case_check(send(fd[3], "x", 1, 0) == 1 && recv(fd[4], &c, 1, MSG_DONTWAIT) == 1,
		   "nothing comes over");
	case_pass();
}
