// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names of files. What /proc shows is relative to our root, or to the top of a
 * mount namespace that we are not in; that is how images name files too. The
 * name is tried: it must still lead to the same inode, or it is a deleted one,
 * or the file is refused.
 */
#define LOG_MODULE "fd"
#include <sched.h>
#include <stdio.h>

#include "base/log.h"
#include "base/nshelper.h"
#include "base/proc.h"
#include "fd/link.h"
#include "fd/procfs.h"
#include "model/options.h"

#define DELETED " (deleted)"

static int open_root(void *arg, void *ret, struct err *e)
{
	*(int *)ret = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *(int *)ret < 0 ? err_sys(e, "open", "the root of the tree's mount namespace") : 0;
}

/* A tree that lives below chroot(2) sees less than its namespace holds: then its own root will not do. */
int fd_name_root(struct fd_dump *d, struct err *e)
{
	char path[64], link[PATH_MAX];
	uint64_t theirs, ours;
	pid_t tid;
	int r;

	if (d->root_fd >= 0)
		return 0;
	tid = fd_task_tid(d->m->root);
	r = proc_readlink(tid, "root", link, sizeof(link), e);
	if (r < 0)
		return r;
	if (strcmp(link, "/")) {
		r = proc_ns_ino(tid, "mnt", &theirs, e);
		if (!r)
			r = proc_ns_ino(getpid(), "mnt", &ours, e);
		if (r)
			return r;
		if (theirs != ours)
			return ns_helper_call(tid, CLONE_NEWNS, open_root, NULL, &d->root_fd, e);
		return open_root(NULL, &d->root_fd, e);
	}
	snprintf(path, sizeof(path), "/proc/%d/root", tid);
	d->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (d->root_fd < 0)
		return err_sys(e, "open", "%s", path);
	return 0;
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
	err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", who, "%s", why);
	return err_hint(e, "let the program close or leave it, or make its name lead there again");
}

static int not_there(const struct fd_dump *d, const struct stat *st, const char *path,
		     const char *who, int found, struct err *e)
{
	if (found < 0)
		refuse(who, e, "its name cannot be reached in the tree's mount namespace");
	else
		refuse(who, e, "its name leads to another file: something was put over it");
	return err_hint(e, "was it opened outside the tree's mount namespace, or mounted over? "
			   "Start the program with that descriptor closed or redirected");
}

/* This name was removed, others were not. */
static int lives_on(struct fd_dump *d, const struct stat *st, const char *lost, const char *who,
		    struct fd_name *ret, struct err *e)
{
	const char *other = link_find_other(d, st, lost);

	if (other) {
		ret->path = other;
		ret->lost = lost;
		ret->deleted = false;
		return 0;
	}
	ret->linkable = true;
	if (d->m->opt->link_remap)
		return 0;
	refuse(who, e, "this name was removed, but the file lives on under another one");
	return err_hint(e, "use --link-remap, which makes a name for it until the restore, or put "
			   "the name back with ln");
}

int fd_name_find(struct fd_dump *d, const struct stat *st, const char *link, const char *who,
		 struct fd_name *ret, struct err *e)
{
	size_t len = strlen(link), tail = sizeof(DELETED) - 1;
	const char *path = link;
	int found;
	char *cut;

	if (*path != '/')
		return refuse(who, e, "its name cannot be told");
	found = leads_to(d, path, st);
	*ret = (struct fd_name){ .path = pool_strdup(d->m->pool, path) };
	if (found == 1)
		return 0;
	if (len <= tail || strcmp(link + len - tail, DELETED)) {
		/* The kernel does not always notice that a process is gone. */
		ret->deleted = found == -ENOENT && proc_name_is(d->root_fd, path);
		return ret->deleted ? 0 : not_there(d, st, path, who, found, e);
	}
	cut = pool_strdup(d->m->pool, path);
	cut[strlen(cut) - tail] = 0;
	ret->path = cut;
	/* Removed, then linked again under the same name. */
	if (leads_to(d, cut, st) == 1)
		return 0;
	ret->deleted = true;
	return st->st_nlink && !S_ISDIR(st->st_mode) ? lives_on(d, st, cut, who, ret, e) : 0;
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
