// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that memfds come back: name, size, holes, owner, mode, times and seals;
 * descriptions with their modes, positions and flags, shared by dup and fork;
 * others opened through /proc; one file behind all of them.
 */
// kinds: memfd
#include <sys/mman.h>
#include <sys/wait.h>

#include "case.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#define BIG (3ll << 40)

static char before[16][4096];

/* fdinfo but for what is the kernel's to choose. */
static void info(int fd, char *buf)
{
	char path[64], text[4096], *p;
	int f;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = case_sys(open(path, O_RDONLY));
	n = case_sys(read(f, text, sizeof(text) - 1));
	close(f);
	text[n] = 0;
	p = strstr(text, "mnt_id");
	if (p)
		*p = 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = case_sys(readlink(path, buf, 1024));
	snprintf(buf + n, 4096 - n, " cloexec %d seals %x %s", fcntl(fd, F_GETFD),
		 fcntl(fd, F_GET_SEALS), text);
}

static int reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return case_sys(open(path, flags));
}

static void other_process(int fd)
{
	case_child_ready("other");
	case_wait_go();
	case_wait_for("moved");
	case_check(lseek(fd, 0, SEEK_CUR) == 77, "the child's position is %ld",
		   (long)lseek(fd, 0, SEEK_CUR));
	_exit(0);
}

int main(int argc, char **argv)
{
	struct timespec ts[2] = { { 1000000000, 11 }, { 1100000000, 22 } };
	int a, ro, wo, path, dup2nd, sealed, noexec, plain, big, odd, fds[16], n = 0, st;
	char name[250], c[8192] = "", was[4096];
	struct stat s, s2;
	pid_t child;

	case_begin(argc, argv);
	a = case_sys(memfd_create("case one (deleted)", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	case_sys(write(a, "content", 7));
	case_sys(lseek(a, 3, SEEK_SET));
	ro = reopen(a, O_RDONLY);
	case_sys(lseek(ro, 5, SEEK_SET));
	wo = reopen(a, O_WRONLY | O_APPEND | O_CLOEXEC);
	path = reopen(a, O_PATH);
	dup2nd = case_sys(dup(ro));
	sealed = case_sys(memfd_create("", MFD_ALLOW_SEALING));
	case_sys(write(sealed, "sealed", 6));
	case_sys(fcntl(sealed, F_ADD_SEALS,
		       F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL));
	memset(name, 'n', 249);
	name[249] = 0;
	plain = case_sys(memfd_create(name, 0));
	case_sys(fchown(plain, 1234, 4321));
	case_sys(fchmod(plain, 0640));
	case_sys(futimens(plain, ts));
	noexec = memfd_create("noexec", MFD_NOEXEC_SEAL | MFD_CLOEXEC);
	big = case_sys(memfd_create("big", 0));
	case_sys(ftruncate(big, BIG));
	case_sys(pwrite(big, "begin", 5, 0));
	case_sys(pwrite(big, "far", 3, BIG - 5000));
	odd = case_sys(memfd_create("odd", 0));
	case_sys(fcntl(odd, F_SETFL, O_APPEND | O_NONBLOCK));
	memset(c, 'x', sizeof(c));
	case_sys(write(odd, c, 5001));
	fds[n++] = a, fds[n++] = ro, fds[n++] = wo, fds[n++] = path, fds[n++] = dup2nd;
	fds[n++] = sealed, fds[n++] = plain, fds[n++] = big, fds[n++] = odd;
	if (noexec >= 0)
		fds[n++] = noexec;
	for (int i = 0; i < n; i++)
		info(fds[i], before[i]);
	child = case_sys(fork());
	if (!child)
		other_process(ro);
	case_wait_child("other");
	case_ready();

	for (int i = 0; i < n; i++) {
		info(fds[i], was);
		case_check(!strcmp(was, before[i]), "fd %d: %s, was %s", fds[i], was, before[i]);
	}
	case_check(pread(a, c, 8, 0) == 7 && !memcmp(c, "content", 7), "content");
	case_check(lseek(ro, 77, SEEK_SET) == 77 && lseek(dup2nd, 0, SEEK_CUR) == 77 &&
			   lseek(a, 0, SEEK_CUR) == 3,
		   "who shares a position");
	case_touch("moved");
	case_check(!fstat(a, &s) && !fstat(ro, &s2) && s.st_ino == s2.st_ino && !s.st_nlink,
		   "two descriptors are of two files");
	case_check(write(wo, "more", 4) == 4 && pread(ro, c, 8, 7) == 4 && !memcmp(c, "more", 4),
		   "appending");
	case_check(write(ro, "x", 1) == -1 && errno == EBADF, "the read-only one writes");
	case_check(!fcntl(a, F_ADD_SEALS, F_SEAL_SHRINK), "no more seals: %s", strerror(errno));
	case_check(write(sealed, "x", 1) == -1 && errno == EPERM, "the sealed one writes");
	case_check(pread(sealed, c, 8, 0) == 6 && !memcmp(c, "sealed", 6), "sealed content");
	case_check(!fstat(plain, &s) && s.st_uid == 1234 && s.st_gid == 4321 &&
			   (s.st_mode & 07777) == 0640 && s.st_size == 0,
		   "owner %d:%d mode %o", s.st_uid, s.st_gid, s.st_mode);
	case_check(s.st_mtim.tv_sec == 1100000000 && s.st_mtim.tv_nsec == 22 &&
			   s.st_atim.tv_sec == 1000000000,
		   "times");
	if (noexec >= 0)
		case_check(!fstat(noexec, &s) && (s.st_mode & 07777) == 0666, "noexec: mode %o",
			   s.st_mode);
	case_check(!fstat(big, &s) && s.st_size == BIG && s.st_blocks <= 32, "big: %lld, %lld",
		   (long long)s.st_size, (long long)s.st_blocks);
	case_check(pread(big, c, 5, 0) == 5 && !memcmp(c, "begin", 5) &&
			   pread(big, c, 4, BIG - 5000) == 4 && !memcmp(c, "far", 4),
		   "big: content");
	case_check(pread(odd, c, sizeof(c), 0) == 5001 && c[5000] == 'x', "odd: content");
	case_check(!ftruncate(odd, 8192) && pread(odd, c, 8192, 0) == 8192 && !c[5001],
		   "odd: tail");
	case_check(waitpid(child, &st, 0) == child && !st, "the child ended with %#x", st);
	case_pass();
}
