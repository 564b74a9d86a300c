// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a terminal is refused by name.
 */
// refuse: a pseudo terminal
#include <stdlib.h>
#include <sys/ioctl.h>

#include "case.h"

int main(int argc, char **argv)
{
	char path[64];
	int m, s, n = 0;

	case_begin(argc, argv);
	m = case_sys(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	case_sys(ioctl(m, TIOCSPTLCK, &n));
	case_sys(ioctl(m, TIOCGPTN, &n));
	snprintf(path, sizeof(path), "/dev/pts/%d", n);
	s = case_sys(open(path, O_RDWR | O_NOCTTY));
	case_ready();

	case_check(write(s, "x", 1) == 1 && read(m, path, 8) == 1, "the terminal is dead");
	case_pass();
}
