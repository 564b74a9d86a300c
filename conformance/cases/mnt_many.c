// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves: many mounts, more than the usual limit of open files, come back in a root of the tree's own. */
// flavours: ns
// kinds: mnt
#include "mountinfo.h"
#include "rooted.h"

#define MANY 450

int main(int argc, char **argv)
{
	char path[64];

	if (!rooted(argc, argv, NULL))
		return 1;
	for (int i = 0; i < 3; i++)
		close(i);
	case_sys(mkdir("/many", 0755));
	case_sys(mount("many", "/many", "tmpfs", 0, NULL));
	for (int i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "/many/%d", i);
		case_sys(mkdir(path, 0755));
		case_sys(mount(i % 3 ? "/many" : "/usr", path, NULL, MS_BIND, NULL));
		case_sys(mount(NULL, path, NULL, i % 5 ? MS_PRIVATE : MS_SHARED, NULL));
	}
	mi_picture(mi_before, sizeof(mi_before));
	case_ready();
	mi_compare();
	case_pass();
}
