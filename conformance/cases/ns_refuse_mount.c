// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves: a filesystem that cannot be made again, mounted nowhere outside, is refused by name. */
// flavours: ns user
// refuse: ramfs
#include <sys/mount.h>

#include "case.h"

int main(int argc, char **argv)
{
	case_begin(argc, argv);
	case_sys(mount("x", "/mnt", "ramfs", 0, NULL));
	case_ready();
	case_pass();
}
