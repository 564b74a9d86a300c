// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a flock whose descriptor is closed, while a mapping keeps it, is
 * refused by name, and still held afterwards.
 */
// refuse: one is held without a descriptor
// dump: --file-locks
#include <sys/file.h>
#include <sys/mman.h>

#include "case.h"

int main(int argc, char **argv)
{
	char path[512];
	int fd, other;

	case_begin(argc, argv);
	case_path(path, "locked");
	fd = case_sys(open(path, O_RDWR | O_CREAT, 0600));
	case_sys(ftruncate(fd, 4096));
	case_sys(flock(fd, LOCK_EX));
	case_check(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED, "mmap");
	close(fd);
	case_ready();

	other = case_sys(open(path, O_RDONLY));
	case_check(flock(other, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK,
		   "the lock is gone");
	case_pass();
}
