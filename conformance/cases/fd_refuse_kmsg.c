// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that the kernel's log, open for reading, is refused by name.
 */
// flavours: plain ns
// refuse: the kernel's log

#include "case.h"

int main(int argc, char **argv)
{
	char text[8192];
	int fd;

	case_begin(argc, argv);
	fd = case_sys(open("/dev/kmsg", O_RDONLY | O_NONBLOCK));
	case_ready();
	case_check(read(fd, text, sizeof(text)) > 0 || errno == EAGAIN || errno == EPIPE,
		   "read: %s", strerror(errno));
	case_pass();
}
