// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mapped files. Private mappings store the pages that were copied on write;
 * shared ones nothing, their content is the file's. The file itself is an
 * object of fd/, which also knows what to do about deleted ones.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "mem/mem-internal.h"

static bool is_file(const struct map_line *l)
{
	return l->ino && *l->name == '/';
}

static bool file_private_match(const struct mem_state *s, const struct map_line *l)
{
	return is_file(l) && !l->shared;
}

static bool file_shared_match(const struct mem_state *s, const struct map_line *l)
{
	return is_file(l) && l->shared;
}

bool vma_is_device(const struct stat *st)
{
	if (S_ISCHR(st->st_mode))
		return st->st_rdev != makedev(1, 5); /* /dev/zero: plain memory */
	return S_ISBLK(st->st_mode);
}

/* All mappings of one file with one access mode share an object: libraries are asked for once. */
static struct file_obj *file_known(struct mem_dump *d, const struct map_line *l, unsigned flags)
{
	for (size_t i = d->s->n_files; i-- > 0;) {
		const struct map_file *f = &d->s->files[i];

		if (f->ino == l->ino && f->dev == l->dev && f->flags == flags &&
		    !strcmp(f->name, l->name))
			return f->file;
	}
	return NULL;
}

int file_dump(struct mem_dump *d, const struct map_line *l, struct vma *v, struct err *e)
{
	unsigned flags = l->shared && l->vm & VM_MAYWRITE ? O_RDWR : O_RDONLY;
	struct map_file f = { .dev = l->dev, .ino = l->ino, .flags = flags, .name = l->name };
	_cleanup_close_ int fd = -EBADF;
	char name[PATH_MAX];
	struct stat st;
	int r;

	v->file = file_known(d, l, flags);
	if (!v->file) {
		r = map_file_open(d->tid, l, O_PATH, name, sizeof(name), &fd, e);
		if (r)
			return r;
		if (fstat(fd, &st))
			return err_sys(e, "fstat", "%s", name);
		if (vma_is_device(&st))
			return vma_refuse(&kind_device, d->t->host, l->start, l->end, name, e);
		r = d->ops->dump_file(d->m, d->t, fd, name, flags, &v->file, e);
		if (r)
			return err_in(e, "mapping %lx-%lx of pid %d", l->start, l->end, d->t->host);
		f.file = v->file;
		pool_push(d->m->pool, d->s->files, d->s->n_files, f);
	}
	v->e->pgoff = l->pgoff;
	v->e->shmid = v->file->id;
	v->e->has_fdflags = 1;
	v->e->fdflags = flags;
	return 0;
}

int file_check(struct model *m, struct task *t, struct vma *v, struct err *e)
{
	const VmaEntry *ve = v->e;
	FdTypes type = ve->status & VMA_MEMFD ? FD_TYPES__MEMFD : FD_TYPES__REG;

	v->file = ve->shmid <= UINT32_MAX ? model_file_by_id(m, (uint32_t)ve->shmid) : NULL;
	if (!v->file || !v->file->entry || v->file->entry->type != type)
		return err_set(e, ERR_IMAGE, EINVAL, "read", "mm image",
			       "mapping %lx-%lx is of file %lu, which is no %s of this checkpoint",
			       ve->start, ve->end, ve->shmid,
			       type == FD_TYPES__REG ? "regular file" : "memfd");
	if (ve->pgoff % page_size() || ve->pgoff > INT64_MAX - (ve->end - ve->start))
		return err_set(e, ERR_IMAGE, EINVAL, "read", "mm image",
			       "mapping %lx-%lx starts at byte %#lx of its file", ve->start,
			       ve->end, ve->pgoff);
	return 0;
}

static bool wants_write(const VmaEntry *ve)
{
	if (!(ve->status & VMA_FILE_SHARED))
		return false;
	return ve->prot & PROT_WRITE || (ve->has_fdflags && (ve->fdflags & O_ACCMODE) == O_RDWR);
}

int file_map(struct build *b, const struct mem_file_ops *ops, int root_fd, struct vma *v,
	     unsigned prot, struct err *e)
{
	const VmaEntry *ve = v->e;
	bool shared = ve->status & VMA_FILE_SHARED;
	int fd, r;

	r = ops->file_for_map(b->m, v->file, root_fd, wants_write(ve), &fd, e);
	if (r)
		return err_in(e, "mapping %lx-%lx of pid %d", ve->start, ve->end, b->t->pid);
	prog_call(b->p, "map a file", SYS_mmap, ve->start, ve->end - ve->start, prot,
		  (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED_NOREPLACE |
			  (ve->flags & (MAP_GROWSDOWN | MAP_NORESERVE)),
		  (uint64_t)build_slot(b, fd), ve->pgoff);
	return 0;
}

const struct vma_kind kind_file_private = {
	.name = "private file mapping",
	.status = VMA_FILE_PRIVATE,
	.mask = VMA_FILE_PRIVATE | VMA_MEMFD | VMA_SOCKET,
	.pages = true,
	.match = file_private_match,
	.dump = file_dump,
	.check = file_check,
	.map = file_map,
};

const struct vma_kind kind_file_shared = {
	.name = "shared file mapping",
	.status = VMA_FILE_SHARED,
	.mask = VMA_FILE_SHARED | VMA_MEMFD | VMA_SOCKET | VMA_AIORING,
	.match = file_shared_match,
	.dump = file_dump,
	.check = file_check,
	.map = file_map,
};
