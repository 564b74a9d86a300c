// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that what is in the way for a moment only does not fail a checkpoint:
 * half of the time a connection with data waits to be accepted, which cannot be
 * carried, and the next freeze finds the server at another moment.
 */
// changes: by itself
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "case.h"

static struct sockaddr_un addr = { .sun_family = AF_UNIX };

static void client(void)
{
	char c = 1;

	while (!case_exists("go")) {
		int s = case_sys(socket(AF_UNIX, SOCK_STREAM, 0));

		case_sys(connect(s, (struct sockaddr *)&addr, sizeof(addr)));
		case_check(write(s, &c, 1) == 1, "no request");
		case_check(read(s, &c, 1) == 1, "no answer");
		close(s);
		case_sleep_ms(50);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	int l, st;
	pid_t pid;

	case_begin(argc, argv);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", case_dir);
	l = case_sys(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
	case_sys(bind(l, (struct sockaddr *)&addr, sizeof(addr)));
	case_sys(listen(l, 5));
	pid = case_sys(fork());
	if (!pid)
		client();
	case_touch("ready");
	while (waitpid(pid, &st, WNOHANG) == 0) {
		char c;
		int s = accept(l, NULL, NULL);

		if (s < 0) {
			case_sleep_ms(20);
			continue;
		}
		case_check(read(s, &c, 1) == 1 && write(s, &c, 1) == 1, "lost connection");
		close(s);
	}
	case_check(st == 0, "the client ended with status %x", st);
	case_pass();
}
