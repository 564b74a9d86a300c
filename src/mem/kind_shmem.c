// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shared anonymous memory: an unnamed file on the kernel's own tmpfs, shown as
 * "/dev/zero (deleted)", one per mmap(2) and shared by fork. The content is
 * stored once, in pagemap-shmem-<shmid>; see shmem.c.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "mem/mem-internal.h"

static bool shmem_match(const struct mem_state *s, const struct map_line *l)
{
	if (!l->ino || l->dev != s->shm_dev || !l->shared)
		return false;
	return !strcmp(l->name, "/dev/zero (deleted)") || !strncmp(l->name, "[anon_shmem:", 12);
}

static int shmem_dump(struct mem_dump *d, const struct map_line *l, struct vma *v, struct err *e)
{
	struct shmem_obj *o = model_shmem_get(d->m, l->dev, l->ino);
	_cleanup_close_ int fd = -EBADF;
	size_t n = strlen(l->name);
	struct stat st;
	int r;

	if (o->fd < 0) {
		r = map_file_open(d->tid, l, O_RDWR, NULL, 0, &fd, e);
		if (r)
			return r;
		if (fstat(fd, &st))
			return err_sys(e, "fstat", "shared memory of pid %d", d->t->pid);
		o->size = (uint64_t)st.st_size;
		o->fd = take_fd(fd);
	}
	v->shmem = o;
	v->e->flags |= MAP_ANONYMOUS;
	v->e->shmid = o->shmid;
	v->e->pgoff = l->pgoff;
	v->e->has_stasis_size = 1;
	v->e->stasis_size = o->size;
	if (n > 13 && !strncmp(l->name, "[anon_shmem:", 12))
		v->e->stasis_name = pool_printf(d->m->pool, "%.*s", (int)(n - 13), l->name + 12);
	return 0;
}

/* The image has no size of the object: it reaches at least to the end of its last mapping. */
static int shmem_check(struct model *m, struct task *t, struct vma *v, struct err *e)
{
	const VmaEntry *ve = v->e;
	uint64_t len = ve->end - ve->start, size = ve->has_stasis_size ? ve->stasis_size : 0;

	if (ve->pgoff % page_size() || ve->pgoff > INT64_MAX - len || size > INT64_MAX)
		return err_set(e, ERR_IMAGE, EINVAL, "read", "mm image",
			       "mapping %lx-%lx lies outside of any shared memory", ve->start,
			       ve->end);
	v->shmem = model_shmem_get(m, 0, ve->shmid);
	if (v->shmem->make)
		return err_set(e, ERR_IMAGE, EINVAL, "read", "mm image",
			       "mapping %lx-%lx is of memory %lu, which is a memfd or a System V "
			       "segment",
			       ve->start, ve->end, ve->shmid);
	if (v->shmem->size < ve->pgoff + len)
		v->shmem->size = ve->pgoff + len;
	if (v->shmem->size < size)
		v->shmem->size = size;
	return 0;
}

static int shmem_map(struct build *b, const struct mem_file_ops *ops, int root_fd, struct vma *v,
		     unsigned prot, struct err *e)
{
	const VmaEntry *ve = v->e;

	prog_call(b->p, "map shared memory", SYS_mmap, ve->start, ve->end - ve->start, prot,
		  MAP_SHARED | MAP_FIXED_NOREPLACE | (ve->flags & MAP_NORESERVE),
		  (uint64_t)build_slot(b, v->shmem->fd), ve->pgoff);
	return 0;
}

const struct vma_kind kind_shmem = {
	.name = "shared anonymous memory",
	.status = VMA_ANON_SHARED,
	.mask = VMA_ANON_SHARED | VMA_SYSVIPC | VMA_MEMFD | VMA_AIORING,
	.match = shmem_match,
	.dump = shmem_dump,
	.check = shmem_check,
	.map = shmem_map,
};
