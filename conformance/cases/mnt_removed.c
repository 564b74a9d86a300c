// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves: mounts of a file and of a directory that were removed come back, with
 * content, owner, mode and times, and without a name; two mounts of one removed
 * file show the same; the directory they were in did not change.
 */
// flavours: ns user
// kinds: mnt
#include <sys/mount.h>

#include "mountinfo.h"

static void bind_to(const char *from, const char *to)
{
	case_sys(mount(from, to, NULL, MS_BIND, NULL));
}

static void touch(const char *path)
{
	close(case_sys(open(path, O_CREAT | O_WRONLY, 0644)));
}

static void portrait(struct stat st[4])
{
	case_sys(stat("/mnt/one", &st[0]));
	case_sys(stat("/mnt/two", &st[1]));
	case_sys(stat("/mnt/dir", &st[2]));
	case_sys(stat("/mnt/in", &st[3]));
}

int main(int argc, char **argv)
{
	static const struct timespec times[2] = { { 1000, 5 }, { 2000, 7 } };
	static const char *const points[] = { "/mnt/in/file (deleted)", "/mnt/in/gone" };
	struct stat before[4], after[4];
	char text[16] = "";
	int fd;

	case_begin(argc, argv);
	case_sys(mount("t", "/mnt", "tmpfs", 0, NULL));
	case_sys(mkdir("/mnt/in", 0755));
	case_sys(mkdir("/mnt/dir", 0755));
	case_sys(mkdir(points[1], 01750));
	touch("/mnt/one");
	touch("/mnt/two");
	fd = case_sys(open(points[0], O_CREAT | O_WRONLY, 0640));
	case_sys(write(fd, "still here", 10));
	close(fd);
	case_sys(chown(points[0], 0, 5));
	case_sys(chmod(points[0], 02751));
	bind_to(points[0], "/mnt/one");
	bind_to(points[0], "/mnt/two");
	case_sys(mount(NULL, "/mnt/two", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	bind_to(points[1], "/mnt/dir");
	case_sys(utimensat(AT_FDCWD, points[0], times, 0));
	case_sys(utimensat(AT_FDCWD, points[1], times, 0));
	case_sys(unlink(points[0]));
	case_sys(rmdir(points[1]));
	portrait(before);
	mi_picture(mi_before, sizeof(mi_before));
	case_check(strstr(mi_before, "//deleted"), "nothing was removed");
	case_ready();
	mi_compare();
	portrait(after);
	for (int i = 0; i < 4; i++) {
		const struct stat *a = &before[i], *b = &after[i];

		case_check(a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
				   a->st_gid == b->st_gid && a->st_nlink == b->st_nlink &&
				   a->st_size == b->st_size,
			   "%d: mode %o, owner %d:%d, %ld links", i, b->st_mode, b->st_uid,
			   b->st_gid, (long)b->st_nlink);
		case_check(!memcmp(&a->st_mtim, &b->st_mtim, sizeof(a->st_mtim)), "%d: time %ld", i,
			   (long)b->st_mtim.tv_sec);
	}
	case_check(after[0].st_ino == after[1].st_ino, "they are two files");
	fd = case_sys(open("/mnt/one", O_RDWR));
	case_check(read(fd, text, sizeof(text)) == 10 && !strcmp(text, "still here"), "it holds %s",
		   text);
	case_check(access(points[0], F_OK) < 0 && access(points[1], F_OK) < 0, "it has a name");
	case_check(open("/mnt/dir/x", O_CREAT | O_WRONLY, 0600) < 0 && errno == ENOENT,
		   "the removed directory takes a file");
	case_pass();
}
