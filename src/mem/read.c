// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading the memory images of all tasks. Nothing of an image is believed
 * before it was checked here: ranges, order, flags, files, fields of mm, and
 * that every stored page belongs to a mapping that has pages.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "mem/mem-internal.h"

#define KNOWN_MADV                                                                                 \
	(1ull << MADV_RANDOM | 1ull << MADV_SEQUENTIAL | 1ull << MADV_DONTFORK |                   \
	 1ull << MADV_MERGEABLE | 1ull << MADV_HUGEPAGE | 1ull << MADV_NOHUGEPAGE |                \
	 1ull << MADV_DONTDUMP | 1ull << MADV_WIPEONFORK)
#define KNOWN_FLAGS                                                                                \
	(MAP_TYPE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_NORESERVE | MAP_LOCKED | MAP_DENYWRITE |   \
	 MAP_EXECUTABLE | MAP_STACK | MAP_FIXED)
/* linux/mempolicy.h: modes up to 7, MPOL_F_STATIC_NODES, RELATIVE_NODES and NUMA_BALANCING */
#define KNOWN_POLICY 0xe007u
/* More than any kernel keeps (AT_VECTOR_SIZE); the kernel has the last word. */
#define AUXV_MAX 128

__attribute__((format(printf, 3, 4))) static int bad(const struct task *t, struct err *e,
						     const char *fmt, ...)
{
	char name[32], why[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	snprintf(name, sizeof(name), "mm-%d.img", t->pid);
	return err_set(e, ERR_IMAGE, EINVAL, "read", name, "%s", why);
}

size_t vma_from(const struct task *t, uint64_t addr)
{
	size_t lo = 0, hi = t->n_vmas;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (t->vmas[mid].e->end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int check_entry(struct mem_state *s, struct task *t, const VmaEntry *ve,
		       const struct vma_kind *k, struct err *e)
{
	uint64_t page = page_size();
	unsigned type = ve->flags & MAP_TYPE;
	bool shared = ve->status & (VMA_FILE_SHARED | VMA_ANON_SHARED);

	if (ve->start % page || ve->end % page || ve->start >= ve->end)
		return bad(t, e, "%lx-%lx is no range of pages", ve->start, ve->end);
	if (!k)
		return bad(t, e, "mapping %lx-%lx has the unknown status %#x", ve->start, ve->end,
			   ve->status);
	if (k->why)
		return vma_refuse(k, t->pid, ve->start, ve->end, "", e);
	if (k == &kind_vsyscall)
		return 0;
	if (ve->end > s->task_size)
		return bad(t, e, "mapping %lx-%lx lies beyond user space", ve->start, ve->end);
	if (ve->prot & ~(unsigned)(PROT_READ | PROT_WRITE | PROT_EXEC) || ve->flags & ~KNOWN_FLAGS)
		return bad(t, e, "mapping %lx-%lx has unknown protection or flags (%#x, %#x)",
			   ve->start, ve->end, ve->prot, ve->flags);
	if (type != (shared ? MAP_SHARED : MAP_PRIVATE) &&
	    !(k == &kind_anon && type == MAP_DROPPABLE))
		return bad(t, e, "mapping %lx-%lx has flags %#x, which do not fit %s", ve->start,
			   ve->end, ve->flags, k->name);
	if (ve->has_madv && ve->madv & ~KNOWN_MADV)
		return bad(t, e, "mapping %lx-%lx has unknown advice %#lx", ve->start, ve->end,
			   ve->madv);
	if (ve->stasis_flags & ~(VMA_X_LOCKONFAULT | VMA_X_SEALED))
		return bad(t, e, "mapping %lx-%lx has unknown flags of ours (%#x)", ve->start,
			   ve->end, ve->stasis_flags);
	if (ve->has_stasis_policy != ve->has_stasis_policy_nodes ||
	    (ve->has_stasis_policy &&
	     (ve->stasis_policy & ~KNOWN_POLICY || ve->stasis_policy_nodes.len != POLICY_BYTES)))
		return bad(t, e, "mapping %lx-%lx has an unknown memory policy (%#x, %zu bytes)",
			   ve->start, ve->end, ve->stasis_policy, ve->stasis_policy_nodes.len);
	return 0;
}

static int take_guard(struct model *m, struct task *t, VmaEntry *ve, struct err *e)
{
	struct mem_task *mt = mem_task(m, t);
	uint64_t page = page_size();

	if (ve->start % page || ve->end % page || ve->start >= ve->end ||
	    ve->end > mem_state(m)->task_size)
		return bad(t, e, "guard %lx-%lx is no range of pages", ve->start, ve->end);
	pool_push(m->pool, mt->guards, mt->n_guards, ve);
	return 0;
}

/* vsyscall is everybody's: checked and left out. */
static int take_vmas(struct model *m, struct task *t, VmaEntry **v, size_t n, struct err *e)
{
	struct mem_task *mt = mem_task(m, t);
	uint64_t last = 0;
	int r = 0;

	t->vmas = pool_alloc(m->pool, n * sizeof(*t->vmas));
	mt->kinds = pool_alloc(m->pool, n * sizeof(*mt->kinds));
	for (size_t i = 0; i < n; i++) {
		const struct vma_kind *k = vma_kind_of_entry(v[i]);
		struct vma *vma = &t->vmas[t->n_vmas];

		if (v[i]->status == VMA_GUARD) {
			r = take_guard(m, t, v[i], e);
			if (r)
				return r;
			continue;
		}
		r = check_entry(mem_state(m), t, v[i], k, e);
		if (r)
			return r;
		if (k == &kind_vsyscall)
			continue;
		if (v[i]->start < last)
			return bad(t, e, "mapping %lx-%lx overlaps or precedes the one before it",
				   v[i]->start, v[i]->end);
		last = v[i]->end;
		vma->e = v[i];
		r = k->check ? k->check(m, t, vma, e) : 0;
		if (r)
			return r;
		mt->kinds[t->n_vmas++] = k;
	}
	return 0;
}

static int check_mm(struct model *m, struct task *t, struct err *e)
{
	const MmEntry *mm = t->mm;
	const uint64_t addr[] = {
		mm->mm_start_code, mm->mm_end_code,  mm->mm_start_data,	 mm->mm_end_data,
		mm->mm_start_brk,  mm->mm_brk,	     mm->mm_start_stack, mm->mm_arg_start,
		mm->mm_arg_end,	   mm->mm_env_start, mm->mm_env_end,
	};

	for (size_t i = 0; i < ARRAY_SIZE(addr); i++)
		if (addr[i] < page_size() || addr[i] >= mem_state(m)->task_size)
			return bad(t, e,
				   "address %#lx of the program's layout is not in user space",
				   addr[i]);
	if (mm->mm_start_code >= mm->mm_end_code || mm->mm_start_data > mm->mm_end_data ||
	    mm->mm_start_brk > mm->mm_brk || mm->mm_arg_start > mm->mm_arg_end ||
	    mm->mm_env_start > mm->mm_env_end)
		return bad(t, e, "the program's layout ends before it starts");
	if (mm->n_mm_saved_auxv % 2 || mm->n_mm_saved_auxv > AUXV_MAX)
		return bad(t, e, "an auxiliary vector of %zu words", mm->n_mm_saved_auxv);
	if (mm->stasis_lock_future && mm->stasis_lock_future != MCL_FUTURE &&
	    mm->stasis_lock_future != (MCL_FUTURE | MCL_ONFAULT))
		return bad(t, e, "unknown flags for locking what comes (%#x)",
			   mm->stasis_lock_future);
	if (mm->n_aios) {
		err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "restore", "asynchronous I/O contexts",
			"pid %d has %zu of them", t->pid, mm->n_aios);
		return err_hint(e, "AIO contexts (io_setup) are not supported");
	}
	t->exe = model_file_by_id(m, mm->exe_file_id);
	if (!t->exe || !t->exe->entry ||
	    (t->exe->entry->type != FD_TYPES__REG && t->exe->entry->type != FD_TYPES__MEMFD))
		return bad(t, e,
			   "the executable is file %u, which is no regular file of this checkpoint",
			   mm->exe_file_id);
	return 0;
}

/* Every page of a run must belong to a mapping that stores pages. */
static int check_runs(struct task *t, struct mem_task *mt, struct err *e)
{
	for (size_t i = 0; i < mt->runs.n; i++) {
		const struct page_run *run = &mt->runs.v[i];
		uint64_t at = run->vaddr, end = at + run->pages * page_size();

		if (run->in_parent)
			return bad(t, e, "pages at %lx are in a parent checkpoint", at);
		for (size_t k = vma_from(t, at); at < end; k++) {
			struct vma *v = k < t->n_vmas ? &t->vmas[k] : NULL;

			if (!v || v->e->start > at ||
			    (!mt->kinds[k]->pages && mt->kinds[k] != &kind_vdso))
				return bad(t, e, "the page at %lx is stored, but no mapping has it",
					   at);
			v->has_pages = true;
			at = v->e->end;
		}
	}
	return 0;
}

/* The bytes of [start, end) from the runs; false when some are missing. */
static bool runs_bytes(const struct page_runs *runs, uint64_t start, uint64_t end,
		       unsigned char *buf)
{
	uint64_t page = page_size(), at = start;

	for (size_t i = 0; i < runs->n && at < end; i++) {
		const struct page_run *r = &runs->v[i];
		uint64_t stop = r->vaddr + r->pages * page;

		if (stop <= at || r->vaddr > at)
			continue;
		stop = stop < end ? stop : end;
		if (pread_all(runs->fd, buf + (at - start), stop - at,
			      (off_t)(r->offset + (at - r->vaddr))))
			return false;
		at = stop;
	}
	return at == end;
}

static bool thread_inside(const struct task *t, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		const CoreEntry *c = t->threads[i].core;

		if (!c || !c->thread_info || !c->thread_info->gpregs)
			continue;
		if (c->thread_info->gpregs->ip >= start && c->thread_info->gpregs->ip < end)
			return true;
	}
	return false;
}

static int vdso_refuse(struct task *t, const char *why, struct err *e)
{
	char object[64];

	snprintf(object, sizeof(object), "the vDSO of pid %d", t->pid);
	err_set(e, ERR_CONFLICT, EOPNOTSUPP, "restore", object, "%s", why);
	return err_hint(e, "restore on the kernel that the checkpoint was taken on");
}

/* Where ours will have to be, or a refusal when it would not do. */
static int check_vdso(struct model *m, struct task *t, struct mem_task *mt, struct err *e)
{
	const struct vdso_layout *ours = &mem_state(m)->vdso;
	const VmaEntry *code = NULL;
	uint64_t data = 0, low = UINT64_MAX;
	unsigned char *image;
	const char *why;

	for (size_t i = 0; i < t->n_vmas; i++) {
		const VmaEntry *ve = t->vmas[i].e;

		if (mt->kinds[i] == &kind_vvar) {
			if (data && ve->start != low + data)
				return vdso_refuse(t, "its data pages are not in one piece", e);
			low = data ? low : ve->start;
			data += ve->end - ve->start;
		}
		if (mt->kinds[i] != &kind_vdso)
			continue;
		if (code)
			return vdso_refuse(t, "there are two of them", e);
		code = ve;
	}
	/* A program may have unmapped the code alone (valgrind does). */
	if (!code && (!data || data == ours->data)) {
		mt->vvar = data ? low : 0;
		return 0;
	}
	if (!code || data != ours->data || (data && low + data != code->start))
		return vdso_refuse(t, "this kernel's is laid out differently", e);
	if (code->end - code->start != ours->size)
		return vdso_refuse(t, "this kernel's has another size", e);
	image = pool_alloc(m->pool, ours->size);
	if (!runs_bytes(&mt->runs, code->start, code->end, image))
		return vdso_refuse(t, "the images hold no copy of it to compare with this kernel's",
				   e);
	why = vdso_differs(ours, image, ours->size);
	if (why)
		return vdso_refuse(t, why, e);
	if (memcmp(image, ours->image, ours->size) && thread_inside(t, code->start, code->end))
		return vdso_refuse(t, "a thread was stopped inside it, and this kernel's differs",
				   e);
	mt->vdso = code->start;
	mt->vvar = code->start - data;
	return 0;
}

/* Old images keep the mappings in a file of their own. */
static int read_old_vmas(struct model *m, struct task *t, MmEntry *mm, struct err *e)
{
	struct image_in *in;
	VmaEntry *ve;
	int r;

	if (mm->n_vmas || !image_exists(m->dir, IMG_VMAS, (unsigned long)t->pid))
		return 0;
	r = image_open(m->dir, IMG_VMAS, (unsigned long)t->pid, &in, e);
	if (r)
		return r;
	while ((r = image_get(in, &vma_entry__descriptor, &ve, e)) > 0)
		pool_push(m->pool, mm->vmas, mm->n_vmas, ve);
	image_in_close(in);
	return r;
}

static int read_task(struct model *m, struct task *t, struct err *e)
{
	struct mem_task *mt = mem_task(m, t);
	MmEntry *mm;
	int r;

	r = image_get_one(m->dir, IMG_MM, (unsigned long)t->pid, &mm_entry__descriptor, &mm, e);
	if (r < 0)
		return r;
	mt->mm = *mm;
	r = read_old_vmas(m, t, &mt->mm, e);
	if (!r)
		r = take_vmas(m, t, mt->mm.vmas, mt->mm.n_vmas, e);
	if (!r)
		r = check_mm(m, t, e);
	if (!r)
		r = image_pages_read(m->dir, IMG_PAGEMAP, (unsigned long)t->pid, &mt->runs, e);
	if (!r)
		r = check_runs(t, mt, e);
	return r ? r : check_vdso(m, t, mt, e);
}

int mem_read(struct model *m, struct err *e)
{
	int r;

	for (size_t i = 0; i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];

		if (t->state == TASK_ZOMBIE)
			continue;
		r = read_task(m, t, e);
		if (r)
			return err_in(e, "memory of pid %d", t->pid);
	}
	return 0;
}

int mem_ranges(struct model *m, uint64_t (**ret)[2], size_t *ret_n, struct err *e)
{
	const struct mem_state *s = mem_state(m);
	uint64_t(*v)[2];
	size_t n = 0;

	for (size_t i = 0; i < m->n_tasks; i++)
		n += m->tasks[i]->n_vmas + 1;
	v = pool_alloc(m->pool, (n + 1) * sizeof(*v));
	n = 0;
	for (size_t i = 0; i < m->n_tasks; i++) {
		const struct task *t = m->tasks[i];
		const struct mem_task *mt = (const struct mem_task *)t->mm;

		for (size_t k = 0; k < t->n_vmas; k++, n++) {
			v[n][0] = t->vmas[k].e->start;
			v[n][1] = t->vmas[k].e->end;
		}
		/* The code that is there for a moment, see build_vdso(). */
		if (mt && mt->vvar && !mt->vdso) {
			v[n][0] = mt->vvar + s->vdso.data;
			v[n++][1] = mt->vvar + s->vdso.data + s->vdso.size;
		}
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

size_t mem_arena_need(const struct model *m)
{
	size_t need = 0;

	for (size_t i = 0; i < m->n_tasks; i++) {
		const struct task *t = m->tasks[i];
		const struct mem_task *mt = (const struct mem_task *)t->mm;

		if (!mt)
			continue;
		/* map, protect, lock, seal and up to eight kinds of advice with a name */
		need += t->n_vmas * 16 * sizeof(struct sv_call);
		/* populate; an iovec; now and then a read */
		need += mt->runs.n * 2 * sizeof(struct sv_call);
		need += (mt->n_guards + 64) * sizeof(struct sv_call);
		for (size_t k = 0; k < t->n_vmas; k++)
			need += t->vmas[k].e->has_stasis_policy ? POLICY_BYTES + 16 : 0;
	}
	return need;
}
