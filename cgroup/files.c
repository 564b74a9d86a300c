/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control files of one cgroup: state, freezing, members. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "cgroup/cgroup-internal.h"

static int file_read(const char *dir, const char *name, char *buf, size_t size, struct err *e)
{
	char path[PATH_MAX + 64];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	n = read_text_at(AT_FDCWD, path, buf, size);
	if (n >= 0)
		return 0;
	errno = -n;
	return err_sys(e, "read", "%s", path);
}

static int file_write(const char *dir, const char *name, const char *text, struct err *e)
{
	char path[PATH_MAX + 64];
	int r;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	r = write_text_at(AT_FDCWD, path, text);
	if (!r)
		return 0;
	errno = -r;
	return err_sys(e, "write", "%s = %s", path, text);
}

int cgroup_freeze_state(const char *dir, bool v2, enum freeze_state *ret, bool *self, struct err *e)
{
	char buf[256];
	int r;

	if (v2) {
		r = file_read(dir, "cgroup.events", buf, sizeof(buf), e);
		if (r)
			return r;
		*ret = strstr(buf, "frozen 1") ? FROZEN : THAWED;
		if (self) {
			r = file_read(dir, "cgroup.freeze", buf, sizeof(buf), e);
			*self = buf[0] == '1';
		}
		return r;
	}
	r = file_read(dir, "freezer.state", buf, sizeof(buf), e);
	if (r)
		return r;
	*ret = !strncmp(buf, "FROZEN", 6) ? FROZEN : !strncmp(buf, "FREEZING", 8) ? FREEZING : THAWED;
	if (self) {
		r = file_read(dir, "freezer.self_freezing", buf, sizeof(buf), e);
		*self = buf[0] == '1';
	}
	return r;
}

int cgroup_freeze_write(const char *dir, bool v2, bool frozen, struct err *e)
{
	if (v2)
		return file_write(dir, "cgroup.freeze", frozen ? "1" : "0", e);
	return file_write(dir, "freezer.state", frozen ? "FROZEN" : "THAWED", e);
}

static int pids_add(const char *dir, pid_t **v, size_t *n, struct err *e)
{
	char path[PATH_MAX + 64];
	_cleanup_free_ char *text = NULL;
	ssize_t len;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	len = read_text_alloc(AT_FDCWD, path, &text);
	if (len < 0) {
		errno = -len;
		return err_sys(e, "read", "%s", path);
	}
	for (char *p = text; *p; p++) {
		pid_t pid = strtol(p, &p, 10);

		*v = realloc(*v, (*n + 1) * sizeof(**v));
		if (!*v)
			abort();
		/* 0: a process of a pid namespace that we cannot see. */
		if (pid > 0)
			(*v)[(*n)++] = pid;
		if (!*p)
			break;
	}
	return 0;
}

int cgroup_pids(const char *dir, bool deep, pid_t **v, size_t *n, struct err *e)
{
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *de;
	int r = pids_add(dir, v, n, e);

	if (r || !deep)
		return r;
	d = opendir(dir);
	if (!d)
		return err_sys(e, "open", "%s", dir);
	while ((de = readdir(d))) {
		char sub[PATH_MAX];

		if (de->d_type != DT_DIR || de->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(sub, sizeof(sub), "%s/%s", dir, de->d_name) >= sizeof(sub))
			continue;
		r = cgroup_pids(sub, true, v, n, e);
		if (r == -ENOENT) {
			/* Removed between the two looks: nobody was in it. */
			err_clear(e);
			continue;
		}
		if (r)
			return r;
	}
	return 0;
}

int cgroup_move(const char *dir, pid_t pid, struct err *e)
{
	char text[16];
	int r;

	snprintf(text, sizeof(text), "%d", pid);
	r = file_write(dir, "cgroup.procs", text, e);
	if (r == -EOPNOTSUPP)
		return err_hint(e, "the cgroup is threaded; freeze it in place with --freeze-cgroup");
	return r;
}

int cgroup_move_all(const char *from, const char *to, struct err *e)
{
	/* Each round takes what was there; what was born meanwhile comes next. A fork bomb must not hold us for ever. */
	enum { ROUNDS = 1000 };

	for (int i = 0; i < ROUNDS; i++) {
		_cleanup_free_ pid_t *v = NULL;
		size_t n = 0;
		int r = cgroup_pids(from, false, &v, &n, e);

		if (r)
			return r;
		if (!n)
			return 0;
		for (size_t k = 0; k < n; k++) {
			r = cgroup_move(to, v[k], e);
			if (r && r != -ESRCH)
				return r;
			err_clear(e);
		}
	}
	return err_set(e, ERR_SYSTEM, EAGAIN, "empty the cgroup", from,
		       "processes are born faster than they can be moved");
}
