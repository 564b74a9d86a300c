// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that data in a connection that nobody accepted yet is refused with the listener named, and can be accepted.
 */
// refuse: that wait to be accepted, one has sent data already
#include <sys/socket.h>
#include <sys/un.h>

#include "case.h"

int main(int argc, char **argv)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char path[512];
	int ls, c;

	case_begin(argc, argv);
	case_path(path, "listener");
	strcpy(un.sun_path, path);
	ls = case_sys(socket(AF_UNIX, SOCK_STREAM, 0));
	case_sys(bind(ls, (struct sockaddr *)&un, sizeof(un)));
	case_sys(listen(ls, 5));
	c = case_sys(socket(AF_UNIX, SOCK_STREAM, 0));
	case_sys(connect(c, (struct sockaddr *)&un, sizeof(un)));
	case_sys(send(c, "x", 1, 0));
	case_ready();

	case_check(accept(ls, NULL, NULL) >= 0 && fcntl(c, F_GETFD) == 0, "the connection is dead");
	case_pass();
}
