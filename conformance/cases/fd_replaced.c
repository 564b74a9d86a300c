// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a program whose file was replaced while it runs, as an upgrade
 * does it, goes on with the old one, and that the new one is left alone; the
 * same with a library-like mapping and the directory that it works in.
 */
#include <sys/mman.h>

#include "case.h"

static void copy(const char *from, const char *to, mode_t mode)
{
	int in = case_sys(open(from, O_RDONLY)), out;
	char buf[65536];
	ssize_t n;

	out = case_sys(open(to, O_WRONLY | O_CREAT | O_TRUNC, mode));
	while ((n = case_sys(read(in, buf, sizeof(buf)))) > 0)
		case_check(write(out, buf, (size_t)n) == n, "write %s", to);
	close(in);
	close(out);
}

static void put(const char *path, const char *text)
{
	int fd = case_sys(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755));

	case_sys(write(fd, text, strlen(text)));
	close(fd);
}

static void check_text(const char *path, const char *want)
{
	char text[32] = "";
	int fd = case_sys(open(path, O_RDONLY));

	case_check(read(fd, text, sizeof(text) - 1) == (ssize_t)strlen(want) && !strcmp(text, want),
		   "%s holds %s", path, text);
	close(fd);
}

int main(int argc, char **argv)
{
	char prog[512], lib[512], fresh[512], link[600], dir[512];
	struct stat st, st2;
	char *map;
	ssize_t n;
	int fd;

	case_begin(argc, argv);
	case_path(prog, "prog");
	case_path(lib, "lib");
	case_path(fresh, "fresh");
	case_path(dir, "dir");
	if (!getenv("CASE_COPY")) {
		copy("/proc/self/exe", prog, 0755);
		setenv("CASE_COPY", "1", 1);
		execl(prog, prog, argv[1], NULL);
		case_fail("execl: %s", strerror(errno));
	}
	put(lib, "old library");
	fd = case_sys(open(lib, O_RDONLY));
	map = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	case_check(map != MAP_FAILED, "mmap");
	close(fd);
	put(fresh, "new library");
	case_sys(rename(fresh, lib));
	put(fresh, "new program");
	case_sys(rename(fresh, prog));
	case_sys(mkdir(dir, 0700));
	case_sys(chdir(dir));
	case_sys(rmdir(dir));
	case_sys(mkdir(dir, 0711));
	case_ready();

	check_text(prog, "new program");
	check_text(lib, "new library");
	case_check(!strcmp(map, "old library"), "the mapping is %s", map);
	n = readlink("/proc/self/exe", link, sizeof(link) - 1);
	case_check(n > 10, "readlink");
	link[n] = 0;
	case_check(!strncmp(link, prog, strlen(prog)) && !strcmp(link + n - 10, " (deleted)"),
		   "the program is %s", link);
	case_check(!stat("/proc/self/exe", &st) && !st.st_nlink && (st.st_mode & 0777) == 0755,
		   "the program's file");
	case_check(!stat(".", &st) && !stat(dir, &st2) && st.st_ino != st2.st_ino && !st.st_nlink,
		   "the working directory is the new one");
	case_check((st2.st_mode & 0777) == 0711, "the new directory's mode is %o", st2.st_mode);
	case_pass();
}
