// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that mapped files come back: private mappings with the pages that
 * were written and, elsewhere, what the file holds; shared ones still write
 * into the file, also through a mapping that is read-only at the moment; at an
 * offset; and past the end of the file. /dev/zero mapped privately is memory.
 */
// kinds: mem-file_private mem-file_shared
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include "case.h"

#define PAGES 16
static size_t page;
static sigjmp_buf out;

static void bus(int sig)
{
	siglongjmp(out, 1);
}

static unsigned char *map(int fd, size_t pages, int prot, int flags, size_t at)
{
	return case_sys(mmap(NULL, pages * page, prot, flags, fd, (off_t)(at * page)));
}

int main(int argc, char **argv)
{
	unsigned char *priv, *shared, *readonly, *later, *beyond, *zero, b;
	char path[512];
	int fd, ro, dz;

	case_begin(argc, argv);
	page = (size_t)sysconf(_SC_PAGESIZE);
	case_path(path, "data");
	fd = case_sys(open(path, O_RDWR | O_CREAT | O_TRUNC, 0600));
	for (size_t i = 0; i < PAGES; i++)
		for (size_t k = 0; k < page; k++) {
			b = (unsigned char)(i + 1);
			case_sys(write(fd, &b, 1));
		}
	ro = case_sys(open(path, O_RDONLY));
	priv = map(fd, PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	memset(priv + 2 * page, 0xaa, page);
	memset(priv + 3 * page, 0, page); /* zeros that hide the file's content */
	case_sys(mprotect(priv + 2 * page, page, PROT_READ));
	shared = map(fd, 4, PROT_READ | PROT_WRITE, MAP_SHARED, 4);
	shared[1] = 0x55;
	later = map(fd, 1, PROT_READ, MAP_SHARED, 9);
	readonly = map(ro, PAGES, PROT_READ, MAP_SHARED, 0);
	beyond = map(fd, 8, PROT_READ | PROT_WRITE, MAP_PRIVATE, PAGES - 1);
	dz = case_sys(open("/dev/zero", O_RDWR));
	zero = map(dz, 2, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	zero[page] = 9;
	close(dz);
	close(fd);
	close(ro);
	case_ready();
	for (size_t i = 0; i < PAGES; i++) {
		b = i == 2 ? 0xaa : i == 3 ? 0 : (unsigned char)(i + 1);
		case_check(priv[i * page + 100] == b, "private page %zu holds %d", i,
			   priv[i * page + 100]);
		case_check(readonly[i * page + 100] == i + 1, "shared page %zu holds %d", i,
			   readonly[i * page + 100]);
	}
	case_check(shared[1] == 0x55 && readonly[4 * page + 1] == 0x55, "what was written is gone");
	shared[2] = 0x66;
	fd = case_sys(open(path, O_RDONLY));
	case_check(pread(fd, &b, 1, (off_t)(4 * page + 2)) == 1 && b == 0x66,
		   "a write into the shared mapping does not reach the file");
	case_check(!mprotect(later, page, PROT_READ | PROT_WRITE),
		   "a shared mapping of a file opened for writing cannot be made writable: %s",
		   strerror(errno));
	later[7] = 0x77;
	case_check(pread(fd, &b, 1, (off_t)(9 * page + 7)) == 1 && b == 0x77, "nor that one");
	case_check(mprotect(readonly, page, PROT_READ | PROT_WRITE) && errno == EACCES,
		   "a shared mapping of a file opened read-only can be made writable");
	case_check(zero[0] == 0 && zero[page] == 9, "memory of /dev/zero holds %d, %d", zero[0],
		   zero[page]);
	case_check(beyond[0] == PAGES, "the last page of the file holds %d", beyond[0]);
	signal(SIGBUS, bus);
	if (!sigsetjmp(out, 1))
		case_fail("past the end of the file there is %d instead of SIGBUS",
			  *(volatile unsigned char *)(beyond + 2 * page));
	case_pass();
}
