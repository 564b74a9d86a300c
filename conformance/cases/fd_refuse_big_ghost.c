// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a removed file above --ghost-limit is refused, with the size to give.
 */
// refuse: use --ghost-limit 2097152

#include "case.h"

int main(int argc, char **argv)
{
	static char block[1 << 21];
	char a[512];
	int fd;

	case_begin(argc, argv);
	case_path(a, "big");
	memset(block, 'x', sizeof(block));
	fd = case_sys(open(a, O_RDWR | O_CREAT, 0600));
	case_sys(write(fd, block, sizeof(block)));
	case_sys(unlink(a));
	case_ready();

	case_check(lseek(fd, 0, SEEK_CUR) == 1 << 21, "the position moved");
	case_pass();
}
