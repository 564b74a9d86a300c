// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves: a /proc of the tree's own pid namespace, mounted over the copy of the
 * host's, shows that namespace again; a read-only bind into it stays read-only,
 * and the mounts of the tree are as many, in the same places, with the same flags.
 */
// flavours: ns user
// kinds: mnt proc
#include <sys/mount.h>
#include <sys/wait.h>

#include "case.h"

/* Places, roots, flags and types of all mounts; numbers that may change are left out. */
static size_t mounts(char *buf, size_t size)
{
	char line[4096], point[2048], root[2048], flags[256], *rest;
	FILE *f = fopen("/proc/self/mountinfo", "r");
	size_t sum = 0, n = 0;

	case_check(f, "cannot read mountinfo: %s", strerror(errno));
	*buf = 0;
	while (fgets(line, sizeof(line), f)) {
		char text[8192];

		rest = strstr(line, " - ");
		if (!rest ||
		    sscanf(line, "%*d %*d %*s %2047s %2047s %255s", root, point, flags) != 3)
			case_fail("mountinfo is not understood: %s", line);
		snprintf(text, sizeof(text), "%s %s %s%s", root, point, flags, rest);
		/* Order says nothing: add up. */
		for (char *p = text; *p; p++)
			sum += (size_t)(p - text + 1) * (unsigned char)*p;
		n++;
	}
	fclose(f);
	snprintf(buf, size, "%zu mounts, sum %zu", n, sum);
	return n;
}

int main(int argc, char **argv)
{
	char before[128], after[128], self[32] = "";
	FILE *f;
	int pid, fd;

	case_begin(argc, argv);
	case_sys(mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL));
	case_sys(
		mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL));
	mounts(before, sizeof(before));
	case_ready();
	case_sys(readlink("/proc/self", self, sizeof(self) - 1));
	case_check(atoi(self) == getpid(), "/proc/self is %s, we are %d", self, getpid());
	case_check(access("/proc/1/exe", F_OK) == 0, "/proc/1 is not ours: %s", strerror(errno));
	fd = open("/proc/sys/kernel/msgmax", O_WRONLY);
	case_check(fd < 0 && errno == EROFS, "/proc/sys can be written");
	pid = case_sys(fork());
	if (!pid)
		_exit(0);
	case_sys(waitpid(pid, NULL, 0));
	f = fopen("/proc/sys/kernel/random/boot_id", "r");
	case_check(f, "/proc/sys has lost its files: %s", strerror(errno));
	fclose(f);
	mounts(after, sizeof(after));
	case_check(!strcmp(before, after), "before: %s; now: %s", before, after);
	case_pass();
}
