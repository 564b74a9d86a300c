// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files without a name, dump side: the content of opened-and-unlinked files goes
 * into ghost-file-*.img, once per inode, with its holes left out; an entry of
 * remap-fpath.img ties each description to it. Removed directories are ghosts
 * too, empty ones by nature.
 */
#include <stdio.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/watchdog.h"
#include "fd/file_kind.h"
#include "model/options.h"

#define COPY_BLOCK (256 * 1024)

struct ghost {
	struct ghost *next;
	uint64_t dev, ino;
	uint32_t id;
};

struct ghost_dump {
	struct ghost *list;
	uint32_t last_id;
	RemapFilePathEntry **remaps;
	size_t n_remaps;
};

int ghost_check(struct fd_dump *d, const struct stat *st, const char *path, const char *who,
		struct err *e)
{
	uint64_t bytes = (uint64_t)st->st_blocks * 512;
	mode_t type = st->st_mode & S_IFMT;

	/* What is stored is what is there: small files without blocks (inline) by their size. */
	if ((uint64_t)st->st_size < bytes)
		bytes = (uint64_t)st->st_size;
	if (type != S_IFREG || bytes <= d->m->opt->ghost_limit)
		return 0;
	err_set(e, ERR_UNSUPPORTED, EFBIG, "checkpoint", who,
		"the removed file %.120s holds %llu bytes, more than the limit of %llu", path,
		(unsigned long long)bytes, (unsigned long long)d->m->opt->ghost_limit);
	e->code = EOPNOTSUPP;
	return err_hint(e, "use --ghost-limit %llu", (unsigned long long)bytes);
}

static int put_range(struct image_out *o, int fd, char *buf, off_t at, off_t end, const char *who,
		     struct err *e)
{
	while (at < end) {
		size_t want = end - at > COPY_BLOCK ? COPY_BLOCK : (size_t)(end - at);
		ssize_t n = pread(fd, buf, want, at);
		int r;

		watchdog_beat();
		if (n < 0)
			return err_sys(e, "read", "%s", who);
		if (!n)
			return err_set(e, ERR_TARGET, EIO, "read", who,
				       "the file became shorter while it was copied");
		r = image_put_raw(o, buf, (size_t)n, e);
		if (r)
			return r;
		at += n;
	}
	return 0;
}

/* Data extents, each behind its own small message. */
static int put_chunks(struct image_out *o, int fd, char *buf, off_t size, const char *who,
		      struct err *e)
{
	off_t at = 0;

	while (at < size) {
		GhostChunkEntry ce = GHOST_CHUNK_ENTRY__INIT;
		off_t data = lseek(fd, at, SEEK_DATA), hole;
		int r;

		if (data < 0 && errno == ENXIO)
			return 0;
		hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
		if (hole < 0)
			return err_sys(e, "lseek", "%s", who);
		if (hole > size)
			hole = size;
		if (hole <= data)
			return 0;
		ce.off = (uint64_t)data;
		ce.len = (uint64_t)(hole - data);
		r = image_put(o, &ce.base, e);
		if (!r)
			r = put_range(o, fd, buf, data, hole, who, e);
		if (r)
			return r;
		at = hole;
	}
	return 0;
}

static Timeval *timeval_of(struct fd_dump *d, const struct timespec *ts)
{
	Timeval *tv = pool_msg(d->m->pool, Timeval, timeval__init);

	tv->tv_sec = (uint64_t)ts->tv_sec;
	tv->tv_usec = (uint64_t)ts->tv_nsec / 1000;
	return tv;
}

static GhostFileEntry *ghost_entry(struct fd_dump *d, const struct stat *st, bool holes)
{
	GhostFileEntry *ge = pool_msg(d->m->pool, GhostFileEntry, ghost_file_entry__init);

	ge->uid = st->st_uid;
	ge->gid = st->st_gid;
	ge->mode = st->st_mode;
	ge->has_dev = ge->has_ino = 1;
	ge->dev = major(st->st_dev) << 20 | minor(st->st_dev); /* the kernel's own encoding */
	ge->ino = st->st_ino;
	ge->has_atim_nsec = ge->has_mtim_nsec = 1;
	ge->atim_nsec = (uint32_t)(st->st_atim.tv_nsec % 1000);
	ge->mtim_nsec = (uint32_t)(st->st_mtim.tv_nsec % 1000);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		ge->has_rdev = 1;
		ge->rdev = (uint32_t)st->st_rdev;
	}
	ge->atim = timeval_of(d, &st->st_atim);
	ge->mtim = timeval_of(d, &st->st_mtim);
	if (holes) {
		ge->has_chunks = ge->chunks = 1;
		ge->has_size = 1;
		ge->size = (uint64_t)st->st_size;
	}
	return ge;
}

/* Labels belong to a security module, and are neither saved nor restored anywhere. */
static bool is_label(const char *name)
{
	return !strcmp(name, "security.selinux") || !strncmp(name, "security.SMACK64", 16);
}

static int add_xattr(struct fd_dump *d, GhostFileEntry *ge, const char *path, const char *name,
		     const char *who, struct err *e)
{
	GhostXattrEntry *xe = pool_msg(d->m->pool, GhostXattrEntry, ghost_xattr_entry__init);
	ssize_t n = getxattr(path, name, NULL, 0);

	if (n >= 0) {
		xe->value.data = pool_alloc(d->m->pool, (size_t)n + 1);
		n = getxattr(path, name, xe->value.data, (size_t)n);
	}
	if (n < 0)
		return err_sys(e, "getxattr", "%s: %s", who, name);
	xe->value.len = (size_t)n;
	xe->name = pool_strdup(d->m->pool, name);
	pool_push(d->m->pool, ge->xattr, ge->n_xattr, xe);
	return 0;
}

static int add_xattrs(struct fd_dump *d, GhostFileEntry *ge, int fd, const char *who, struct err *e)
{
	char path[40], *names;
	ssize_t n;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = S_ISLNK(ge->mode) ? 0 : listxattr(path, NULL, 0);
	if (n <= 0)
		return n && errno != EOPNOTSUPP ? err_sys(e, "listxattr", "%s", who) : 0;
	names = pool_alloc(d->m->pool, (size_t)n);
	n = listxattr(path, names, (size_t)n);
	if (n < 0)
		return err_sys(e, "listxattr", "%s", who);
	for (const char *p = names; p < names + n && !r; p += strlen(p) + 1)
		if (!is_label(p))
			r = add_xattr(d, ge, path, p, who, e);
	return r;
}

static int add_target(struct fd_dump *d, GhostFileEntry *ge, int fd, const char *who, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);

	if (n < 0)
		return err_sys(e, "readlink", "%s", who);
	target[n] = 0;
	ge->symlnk_target = pool_strdup(d->m->pool, target);
	return 0;
}

int open_again(int fd)
{
	char path[40];
	int f;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	f = open(path, O_RDONLY | O_NOATIME | O_CLOEXEC);
	/* Not ours, and no capability: better a new time than no content. */
	return f < 0 && errno == EPERM ? open(path, O_RDONLY | O_CLOEXEC) : f;
}

static int write_ghost(struct fd_dump *d, uint32_t id, const struct stat *st, int fd,
		       const char *who, struct err *e)
{
	_cleanup_close_ int file = -EBADF;
	struct image_out *o;
	GhostFileEntry *ge;
	bool holes = false;
	int r;

	if (S_ISREG(st->st_mode)) {
		/* A description of our own: the task's position is not ours to move. */
		file = open_again(fd);
		if (file < 0)
			return err_sys(e, "open", "%s", who);
		holes = st->st_size && lseek(file, 0, SEEK_HOLE) < st->st_size;
	}
	ge = ghost_entry(d, st, holes);
	r = add_xattrs(d, ge, fd, who, e);
	if (!r && S_ISLNK(st->st_mode))
		r = add_target(d, ge, fd, who, e);
	if (!r)
		r = image_create(d->m->dir, IMG_GHOST_FILE, id, &o, e);
	if (r)
		return r;
	r = image_put(o, &ge->base, e);
	if (!r && file >= 0) {
		char *buf = pool_alloc(d->m->pool, COPY_BLOCK);

		r = holes ? put_chunks(o, file, buf, st->st_size, who, e) :
			    put_range(o, file, buf, 0, st->st_size, who, e);
	}
	return image_out_end(o, r, e);
}

static struct ghost_dump *remaps(struct fd_dump *d)
{
	if (!d->ghosts)
		d->ghosts = pool_alloc(d->m->pool, sizeof(*d->ghosts));
	return d->ghosts;
}

void remap_add(struct fd_dump *d, struct file_obj *f, uint32_t id, RemapType type)
{
	RemapFilePathEntry *re =
		pool_msg(d->m->pool, RemapFilePathEntry, remap_file_path_entry__init);
	struct ghost_dump *g = remaps(d);

	re->orig_id = f->id;
	re->remap_id = id;
	re->has_remap_type = 1;
	re->remap_type = type;
	pool_push(d->m->pool, g->remaps, g->n_remaps, re);
}

int ghost_dump(struct fd_dump *d, struct file_obj *f, const struct stat *st, int fd,
	       const char *path, const char *who, struct err *e)
{
	struct ghost *g;
	int r;

	remaps(d);
	for (g = d->ghosts->list; g; g = g->next)
		if (g->dev == st->st_dev && g->ino == st->st_ino)
			break;
	if (!g) {
		r = ghost_check(d, st, path, who, e);
		if (r)
			return r;
		g = pool_alloc(d->m->pool, sizeof(*g));
		*g = (struct ghost){ d->ghosts->list, st->st_dev, st->st_ino,
				     ++d->ghosts->last_id };
		d->ghosts->list = g;
		r = write_ghost(d, g->id, st, fd, who, e);
		if (r)
			return r;
	}
	remap_add(d, f, g->id, REMAP_TYPE__GHOST);
	return 0;
}

int ghost_dump_end(struct fd_dump *d, struct err *e)
{
	struct image_out *o;
	int r;

	if (!d->ghosts)
		return 0;
	r = image_create(d->m->dir, IMG_REMAP_FPATH, 0, &o, e);
	if (r)
		return r;
	for (size_t i = 0; i < d->ghosts->n_remaps && !r; i++)
		r = image_put(o, &d->ghosts->remaps[i]->base, e);
	return image_out_end(o, r, e);
}
