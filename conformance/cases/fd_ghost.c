// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that removed files come back with content, holes, times and names:
 * several openers of one inode, a name that belongs to another file by now, an
 * O_TMPFILE file that can still be linked, a removed directory, a file in a
 * removed directory, a mapping of a removed file.
 */
#include <sys/mman.h>

#include "case.h"

#define HOLE (6 << 20)

static void check_deleted(int fd, const char *name)
{
	char l[600], want[600], p[64];
	ssize_t n;
	struct stat st;

	snprintf(p, sizeof(p), "/proc/self/fd/%d", fd);
	n = readlink(p, l, sizeof(l) - 1);
	case_check(n > 0, "fd %d is not there", fd);
	l[n] = 0;
	snprintf(want, sizeof(want), "%s (deleted)", name);
	case_check(!strcmp(l, want), "fd %d is %s, was %s", fd, l, want);
	case_check(!fstat(fd, &st) && !st.st_nlink, "fd %d has a name", fd);
}

int main(int argc, char **argv)
{
	char a[512], b[512], dir[512], inner[512], c[16], p[64], named[512];
	int rd, wr, taken, tmp, dfd, in, fd;
	struct timespec ts[2] = { { 1000000000, 0 }, { 1100000000, 0 } };
	struct stat st, st2;
	char *map;

	case_begin(argc, argv);
	case_path(a, "gone");
	case_path(b, "taken");
	case_path(dir, "dir");
	case_path(inner, "dir/below");
	case_path(named, "named");
	rd = case_sys(open(a, O_RDWR | O_CREAT, 0604));
	case_sys(pwrite(rd, "begin", 5, 0));
	case_sys(pwrite(rd, "end", 3, HOLE));
	case_sys(ftruncate(rd, HOLE + 100000));
	case_sys(lseek(rd, 2, SEEK_SET));
	wr = case_sys(open(a, O_WRONLY | O_APPEND));
	case_sys(futimens(rd, ts));
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, rd, 0);
	case_check(map != MAP_FAILED, "mmap");
	case_sys(unlink(a));
	taken = case_sys(open(b, O_RDWR | O_CREAT, 0600));
	case_sys(write(taken, "old", 3));
	case_sys(unlink(b));
	fd = case_sys(open(b, O_WRONLY | O_CREAT, 0600));
	case_sys(write(fd, "newer", 5));
	close(fd);
	case_path(p, ".");
	tmp = case_sys(open(p, O_TMPFILE | O_RDWR, 0600));
	case_sys(write(tmp, "tmpfile", 7));
	case_sys(mkdir(dir, 0755));
	dfd = case_sys(open(dir, O_RDONLY | O_DIRECTORY));
	in = case_sys(open(inner, O_RDWR | O_CREAT, 0600));
	case_sys(write(in, "below", 5));
	case_sys(unlink(inner));
	case_sys(chdir(dir));
	case_sys(rmdir(dir));
	case_ready();

	check_deleted(rd, a);
	check_deleted(wr, a);
	check_deleted(dfd, dir);
	case_check(!stat(".", &st) && !fstat(dfd, &st2) && st.st_ino == st2.st_ino,
		   "the working directory is another one");
	check_deleted(in, inner);
	case_check(!fstat(rd, &st) && !fstat(wr, &st2) && st.st_ino == st2.st_ino, "two inodes");
	case_check(st.st_size == HOLE + 100000, "size %lld", (long long)st.st_size);
	case_check((st.st_mode & 07777) == 0604, "mode %o", st.st_mode);
	case_check(st.st_mtim.tv_sec == 1100000000, "time %lld", (long long)st.st_mtim.tv_sec);
	case_check(st.st_blocks * 512 < HOLE, "the hole is filled");
	case_check(lseek(rd, 0, SEEK_CUR) == 2, "position %lld", (long long)lseek(rd, 0, SEEK_CUR));
	case_check(read(rd, c, 3) == 3 && !memcmp(c, "gin", 3), "content %.3s", c);
	case_check(pread(rd, c, 3, HOLE) == 3 && !memcmp(c, "end", 3), "content behind the hole");
	case_check(write(wr, "more", 4) == 4 && pread(rd, c, 4, HOLE + 100000) == 4 &&
			   !memcmp(c, "more", 4),
		   "one file's writing is not the other's");
	memcpy(map, "BEGIN", 5);
	case_check(pread(rd, c, 5, 0) == 5 && !memcmp(c, "BEGIN", 5),
		   "the mapping is another file");
	case_check(pread(taken, c, 16, 0) == 3 && !memcmp(c, "old", 3),
		   "the removed file of a taken name");
	fd = open(b, O_RDONLY);
	case_check(fd >= 0 && read(fd, c, 16) == 5 && !memcmp(c, "newer", 5),
		   "the file of the taken name");
	case_check(pread(in, c, 16, 0) == 5 && !memcmp(c, "below", 5),
		   "the file in a removed directory");
	case_check(access(dir, F_OK) == -1 && errno == ENOENT, "the removed directory is back");
	case_check(pread(tmp, c, 16, 0) == 7 && !memcmp(c, "tmpfile", 7), "the O_TMPFILE file");
	snprintf(p, sizeof(p), "/proc/self/fd/%d", tmp);
	unlink(named);
	case_check(!linkat(AT_FDCWD, p, AT_FDCWD, named, AT_SYMLINK_FOLLOW), "linkat: %s",
		   strerror(errno));
	unlink(named);
	case_pass();
}
