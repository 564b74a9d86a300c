// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that /proc shows the same program: exe link, command line,
 * environment, auxiliary vector, mm fields of stat; also of a command line that
 * the program wrote over; and that dumpable and the THP flag are kept.
 */
#include <sys/prctl.h>

#include "case.h"

#define SIZE 65536
static const char *const files[] = { "cmdline", "environ", "auxv" };
#define FILES (sizeof(files) / sizeof(*files))
static char before[FILES][SIZE], now[SIZE];
static ssize_t len[FILES];

static ssize_t slurp(const char *name, char *buf)
{
	char path[64];
	ssize_t n, r = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/%s", name);
	fd = case_sys(open(path, O_RDONLY));
	while ((n = read(fd, buf + r, (size_t)(SIZE - r))) > 0)
		r += n;
	close(fd);
	return r;
}

static void mm_fields(char *buf)
{
	static const int fields[] = { 26, 27, 28, 45, 46, 47, 48, 49, 50, 51 };
	char text[SIZE], *p;
	size_t n = 0;

	text[slurp("stat", text)] = 0;
	p = strrchr(text, ')');
	for (int i = 2, k = 0; p && k < 10; i++, p = strchr(p + 1, ' '))
		if (i == fields[k]) {
			unsigned long v = strtoul(p, NULL, 10);

			n += (size_t)sprintf(buf + n, "%d=%lx ", i, v);
			k++;
		}
}

int main(int argc, char **argv)
{
	char exe[512] = "", exe2[512] = "", mm[400], mm2[400];

	case_begin(argc, argv);
	memcpy(argv[0], "xyz", 3);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	case_sys(readlink("/proc/self/exe", exe, sizeof(exe) - 1));
	for (size_t i = 0; i < FILES; i++)
		len[i] = slurp(files[i], before[i]);
	mm_fields(mm);
	case_ready();
	case_sys(readlink("/proc/self/exe", exe2, sizeof(exe2) - 1));
	case_check(!strcmp(exe, exe2), "the executable is %s, was %s", exe2, exe);
	for (size_t i = 0; i < FILES; i++)
		case_check(slurp(files[i], now) == len[i] &&
				   !memcmp(now, before[i], (size_t)len[i]),
			   "%s changed", files[i]);
	mm_fields(mm2);
	case_check(!strcmp(mm, mm2), "the layout is %s, was %s", mm2, mm);
	case_check(prctl(PR_GET_DUMPABLE) == 0, "dumpable is %d", prctl(PR_GET_DUMPABLE));
	case_check(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1, "the THP flag is gone");
	case_pass();
}
