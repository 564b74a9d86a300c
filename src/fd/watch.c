// SPDX-License-Identifier: GPL-2.0-or-later
/* See watch.h. */
#include "fd/watch.h"

#include <stdio.h>
#include <sys/inotify.h>

#include "base/proc.h"
#include "model/options.h"

struct named {
	uint64_t ino;
	uint32_t dev;
	const char *path;
};

struct watch_dump {
	struct named *v; /* found earlier */
	size_t n;
	struct watch_mount *mounts;
	size_t n_mounts;
};

static int unhex(const char *s, unsigned char *buf, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned v;

		if (sscanf(s + 2 * i, "%2x", &v) != 1)
			return -EINVAL;
		buf[i] = (unsigned char)v;
	}
	return 0;
}

int watch_parse_line(const char *line, InotifyWdEntry *ret, struct watch_target *w)
{
	unsigned long long ino;
	unsigned wd, dev, mask, ignored, len, type;
	const char *handle;

	if (strncmp(line, "inotify wd:", 11))
		return 0;
	if (sscanf(line, "inotify wd:%x ino:%llx sdev:%x mask:%x ignored_mask:%x", &wd, &ino, &dev,
		   &mask, &ignored) != 5)
		return -EINVAL;
	memset(w, 0, sizeof(*w));
	w->ino = ret->i_ino = ino;
	w->dev = ret->s_dev = dev;
	ret->wd = wd;
	ret->mask = mask;
	ret->ignored_mask = ignored;
	handle = strstr(line, "fhandle-bytes:");
	if (!handle || handle > line + strcspn(line, "\n"))
		return 1;
	if (sscanf(handle, "fhandle-bytes:%x fhandle-type:%x", &len, &type) != 2 ||
	    len > sizeof(w->handle))
		return -EINVAL;
	handle = strstr(handle, "f_handle:");
	if (!handle || unhex(handle + 9, w->handle, len))
		return -EINVAL;
	w->handle_type = type;
	w->handle_len = len;
	return 1;
}

bool watch_is(const struct watch_target *w, int fd)
{
	_cleanup_close_ int mine = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[64], text[1024];
	struct watch_target t;
	InotifyWdEntry we;
	const char *line;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (mine < 0 || inotify_add_watch(mine, path, IN_DELETE_SELF) < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", mine);
	if (read_text_at(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return false;
	line = strstr(text, "inotify wd:");
	return line && watch_parse_line(line, &we, &t) == 1 && t.ino == w->ino && t.dev == w->dev &&
	       t.handle_type == w->handle_type && t.handle_len == w->handle_len &&
	       !memcmp(t.handle, w->handle, t.handle_len);
}

/* "\040" is a space (man 5 proc, mountinfo). */
static char *unescape(struct pool *pool, const char *s)
{
	char *buf = pool_strdup(pool, s), *to = buf;
	unsigned v;

	while (*s) {
		if (*s == '\\' && sscanf(s + 1, "%3o", &v) == 1) {
			*to++ = (char)v;
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = 0;
	return buf;
}

static int read_mounts(struct fd_dump *d, struct watch_dump *wd, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	char path[64], link[PATH_MAX];
	pid_t tid = fd_task_tid(d->m->root);
	int r = proc_readlink(tid, "root", link, sizeof(link), e);

	if (r < 0)
		return r;
	/* A tree below chroot(2) shows its own part only; then its names start at our root. */
	snprintf(path, sizeof(path), "/proc/%d/mountinfo", strcmp(link, "/") ? getpid() : tid);
	if (read_text_alloc(AT_FDCWD, path, &text) <= 0)
		return err_sys(e, "read", "%s", path);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned major, minor;
		struct watch_mount m;
		char at[PATH_MAX];

		if (sscanf(line, "%*d %*d %u:%u %*s %4095s", &major, &minor, at) != 3)
			continue;
		m = (struct watch_mount){ major << 20 | minor, unescape(d->m->pool, at) };
		pool_push(d->m->pool, wd->mounts, wd->n_mounts, m);
	}
	return 0;
}

static struct watch_dump *state(struct fd_dump *d)
{
	if (!d->watches)
		d->watches = pool_alloc(d->m->pool, sizeof(*d->watches));
	return d->watches;
}

/* The file that the handle means, seen through one mount of its filesystem. */
static int open_handle(struct fd_dump *d, const struct watch_mount *m, const struct watch_target *w)
{
	/* The handle's own descriptor must not be O_PATH; devices and sockets are not opened. */
	_cleanup_close_ int at =
		open_in_root(d->root_fd, m->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	struct {
		struct file_handle h;
		unsigned char bytes[WATCH_HANDLE_MAX];
	} fh = { .h = { .handle_bytes = w->handle_len, .handle_type = (int)w->handle_type } };

	if (at < 0)
		return at;
	memcpy(fh.h.f_handle, w->handle, w->handle_len);
	return open_by_handle_at(at, &fh.h, O_PATH | O_CLOEXEC);
}

/* 1: @fd has a name in the tree, or none any more; 0: look further. */
static int name_of(struct fd_dump *d, int fd, const struct watch_target *w, struct watch_found *ret)
{
	char self[40], link[FD_LINK_MAX];
	struct err ignored = { 0 };
	struct fd_name name;
	struct stat st;
	ssize_t n;
	int r;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	n = readlink(self, link, sizeof(link) - 1);
	if (n <= 0 || fstat(fd, &st))
		return 0;
	link[n] = 0;
	r = fd_name_find(d, &st, link, "a watched file", &name, &ignored);
	err_clear(&ignored);
	if (r)
		return 0;
	if (!name.deleted) {
		ret->path = name.path;
		return 1;
	}
	ret->deleted_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	ret->link = pool_strdup(d->m->pool, link);
	return ret->deleted_fd >= 0;
}

static int by_handle(struct fd_dump *d, const struct watch_target *w, struct watch_found *ret)
{
	const struct watch_dump *wd = d->watches;

	for (size_t i = 0; w->handle_len && i < wd->n_mounts; i++) {
		_cleanup_close_ int fd = -EBADF;

		if (wd->mounts[i].dev != w->dev)
			continue;
		fd = open_handle(d, &wd->mounts[i], w);
		if (fd >= 0 && name_of(d, fd, w, ret))
			return 1;
	}
	return 0;
}

static bool still(struct fd_dump *d, const struct watch_target *w, const char *path)
{
	_cleanup_close_ int fd = open_in_root(d->root_fd, path, O_PATH | O_NOFOLLOW, 0);

	return fd >= 0 && watch_is(w, fd);
}

static int known(struct fd_dump *d, const struct watch_target *w, struct watch_found *ret)
{
	const struct watch_dump *wd = d->watches;

	for (size_t i = 0; i < wd->n; i++) {
		if (wd->v[i].ino != w->ino || wd->v[i].dev != w->dev)
			continue;
		if (!still(d, w, wd->v[i].path))
			continue;
		ret->path = wd->v[i].path;
		return 1;
	}
	return 0;
}

static int by_scan(struct fd_dump *d, const struct watch_target *w, struct watch_found *ret)
{
	const struct options *o = d->m->opt;
	const struct watch_dump *wd = d->watches;

	for (size_t i = 0; i < o->n_irmap_scan_paths && !ret->path; i++)
		ret->path = watch_scan(d, o->irmap_scan_paths[i], w);
	for (size_t i = 0; i < wd->n_mounts && !ret->path; i++)
		if (wd->mounts[i].dev == w->dev)
			ret->path = watch_scan(d, wd->mounts[i].path, w);
	return ret->path != NULL;
}

int watch_find(struct fd_dump *d, const struct fd_look *l, const struct watch_target *w,
	       struct watch_found *ret, struct err *e)
{
	struct watch_dump *wd = state(d);
	struct named nm = { .ino = w->ino, .dev = w->dev };
	int r;

	*ret = (struct watch_found){ .deleted_fd = -EBADF };
	if (!wd->n_mounts) {
		r = read_mounts(d, wd, e);
		if (r)
			return r;
	}
	if (known(d, w, ret))
		return 0;
	if ((!d->m->opt->force_irmap && by_handle(d, w, ret)) || by_scan(d, w, ret)) {
		nm.path = ret->path;
		if (ret->path)
			pool_push(d->m->pool, wd->v, wd->n, nm);
		return 0;
	}
	fd_refuse(l, e,
		  "it watches inode %llu of device %u:%u, which has no name in the tree's mounts",
		  (unsigned long long)w->ino, w->dev >> 20, w->dev & 0xfffff);
	return err_hint(e, "name a directory that it lies in with --irmap-scan-path");
}
