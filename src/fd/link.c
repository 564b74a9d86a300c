// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files that lost the name they were opened by, but live on under another one:
 * their content stays where it is. The other name is looked for beside the
 * lost one; where it is not found, --link-remap makes one (link_remap.N), which
 * the restore takes away again. A restored description gets the lost name back,
 * which exists for the moment of opening only.
 */
#define LOG_MODULE "fd"
#include <dirent.h>
#include <stdio.h>

#include "base/journal.h"
#include "base/log.h"
#include "fd/link.h"
#include "parasite/stub.h"

#define TRIES 100

/* @path cut in two: the directory opened, the last part. Returns the descriptor or -errno. */
static int open_parent(int root_fd, const char *path, const char **ret_base, int flags)
{
	char dir[PATH_MAX];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	*ret_base = path + (slash - dir) + 1;
	slash[slash == dir] = 0;
	return open_in_root(root_fd, dir, flags | O_DIRECTORY, 0);
}

const char *link_find_other(struct fd_dump *d, const struct stat *st, const char *path)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const char *base;
	struct dirent *de;
	int fd = open_parent(d->root_fd, path, &base, O_RDONLY);

	dir = fd >= 0 ? fdopendir(fd) : NULL;
	while (dir && (de = readdir(dir))) {
		size_t above = (size_t)(base - path), n = strlen(de->d_name);
		struct stat s;
		char *other;

		if (de->d_ino != st->st_ino || above + n >= PATH_MAX ||
		    fstatat(fd, de->d_name, &s, AT_SYMLINK_NOFOLLOW) || s.st_ino != st->st_ino ||
		    s.st_dev != st->st_dev)
			continue;
		other = pool_alloc(d->m->pool, above + n + 1);
		memcpy(other, path, above);
		memcpy(other + above, de->d_name, n + 1);
		return other;
	}
	return NULL;
}

/* How we reach @path, which the tree sees, also when all of ours but the watchdog are dead. */
static void seen_from_here(const struct model *m, pid_t root, const char *path, char *buf,
			   size_t size)
{
	if (model_has_own_ns(m, NS_MNT))
		snprintf(buf, size, "/proc/%d/root%s", root, path);
	else
		snprintf(buf, size, "%s", path);
}

static int promise_unlink(struct model *m, pid_t root, const char *path, struct journal_entry **ret,
			  struct err *e)
{
	char here[PATH_MAX + 64];

	seen_from_here(m, root, path, here, sizeof(here));
	return m->undo_unlink(m->journal, here, ret, e);
}

/* The file behind @fd under one more name. Returns 0 or -errno. */
static int link_to(int fd, int dir, const char *name)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, dir, name, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

int link_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, const char *path,
	      const char *who, struct err *e)
{
	_cleanup_close_ int dir = -EBADF;
	struct journal_entry *je;
	struct file_obj *link;
	struct fd_look *look;
	char name[PATH_MAX];
	const char *base;
	int r = -EEXIST;

	dir = open_parent(d->root_fd, path, &base, O_PATH);
	if (dir < 0) {
		err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", who,
			"its name was removed, and the directory with it");
		return err_hint(e, "close the descriptor");
	}
	for (unsigned i = f->id; r == -EEXIST && i < f->id + TRIES; i++) {
		snprintf(name, sizeof(name), "%.*slink_remap.%u", (int)(base - path), path, i);
		if (!faccessat(dir, name + (base - path), F_OK, AT_SYMLINK_NOFOLLOW))
			continue;
		r = promise_unlink(d->m, d->m->root->host, name, &je, e);
		if (r)
			return r;
		r = link_to(l->copy, dir, name + (base - path));
		if (r)
			journal_done(je);
		else
			pool_push(d->m->pool, d->links, d->n_links, je);
	}
	if (r) {
		errno = -r;
		return err_sys(e, "link", "%s as %s", who, name);
	}
	look = pool_dup(d->m->pool, l, sizeof(*l));
	look->fd = -1;
	look->info.pos = 0;
	look->info.flags = 0;
	snprintf(look->link, sizeof(look->link), "%s", name);
	link = model_file_new(d->m);
	link->kind = f->kind;
	link->st = l->st;
	link->owner = l->t;
	link->owner_fd = -1;
	r = reg_entry_dump(d, link, look, e);
	if (!r)
		remap_add(d, f, link->id, REMAP_TYPE__LINKED);
	return r;
}

int link_remap(struct fd_restore *r, struct file_obj *f, uint32_t id, struct image_in *in,
	       struct err *e)
{
	struct file_obj *link = model_file_by_id(r->m, id);

	if (!link || link->entry->type != FD_TYPES__REG || link == f)
		return image_bad(in, e, "file %u: its link, file %u, is no regular file", f->id,
				 id);
	fd_work(f)->link = link;
	fd_work(link)->is_link = true;
	return 0;
}

bool link_is(struct file_obj *f)
{
	return fd_work(f)->link || f->entry->reg->removed_name;
}

/* A free name for a moment: the lost one, or one like it. -errno: there can be none. */
static int name_again(struct fd_restore *r, int fd, int dir, char *path, size_t size,
		      struct journal_entry **ret, struct err *e)
{
	size_t len = strlen(path);

	for (int i = 0; i < TRIES; i++) {
		int ret_link;

		if (i)
			snprintf(path + len, size - len, ".%d", i);
		if (!faccessat(dir, strrchr(path, '/') + 1, F_OK, AT_SYMLINK_NOFOLLOW))
			continue;
		ret_link = promise_unlink(r->m, r->m->root->stub->host, path, ret, e);
		if (ret_link)
			return ret_link;
		ret_link = link_to(fd, dir, strrchr(path, '/') + 1);
		if (ret_link != -EEXIST)
			return ret_link;
		journal_done(*ret);
	}
	return -EEXIST;
}

int link_open(struct fd_restore *r, struct file_obj *f, int flags, struct err *e)
{
	const RegFileEntry *re = f->entry->reg;
	_cleanup_close_ int here = -EBADF, dir = -EBADF;
	const char *now = fd_work(f)->link ? fd_work(f)->link->entry->reg->name : re->name;
	const char *base;
	struct journal_entry *je = NULL;
	char path[PATH_MAX + 8];
	int fd, ret;

	snprintf(path, sizeof(path), "%s", re->removed_name ? re->removed_name : re->name);
	here = open_in_root(r->root_fd, now, O_PATH | O_NOFOLLOW, 0);
	if (here < 0)
		return here;
	dir = open_parent(r->root_fd, path, &base, O_PATH);
	ret = dir < 0 ? dir : name_again(r, here, dir, path, sizeof(path), &je, e);
	if (e->code)
		return -e->code;
	if (ret) { /* its directory is gone, too: the name it has will do */
		log_debug("%s: opened as %s", path, now);
		journal_done(je);
		fd = open_in_root(r->root_fd, now, flags, 0);
	} else {
		fd = open_in_root(dir, strrchr(path, '/') + 1, flags, 0);
		unlinkat(dir, strrchr(path, '/') + 1, 0);
		journal_done(je);
	}
	return fd;
}

void fd_links_keep(struct model *m)
{
	struct fd_dump *d = m->fd_state;

	for (size_t i = 0; i < d->n_links; i++)
		journal_done(d->links[i]);
}

void fd_links_remove(struct model *m, int root_fd)
{
	for (size_t i = 0; i < m->n_files; i++) {
		struct file_obj *f = m->files[i];
		_cleanup_close_ int dir = -EBADF;
		const char *base;

		if (!fd_work(f)->is_link)
			continue;
		dir = open_parent(root_fd, f->entry->reg->name, &base, O_PATH);
		if (dir >= 0 && unlinkat(dir, base, 0) && errno != ENOENT)
			log_warn("%s: %m; it stays", f->entry->reg->name);
	}
}
