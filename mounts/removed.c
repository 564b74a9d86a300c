/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mounts of files and directories that were removed. Such a mount can be moved,
 * but not attached, so the object gets its last name for as long as that takes.
 * Of filesystems of the tree's own only: in others that name is not ours to use.
 *
 * Runs in: the coordinator, and helpers inside the tree's namespaces.
 */
#include <fcntl.h>
#include <libgen.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/nshelper.h"
#include "model/ids.h"
#include "model/options.h"
#include "mounts/mounts-internal.h"

static int refuse(const struct mnt *mnt, const char *why, struct err *e)
{
	char obj[320];

	snprintf(obj, sizeof(obj), "mount %s (%s)", mnt->point, mnt->fsname);
	err_set(e, ERR_UNSUPPORTED, ENOTSUP, "checkpoint", obj,
		"the directory or file that it shows was removed, and %s", why);
	return err_hint(e, "unmount it, or name it with --external 'mnt[%s]:KEY'", mnt->point);
}

bool mnt_removed_again(const struct mnt_tree *t, const struct mnt *mnt)
{
	for (size_t i = 0; t->v[i] != mnt; i++) {
		const struct mnt *o = t->v[i];

		if (o->removed && mnt_same_sb(o, mnt) && o->removed->ino == mnt->removed->ino)
			return true;
	}
	return false;
}

/* Two that had one name, one after the other, cannot both get it again. */
static bool name_clashes(const struct mnt_tree *t, const struct mnt *mnt)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct mnt *o = t->v[i];

		if (o != mnt && o->removed && mnt_same_sb(o, mnt) && !strcmp(o->root, mnt->root) &&
		    o->removed->ino != mnt->removed->ino)
			return true;
	}
	return false;
}

struct look {
	const struct mnt *mnt;
	const char *name;   /* its last name in the tree's paths, NULL when not to be seen */
	const char *parent; /* and the directory */
	bool name_taken, no_parent;
	int fd;
	struct stat st;
};

static int look_inside(void *arg, void *ret, struct err *e)
{
	struct look *l = arg;
	_cleanup_close_ int fd = open(l->mnt->point, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &l->st))
		return err_sys(e, "open", "mount %s", l->mnt->point);
	if (l->name) {
		l->name_taken = !lstat(l->name, &st);
		l->no_parent = stat(l->parent, &st);
	}
	if (!S_ISREG(l->st.st_mode) && !S_ISDIR(l->st.st_mode))
		return 0;
	l->fd = open(l->mnt->point, O_RDONLY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC);
	return l->fd < 0 ? err_sys(e, "open", "mount %s", l->mnt->point) : 0;
}

/* Where its name would be, if the tree shows the filesystem whole. */
static void find_name(struct model *m, const struct mnt_tree *t, struct look *l)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct mnt *w = t->v[i];

		if (!mnt_same_sb(w, l->mnt) || strcmp(w->root, "/") || !mnt_is_visible(t, w))
			continue;
		l->name = pool_printf(m->pool, "%s%s", strcmp(w->point, "/") ? w->point : "",
				      l->mnt->root);
		l->parent = dirname(pool_strdup(m->pool, l->name));
		return;
	}
}

static int content_read(struct model *m, struct mnt *mnt, const struct look *l, struct err *e)
{
	RemovedRoot *r = mnt->removed;
	int x;

	if ((uint64_t)l->st.st_size > m->opt->ghost_limit)
		return refuse(mnt, "it is larger than --ghost-limit allows", e);
	r->has_content = true;
	r->content.len = (size_t)l->st.st_size;
	r->content.data = pool_alloc(m->pool, r->content.len + 1);
	x = pread_all(l->fd, r->content.data, r->content.len, 0);
	if (!x)
		return 0;
	errno = -x;
	return err_sys(e, "read", "mount %s", mnt->point);
}

static int take(struct model *m, const struct mnt_tree *t, struct mnt *mnt, const struct look *l,
		struct err *e)
{
	RemovedRoot *r = pool_msg(m->pool, RemovedRoot, removed_root__init);

	if (l->fd < 0)
		return refuse(mnt, "is neither a regular file nor a directory", e);
	if (l->st.st_nlink && !S_ISDIR(l->st.st_mode))
		return refuse(mnt, "lives on under another name", e);
	if (l->name_taken)
		return refuse(mnt, "something else has its name now", e);
	if (l->no_parent)
		return refuse(mnt, "so was the directory that it was in", e);
	if (flistxattr(l->fd, NULL, 0) > 0)
		return refuse(mnt, "it has extended attributes", e);
	if (!model_uid_in(m, l->st.st_uid, &r->uid) || !model_gid_in(m, l->st.st_gid, &r->gid))
		return refuse(mnt, "its owner has no number in the tree's user namespace", e);
	r->ino = l->st.st_ino;
	r->mode = l->st.st_mode;
	r->atime = l->st.st_atim.tv_sec;
	r->atime_nsec = (uint32_t)l->st.st_atim.tv_nsec;
	r->mtime = l->st.st_mtim.tv_sec;
	r->mtime_nsec = (uint32_t)l->st.st_mtim.tv_nsec;
	mnt->removed = r;
	if (name_clashes(t, mnt))
		return refuse(mnt, "another removed one had its name", e);
	return S_ISREG(l->st.st_mode) ? content_read(m, mnt, l, e) : 0;
}

int mnt_removed_read(struct model *m, const struct mnt_tree *t, struct mnt *mnt, struct err *e)
{
	struct look l = { .mnt = mnt, .fd = -EBADF };
	int r;

	if (mnt->outside || !mnt->kind->content)
		return refuse(mnt, "its filesystem is not a tmpfs of the tree's own", e);
	if (mnt->sb_flags & MS_RDONLY)
		return refuse(mnt, "its filesystem is read-only", e);
	if (!mnt_is_visible(t, mnt))
		return refuse(mnt, "another mount hides it", e);
	find_name(m, t, &l);
	r = ns_helper_call(m->root->host, CLONE_NEWNS, look_inside, &l, NULL, e);
	if (!r)
		r = take(m, t, mnt, &l, e);
	cleanup_close(&l.fd);
	return r;
}

static int object_make(const RemovedRoot *r, const char *name, struct err *e)
{
	struct timespec times[2] = { { r->atime, r->atime_nsec }, { r->mtime, r->mtime_nsec } };
	_cleanup_close_ int fd = -EBADF;
	int x = 0;

	if (S_ISDIR(r->mode)) {
		if (mkdir(name, 0700))
			return err_sys(e, "mkdir", "%s", name);
		fd = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	} else {
		fd = open(name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	}
	if (fd < 0)
		return err_sys(e, "open", "%s", name);
	if (r->has_content && S_ISREG(r->mode))
		x = pwrite_all(fd, r->content.data, r->content.len, 0);
	if (x)
		errno = -x;
	if (x || fchown(fd, r->uid, r->gid) || fchmod(fd, r->mode & 07777) || futimens(fd, times))
		return err_sys(e, "make", "%s", name);
	return 0;
}

/* Its directory does not notice. */
static int parent_times(int at, const char *dir, struct timespec times[2], struct err *e)
{
	struct stat st;

	if (fstatat(at, *dir == '/' ? dir + 1 : dir, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return err_sys(e, "stat", "%s", dir);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	return 0;
}

static int make_inside(void *arg, void *ret, struct err *e)
{
	const struct mnt *mnt = arg;
	char *copy = strdup(mnt->root), *dir = copy ? dirname(copy) : NULL;
	struct timespec times[2];
	int r;

	if (!dir || fchdir(mnt->yard->source_fd) || chroot("."))
		return err_sys(e, "chroot", "the filesystem of %s", mnt->point);
	umask(0);
	r = parent_times(AT_FDCWD, dir[1] ? dir : "/.", times, e);
	if (!r)
		r = object_make(mnt->removed, mnt->root, e);
	if (!r && utimensat(AT_FDCWD, dir, times, 0))
		r = err_sys(e, "set times of", "%s", dir);
	return r;
}

int mnt_removed_make(struct model *m, const struct mnt *mnt, pid_t pid, struct err *e)
{
	int r = ns_helper_run(pid, CLONE_NEWNS | (model_has_own_ns(m, NS_USER) ? CLONE_NEWUSER : 0),
			      make_inside, (void *)mnt, NULL, 0, e);

	return r ? err_in(e, "what mount %s shows", mnt->point) : 0;
}

int mnt_removed_unlink(const struct mnt *mnt, struct err *e)
{
	char *copy = strdup(mnt->root), *dir = copy ? dirname(copy) : NULL;
	struct timespec times[2];
	int fd = mnt->yard->source_fd, r;

	if (!dir)
		return err_set(e, ERR_SYSTEM, ENOMEM, "unlink", mnt->root, "out of memory");
	r = parent_times(fd, dir, times, e);
	if (!r && unlinkat(fd, mnt->root + 1, S_ISDIR(mnt->removed->mode) ? AT_REMOVEDIR : 0))
		r = err_sys(e, "unlink", "%s, which mount %s shows", mnt->root, mnt->point);
	if (!r && utimensat(fd, dir[1] ? dir + 1 : ".", times, AT_SYMLINK_NOFOLLOW))
		r = err_sys(e, "set times of", "%s", dir);
	free(copy);
	return r;
}
