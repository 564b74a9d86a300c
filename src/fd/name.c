// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names of files. What /proc shows is relative to our root, or to the top of a
 * mount namespace that we are not in; the prefix of the tree's own root is cut
 * off. Then the name is tried: it must still lead to the same inode, or it is
 * a deleted one, or the file is refused.
 */
#define LOG_MODULE "fd"
#include <stdio.h>

#include "base/log.h"
#include "base/proc.h"
#include "fd/file_kind.h"

#define DELETED " (deleted)"

int fd_name_root(struct fd_dump *d, struct err *e)
{
	char path[64], link[PATH_MAX];
	pid_t tid;
	size_t n;
	int r;

	if (d->root_fd >= 0)
		return 0;
	tid = fd_task_tid(d->m->root);
	r = proc_readlink(tid, "root", link, sizeof(link), e);
	if (r < 0)
		return r;
	n = strlen(link);
	if (n && link[n - 1] == '/')
		link[n - 1] = 0;
	snprintf(path, sizeof(path), "/proc/%d/root", tid);
	d->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (d->root_fd < 0)
		return err_sys(e, "open", "%s", path);
	d->root_prefix = pool_strdup(d->m->pool, link);
	return 0;
}

/* @link without the root's prefix; NULL when it lies outside. */
static const char *inside(const struct fd_dump *d, const char *link)
{
	size_t n = strlen(d->root_prefix);

	if (link[0] != '/' || strncmp(link, d->root_prefix, n))
		return NULL;
	if (!link[n])
		return "/";
	return link[n] == '/' ? link + n : NULL;
}

/*
 * 1: @path leads to @st, 0: to something else, negative: to nothing. The
 * kernel's text has no symbolic links in it, so no step needs containing.
 */
static int leads_to(const struct fd_dump *d, const char *path, const struct stat *st)
{
	struct stat s;

	while (*path == '/')
		path++;
	if (fstatat(d->root_fd, *path ? path : ".", &s, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT))
		return -errno;
	return s.st_ino == st->st_ino && s.st_dev == st->st_dev;
}

static int refuse(const char *who, struct err *e, const char *why)
{
	return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", who, "%s", why);
}

static int not_there(const struct fd_dump *d, const struct stat *st, const char *path,
		     const char *who, int found, struct err *e)
{
	if (found < 0)
		refuse(who, e, "its name cannot be reached from the tree's root");
	else
		refuse(who, e, "its name leads to another file: something was put over it");
	return err_hint(e, "was it opened outside the tree's mount namespace, or mounted over? "
			   "Start the program with that descriptor closed or redirected");
}

int fd_name_find(struct fd_dump *d, const struct stat *st, const char *link, const char *who,
		 struct fd_name *ret, struct err *e)
{
	size_t len = strlen(link), tail = sizeof(DELETED) - 1;
	const char *path = inside(d, link);
	int found;
	char *cut;

	if (!path)
		return refuse(who, e, "its name lies outside the tree's root directory");
	found = leads_to(d, path, st);
	ret->deleted = false;
	ret->path = pool_strdup(d->m->pool, path);
	if (found == 1)
		return 0;
	if (len <= tail || strcmp(link + len - tail, DELETED))
		return not_there(d, st, path, who, found, e);
	cut = pool_strdup(d->m->pool, path);
	cut[strlen(cut) - tail] = 0;
	if (!*cut)
		cut = pool_strdup(d->m->pool, "/");
	ret->path = cut;
	/* Removed, then linked again under the same name. */
	if (leads_to(d, cut, st) == 1)
		return 0;
	ret->deleted = true;
	if (st->st_nlink && !S_ISDIR(st->st_mode)) {
		refuse(who, e, "this name was removed, but the file lives on under another one");
		return err_hint(e, "close the descriptor, or put the name back with ln");
	}
	return 0;
}

/*
 * The mount as the images number it. The descriptor's own mount may be of the
 * namespace that the program was started from, so the name is opened anew.
 */
int fd_name_mount(struct fd_dump *d, struct task *t, const char *path, int fallback_fd)
{
	_cleanup_close_ int fd = -EBADF;
	int id;

	if (!d->mount_id || !model_has_own_ns(d->m, NS_MNT))
		return -1;
	while (path && *path == '/')
		path++;
	if (path)
		fd = openat(d->root_fd, *path ? path : ".", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	id = d->mount_id(d->m, t, fd >= 0 ? fd : fallback_fd);
	log_debug("mount of %s: %d", path ? path : "?", id);
	return id;
}
