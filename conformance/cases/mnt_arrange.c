// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves: odd arrangements below a root of ours come back equal: several mounts
 * of one tmpfs (whole, directories, files, a node), hidden mounts with content,
 * two mounts on one directory, a mount on its own root, per-mount flags against
 * a read-only filesystem, names with blanks, newlines and backslashes, shared,
 * slave, slave-and-shared, unbindable ones in groups of different width.
 */
// flavours: ns user
// kinds: mnt
#include <sys/mount.h>

#include "mountinfo.h"

#define ODD "/mnt/odd\n \\name\tx"

static void file(const char *path, const char *text)
{
	int fd = case_sys(open(path, O_CREAT | O_WRONLY, 0640));

	case_check(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "cannot write %s", path);
	close(fd);
}

static void holds(const char *path, const char *text)
{
	char buf[64] = "";
	int fd = open(path, O_RDONLY);

	case_check(fd >= 0, "%s: %s", path, strerror(errno));
	case_check(read(fd, buf, sizeof(buf) - 1) >= 0 && !strcmp(buf, text), "%s holds \"%s\"",
		   path, buf);
	close(fd);
}

static void bind_to(const char *from, const char *to)
{
	case_sys(mount(from, to, NULL, MS_BIND, NULL));
}

static void change(const char *path, unsigned long flags)
{
	case_sys(mount(NULL, path, NULL, flags, NULL));
}

static void set_up(void)
{
	static const char *const dirs[] = { "/mnt/a",	      "/mnt/a/sub", "/mnt/a/sub/deep",
					    "/mnt/b",	      "/mnt/c",	    "/mnt/d",
					    "/mnt/e",	      "/mnt/f",	    "/mnt/two",
					    "/mnt/two/under", ODD,	    "/mnt/un",
					    "/mnt/ro",	      "/mnt/hid",   "/mnt/hid/in" };

	case_sys(mount("top", "/mnt", "tmpfs", 0, "mode=755"));
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		case_sys(mkdir(dirs[i], 0755));
	file("/mnt/a/sub/text", "of the first");
	file("/mnt/one", "");
	/* Of one filesystem the whole, a directory and a file. */
	bind_to("/mnt/a/sub", "/mnt/b");
	bind_to("/mnt/a/sub/text", "/mnt/one");
	change("/mnt/one", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC);
	bind_to("/mnt", "/mnt/c");
	change("/mnt/c", MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NOATIME | MS_NODIRATIME);
	/* Two on one directory, the lower with content and a mount in it. */
	case_sys(mount("lower", "/mnt/two", "tmpfs", 0, "size=1m"));
	file("/mnt/two/low", "hidden content");
	case_sys(mkdir("/mnt/two/under", 0700));
	case_sys(mount("hidden", "/mnt/two/under", "tmpfs", MS_NODEV, NULL));
	file("/mnt/two/under/x", "hidden deeper");
	case_sys(mount("upper", "/mnt/two", "tmpfs", MS_NOEXEC, "size=2m"));
	file("/mnt/two/up", "above");
	/* Under a later mount of a parent directory. */
	case_sys(mount("in", "/mnt/hid/in", "tmpfs", 0, NULL));
	file("/mnt/hid/in/y", "covered from above");
	case_sys(mount("over", "/mnt/hid", "tmpfs", 0, NULL));
	/* A name that has to be escaped, shown twice. */
	case_sys(mount("odd name", ODD, "tmpfs", 0, NULL));
	file(ODD "/z", "odd");
	/* A read-only filesystem shown by a mount that is not, and by one that is. */
	case_sys(mount("ro", "/mnt/ro", "tmpfs", 0, NULL));
	file("/mnt/ro/r", "read");
	case_sys(mkdir("/mnt/ro/d", 0755));
	case_sys(mount("ro", "/mnt/ro/d", "tmpfs", MS_RDONLY, NULL));
	change("/mnt/ro", MS_REMOUNT | MS_RDONLY);
	change("/mnt/ro", MS_REMOUNT | MS_BIND);
	/* A narrow member first, the whole as a slave of it. */
	bind_to("/mnt/a", "/mnt/d");
	change("/mnt/d", MS_SHARED);
	bind_to("/mnt/d/sub", "/mnt/e");
	bind_to("/mnt/d", "/mnt/f");
	change("/mnt/f", MS_SLAVE);
	change("/mnt/f", MS_SHARED);
	bind_to("/mnt/f/sub", "/mnt/a/sub/deep");
	change("/mnt/a/sub/deep", MS_SLAVE);
	bind_to("/mnt/un", "/mnt/un");
	change("/mnt/un", MS_UNBINDABLE);
	case_sys(mount("unb", "/mnt/un", "tmpfs", 0, NULL));
	file("/mnt/un/u", "unbindable");
	change("/mnt/un", MS_UNBINDABLE);
}

int main(int argc, char **argv)
{
	case_begin(argc, argv);
	set_up();
	mi_picture(mi_before, sizeof(mi_before));
	case_ready();
	mi_compare();
	holds("/mnt/b/text", "of the first");
	holds("/mnt/one", "of the first");
	holds("/mnt/c/a/sub/text", "of the first");
	holds("/mnt/two/up", "above");
	holds(ODD "/z", "odd");
	holds("/mnt/ro/r", "read");
	holds("/mnt/un/u", "unbindable");
	case_check(open("/mnt/ro/new", O_CREAT | O_WRONLY, 0600) < 0 && errno == EROFS,
		   "the read-only filesystem can be written");
	case_check(open("/mnt/one", O_WRONLY) < 0 && errno == EROFS, "the file can be written");
	file("/mnt/a/new", "seen by all");
	holds("/mnt/c/a/new", "seen by all");
	holds("/mnt/f/new", "seen by all");
	case_sys(umount("/mnt/two"));
	holds("/mnt/two/low", "hidden content");
	holds("/mnt/two/under/x", "hidden deeper");
	case_sys(umount("/mnt/hid"));
	holds("/mnt/hid/in/y", "covered from above");
	case_sys(mount("new", "/mnt/d/sub", "tmpfs", 0, NULL));
	file("/mnt/d/sub/m", "propagated");
	holds("/mnt/f/sub/m", "propagated");
	case_check(access("/mnt/a/sub/m", F_OK) < 0, "it reaches a private mount");
	case_pass();
}
