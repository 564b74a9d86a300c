// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves what else belongs to removed files: several names of one inode, each
 * shown by who opened it; extended attributes; times to the nanosecond; FIFOs,
 * symbolic links and sockets; a program and a directory above a root that were
 * removed; names that end like a removed file's, or hold a newline.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <sys/wait.h>

#include "case.h"

static void check_deleted(int fd, const char *name, mode_t type)
{
	char l[600], want[600], p[64];
	struct stat st;
	ssize_t n;

	snprintf(p, sizeof(p), "/proc/self/fd/%d", fd);
	n = readlink(p, l, sizeof(l) - 1);
	case_check(n > 0, "fd %d is not there", fd);
	l[n] = 0;
	snprintf(want, sizeof(want), "%s (deleted)", name);
	case_check(!strcmp(l, want), "fd %d is %s, was %s", fd, l, want);
	case_check(!fstat(fd, &st) && !st.st_nlink && (st.st_mode & S_IFMT) == type,
		   "%s: mode %o, %u links", name, st.st_mode, (unsigned)st.st_nlink);
}

int main(int argc, char **argv)
{
	struct timespec ts[2] = { { 1000000000, 123456789 }, { 1100000000, 987654321 } };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char one[512], two[512], fifo[512], sym[512], sock[512], odd[512], nl[512], root[512],
		c[16];
	int fd1, fd2, fd_fifo, fd_sym, fd_sock, fd_odd, fd_nl, s, st_child;
	struct stat st, st2;
	bool xattrs;
	pid_t child;

	case_begin(argc, argv);
	case_path(one, "one");
	case_path(two, "two");
	case_path(fifo, "fifo");
	case_path(sym, "sym");
	case_path(sock, "sock");
	case_path(odd, "odd (deleted)");
	case_path(nl, "new\nline");
	case_path(root, "root");
	fd1 = case_sys(open(one, O_RDWR | O_CREAT, 0640));
	case_sys(write(fd1, "content", 7));
	case_sys(link(one, two));
	fd2 = case_sys(open(two, O_RDONLY));
	xattrs = !fsetxattr(fd1, "user.stasis", "value", 5, 0);
	case_sys(futimens(fd1, ts));
	case_sys(unlink(one));
	case_sys(unlink(two));
	case_sys(mkfifo(fifo, 0610));
	fd_fifo = case_sys(open(fifo, O_RDWR | O_NONBLOCK));
	case_sys(write(fd_fifo, "queued", 6));
	case_sys(unlink(fifo));
	case_sys(symlink("where/to", sym));
	fd_sym = case_sys(open(sym, O_PATH | O_NOFOLLOW));
	case_sys(unlink(sym));
	s = case_sys(socket(AF_UNIX, SOCK_STREAM, 0));
	memcpy(sun.sun_path, sock, strlen(sock));
	case_sys(bind(s, (void *)&sun, sizeof(sun)));
	close(s);
	fd_sock = case_sys(open(sock, O_PATH));
	case_sys(unlink(sock));
	fd_odd = case_sys(open(odd, O_RDWR | O_CREAT, 0600));
	case_sys(write(fd_odd, "odd", 3));
	fd_nl = case_sys(open(nl, O_RDWR | O_CREAT, 0600));
	case_sys(unlink(nl));
	case_sys(mkdir(root, 0700));
	child = case_sys(fork());
	if (!child) {
		int go = case_sys(open(case_dir, O_PATH));

		case_sys(chdir(root));
		case_sys(rmdir(root));
		case_child_ready("child");
		case_sys(chroot("."));
		while (faccessat(go, "go", F_OK, 0))
			case_sleep_ms(5);
		case_check(!stat("/", &st) && !st.st_nlink, "the root is no removed directory");
		case_check(open("/x", O_CREAT | O_WRONLY, 0600) == -1 && errno == ENOENT,
			   "a file in the removed root");
		_exit(0);
	}
	case_wait_child("child");
	case_sleep_ms(20);
	case_ready();

	check_deleted(fd1, one, S_IFREG);
	check_deleted(fd2, two, S_IFREG);
	check_deleted(fd_fifo, fifo, S_IFIFO);
	check_deleted(fd_sym, sym, S_IFLNK);
	check_deleted(fd_sock, sock, S_IFSOCK);
	check_deleted(fd_nl, nl, S_IFREG);
	case_check(!fstat(fd1, &st) && !fstat(fd2, &st2) && st.st_ino == st2.st_ino, "two inodes");
	case_check(st.st_mtim.tv_sec == 1100000000 && st.st_mtim.tv_nsec == 987654321,
		   "the time is %lld.%09ld", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	case_check(st.st_atim.tv_nsec == 123456789, "the time of access is .%09ld",
		   st.st_atim.tv_nsec);
	case_check(!xattrs || (fgetxattr(fd2, "user.stasis", c, sizeof(c)) == 5 &&
			       !memcmp(c, "value", 5)),
		   "the extended attribute is gone");
	case_check(readlinkat(fd_sym, "", c, sizeof(c)) == 8 && !memcmp(c, "where/to", 8),
		   "the symbolic link leads elsewhere");
	case_check(read(fd_fifo, c, sizeof(c)) == 6 && !memcmp(c, "queued", 6), "the FIFO's data");
	case_check(pread(fd_odd, c, 9, 0) == 3 && !access(odd, F_OK), "the odd name");
	case_check(waitpid(child, &st_child, 0) == child && !st_child, "the child ended with %x",
		   st_child);
	case_pass();
}
