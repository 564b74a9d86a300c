/* SPDX-License-Identifier: MIT */
/*
 * Cgroups for cases: below CASE_V1 (freezer), CASE_V2 and, in the other v1
 * hierarchies, CASE_CG; named after the case's scratch directory there.
 */
#ifndef STASIS_CASE_CGROUP_H
#define STASIS_CASE_CGROUP_H

#include "case.h"

/* The case's own cgroup of a v1 hierarchy, with something behind it. */
__attribute__((unused)) static void cg_path(char buf[600], const char *ctl, const char *rest)
{
	const char *top = getenv("CASE_CG"), *name = strrchr(case_dir, '/');

	case_check(top && name, "CASE_CG is not set");
	snprintf(buf, 600, "/sys/fs/cgroup/%s/%s/c%s%s", ctl, top, name + 1, rest);
}

/* With all above it. */
__attribute__((unused)) static void cg_make(const char *path)
{
	char part[600];

	snprintf(part, sizeof(part), "%s", path);
	for (char *p = part + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = 0;
		mkdir(part, 0755);
	}
	case_check(!mkdir(part, 0755) || errno == EEXIST, "mkdir %s: %s", part, strerror(errno));
}

__attribute__((unused)) static void cg_write(const char *dir, const char *file, const char *text)
{
	char path[700];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	case_check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text),
		   "write \"%s\" to %s: %s", text, path, strerror(errno));
	close(fd);
}

__attribute__((unused)) static void cg_enter(const char *dir, const char *file, pid_t id)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", id);
	cg_write(dir, file, text);
}

/* A short value: at most 63 bytes. */
__attribute__((unused)) static void cg_read(const char *dir, const char *file, char *buf)
{
	char path[700];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = case_sys(open(path, O_RDONLY | O_CLOEXEC));
	n = case_sys(read(fd, buf, 63));
	buf[n] = 0;
	close(fd);
}

/* All hierarchies' paths of a thread of ours. */
__attribute__((unused)) static void cg_read_own(pid_t tid, char buf[4096])
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/cgroup", tid);
	fd = case_sys(open(path, O_RDONLY | O_CLOEXEC));
	n = case_sys(read(fd, buf, 4095));
	buf[n] = 0;
	close(fd);
}

#endif
