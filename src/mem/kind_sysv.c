// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Attached System V shared memory (shmat(2)). The segment and its content
 * belong to the IPC namespace (nsops/ipc_shm.c); here are the ranges at which
 * tasks have it. Only shmat makes such a mapping, and of a whole segment: what
 * was cut out or protected otherwise since is done again afterwards.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "mem/mem-internal.h"

static bool is_sysv(const struct mem_state *s, const struct map_line *l)
{
	/* The first segment has the id, and so the inode, 0. */
	return l->dev == s->shm_dev && !strncmp(l->name, "/SYSV", 5);
}

static bool sysv_match(const struct mem_state *s, const struct map_line *l)
{
	return s->own_ipc && is_sysv(s, l);
}

static bool sysv_host_match(const struct mem_state *s, const struct map_line *l)
{
	return is_sysv(s, l);
}

static int sysv_dump(struct mem_dump *d, const struct map_line *l, struct vma *v, struct err *e)
{
	/* The inode's number is the segment's id. */
	struct shmem_obj *o = model_shmem_get(d->m, 0, l->ino);
	_cleanup_close_ int fd = -EBADF;
	struct stat st;
	int r;

	if (o->fd < 0) {
		r = map_file_open(d->tid, l, O_RDONLY, NULL, 0, &fd, e);
		if (r)
			return r;
		if (fstat(fd, &st))
			return err_sys(e, "fstat", "System V segment %lu of pid %d", l->ino,
				       d->t->pid);
		o->size = (uint64_t)st.st_size;
		o->fd = take_fd(fd);
	}
	v->shmem = o;
	v->e->flags |= MAP_ANONYMOUS;
	v->e->shmid = o->shmid;
	v->e->pgoff = l->pgoff;
	v->e->has_fdflags = 1;
	v->e->fdflags = l->vm & VM_MAYWRITE ? O_RDWR : O_RDONLY; /* else SHM_RDONLY */
	return 0;
}

static int sysv_check(struct model *m, struct task *t, struct vma *v, struct err *e)
{
	const VmaEntry *ve = v->e;
	uint64_t size, len = ve->end - ve->start;

	if (ve->shmid < SHMID_OTHERS)
		v->shmem = model_shmem_get(m, 0, ve->shmid);
	if (!v->shmem || !v->shmem->sysv)
		return err_set(e, ERR_IMAGE, EINVAL, "read", "mm image",
			       "mapping %lx-%lx is of System V segment %lu, which is not there",
			       ve->start, ve->end, ve->shmid);
	size = page_up(v->shmem->size);
	if (ve->pgoff % page_size() || ve->pgoff >= size || len > size - ve->pgoff ||
	    ve->pgoff > ve->start - page_size() ||
	    ve->start - ve->pgoff + size > mem_state(m)->task_size)
		return err_set(e, ERR_IMAGE, EINVAL, "read", "mm image",
			       "mapping %lx-%lx reaches beyond System V segment %lu", ve->start,
			       ve->end, ve->shmid);
	return 0;
}

static bool of_one_attach(const struct vma *a, const struct vma *b)
{
	return a->shmem == b->shmem && a->e->start - a->e->pgoff == b->e->start - b->e->pgoff;
}

/* What of [at, end) other mappings hold could not be attached over. */
static int check_room(const struct task *t, const struct vma *v, uint64_t at, uint64_t end,
		      struct err *e)
{
	for (size_t i = 0; i < t->n_vmas; i++) {
		const struct vma *o = &t->vmas[i];

		if (o->e->end > at && o->e->start < end && !of_one_attach(v, o))
			return err_set(e, ERR_IMAGE, EINVAL, "map", "mm image",
				       "mapping %lx-%lx lies within System V segment %lu",
				       o->e->start, o->e->end, v->e->shmid);
	}
	return 0;
}

static void unmap(struct build *b, uint64_t from, uint64_t to)
{
	if (from < to)
		prog_call(b->p, "cut System V memory", SYS_munmap, from, to - from);
}

/* The first piece of an attached segment makes them all. */
static int sysv_map(struct build *b, const struct mem_file_ops *ops, int root_fd, struct vma *v,
		    unsigned first, struct err *e)
{
	const struct task *t = b->t;
	const VmaEntry *ve = v->e;
	bool rdonly = ve->has_fdflags && (ve->fdflags & O_ACCMODE) == O_RDONLY, exec = false;
	uint64_t at = ve->start - ve->pgoff, end = at + page_up(v->shmem->size), done = at;
	unsigned prot;
	int r;

	for (const struct vma *o = t->vmas; o < v; o++)
		if (of_one_attach(o, v))
			return 0;
	r = check_room(t, v, at, end, e);
	if (r)
		return r;
	for (size_t i = 0; i < t->n_vmas; i++)
		exec |= of_one_attach(&t->vmas[i], v) && t->vmas[i].e->prot & PROT_EXEC;
	prot = PROT_READ | (rdonly ? 0 : PROT_WRITE) | (exec ? PROT_EXEC : 0);
	prog_call(b->p, "attach System V memory", SYS_shmat, ve->shmid, at,
		  (rdonly ? SHM_RDONLY : 0) | (exec ? SHM_EXEC : 0));
	for (size_t i = 0; i < t->n_vmas; i++) {
		const struct vma *o = &t->vmas[i];

		if (!of_one_attach(o, v))
			continue;
		unmap(b, done, o->e->start);
		done = o->e->end;
		if (o->e->prot != prot)
			prog_call(b->p, "set protection", SYS_mprotect, o->e->start,
				  o->e->end - o->e->start, o->e->prot);
	}
	unmap(b, done, end);
	return 0;
}

const struct vma_kind kind_sysv = {
	.name = "System V shared memory",
	.status = VMA_ANON_SHARED | VMA_SYSVIPC,
	.mask = VMA_ANON_SHARED | VMA_SYSVIPC,
	.match = sysv_match,
	.dump = sysv_dump,
	.check = sysv_check,
	.map = sysv_map,
};

const struct vma_kind kind_sysv_host = {
	.name = "System V shared memory of the host",
	.match = sysv_host_match,
	.why = "the segment belongs to the machine's IPC namespace, which is not part of the tree",
	.hint = "start the program in an IPC namespace of its own (unshare --ipc)",
};
