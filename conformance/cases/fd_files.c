// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that regular files, directories and stateless devices come back with
 * position, flags and names; that descriptions shared by dup and fork are
 * shared again and others are not; that numbers, gaps, FD_CLOEXEC and signal
 * owners stay; that the dump moves no position.
 */
// kinds: reg chardev
#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "case.h"

static char path[512], dir[512], link_path[512];

static int at(const char *p, int flags, int number)
{
	int fd = case_sys(open(p, flags, 0640));

	if (fd == number)
		return fd;
	case_sys(dup3(fd, number, flags & O_CLOEXEC));
	close(fd);
	return number;
}

static void check_link(int fd, const char *want)
{
	char l[600], p[64];
	ssize_t n;

	snprintf(p, sizeof(p), "/proc/self/fd/%d", fd);
	n = readlink(p, l, sizeof(l) - 1);
	case_check(n > 0, "fd %d is not there", fd);
	l[n] = 0;
	case_check(!strcmp(l, want), "fd %d is %s, was %s", fd, l, want);
}

static void check_flags(int fd, int mask, int want, bool cloexec)
{
	int fl = fcntl(fd, F_GETFL), fdf = fcntl(fd, F_GETFD);

	case_check((fl & mask) == want, "fd %d: flags %o, want %o", fd, fl & mask, want);
	case_check((fdf == FD_CLOEXEC) == cloexec, "fd %d: descriptor flags %d", fd, fdf);
}

static bool child_of_files(int fd)
{
	/* Shared with the parent by fork: its position is ours. */
	return lseek(fd, 0, SEEK_CUR) == 70;
}

int main(int argc, char **argv)
{
	struct f_owner_ex own = { F_OWNER_PID, 0 };
	uint64_t hint = RWH_WRITE_LIFE_LONG;
	struct rlimit rl;
	char entries[4096];
	off_t dir_pos;
	bool kmsg;
	int high, st;
	pid_t child;
	char c[4];

	case_begin(argc, argv);
	case_path(path, "file");
	case_path(dir, "dir (deleted)");
	case_path(link_path, "link");
	case_sys(mkdir(dir, 0750));
	case_sys(symlink("file", link_path));
	at(path, O_RDWR | O_CREAT, 10);
	case_sys(write(10, "0123456789abcdefghijklmnopqrstuvwxyz", 36));
	case_sys(lseek(10, 7, SEEK_SET));
	at(path, O_RDONLY | O_CLOEXEC, 11); /* own position */
	case_sys(lseek(11, 4ll << 32, SEEK_SET));
	case_sys(dup2(10, 12)); /* shares with 10 */
	at(path, O_WRONLY | O_APPEND | O_NONBLOCK, 13);
	at(path, O_PATH, 14);
	at(dir, O_RDONLY | O_DIRECTORY, 15);
	for (int i = 0; i < 20; i++) {
		char sub[540];

		snprintf(sub, sizeof(sub), "%s/%d", dir, i);
		close(case_sys(open(sub, O_CREAT | O_WRONLY, 0600)));
	}
	case_check(syscall(SYS_getdents64, 15, entries, 100) > 0, "getdents64");
	dir_pos = case_sys(lseek(15, 0, SEEK_CUR));
	at(link_path, O_PATH | O_NOFOLLOW, 16);
	at("/dev/null", O_RDWR | O_CLOEXEC, 17);
	at("/dev/zero", O_RDONLY, 18);
	at("/dev/full", O_WRONLY, 19);
	at("/dev/urandom", O_RDONLY, 20);
	at("/dev/random", O_RDONLY, 21);
	at(path, O_RDWR | O_SYNC | O_NOATIME, 22);
	/* Not for who is root of a user namespace only. */
	kmsg = !access("/dev/kmsg", W_OK);
	if (kmsg)
		at("/dev/kmsg", O_WRONLY, 23);
	case_sys(lseek(22, 70, SEEK_SET)); /* beyond the end */
	own.pid = getpid();
	case_sys(fcntl(13, F_SETOWN_EX, &own));
	case_sys(fcntl(13, F_SETSIG, SIGUSR1));
	case_sys(fcntl(10, F_SET_RW_HINT, &hint));
	getrlimit(RLIMIT_NOFILE, &rl);
	high = rl.rlim_cur > 5000 ? 4999 : (int)rl.rlim_cur - 1;
	case_sys(dup3(10, high, O_CLOEXEC));
	child = case_sys(fork());
	if (!child) {
		case_child_ready("child");
		case_wait_go();
		case_wait_for("moved");
		case_check(child_of_files(22), "the child's position is %lld",
			   (long long)lseek(22, 0, SEEK_CUR));
		_exit(0);
	}
	case_wait_child("child");
	case_ready();

	check_link(10, path);
	check_link(15, dir);
	check_link(16, link_path);
	check_link(20, "/dev/urandom");
	if (kmsg) {
		check_link(23, "/dev/kmsg");
		check_flags(23, O_ACCMODE, O_WRONLY, false);
	}
	check_flags(10, O_ACCMODE | O_APPEND | O_NONBLOCK, O_RDWR, false);
	check_flags(11, O_ACCMODE, O_RDONLY, true);
	check_flags(13, O_ACCMODE | O_APPEND | O_NONBLOCK, O_WRONLY | O_APPEND | O_NONBLOCK, false);
	check_flags(14, O_PATH, O_PATH, false);
	check_flags(15, O_DIRECTORY, O_DIRECTORY, false);
	check_flags(16, O_PATH | O_NOFOLLOW, O_PATH | O_NOFOLLOW, false);
	check_flags(17, O_ACCMODE, O_RDWR, true);
	check_flags(22, O_SYNC | O_NOATIME, O_SYNC | O_NOATIME, false);
	check_flags(high, O_ACCMODE, O_RDWR, true);
	case_check(lseek(11, 0, SEEK_CUR) == 4ll << 32, "position of 11: %lld",
		   (long long)lseek(11, 0, SEEK_CUR));
	case_check(lseek(10, 0, SEEK_CUR) == 7, "position of 10: %lld",
		   (long long)lseek(10, 0, SEEK_CUR));
	case_check(read(12, c, 3) == 3 && !memcmp(c, "789", 3), "12 reads %.3s", c);
	case_check(lseek(10, 0, SEEK_CUR) == 10, "10 and 12 share no position");
	case_check(lseek(high, 0, SEEK_CUR) == 10, "10 and %d share no position", high);
	case_check(lseek(22, 0, SEEK_CUR) == 70, "position of 22");
	case_check(lseek(15, 0, SEEK_CUR) == dir_pos, "the directory's position: %lld, was %lld",
		   (long long)lseek(15, 0, SEEK_CUR), (long long)dir_pos);
	case_check(syscall(SYS_getdents64, 15, entries, sizeof(entries)) > 0, "the directory ends");
	case_touch("moved");
	case_check(write(13, "END", 3) == 3 && lseek(13, 0, SEEK_CUR) == 39,
		   "appending wrote at %lld", (long long)lseek(13, 0, SEEK_CUR));
	case_check(read(18, c, 4) == 4 && !c[0] && !c[3], "/dev/zero");
	case_check(write(19, "x", 1) == -1 && errno == ENOSPC, "/dev/full");
	case_check(read(20, c, 4) == 4 && read(21, c, 4) == 4, "/dev/urandom, /dev/random");
	case_check(fcntl(13, F_GETSIG) == SIGUSR1, "F_GETSIG %d", fcntl(13, F_GETSIG));
	hint = 0;
	case_check(!fcntl(10, F_GET_RW_HINT, &hint) && hint == RWH_WRITE_LIFE_LONG,
		   "F_GET_RW_HINT %d", (int)hint);
	memset(&own, 0, sizeof(own));
	case_check(!fcntl(13, F_GETOWN_EX, &own) && own.type == F_OWNER_PID && own.pid == getpid(),
		   "owner %d, type %d", own.pid, own.type);
	for (int fd = 3; fd < high; fd++)
		case_check((fd >= 10 && fd <= 22 + kmsg) ||
				   (fcntl(fd, F_GETFD) == -1 && errno == EBADF),
			   "there is a descriptor %d", fd);
	case_check(waitpid(child, &st, 0) == child && !st, "the child ended with status %x", st);
	case_pass();
}
