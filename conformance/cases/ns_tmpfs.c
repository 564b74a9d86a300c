// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves: a tmpfs of the tree's own comes back with its size limit and all in
 * it: data, holes, hard links, symlinks, nodes, sockets, odd names, owners,
 * modes, times, extended attributes; also below what is mounted on it, and when
 * it is read-only. An open file in it stays open.
 */
// flavours: ns
// kinds: tmpfs devpts mqueue
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "case.h"

#define HOLE 200000000

static const struct timespec times[2] = { { 981173106, 123456789 }, { 1012345678, 987654321 } };

static void make_file(const char *path, const char *text)
{
	int fd = case_sys(open(path, O_CREAT | O_WRONLY, 0640));

	case_check(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "cannot write %s", path);
	close(fd);
}

static void check_file(const char *path, const char *text)
{
	char buf[256] = "";
	int fd = open(path, O_RDONLY);

	case_check(fd >= 0, "cannot open %s: %s", path, strerror(errno));
	case_check(read(fd, buf, sizeof(buf) - 1) >= 0 && !strcmp(buf, text), "%s holds \"%s\"",
		   path, buf);
	close(fd);
}

static void set_up(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX, .sun_path = "sub/stale" };
	int fd;

	case_sys(mount("scratch", "/mnt", "tmpfs", MS_NOSUID | MS_NODEV,
		       "size=8m,nr_inodes=1000,mode=751"));
	case_sys(chdir("/mnt"));
	case_sys(mkdir("sub", 02775));
	case_sys(chmod("sub", 02775));
	case_sys(mkdir("under", 0700));
	make_file("under/covered", "below a mount");
	make_file("sub/a", "content");
	case_sys(link("sub/a", "b"));
	case_sys(symlink("/etc/no such \303\244 file", "link"));
	case_sys(mknod("fifo", S_IFIFO | 0600, 0));
	case_sys(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
	make_file("odd\nname \377", "odd");
	case_sys(chown("sub/a", 1000, 1001));
	case_sys(lchown("link", 12, 34));
	case_sys(chmod("sub/a", 04711));
	case_sys(setxattr("sub/a", "trusted.case", "v\0w", 3, 0));
	fd = case_sys(open("holes", O_CREAT | O_RDWR, 0600));
	case_sys(pwrite(fd, "x", 1, HOLE));
	case_sys(ftruncate(fd, 2 * HOLE));
	close(fd);
	fd = case_sys(socket(AF_UNIX, SOCK_STREAM, 0));
	case_sys(bind(fd, (struct sockaddr *)&sa, sizeof(sa)));
	close(fd);
	case_sys(utimensat(AT_FDCWD, "sub/a", times, 0));
	case_sys(utimensat(AT_FDCWD, "sub", times, 0));
	case_sys(utimensat(AT_FDCWD, "link", times, AT_SYMLINK_NOFOLLOW));
	case_sys(mkdir("ro", 0755));
	case_sys(mkdir("pts", 0755));
	case_sys(mount("ro", "ro", "tmpfs", 0, "size=64k"));
	make_file("ro/file", "read-only");
	case_sys(mount(NULL, "ro", NULL, MS_REMOUNT | MS_RDONLY, "size=64k"));
	case_sys(mount("devpts", "pts", "devpts", MS_NOEXEC, "newinstance,ptmxmode=0666"));
	case_sys(mount("queues", "under", "mqueue", 0, NULL));
	case_sys(utimensat(AT_FDCWD, ".", times, 0));
}

static void check_meta(const char *path, mode_t mode, uid_t uid, gid_t gid, bool timed)
{
	struct stat st;

	case_check(!lstat(path, &st), "%s is gone: %s", path, strerror(errno));
	case_check(st.st_mode == mode, "%s has mode %o", path, st.st_mode);
	case_check(st.st_uid == uid && st.st_gid == gid, "%s has owner %d:%d", path, st.st_uid,
		   st.st_gid);
	case_check(!timed || (st.st_mtim.tv_sec == times[1].tv_sec &&
			      st.st_mtim.tv_nsec == times[1].tv_nsec),
		   "%s has time %ld.%09ld", path, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static void verify(void)
{
	struct statfs sf;
	struct stat a, b;
	char buf[64] = "", c;
	int fd;

	check_meta(".", S_IFDIR | 0751, 0, 0, true);
	check_meta("sub", S_IFDIR | 02775, 0, 0, true);
	check_meta("sub/a", S_IFREG | 04711, 1000, 1001, true);
	check_meta("link", S_IFLNK | 0777, 12, 34, true);
	check_meta("fifo", S_IFIFO | 0600, 0, 0, false);
	check_meta("sub/stale", S_IFSOCK | 0755, 0, 0, false);
	check_meta("null", S_IFCHR | 0644, 0, 0, false);
	case_sys(lstat("null", &a));
	case_check(a.st_rdev == makedev(1, 3), "the node is %u:%u", major(a.st_rdev),
		   minor(a.st_rdev));
	check_file("sub/a", "content");
	check_file("odd\nname \377", "odd");
	case_sys(stat("sub/a", &a));
	case_sys(stat("b", &b));
	case_check(a.st_ino == b.st_ino && a.st_nlink == 2, "the hard link is a copy");
	case_sys(readlink("link", buf, sizeof(buf) - 1));
	case_check(!strcmp(buf, "/etc/no such \303\244 file"), "the link names %s", buf);
	case_check(getxattr("sub/a", "trusted.case", buf, sizeof(buf)) == 3 &&
			   !memcmp(buf, "v\0w", 3),
		   "the extended attribute is lost");
	case_sys(stat("holes", &a));
	case_check(a.st_size == 2 * HOLE && a.st_blocks < 64, "holes: size %ld, %ld blocks",
		   (long)a.st_size, (long)a.st_blocks);
	fd = case_sys(open("holes", O_RDONLY));
	case_check(pread(fd, &c, 1, HOLE) == 1 && c == 'x', "the byte between the holes is lost");
	close(fd);
	case_sys(statfs(".", &sf));
	case_check((uint64_t)sf.f_blocks * (uint64_t)sf.f_bsize == 8 << 20 && sf.f_files == 1000,
		   "the limits are %lu blocks, %lu files", (unsigned long)sf.f_blocks,
		   (unsigned long)sf.f_files);
	case_check((sf.f_flags & (ST_NOSUID | ST_NODEV)) == (ST_NOSUID | ST_NODEV),
		   "the mount's flags are %lx", (unsigned long)sf.f_flags);
	check_file("ro/file", "read-only");
	case_check(open("ro/new", O_CREAT | O_WRONLY, 0600) < 0 && errno == EROFS,
		   "the read-only filesystem can be written");
	case_check(access("pts/ptmx", F_OK) == 0, "the devpts is not there");
	case_sys(umount("under"));
	check_file("under/covered", "below a mount");
	check_meta("under", S_IFDIR | 0700, 0, 0, false);
}

int main(int argc, char **argv)
{
	char buf[8] = "";
	int fd;

	umask(022);
	case_begin(argc, argv);
	set_up();
	fd = case_sys(open("sub/a", O_RDONLY));
	case_sys(lseek(fd, 3, SEEK_SET));
	case_sys(chdir("/"));
	case_ready();
	case_check(read(fd, buf, 4) == 4 && !strcmp(buf, "tent"), "the open file reads \"%s\"",
		   buf);
	case_sys(chdir("/mnt"));
	verify();
	case_pass();
}
