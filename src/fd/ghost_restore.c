// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files without a name, restore side. A ghost is created under its old name
 * (another when that is taken), the name goes at once, and descriptions are
 * opened through /proc/self/fd: nothing is left to clean up but directories
 * that had to be made for a moment, and they go the same way.
 */
#include <stdio.h>

#include "fd/link.h"
#include "fd/procfs.h"

#define COPY_BLOCK (256 * 1024)
#define TRIES 100

struct ghost_obj {
	struct ghost_obj *next;
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
	if (type != S_IFREG && type != S_IFDIR && type != S_IFIFO && type != S_IFCHR)
		ret = image_bad(in, e, "mode %o is none of a removed file that can be made again",
				g->e->mode);
	else if (g->e->has_chunks && g->e->chunks && (!g->e->has_size || g->e->size > INT64_MAX))
		ret = image_bad(in, e, "a file in chunks needs a valid size");
	else if (type == S_IFREG)
		ret = content(r, g, in, -1, e);
	image_in_close(in);
	return ret;
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

static int create(int dir, const char *name, const GhostFileEntry *ge)
{
	int fd;

	switch (ge->mode & S_IFMT) {
	case S_IFREG:
		fd = openat(dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0600);
		if (fd >= 0)
			unlinkat(dir, name, 0);
		return fd < 0 ? -errno : fd;
	case S_IFDIR:
		if (mkdirat(dir, name, 0700))
			return -errno;
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		fd = fd < 0 ? -errno : fd;
		unlinkat(dir, name, AT_REMOVEDIR);
		return fd;
	case S_IFIFO:
	case S_IFCHR:
		if (mknodat(dir, name, (ge->mode & S_IFMT) | 0600, ge->has_rdev ? ge->rdev : 0))
			return -errno;
		fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		fd = fd < 0 ? -errno : fd;
		unlinkat(dir, name, 0);
		return fd;
	default:
		return -EINVAL;
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

static int set_attributes(const struct ghost_obj *g, const char *name, struct err *e)
{
	const GhostFileEntry *ge = g->e;
	struct timespec ts[2];
	char path[40];

	/* By path: an O_PATH descriptor takes neither fchmod nor futimens. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", g->fd);
	if (fchownat(g->fd, "", ge->uid, ge->gid, AT_EMPTY_PATH))
		return err_sys(e, "chown", "removed file %s", name);
	if (chmod(path, ge->mode & 07777))
		return err_sys(e, "chmod", "removed file %s", name);
	if (!ge->atim || !ge->mtim)
		return 0;
	ts[0] = (struct timespec){ (time_t)ge->atim->tv_sec, (long)ge->atim->tv_usec * 1000 };
	ts[1] = (struct timespec){ (time_t)ge->mtim->tv_sec, (long)ge->mtim->tv_usec * 1000 };
	if (utimensat(AT_FDCWD, path, ts, 0))
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
	char other[NAME_MAX + 1];
	struct parents p;
	int ret = parents_make(r, &p, name, e);

	if (ret)
		return ret;
	if (g->tmpfile && S_ISREG(g->e->mode))
		/* Where the filesystem has no such files, a created one serves. */
		g->fd = openat(p.dir, ".", O_TMPFILE | O_CLOEXEC | tmpfile_flags(g), 0600);
	if (g->fd < 0)
		g->fd = create(p.dir, p.base, g->e);
	for (int i = 0; g->fd == -EEXIST && i < TRIES; i++) {
		snprintf(other, sizeof(other), "%.200s.%u.%d", p.base, g->id, i);
		g->fd = create(p.dir, other, g->e);
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
	snprintf(path, sizeof(path), "/proc/self/fd/%d", g->fd);
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
	}
}
