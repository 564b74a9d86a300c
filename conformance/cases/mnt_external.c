// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves: mounts that options name are not rebuilt from what they were: a
 * directory and a file given from outside show what the restore names, mounts
 * left out are gone with all that was mounted on them, and the rest stands. In a
 * root filesystem of its own, with files of ours bound where nodes would be.
 */
// flavours: ns user
// modes: once three
// dump: --external mnt[/given]:dir --ext-mount-map /file:thefile --skip-mnt /skipped --external mnt[/none]:unused
// restore: --external mnt[dir]:/usr/share --ext-mount-map thefile:/etc/passwd --external mnt[unused]:/nowhere
// kinds: mnt
#include "mountinfo.h"
#include "rooted.h"

static void before(const char *root)
{
	char path[1024];

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", root, i ? "file" : "null");
		close(case_sys(open(path, O_CREAT | O_WRONLY, 0644)));
		case_sys(mount(i ? "/etc/group" : "/dev/null", path, NULL, MS_BIND, NULL));
	}
	rooted_bind(root, "/etc", "/given");
	rooted_path(root, "/skipped");
	snprintf(path, sizeof(path), "%s/skipped", root);
	case_sys(mount("skipped", path, "tmpfs", 0, NULL));
	rooted_path(root, "/skipped/below");
	snprintf(path, sizeof(path), "%s/skipped/below", root);
	case_sys(mount("below", path, "tmpfs", 0, NULL));
}

static bool has(const char *path, const char *text)
{
	char buf[4096] = "";
	int fd = case_sys(open(path, O_RDONLY));

	case_check(read(fd, buf, sizeof(buf) - 1) > 0, "%s is empty", path);
	close(fd);
	return strstr(buf, text);
}

int main(int argc, char **argv)
{
	int fd, held;

	if (!rooted(argc, argv, before))
		return 1;
	fd = case_sys(open("/null", O_RDWR));
	for (int i = 0; i < 3; i++)
		case_sys(dup2(fd, i));
	close(fd);
	held = case_sys(open("/null", O_RDWR));
	case_sys(mkdir("/tmpfs", 0755));
	case_sys(mount("mine", "/tmpfs", "tmpfs", 0, NULL));
	close(case_sys(open("/tmpfs/kept", O_CREAT | O_WRONLY, 0644)));
	mi_picture(mi_before, sizeof(mi_before));
	case_ready();
	mi_picture(mi_after, sizeof(mi_after));
	case_check(!access("/tmpfs/kept", F_OK), "the tmpfs is empty");
	case_check(write(held, "x", 1) == 1, "/null cannot be written");
	if (!strcmp(mi_before, mi_after))
		case_pass(); /* no checkpoint */
	case_check(!strstr(mi_after, "skipped"), "a mount that was to be left out is here");
	case_check(!access("/given/man", F_OK) && access("/given/passwd", F_OK),
		   "/given shows another directory");
	case_check(has("/file", "root:x:0:0:"), "/file shows another file");
	case_pass();
}
