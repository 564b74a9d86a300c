// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a program that was started from a memfd (fexecve) comes back, its
 * exe link and its text of the memfd.
 */
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "case.h"

static void become_memfd(char **argv)
{
	int self = case_sys(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	int fd = case_sys(memfd_create("program", MFD_CLOEXEC));
	char *env[] = { "FROM_MEMFD=1", NULL };
	struct stat st;

	case_sys(fstat(self, &st));
	case_check(sendfile(fd, self, NULL, (size_t)st.st_size) == st.st_size, "sendfile");
	fexecve(fd, argv, env);
	case_fail("fexecve: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	char link[256];
	struct stat st;
	ssize_t n;
	int fd;

	case_begin(argc, argv);
	if (!getenv("FROM_MEMFD"))
		become_memfd(argv);
	case_ready();
	n = case_sys(readlink("/proc/self/exe", link, sizeof(link) - 1));
	link[n] = 0;
	case_check(!strcmp(link, "/memfd:program (deleted)"), "the program is %s", link);
	case_check(!stat("/proc/self/exe", &st) && (st.st_mode & 0777) == 0777 && !st.st_nlink,
		   "its mode is %o", st.st_mode);
	fd = case_sys(open("/proc/self/exe", O_RDONLY));
	case_check(read(fd, link, 4) == 4 && !memcmp(link, "\177ELF", 4), "its content");
	case_check(open("/proc/self/exe", O_WRONLY) == -1 && errno == ETXTBSY,
		   "it can be written while it runs");
	case_pass();
}
