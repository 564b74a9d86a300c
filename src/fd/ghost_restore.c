// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files without a name, restore side. A ghost is created under its old name
 * (another when that is taken), the name goes at once, and descriptions are
 * opened through /proc/self/fd: nothing is left to clean up but directories
 * that had to be made for a moment, and they go the same way.
 */
#include <stdio.h>
#include <sys/xattr.h>

#include "fd/link.h"
#include "fd/procfs.h"

#define COPY_BLOCK (256 * 1024)
#define TRIES 100

/* One inode may have been opened by several names. */
struct ghost_name {
	struct ghost_name *next;
	const char *name;
	int fd; /* O_PATH, by that name; -EBADF */
};

struct ghost_obj {
	struct ghost_obj *next;
	struct ghost_name *names;
	uint32_t id;
	GhostFileEntry *e;
	struct file_obj *
		tmpfile; /* made by open(O_TMPFILE) through this one: may be given a name later on */
	int fd;		 /* ours, -EBADF until made */
};

struct ghost_restore {
	struct ghost_obj *list;
};

/*
 * The content behind the entry: checked only when @fd is negative, else written
 * there. @in stands behind the entry.
 */
static int content(struct fd_restore *r, struct ghost_obj *g, struct image_in *in, int fd,
		   struct err *e)
{
	char *buf = pool_alloc(r->m->pool, COPY_BLOCK);
	bool chunks = g->e->has_chunks && g->e->chunks;
	uint64_t at = 0, left = 0;

	for (;;) {
		size_t n;
		int ret;

		if (!left && chunks) {
			GhostChunkEntry *ce;

			ret = image_get(in, &ghost_chunk_entry__descriptor, &ce, e);
			if (ret <= 0)
				return ret;
			if (ce->len > image_left(in) || ce->off > g->e->size ||
			    ce->len > g->e->size - ce->off)
				return image_bad(in, e, "the chunk lies outside the file");
			at = ce->off;
			left = ce->len;
			continue;
		}
		if (!chunks) {
			left = image_left(in);
			if (!left)
				return 0;
		}
		n = left > COPY_BLOCK ? COPY_BLOCK : (size_t)left;
		ret = image_get_raw(in, buf, n, e);
		if (ret)
			return ret;
		if (fd >= 0 && (ret = pwrite_all(fd, buf, n, (off_t)at))) {
			errno = -ret;
			return err_sys(e, "write", "removed file %u", g->id);
		}
		at += n;
		left -= n;
	}
}

static int open_image(struct fd_restore *r, struct ghost_obj *g, struct image_in **ret,
		      struct err *e)
{
	int got = image_open(r->m->dir, IMG_GHOST_FILE, g->id, ret, e);

	if (got)
		return got;
	got = image_get(*ret, &ghost_file_entry__descriptor, &g->e, e);
	if (got == 0)
		got = image_bad(*ret, e, "the file is empty");
	if (got < 0) {
		image_in_close(*ret);
		return got;
	}
	return 0;
}

static int validate(struct fd_restore *r, struct ghost_obj *g, struct err *e)
{
	struct image_in *in;
	mode_t type;
	int ret = open_image(r, g, &in, e);

	if (ret)
		return ret;
	type = g->e->mode & S_IFMT;
	if (type != S_IFREG && type != S_IFDIR && type != S_IFIFO && type != S_IFCHR &&
	    type != S_IFBLK && type != S_IFSOCK && type != S_IFLNK)
		ret = image_bad(in, e, "mode %o is none of a removed file that can be made again",
				g->e->mode);
	else if (type == S_IFLNK && (!g->e->symlnk_target || !*g->e->symlnk_target))
		ret = image_bad(in, e, "a symbolic link without a target");
	else if (g->e->atim_nsec > 999 || g->e->mtim_nsec > 999)
		ret = image_bad(in, e, "times out of range");
	else if (g->e->has_chunks && g->e->chunks && (!g->e->has_size || g->e->size > INT64_MAX))
		ret = image_bad(in, e, "a file in chunks needs a valid size");
	else if (type == S_IFREG)
		ret = content(r, g, in, -1, e);
	image_in_close(in);
	return ret;
}

static void add_name(struct fd_restore *r, struct ghost_obj *g, const char *name)
{
	struct ghost_name *gn;

	for (gn = g->names; gn; gn = gn->next)
		if (!strcmp(gn->name, name))
			return;
	gn = pool_alloc(r->m->pool, sizeof(*gn));
	*gn = (struct ghost_name){ g->names, name, -EBADF };
	g->names = gn;
}

static int add_remap(struct fd_restore *r, const RemapFilePathEntry *re, struct image_in *in,
		     struct err *e)
{
	struct file_obj *f = model_file_by_id(r->m, re->orig_id);
	struct ghost_obj *g;
	int ret;

	if (!f || f->entry->type != FD_TYPES__REG)
		return image_bad(in, e, "id %u is no regular file", re->orig_id);
	if (re->has_remap_type && re->remap_type == REMAP_TYPE__PROCFS)
		return proc_remap(r, f, re->remap_id, in, e);
	if (re->has_remap_type && re->remap_type == REMAP_TYPE__LINKED)
		return link_remap(r, f, re->remap_id, in, e);
	if (fd_work(f)->ghost)
		return image_bad(in, e, "two ghosts for file %u", f->id);
	for (g = r->ghosts->list; g; g = g->next)
		if (g->id == re->remap_id)
			break;
	if (!g) {
		g = pool_alloc(r->m->pool, sizeof(*g));
		g->id = re->remap_id;
		g->fd = -EBADF;
		g->next = r->ghosts->list;
		r->ghosts->list = g;
		ret = validate(r, g, e);
		if (ret)
			return ret;
	}
	if (f->entry->reg->flags & TMPFILE_BIT)
		g->tmpfile = f;
	add_name(r, g, f->entry->reg->name);
	fd_work(f)->ghost = g;
	return 0;
}

int ghost_read(struct fd_restore *r, struct err *e)
{
	RemapFilePathEntry *re;
	struct image_in *in;
	int ret;

	r->ghosts = pool_alloc(r->m->pool, sizeof(*r->ghosts));
	if (!image_exists(r->m->dir, IMG_REMAP_FPATH, 0))
		return 0;
	ret = image_open(r->m->dir, IMG_REMAP_FPATH, 0, &in, e);
	if (ret)
		return ret;
	while ((ret = image_get(in, &remap_file_path_entry__descriptor, &re, e)) > 0) {
		ret = add_remap(r, re, in, e);
		if (ret)
			break;
	}
	image_in_close(in);
	return ret;
}

/* Directories above the ghost, made because they are gone as well; taken away by the caller. */
struct parents {
	char path[PATH_MAX]; /* of the ghost, cut apart in place */
	char *base;
	size_t made_from; /* length of the part of path that was there */
	int dir;
};

static void parents_remove(struct fd_restore *r, struct parents *p)
{
	cleanup_close(&p->dir);
	while (strlen(p->path) > p->made_from) {
		char *slash = strrchr(p->path, '/');
		_cleanup_close_ int above = -EBADF;

		*slash = 0;
		above = open_in_root(r->root_fd, *p->path ? p->path : "/", O_PATH | O_DIRECTORY, 0);
		if (above >= 0)
			unlinkat(above, slash + 1, AT_REMOVEDIR);
	}
}

static int parents_make(struct fd_restore *r, struct parents *p, const char *name, struct err *e)
{
	char *end;

	p->dir = -EBADF;
	snprintf(p->path, sizeof(p->path), "%s", name);
	p->base = strrchr(p->path, '/');
	*p->base++ = 0;
	p->made_from = strlen(p->path);
	p->dir = open_in_root(r->root_fd, *p->path ? p->path : "/", O_PATH | O_DIRECTORY, 0);
	if (p->dir != -ENOENT)
		goto out;
	p->dir = open_in_root(r->root_fd, "/", O_PATH | O_DIRECTORY, 0);
	p->made_from = 0;
	for (end = p->path; p->dir >= 0 && *end;) {
		char *start = end + 1, keep;
		int next;

		end = start + strcspn(start, "/");
		keep = *end;
		*end = 0;
		if (!*start) {
			*end = keep;
			continue;
		}
		next = open_in_root(r->root_fd, p->path, O_PATH | O_DIRECTORY, 0);
		if (next >= 0) {
			p->made_from = strlen(p->path);
		} else if (next == -ENOENT) {
			next = mkdirat(p->dir, start, 0700) ?
				       -errno :
				       open_in_root(r->root_fd, p->path, O_PATH | O_DIRECTORY, 0);
		}
		cleanup_close(&p->dir);
		p->dir = next;
		if (next < 0)
			break;
		*end = keep;
	}
out:
	if (p->dir >= 0)
		return 0;
	errno = -p->dir;
	p->dir = -EBADF;
	err_sys(e, "open", "the directory of the removed file %s", name);
	parents_remove(r, p);
	return -e->code;
}

static void remove_name(int dir, const char *name, const GhostFileEntry *ge)
{
	unlinkat(dir, name, S_ISDIR(ge->mode) ? AT_REMOVEDIR : 0);
}

static int create(int dir, const char *name, const GhostFileEntry *ge)
{
	int fd;

	switch (ge->mode & S_IFMT) {
	case S_IFREG:
		fd = openat(dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0600);
		return fd < 0 ? -errno : fd;
	case S_IFDIR:
		if (mkdirat(dir, name, 0700))
			return -errno;
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		break;
	case S_IFLNK:
		if (symlinkat(ge->symlnk_target, dir, name))
			return -errno;
		fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		break;
	default: /* validate() has seen to the type */
		if (mknodat(dir, name, (ge->mode & S_IFMT) | 0600, ge->has_rdev ? ge->rdev : 0))
			return -errno;
		fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0) {
		fd = -errno;
		remove_name(dir, name, ge);
	}
	return fd;
}

/* While the ghost has its first name: for each other one that is free, a descriptor by it. */
static void open_names(struct fd_restore *r, struct ghost_obj *g, const char *first)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", g->fd);
	for (struct ghost_name *gn = g->names; gn && !S_ISDIR(g->e->mode); gn = gn->next) {
		struct err quiet = { 0 };
		struct parents p;

		if (!strcmp(gn->name, first) || parents_make(r, &p, gn->name, &quiet))
			continue;
		if (!linkat(AT_FDCWD, path, p.dir, p.base, AT_SYMLINK_FOLLOW)) {
			gn->fd = openat(p.dir, p.base, O_PATH | O_NOFOLLOW | O_CLOEXEC);
			remove_name(p.dir, p.base, g->e);
		}
		parents_remove(r, &p);
	}
}

/*
 * A program's file that somebody holds open for writing cannot become the
 * executable of a process (prctl(2), PR_SET_MM_EXE_FILE): only readers stay.
 */
static int reader_only(struct ghost_obj *g, const char *name, struct err *e)
{
	char path[40];
	int fd;

	if (!S_ISREG(g->e->mode) || g->tmpfile)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", g->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open", "removed file %s", name);
	close(g->fd);
	g->fd = fd;
	return 0;
}

static struct timespec time_of(const Timeval *tv, uint32_t nsec)
{
	return (struct timespec){ (time_t)tv->tv_sec, (long)tv->tv_usec * 1000 + (long)nsec };
}

static int set_attributes(const struct ghost_obj *g, const char *name, struct err *e)
{
	const GhostFileEntry *ge = g->e;
	struct timespec ts[2];
	char path[40];

	/* By path: an O_PATH descriptor takes neither fchmod nor futimens. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", g->fd);
	if (fchownat(g->fd, "", ge->uid, ge->gid, AT_EMPTY_PATH))
		return err_sys(e, "chown", "removed file %s", name);
	/* Behind the owner, whose change takes capabilities away; before the mode, which agrees with an ACL. */
	for (size_t i = 0; i < ge->n_xattr; i++)
		if (setxattr(path, ge->xattr[i]->name, ge->xattr[i]->value.data,
			     ge->xattr[i]->value.len, 0))
			return err_sys(e, "setxattr", "removed file %s: %s", name,
				       ge->xattr[i]->name);
	if (!S_ISLNK(ge->mode) && chmod(path, ge->mode & 07777))
		return err_sys(e, "chmod", "removed file %s", name);
	if (!ge->atim || !ge->mtim)
		return 0;
	ts[0] = time_of(ge->atim, ge->atim_nsec);
	ts[1] = time_of(ge->mtim, ge->mtim_nsec);
	if (utimensat(g->fd, "", ts, AT_EMPTY_PATH))
		return err_sys(e, "utimensat", "removed file %s", name);
	return 0;
}

static int fill(struct fd_restore *r, struct ghost_obj *g, const char *name, struct err *e)
{
	struct image_in *in;
	int ret = 0;

	if (S_ISREG(g->e->mode)) {
		ret = open_image(r, g, &in, e);
		if (ret)
			return ret;
		ret = content(r, g, in, g->fd, e);
		image_in_close(in);
		if (!ret && g->e->has_size && ftruncate(g->fd, (off_t)g->e->size))
			return err_sys(e, "ftruncate", "removed file %s", name);
	}
	return ret ? ret : set_attributes(g, name, e);
}

static int tmpfile_flags(const struct ghost_obj *g)
{
	unsigned flags = g->tmpfile->entry->reg->flags;

	/* Those that fcntl can set come when the content is written: O_APPEND would displace it. */
	return (int)(flags & (O_ACCMODE | O_SYNC));
}

static int make(struct fd_restore *r, struct ghost_obj *g, const char *name, struct err *e)
{
	char used[NAME_MAX + 1] = "";
	struct parents p;
	int ret = parents_make(r, &p, name, e);

	if (ret)
		return ret;
	if (g->tmpfile && S_ISREG(g->e->mode))
		/* Where the filesystem has no such files, a created one serves. */
		g->fd = openat(p.dir, ".", O_TMPFILE | O_CLOEXEC | tmpfile_flags(g), 0600);
	for (int i = -1; (g->fd == -EEXIST || (i < 0 && g->fd < 0)) && i < TRIES; i++) {
		if (i < 0)
			snprintf(used, sizeof(used), "%s", p.base);
		else
			snprintf(used, sizeof(used), "%.200s.%u.%d", p.base, g->id, i);
		g->fd = create(p.dir, used, g->e);
	}
	if (g->fd >= 0 && *used) {
		open_names(r, g, name);
		remove_name(p.dir, used, g->e);
	}
	parents_remove(r, &p);
	if (g->fd < 0) {
		errno = -g->fd;
		g->fd = -EBADF;
		return err_sys(e, "create", "removed file %s", name);
	}
	ret = fill(r, g, name, e);
	return ret ? ret : reader_only(g, name, e);
}

static int fd_by_name(const struct ghost_obj *g, const char *name)
{
	for (const struct ghost_name *gn = g->names; gn; gn = gn->next)
		if (gn->fd >= 0 && !strcmp(gn->name, name))
			return gn->fd;
	return g->fd;
}

int ghost_open(struct fd_restore *r, struct file_obj *f, int flags, int *ret_fd, struct err *e)
{
	struct ghost_obj *g = fd_work(f)->ghost;
	const char *name = f->entry->reg->name;
	char path[40];
	int fd;

	if (g->fd < 0) {
		int ret = make(r, g, name, e);

		if (ret)
			return ret;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd_by_name(g, name));
	/* Only the description that made the file remembers that it is a temporary one. */
	if (g->tmpfile == f && fcntl(g->fd, F_GETFL) & TMPFILE_BIT && f->fd < 0) {
		*ret_fd = fcntl(g->fd, F_DUPFD_CLOEXEC, 0);
		if (*ret_fd < 0)
			return err_sys(e, "fcntl", "removed file %s", name);
		return fd_set_flags(*ret_fd, (unsigned)flags, name, e);
	}
	/* O_NOFOLLOW would mean the link in /proc here. */
	fd = open(path, (flags & ~O_NOFOLLOW) | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open", "removed file %s", name);
	*ret_fd = fd;
	return 0;
}

void ghost_close(struct fd_restore *r)
{
	for (struct ghost_obj *g = r->ghosts ? r->ghosts->list : NULL; g; g = g->next) {
		cleanup_close(&g->fd);
		g->fd = -EBADF;
		for (struct ghost_name *gn = g->names; gn; gn = gn->next) {
			cleanup_close(&gn->fd);
			gn->fd = -EBADF;
		}
	}
}
