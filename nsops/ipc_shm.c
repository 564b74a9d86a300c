// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System V shared memory (ipcns-shm-*.img): segments with their ids. Content is
 * a shared memory object like any other, numbered by the segment's id (src/mem);
 * attached ranges are mappings of the tasks.
 *
 * A segment that nobody in the tree has attached is attached by ourselves for a
 * moment, to get at its content: it shows as the last operation on it.
 */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "image/image.h"
#include "nsops/ipc-internal.h"
#include "parasite/stub.h"

#ifndef SHM_DEST
#define SHM_DEST 01000 /* linux/shm.h */
#define SHM_LOCKED 02000
#endif

static int refuse(int id, const char *why, const char *hint, struct err *e)
{
	char object[64];

	snprintf(object, sizeof(object), "System V shared memory segment %d", id);
	err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", object, "%s", why);
	return hint ? err_hint(e, "%s", hint) : -EOPNOTSUPP;
}

static bool is_of(const struct vma *v, int id)
{
	return v->shmem && !v->shmem->dev && v->shmem->ino == (uint64_t)id;
}

/* Tasks that share their memory list the same mappings. */
static bool shares_memory(const struct model *m, size_t nth)
{
	const struct task *t = m->tasks[nth];

	for (size_t i = 0; t->ids && i < nth; i++)
		if (m->tasks[i]->ids && m->tasks[i]->ids->vm_id == t->ids->vm_id)
			return true;
	return false;
}

/* On restore a segment is attached whole, then cut: nothing else may lie where it was cut. */
static bool cut_is_free(const struct task *t, const struct vma *v)
{
	uint64_t base = v->e->start - v->e->pgoff, end = base + page_up(v->shmem->size);

	if (v->e->pgoff > v->e->start || v->e->end > end)
		return false;
	for (size_t i = 0; i < t->n_vmas; i++) {
		const struct vma *o = &t->vmas[i];

		if (o->e->end > base && o->e->start < end &&
		    (o->shmem != v->shmem || o->e->start - o->e->pgoff != base))
			return false;
	}
	return true;
}

static int attached_check(const struct model *m, int id, const struct shmid_ds *ds, struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_tasks; i++) {
		const struct task *t = m->tasks[i];

		for (size_t k = 0; !shares_memory(m, i) && k < t->n_vmas; k++) {
			if (!is_of(&t->vmas[k], id))
				continue;
			n++;
			if (!cut_is_free(t, &t->vmas[k]))
				return refuse(id,
					      "other memory lies in a hole that was cut into it",
					      NULL, e);
		}
	}
	/* The kernel counts mappings, not tasks. */
	if (ds->shm_nattch > n)
		return refuse(id, "a process outside of the tree has it attached",
			      "let it detach from the segment or end first", e);
	if (ds->shm_nattch < n)
		return refuse(id, "a task has attached it in another IPC namespace", NULL, e);
	return 0;
}

/* All mappings of System V memory must be of this namespace. */
static int strangers_check(const struct model *m, const IpcShmEntry *const *known, size_t n,
			   struct err *e)
{
	for (size_t i = 0; i < m->n_tasks; i++)
		for (size_t k = 0; k < m->tasks[i]->n_vmas; k++) {
			const struct shmem_obj *o = m->tasks[i]->vmas[k].shmem;
			size_t s = 0;

			if (!o || o->dev)
				continue;
			while (s < n && known[s]->desc->id != o->ino)
				s++;
			if (s == n)
				return refuse((int)o->ino,
					      "a task has attached it in another IPC namespace",
					      NULL, e);
		}
	return 0;
}

/* Attach, take a descriptor of the memory, detach. @how: SHM_RDONLY or 0. */
static int open_segment(int id, uint64_t size, int how, int *ret_fd, struct err *e)
{
	char path[96];
	void *at = shmat(id, NULL, how);
	int fd;

	if (at == (void *)-1)
		return err_sys(e, "shmat", "System V shared memory segment %d", id);
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)at,
		 (unsigned long)at + page_up(size));
	fd = open(path, (how & SHM_RDONLY ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (fd < 0)
		err_sys(e, "open", "%s, System V shared memory segment %d", path, id);
	shmdt(at);
	if (fd < 0)
		return -e->code;
	*ret_fd = fd;
	return 0;
}

static int rmid_forced(void)
{
	char buf[16] = "";

	return read_text_at(AT_FDCWD, "/proc/sys/kernel/shm_rmid_forced", buf, sizeof(buf)) > 0 &&
	       *buf != '0';
}

static int memory_of(struct model *m, int id, const struct shmid_ds *ds, struct err *e)
{
	struct shmem_obj *o = model_shmem_get(m, 0, (uint64_t)id);
	struct stat st;
	int r;

	o->size = ds->shm_segsz;
	/* Never attached: empty. */
	if (o->fd >= 0 || !ds->shm_atime)
		return 0;
	if (rmid_forced())
		return refuse(id,
			      "to read it would destroy it: nobody has it attached, and the sysctl "
			      "kernel.shm_rmid_forced is set",
			      NULL, e);
	r = open_segment(id, o->size, SHM_RDONLY, &o->fd, e);
	if (r)
		return r;
	if (fstat(o->fd, &st))
		return err_sys(e, "fstat", "System V shared memory segment %d", id);
	if ((uint64_t)st.st_blksize > page_size() && st.st_blksize % (1 << 20) == 0)
		return refuse(id, "huge pages (SHM_HUGETLB) are not supported", NULL, e);
	return 0;
}

static int segment_dump(struct model *m, int id, const struct shmid_ds *ds, IpcShmEntry **ret,
			struct err *e)
{
	IpcShmEntry *se = pool_msg(m->pool, IpcShmEntry, ipc_shm_entry__init);
	int r = ipc_desc_fill(m, &se->desc, &ds->shm_perm, id, e);

	if (!r)
		r = attached_check(m, id, ds, e);
	if (!r)
		r = memory_of(m, id, ds, e);
	if (r)
		return r;
	se->size = ds->shm_segsz;
	se->has_in_pagemaps = se->in_pagemaps = 1;
	se->stasis_cpid = ipc_pid_inward(m, ds->shm_cpid);
	se->has_stasis_cpid = se->stasis_cpid != 0;
	*ret = se;
	return 0;
}

static int segments_write(struct model *m, const struct ns *ns, IpcShmEntry *const *v, size_t n,
			  struct err *e)
{
	struct image_out *o;
	int r = image_create(m->dir, IMG_IPCNS_SHM, ns->id, &o, e);

	if (r)
		return r;
	for (size_t i = 0; !r && i < n; i++)
		r = image_put(o, &v[i]->base, e);
	return image_out_end(o, r, e);
}

static int shm_dump(struct model *m, const struct ns *ns, struct err *e)
{
	struct shm_info info;
	IpcShmEntry **v = NULL, *se;
	size_t n = 0;
	int r, max = shmctl(0, SHM_INFO, (struct shmid_ds *)&info);

	if (max < 0)
		return err_sys(e, "shmctl", "SHM_INFO");
	for (int i = 0; i <= max; i++) {
		struct shmid_ds ds;
		int id = shmctl(i, SHM_STAT, &ds);

		if (id < 0)
			continue;
		r = segment_dump(m, id, &ds, &se, e);
		if (r)
			return r;
		pool_push(m->pool, v, n, se);
	}
	r = strangers_check(m, (const IpcShmEntry *const *)v, n, e);
	return r || !n ? r : segments_write(m, ns, v, n, e);
}

struct attach {
	const struct shmem_obj *o;
};

static int attach_inside(void *arg, void *ret, struct err *e)
{
	const struct attach *a = arg;

	return open_segment((int)a->o->ino, a->o->size, 0, ret, e);
}

/* The segment exists by now; this is for filling it. */
static int memory_make(struct model *m, struct shmem_obj *o, int *ret_fd, struct err *e)
{
	struct attach a = { o };

	/* As ourselves: opening map_files takes a capability over all. */
	return ns_helper_call(m->root->stub->host, CLONE_NEWIPC, attach_inside, &a, ret_fd, e);
}

static int segment_read(struct model *m, struct ipc_state *s, IpcShmEntry *se, struct image_in *in,
			struct err *e)
{
	struct ipc_shm shm = { .e = se };
	int r = ipc_desc_check(se->desc, "ipcns-shm image", e);

	if (r)
		return r;
	if (!se->size || se->size > LONG_MAX - page_size())
		return image_bad(in, e, "segment %u has %lu bytes", se->desc->id, se->size);
	if (!se->in_pagemaps)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "restore", "ipcns-shm image",
			       "segment %u is stored in the old way, within this image",
			       se->desc->id);
	if (se->has_hugetlb_flag && se->hugetlb_flag)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "restore", "ipcns-shm image",
			       "segment %u is of huge pages (SHM_HUGETLB), which are not supported",
			       se->desc->id);
	shm.mem = model_shmem_get(m, 0, se->desc->id);
	if (shm.mem->make)
		return image_bad(in, e, "segment %u is there twice", se->desc->id);
	shm.mem->size = se->size;
	shm.mem->make = memory_make;
	shm.mem->sysv = true;
	pool_push(m->pool, s->shms, s->n_shms, shm);
	return 0;
}

static int shm_read(struct model *m, const struct ns *ns, struct ipc_state *s, struct err *e)
{
	IpcShmEntry *se;
	struct image_in *in;
	int r;

	if (!image_exists(m->dir, IMG_IPCNS_SHM, ns->id))
		return 0;
	r = image_open(m->dir, IMG_IPCNS_SHM, ns->id, &in, e);
	if (r)
		return r;
	while ((r = image_get(in, &ipc_shm_entry__descriptor, &se, e)) > 0) {
		r = segment_read(m, s, se, in, e);
		if (r)
			break;
	}
	image_in_close(in);
	return r;
}

/* What was larger than the machine was made without reserving it. */
static bool is_too_large(uint64_t size)
{
	struct sysinfo si;

	return !sysinfo(&si) && size / si.mem_unit > si.totalram + si.totalswap;
}

static int segment_make(struct maker *mk, const struct ipc_shm *s, struct err *e)
{
	const IpcDescEntry *d = s->e->desc;
	uint64_t flags = IPC_CREAT | IPC_EXCL | 0600;
	struct shmid_ds ds = { 0 };
	struct ipc_new n = {
		.what = "System V shared memory segment",
		.next_id = "shm_next_id",
		.desc = d,
		.by = ipc_task(mk->m, s->e->stasis_cpid),
		.nr = SYS_shmget,
		.set_nr = SYS_shmctl,
		.ds = &ds,
		.ds_size = sizeof(ds),
	};

	if (is_too_large(s->e->size))
		flags |= SHM_NORESERVE;
	n.args[0] = d->key;
	n.args[1] = s->e->size;
	n.args[2] = flags;
	ds.shm_perm.uid = d->uid;
	ds.shm_perm.gid = d->gid;
	ds.shm_perm.mode = (unsigned short)(d->mode & 0777);
	return ipc_create(mk, &n, e);
}

static int shm_make(struct maker *mk, struct ipc_state *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->n_shms; i++)
		r = segment_make(mk, &s->shms[i], e);
	return r;
}

/* Whoever wants a segment has it attached: now it may lose its name. */
static int shm_finish(struct model *m, struct ipc_state *s, struct err *e)
{
	for (size_t i = 0; i < s->n_shms; i++) {
		const IpcDescEntry *d = s->shms[i].e->desc;

		if (d->mode & SHM_LOCKED && shmctl((int)d->id, SHM_LOCK, NULL))
			return err_sys(e, "shmctl", "System V shared memory segment %u: SHM_LOCK",
				       d->id);
		if (d->mode & SHM_DEST && shmctl((int)d->id, IPC_RMID, NULL))
			return err_sys(e, "shmctl", "System V shared memory segment %u: IPC_RMID",
				       d->id);
	}
	return 0;
}

const struct ipc_kind ipc_kind_shm = {
	.name = "System V shared memory",
	.dump = shm_dump,
	.read = shm_read,
	.make = shm_make,
	.finish = shm_finish,
};
