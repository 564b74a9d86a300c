// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that directory notifications are refused by name, and still come.
 */
// refuse: F_NOTIFY
#include <signal.h>

#include "case.h"

static volatile sig_atomic_t told;

static void on_change(int sig)
{
	told++;
}

int main(int argc, char **argv)
{
	char dir[512];
	int fd;

	case_begin(argc, argv);
	case_path(dir, "watched");
	case_sys(mkdir(dir, 0700));
	signal(SIGIO, on_change);
	fd = case_sys(open(dir, O_RDONLY | O_DIRECTORY));
	case_sys(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
	case_ready();

	case_sys(mkdirat(fd, "new", 0700));
	case_check(told == 1, "%d signals", (int)told);
	case_pass();
}
