// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves: mounts of the tree that propagate to each other do so again: a mount
 * made on the shared one appears on its peer and its slave, not on the private
 * one, and one made on the slave stays there. Unmounted copies stay away.
 */
// flavours: ns
// kinds: mnt
#include <sys/mount.h>

#include "case.h"

static const char *const dirs[] = { "shared", "peer", "slave", "private" };

static bool has(const char *dir)
{
	char path[512];
	struct stat a, b;

	case_path(path, "%s", dir);
	case_sys(stat(path, &a));
	case_path(path, "%s/inner", dir);
	case_sys(stat(path, &b));
	return a.st_dev != b.st_dev;
}

static void mount_in(const char *dir)
{
	char path[512];

	case_path(path, "%s/inner", dir);
	case_sys(mount("x", path, "tmpfs", 0, NULL));
}

int main(int argc, char **argv)
{
	char src[512], path[512];

	case_begin(argc, argv);
	case_path(src, "src");
	case_sys(mkdir(src, 0755));
	case_path(path, "src/inner");
	case_sys(mkdir(path, 0755));
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		case_path(path, "%s", dirs[i]);
		case_sys(mkdir(path, 0755));
		/* Peers and slaves come from the first, which is shared by then. */
		case_path(src, i ? "shared" : "src");
		case_sys(mount(src, path, NULL, MS_BIND, NULL));
		if (!i)
			case_sys(mount(NULL, path, NULL, MS_SHARED, NULL));
		if (i == 2)
			case_sys(mount(NULL, path, NULL, MS_SLAVE, NULL));
		if (i == 3)
			case_sys(mount(NULL, path, NULL, MS_PRIVATE, NULL));
	}
	case_sys(umount2("/sys", MNT_DETACH));
	case_ready();
	case_check(access("/sys/kernel", F_OK) < 0, "/sys is mounted again");
	mount_in("slave");
	case_check(!has("shared") && !has("peer") && has("slave"),
		   "the slave gives its mounts away");
	case_path(path, "slave/inner");
	case_sys(umount(path));
	mount_in("peer");
	case_check(has("shared"), "the peer does not give");
	case_check(has("slave"), "the slave does not receive");
	case_check(!has("private"), "the private one receives");
	case_pass();
}
