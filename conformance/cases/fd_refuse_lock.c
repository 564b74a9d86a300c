// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that without --file-locks a lock is refused by name and still held afterwards.
 */
// refuse: a file lock is held
#include <sys/file.h>

#include "case.h"

int main(int argc, char **argv)
{
	char path[512];
	int fd, other;

	case_begin(argc, argv);
	case_path(path, "locked");
	fd = case_sys(open(path, O_RDWR | O_CREAT, 0600));
	case_sys(flock(fd, LOCK_EX));
	case_ready();

	other = case_sys(open(path, O_RDONLY));
	case_check(flock(other, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK,
		   "the lock is gone");
	case_pass();
}
