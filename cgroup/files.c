// SPDX-License-Identifier: GPL-2.0-or-later
/* The control files of one cgroup, and who is in it and below. */
#include "cgroup/cgroup-internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"

#define FILE_PATH (CGROUP_PATH + 64)

int cgroup_file_read(const char *dir, const char *name, char *buf, size_t size, struct err *e)
{
	char path[FILE_PATH];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	n = read_text_at(AT_FDCWD, path, buf, size);
	if (n >= 0)
		return 0;
	errno = (int)-n;
	return err_sys(e, "read", "%s", path);
}

int cgroup_file_write(const char *dir, const char *name, const char *text, struct err *e)
{
	char path[FILE_PATH];
	int r;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	r = write_text_at(AT_FDCWD, path, text);
	if (!r)
		return 0;
	errno = -r;
	err_sys(e, "write", "%s", path);
	if (r == -EROFS || r == -EACCES || r == -EPERM)
		return err_hint(e, "the cgroup hierarchy must be mounted writable");
	return r;
}

int cgroup_freeze_write(const struct freezer_ops *ops, const char *dir, bool frozen, struct err *e)
{
	return cgroup_file_write(dir, ops->freeze_file,
				 frozen ? ops->frozen_text : ops->thawed_text, e);
}

int cgroup_self_frozen(const struct freezer_ops *ops, const char *dir, struct err *e)
{
	char path[FILE_PATH], buf[16];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, ops->self_file);
	n = read_text_at(AT_FDCWD, path, buf, sizeof(buf));
	if (n >= 0)
		return buf[0] == '1';
	if (n == -ENOENT)
		return -ENOENT;
	errno = (int)-n;
	return err_sys(e, "read", "%s", path);
}

void pid_list_add(struct pid_list *l, pid_t pid)
{
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->v = realloc(l->v, l->room * sizeof(*l->v));
		/* As the pool does: who survives undoes. */
		if (!l->v)
			abort();
	}
	l->v[l->n++] = pid;
}

static int pid_cmp(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

void pid_list_sort(struct pid_list *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), pid_cmp);
}

bool pid_list_has(const struct pid_list *l, pid_t pid)
{
	return l->n && bsearch(&pid, l->v, l->n, sizeof(*l->v), pid_cmp);
}

void pid_list_free(struct pid_list *l)
{
	free(l->v);
	*l = (struct pid_list){ 0 };
}

int cgroup_list(const char *dir, const char *file, struct pid_list *l, struct err *e)
{
	char path[FILE_PATH];
	_cleanup_free_ char *text = NULL;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	n = read_text_alloc(AT_FDCWD, path, &text);
	if (n == -ENOENT || n == -ENODEV)
		return 0;
	if (n < 0) {
		errno = (int)-n;
		return err_sys(e, "read", "%s", path);
	}
	for (char *p = text, *end; *p; p = end) {
		long pid = strtol(p, &end, 10);

		if (end == p)
			break;
		/* 0 is a task that our pid namespace does not see. */
		pid_list_add(l, (pid_t)pid);
		end += *end == '\n';
	}
	return 0;
}

int cgroup_members(const char *dir, struct pid_list *l,
		   int (*each)(void *ctx, const char *dir, struct err *e), void *ctx, struct err *e)
{
	_cleanup_closedir_ DIR *d = opendir(dir);
	struct dirent *de;
	int r;

	if (!d)
		return errno == ENOENT ? 0 : err_sys(e, "open", "%s", dir);
	r = cgroup_list(dir, "cgroup.procs", l, e);
	/* A threaded cgroup: its processes are listed where its domain is. */
	if (r == -EOPNOTSUPP) {
		err_clear(e);
		r = 0;
	}
	if (!r && each)
		r = each(ctx, dir, e);
	while (!r && (de = readdir(d))) {
		char sub[CGROUP_PATH];

		if (de->d_type != DT_DIR || !strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if ((size_t)snprintf(sub, sizeof(sub), "%s/%s", dir, de->d_name) >= sizeof(sub)) {
			errno = ENAMETOOLONG;
			return err_sys(e, "open", "%s/...", dir);
		}
		r = cgroup_members(sub, l, each, ctx, e);
	}
	return r;
}
