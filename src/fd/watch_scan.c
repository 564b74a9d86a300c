// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A name for an inode, by reading directories level by level: watches usually
 * lie near the top. For filesystems without usable file handles (overlay, proc,
 * sysfs), and handles whose name the kernel has forgotten.
 */
#include <dirent.h>
#include <stdio.h>

#include "fd/watch.h"
#include "model/build.h"

#define ENTRIES_MAX 2000000 /* looked at in one scan */

struct scan {
	struct fd_dump *d;
	const struct watch_target *w;
	struct pool *pool; /* of the scan alone */
	const char **dirs; /* to be read yet: a queue */
	size_t n, next, entries;
	dev_t dev;
};

static const char *join(struct pool *pool, const char *dir, const char *name)
{
	return pool_printf(pool, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", name);
}

/* Whether @name in @dir_fd is what we look for. */
static bool matches(const struct scan *s, int dir_fd, const char *name)
{
	_cleanup_close_ int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && st.st_ino == s->w->ino && watch_is(s->w, fd);
}

static const char *read_dir(struct scan *s, const char *path)
{
	int fd = open_in_root(s->d->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
			      0);
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *de;
	struct stat st;

	if (fd < 0)
		return NULL;
	/* Other filesystems mounted below are scanned from their own tops. */
	if (fstat(fd, &st) || st.st_dev != s->dev || !(dir = fdopendir(fd))) {
		close(fd);
		return NULL;
	}
	while ((de = readdir(dir)) && s->entries++ < ENTRIES_MAX) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (de->d_ino == s->w->ino && matches(s, dirfd(dir), de->d_name))
			return join(s->d->m->pool, path, de->d_name);
		if (de->d_type == DT_DIR || de->d_type == DT_UNKNOWN)
			pool_push(s->pool, s->dirs, s->n, join(s->pool, path, de->d_name));
	}
	return NULL;
}

const char *watch_scan(struct fd_dump *d, const char *top, const struct watch_target *w)
{
	_cleanup_close_ int fd = open_in_root(d->root_fd, top, O_PATH | O_CLOEXEC, 0);
	struct scan s = { .d = d, .w = w };
	const char *found = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return NULL;
	if (st.st_ino == w->ino && watch_is(w, fd))
		return pool_strdup(d->m->pool, top);
	s.pool = pool_new();
	s.dev = st.st_dev;
	pool_push(s.pool, s.dirs, s.n, top);
	while (!found && s.next < s.n && s.entries < ENTRIES_MAX)
		found = read_dir(&s, s.dirs[s.next++]);
	pool_free(s.pool);
	return found;
}
