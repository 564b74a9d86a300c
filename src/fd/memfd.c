// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * memfd_create(2): files of the kernel's own tmpfs, which have no name in any
 * directory. Descriptions refer to an inode (memfd.img), whose content is a
 * shared memory object like any other (src/mem).
 *
 * A memfd's first description is made by memfd_create(2); all others were
 * opened through /proc. Only the latter count as writers of the inode, which
 * matters to whoever executes the memfd.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/xattr.h>

#include "base/abi.h"
#include "fd/kinds.h"
#include "model/ids.h"

#define PREFIX "/memfd:"
#define DELETED " (deleted)"
/* NAME_MAX without "memfd:" (mm/memfd.c) */
#define MEMFD_NAME_MAX 249
#define SEALS_KNOWN                                                                                \
	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE |          \
	 F_SEAL_EXEC)
/* What memfd_create(2) gives. */
#define MODE_FRESH 0777

struct memfd {
	struct memfd *next;
	uint64_t dev, ino; /* dump */
	MemfdInodeEntry *e;
	struct shmem_obj *mem;
	bool taken; /* restore: the first description has found its owner */
};

struct memfd_dump {
	uint64_t dev; /* of the kernel's own tmpfs */
	struct memfd *list, **end;
	uint32_t last_id;
};

struct memfd_restore {
	struct memfd *list;
};

static struct memfd_dump *state(struct fd_dump *d)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	if (d->memfds)
		return d->memfds;
	d->memfds = pool_alloc(d->m->pool, sizeof(*d->memfds));
	d->memfds->end = &d->memfds->list;
	fd = memfd_create("stasis", MFD_CLOEXEC);
	if (fd >= 0 && !fstat(fd, &st))
		d->memfds->dev = st.st_dev;
	return d->memfds;
}

bool memfd_is_internal(struct fd_dump *d, const struct stat *st)
{
	return !st->st_nlink && S_ISREG(st->st_mode) && st->st_dev == state(d)->dev;
}

static bool memfd_is(const struct fd_look *l)
{
	return !strncmp(l->link, PREFIX, strlen(PREFIX)) && S_ISREG(l->st.st_mode) &&
	       !l->st.st_nlink;
}

static int memfd_check(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	if (memfd_is_internal(d, &l->st))
		return 0;
	fd_refuse(l, e, "a memfd of huge pages (MFD_HUGETLB) is not supported");
	return err_hint(e, "let the program use transparent huge pages instead");
}

/* The name that memfd_create(2) was given. */
static char *name_of(struct fd_dump *d, const struct fd_look *l)
{
	const char *name = l->link + strlen(PREFIX);
	size_t n = strlen(name), tail = strlen(DELETED);

	if (n >= tail && !strcmp(name + n - tail, DELETED))
		n -= tail;
	return pool_printf(d->m->pool, "%.*s", (int)n, name);
}

static uint64_t time_of(const struct timespec *ts)
{
	return (uint64_t)ts->tv_sec * 1000000000u + (uint64_t)ts->tv_nsec;
}

/* @fd: of our own, for reading; it stays with the memory object. */
static int inode_fill(struct fd_dump *d, struct memfd *i, const struct fd_look *l, int fd,
		      struct err *e)
{
	MemfdInodeEntry *ie = i->e;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	ssize_t attrs = flistxattr(fd, NULL, 0);

	if (seals < 0)
		return err_sys(e, "fcntl", "pid %d, %s: F_GET_SEALS", l->t->host, l->link);
	if (seals & ~SEALS_KNOWN)
		return fd_refuse(l, e, "it has a seal of an unknown kind (%#x)", seals);
	if (attrs > 0)
		return fd_refuse(l, e, "extended attributes of a memfd are not supported");
	if (fstat(fd, &st))
		return err_sys(e, "fstat", "pid %d, %s", l->t->host, l->link);
	ie->name = name_of(d, l);
	if (!model_uid_in(d->m, st.st_uid, &ie->uid) || !model_gid_in(d->m, st.st_gid, &ie->gid))
		return fd_refuse(l, e, "its owner %u:%u has no number in the tree's user namespace",
				 st.st_uid, st.st_gid);
	ie->size = (uint64_t)st.st_size;
	ie->seals = (uint32_t)seals;
	ie->inode_id = ++d->memfds->last_id;
	ie->has_mode = 1;
	ie->mode = st.st_mode & 07777;
	ie->has_stasis_mtime = ie->has_stasis_atime = 1;
	ie->stasis_mtime = time_of(&st.st_mtim);
	ie->stasis_atime = time_of(&st.st_atim);
	i->mem = model_shmem_get(d->m, st.st_dev, st.st_ino);
	i->mem->size = ie->size;
	ie->shmid = (uint32_t)i->mem->shmid;
	return 0;
}

static int inode_get(struct fd_dump *d, const struct fd_look *l, struct memfd **ret, struct err *e)
{
	struct memfd_dump *s = state(d);
	_cleanup_close_ int fd = -EBADF;
	struct memfd *i;
	char path[40];
	int r;

	for (i = s->list; i; i = i->next)
		if (i->ino == l->st.st_ino && i->dev == l->st.st_dev) {
			*ret = i;
			return 0;
		}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", l->copy);
	fd = open(path, O_RDONLY | O_NOATIME | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open", "pid %d, %s", l->t->host, l->link);
	i = pool_alloc(d->m->pool, sizeof(*i));
	i->dev = l->st.st_dev;
	i->ino = l->st.st_ino;
	i->e = pool_msg(d->m->pool, MemfdInodeEntry, memfd_inode_entry__init);
	r = inode_fill(d, i, l, fd, e);
	if (r)
		return r;
	i->mem->fd = take_fd(fd);
	*s->end = i;
	s->end = &i->next;
	*ret = i;
	return 0;
}

static int memfd_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, struct err *e)
{
	MemfdFileEntry *me;
	struct memfd *i = NULL;
	int r = memfd_check(d, l, e);

	if (!r)
		r = inode_get(d, l, &i, e);
	if (r)
		return r;
	me = pool_msg(d->m->pool, MemfdFileEntry, memfd_file_entry__init);
	file_entry_new(d, f, FD_TYPES__MEMFD)->memfd = me;
	me->id = f->id;
	me->flags = l->info.flags;
	me->pos = l->info.pos;
	me->inode_id = (uint32_t)i->e->inode_id;
	if (l->fd >= 0)
		return fown_dump(d, l, &me->fown, e);
	/* Only mapped, or executed. */
	me->fown = pool_msg(d->m->pool, FownEntry, fown_entry__init);
	return 0;
}

static int memfd_dump_end(struct fd_dump *d, struct err *e)
{
	struct image_out *o;
	int r;

	if (!d->memfds || !d->memfds->list)
		return 0;
	r = image_create(d->m->dir, IMG_MEMFD_INODE, 0, &o, e);
	if (r)
		return r;
	for (struct memfd *i = d->memfds->list; i && !r; i = i->next)
		r = image_put(o, &i->e->base, e);
	return image_out_end(o, r, e);
}

static int memfd_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e)
{
	if (f->entry->memfd->pos > INT64_MAX)
		return image_bad(in, e, "file %u: the position of a memfd is out of range", f->id);
	return 0;
}

static struct memfd *inode_find(struct fd_restore *r, uint64_t id)
{
	struct memfd *i = r->memfds ? r->memfds->list : NULL;

	while (i && i->e->inode_id != id)
		i = i->next;
	return i;
}

/* Empty, of the right size. What seals forbid comes later. */
static int memfd_make(struct model *m, struct shmem_obj *o, int *ret_fd, struct err *e)
{
	struct memfd *i = o->priv;
	const MemfdInodeEntry *ie = i->e;
	bool noexec = ie->seals & F_SEAL_EXEC && ie->has_mode && !(ie->mode & 0111);
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	_cleanup_close_ int fd = -EBADF;

	/*
	 * The sysctl vm.memfd_noexec may insist on one of them, of which the second
	 * implies F_SEAL_EXEC; before 6.3 neither was known.
	 */
	fd = memfd_create(ie->name, flags | (noexec ? MFD_NOEXEC_SEAL : MFD_EXEC));
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(ie->name, flags);
	if (fd < 0)
		return err_sys(e, "memfd_create", "%s", ie->name);
	if (ftruncate(fd, (off_t)ie->size))
		return err_sys(e, "ftruncate", "memfd %s to %lu bytes", ie->name, ie->size);
	*ret_fd = take_fd(fd);
	return 0;
}

static int inode_read(struct fd_restore *r, struct image_in *in, MemfdInodeEntry *ie, struct err *e)
{
	struct memfd *i;

	if (inode_find(r, ie->inode_id))
		return image_bad(in, e, "two memfds have the number %lu", ie->inode_id);
	if (strlen(ie->name) > MEMFD_NAME_MAX)
		return image_bad(in, e, "the name of memfd %lu is too long", ie->inode_id);
	if (ie->size > INT64_MAX || ie->seals & ~(unsigned)SEALS_KNOWN ||
	    (ie->has_mode && ie->mode & ~07777u))
		return image_bad(in, e, "memfd %s: size, seals or mode out of range", ie->name);
	if (ie->has_hugetlb_flag && ie->hugetlb_flag)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "restore", ie->name,
			       "a memfd of huge pages (MFD_HUGETLB) is not supported");
	i = pool_alloc(r->m->pool, sizeof(*i));
	i->e = ie;
	i->mem = model_shmem_get(r->m, 0, ie->shmid);
	if (i->mem->make)
		return image_bad(in, e, "memfd %s: its memory %u is another object's, too",
				 ie->name, ie->shmid);
	i->mem->size = ie->size;
	i->mem->make = memfd_make;
	i->mem->priv = i;
	i->next = r->memfds->list;
	r->memfds->list = i;
	return 0;
}

static int memfd_read_end(struct fd_restore *r, struct err *e)
{
	MemfdInodeEntry *ie;
	struct image_in *in;
	int ret;

	r->memfds = pool_alloc(r->m->pool, sizeof(*r->memfds));
	if (image_exists(r->m->dir, IMG_MEMFD_INODE, 0)) {
		ret = image_open(r->m->dir, IMG_MEMFD_INODE, 0, &in, e);
		if (ret)
			return ret;
		while ((ret = image_get(in, &memfd_inode_entry__descriptor, &ie, e)) > 0) {
			ret = inode_read(r, in, ie, e);
			if (ret)
				break;
		}
		image_in_close(in);
		if (ret)
			return ret;
	}
	for (size_t i = 0; i < r->m->n_files; i++) {
		struct file_obj *f = r->m->files[i];

		if (f->entry->type != FD_TYPES__MEMFD)
			continue;
		fd_work(f)->kid = inode_find(r, f->entry->memfd->inode_id);
		if (!fd_work(f)->kid)
			return file_bad(f, e, "there is no memfd %u", f->entry->memfd->inode_id);
	}
	return 0;
}

/* What open(2) may be told by an image. */
#define OPEN_FLAGS                                                                                 \
	(O_ACCMODE | O_APPEND | O_NONBLOCK | O_DSYNC | O_SYNC | O_DIRECT | O_LARGEFILE |           \
	 O_NOATIME | O_PATH)

static int reopen(const struct memfd *i, int flags, int *ret_fd, struct err *e)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", i->mem->fd);
	*ret_fd = open(path, (flags & OPEN_FLAGS) | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(e, "open", "memfd %s", i->e->name) : 0;
}

static int share(const struct memfd *i, int *ret_fd, struct err *e)
{
	*ret_fd = fcntl(i->mem->fd, F_DUPFD_CLOEXEC, 0);
	return *ret_fd < 0 ? err_sys(e, "dup", "memfd %s", i->e->name) : 0;
}

static int memfd_open(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	const MemfdFileEntry *me = f->entry->memfd;
	struct memfd *i = fd_work(f)->kid;
	int ret;

	if ((me->flags & (O_ACCMODE | O_PATH)) == O_RDWR && !i->taken) {
		i->taken = true;
		ret = share(i, &f->fd, e);
		if (!ret)
			ret = fd_set_flags(f->fd, me->flags, i->e->name, e);
	} else {
		ret = reopen(i, (int)me->flags, &f->fd, e);
	}
	if (ret || !me->pos || me->flags & O_PATH)
		return ret;
	if (lseek(f->fd, (off_t)me->pos, SEEK_SET) < 0)
		return err_sys(e, "lseek", "memfd %s to %lu", i->e->name, me->pos);
	return 0;
}

/* A mapping that may write was made through the first description, as far as we can know. */
static int memfd_open_map(struct fd_restore *r, struct file_obj *f, int flags, int *ret_fd,
			  struct err *e)
{
	struct memfd *i = fd_work(f)->kid;

	return flags & O_RDWR ? share(i, ret_fd, e) : reopen(i, flags, ret_fd, e);
}

/* This seal leaves existing mappings writable, so they must exist before. */
static bool seals_late(const MemfdInodeEntry *ie)
{
	return (ie->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) == F_SEAL_FUTURE_WRITE;
}

static int seal(const struct memfd *i, struct err *e)
{
	int fd = i->mem->fd;

	/* One that nobody may seal was made with F_SEAL_SEAL. */
	if (i->e->seals && fcntl(fd, F_ADD_SEALS, (int)i->e->seals))
		return err_sys(e, "fcntl", "memfd %s: F_ADD_SEALS %#x", i->e->name, i->e->seals);
	if (fcntl(fd, F_GET_SEALS) != (int)i->e->seals)
		return err_set(e, ERR_SYSTEM, EPERM, "seal", i->e->name,
			       "the memfd has the seals %#x instead of %#x", fcntl(fd, F_GET_SEALS),
			       i->e->seals);
	return 0;
}

static int set_times(const struct memfd *i, struct err *e)
{
	struct timespec ts[2] = {
		{ (time_t)(i->e->stasis_atime / 1000000000u),
		  (long)(i->e->stasis_atime % 1000000000u) },
		{ (time_t)(i->e->stasis_mtime / 1000000000u),
		  (long)(i->e->stasis_mtime % 1000000000u) },
	};

	if (!i->e->has_stasis_mtime || !i->e->has_stasis_atime || !futimens(i->mem->fd, ts))
		return 0;
	return err_sys(e, "futimens", "memfd %s", i->e->name);
}

/* The content is there. */
static int memfd_open_all(struct fd_restore *r, struct maker *mk, struct err *e)
{
	for (const struct memfd *i = r->memfds->list; i; i = i->next) {
		const MemfdInodeEntry *ie = i->e;
		uint32_t uid, gid;
		int ret;

		if (!model_uid_out(r->m, ie->uid, &uid) || !model_gid_out(r->m, ie->gid, &gid))
			return err_set(
				e, ERR_IMAGE, EINVAL, "restore", ie->name,
				"the memfd's owner %u:%u is not in the tree's user namespace",
				ie->uid, ie->gid);
		if (fchown(i->mem->fd, uid, gid))
			return err_sys(e, "fchown", "memfd %s", ie->name);
		if (fchmod(i->mem->fd, ie->has_mode ? ie->mode : MODE_FRESH))
			return err_sys(e, "fchmod", "memfd %s to %04o", ie->name, ie->mode);
		ret = seals_late(ie) ? 0 : seal(i, e);
		if (ret)
			return ret;
	}
	return 0;
}

static int memfd_finish(struct fd_restore *r, struct err *e)
{
	for (const struct memfd *i = r->memfds->list; i; i = i->next) {
		int ret = seals_late(i->e) ? seal(i, e) : 0;

		/* Mapping it has counted as reading. */
		if (!ret)
			ret = set_times(i, e);
		if (ret)
			return ret;
	}
	return 0;
}

const struct file_kind file_kind_memfd = {
	.name = "memfd",
	.type = FD_TYPES__MEMFD,
	.is = memfd_is,
	.check = memfd_check,
	.dump = memfd_dump,
	.dump_end = memfd_dump_end,
	FILE_KIND_ENTRY(memfd, MemfdFileEntry),
	.read = memfd_read,
	.read_end = memfd_read_end,
	.open = memfd_open,
	.open_all = memfd_open_all,
	.finish = memfd_finish,
	.open_map = memfd_open_map,
};
