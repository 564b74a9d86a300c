// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves: a root that is an overlay mounted in the tree alone, of directories
 * that lie outside, is mounted again with its options; so is one below it.
 */
// flavours: ns
// kinds: mnt
#include <sys/mount.h>
#include <sys/stat.h>

#include "case.h"

static void overlay(const char *at, const char *name)
{
	static const char *const parts[] = { "low", "top", "up", "work" };
	char dirs[4][600], options[2600];

	for (int i = 0; i < 4; i++) {
		case_path(dirs[i], "%s-%s", name, parts[i]);
		case_sys(mkdir(dirs[i], 0755));
	}
	snprintf(options, sizeof(options), "lowerdir=%s:%s,upperdir=%s,workdir=%s", dirs[0],
		 dirs[1], dirs[2], dirs[3]);
	case_sys(mount("layers", at, "overlay", MS_NODEV, options));
}

#define ROOTED_MOUNT(root) overlay(root, "root")
#include "mountinfo.h"
#include "rooted.h"

static void before(const char *root)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/more", root);
	case_sys(mkdir(path, 0755));
	overlay(path, "more");
}

int main(int argc, char **argv)
{
	char buf[16] = "";
	int fd;

	if (!rooted(argc, argv, before))
		return 1;
	for (int i = 0; i < 3; i++)
		close(i);
	fd = case_sys(open("/more/written", O_CREAT | O_RDWR, 0640));
	case_sys(write(fd, "on top", 6));
	case_sys(mkdir("/made", 0755));
	mi_picture(mi_before, sizeof(mi_before));
	case_ready();
	mi_compare();
	case_check(pread(fd, buf, sizeof(buf), 0) == 6 && !strcmp(buf, "on top"), "it holds %s",
		   buf);
	case_check(!access("/made", F_OK), "the directory is gone");
	case_pass();
}
