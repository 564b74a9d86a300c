// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a file that was removed while it is mapped comes back as such:
 * written and unwritten private pages, and a shared mapping that is still the
 * same file.
 */
// kinds: mem-file_private mem-file_shared
#include <sys/mman.h>

#include "case.h"

int main(int argc, char **argv)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char path[512], *priv, *shared;
	int fd;

	case_begin(argc, argv);
	case_path(path, "gone");
	fd = case_sys(open(path, O_RDWR | O_CREAT, 0600));
	case_sys(write(fd, "hello", 5));
	case_sys(ftruncate(fd, (off_t)(2 * page)));
	priv = case_sys(mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	shared = case_sys(mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	priv[page] = 'x';
	close(fd);
	case_sys(unlink(path));
	case_ready();
	case_check(!memcmp(priv, "hello", 5) && priv[page] == 'x', "the private mapping changed");
	case_check(!memcmp(shared, "hello", 5) && !shared[page], "the shared mapping changed");
	shared[1] = 'a';
	case_check(priv[1] == 'a', "the two are no longer of one file");
	case_check(access(path, F_OK) && errno == ENOENT, "the name is back");
	case_pass();
}
