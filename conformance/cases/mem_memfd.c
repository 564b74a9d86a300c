// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that mapped memfds come back: shared and private, by several tasks,
 * with the descriptor closed or open, written before a seal against writing,
 * read-only under one, huge and sparse.
 */
// flavours: plain ns
// kinds: mem-memfd_shared mem-memfd_private
#include <sys/mman.h>
#include <sys/wait.h>

#include "case.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif
#define TERA (1ll << 40)

static size_t page;

static char *map(int fd, size_t len, int prot, int flags, off_t at)
{
	return case_sys((char *)mmap(NULL, len, prot, flags, fd, at));
}

static void other_process(volatile char *shared, char *priv)
{
	priv[page] = 'c';
	case_child_ready("other");
	case_wait_go();
	for (int i = 0; shared[7] != 'p' && i < 2000; i++)
		case_sleep_ms(5);
	case_check(shared[7] == 'p', "the child does not see what its parent wrote");
	case_check(priv[page] == 'c' && !memcmp(priv, "private", 7), "the child's private pages");
	shared[8] = 'q';
	_exit(0);
}

int main(int argc, char **argv)
{
	char *shared, *again, *priv, *future, *ro, *huge, *part, link[256], path[96];
	int fd, ffd, sfd, hfd, st;
	pid_t child;
	ssize_t n;

	case_begin(argc, argv);
	page = (size_t)sysconf(_SC_PAGESIZE);
	fd = case_sys(memfd_create("closed", MFD_CLOEXEC));
	case_sys(ftruncate(fd, (off_t)(8 * page + 100)));
	shared = map(fd, 8 * page, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	again = map(fd, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, (off_t)(2 * page));
	priv = map(fd, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, (off_t)(4 * page));
	strcpy(shared + 2 * page, "two");
	strcpy(shared + 4 * page, "four");
	strcpy(shared + 6 * page, "six");
	memcpy(priv, "private", 7);
	close(fd);
	ffd = case_sys(memfd_create("future", MFD_ALLOW_SEALING));
	case_sys(ftruncate(ffd, (off_t)page));
	future = map(ffd, page, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	case_sys(fcntl(ffd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL | F_SEAL_SHRINK));
	strcpy(future, "future");
	sfd = case_sys(memfd_create("sealed", MFD_ALLOW_SEALING));
	case_sys(write(sfd, "sealed", 6));
	case_sys(fcntl(sfd, F_ADD_SEALS, F_SEAL_WRITE));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", sfd);
	ro = map(case_sys(open(path, O_RDONLY | O_CLOEXEC)), page, PROT_READ, MAP_SHARED, 0);
	hfd = case_sys(memfd_create("huge", 0));
	case_sys(ftruncate(hfd, TERA));
	huge = map(hfd, TERA, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	huge[TERA / 2 + 5] = 'm';
	part = map(hfd, page, PROT_READ, MAP_PRIVATE, TERA / 2);
	child = case_sys(fork());
	if (!child)
		other_process(shared, priv);
	case_wait_child("other");
	case_ready();

	case_check(!strcmp(shared + 2 * page, "two") && !strcmp(again, "two") &&
			   !strcmp(shared + 6 * page, "six") && !strcmp(priv + 2 * page, "six"),
		   "content");
	case_check(!memcmp(priv, "private", 7) && !strcmp(shared + 4 * page, "four"),
		   "private pages");
	strcpy(again, "TWO");
	case_check(!strcmp(shared + 2 * page, "TWO"), "two mappings are of two files");
	strcpy(shared + 7 * page, "seven");
	case_check(!strcmp(priv + 3 * page, "seven"), "the private one is of another file");
	case_check(!priv[page], "the child's private page is here");
	shared[7] = 'p';
	for (int i = 0; shared[8] != 'q' && i < 2000; i++)
		case_sleep_ms(5);
	case_check(shared[8] == 'q', "the child's memory is another");
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (long)shared,
		 (long)shared + 8 * (long)page);
	n = case_sys(readlink(path, link, sizeof(link) - 1));
	link[n] = 0;
	case_check(!strcmp(link, "/memfd:closed (deleted)"), "its name is %s", link);
	fd = case_sys(open(path, O_RDWR));
	case_check(lseek(fd, 0, SEEK_END) == (off_t)(8 * page + 100), "its size is %ld",
		   (long)lseek(fd, 0, SEEK_END));
	case_check(!strcmp(future, "future"), "the memory of the future is %s", future);
	strcpy(future, "past");
	case_check(pread(ffd, link, 5, 0) == 5 && !strcmp(link, "past"), "it is another file");
	case_check(write(ffd, "x", 1) == -1 && errno == EPERM &&
			   mmap(NULL, page, PROT_WRITE, MAP_SHARED, ffd, 0) == MAP_FAILED,
		   "it can be written");
	case_check(!memcmp(ro, "sealed", 6) && mprotect(ro, page, PROT_READ | PROT_WRITE) &&
			   errno == EACCES,
		   "the sealed one can be made writable");
	case_check(fcntl(sfd, F_GET_SEALS) == F_SEAL_WRITE, "its seals");
	case_check(huge[TERA / 2 + 5] == 'm' && part[5] == 'm' && !huge[0], "huge");
	case_check(waitpid(child, &st, 0) == child && !st, "the child ended with %#x", st);
	case_pass();
}
