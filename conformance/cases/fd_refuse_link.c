// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that without --link-remap a file which lost the name that it was
 * opened by, and has another one elsewhere, is refused by name.
 */
// refuse: lives on under another one

#include "case.h"

int main(int argc, char **argv)
{
	char a[512], b[512], dir[512];
	int fd;

	case_begin(argc, argv);
	case_path(a, "first");
	case_path(dir, "dir");
	case_path(b, "dir/second");
	case_sys(mkdir(dir, 0700));
	fd = case_sys(open(a, O_RDWR | O_CREAT, 0600));
	case_sys(link(a, b));
	case_sys(unlink(a));
	case_ready();

	case_check(write(fd, "x", 1) == 1 && !access(b, F_OK), "the file changed");
	case_pass();
}
