// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The part of a task's build program that makes its memory. The calls run in
 * the stub, whose address space holds nothing but the arena. The order:
 *
 *  1. layout of mm with the exe link: refused as long as the old executable is
 *     mapped, so before anything else
 *  2. the vDSO: its address is a wish that is only granted in empty space
 *  3. mappings, writable where pages come
 *  4. pages (fill.c)
 *  5. protections as they were
 *  6. advice, then guard ranges (refused in locked memory), then locks
 *  7. seals, after which nothing can be changed; and that what comes is locked
 */
#include <linux/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "mem/mem-internal.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif
#define MLOCK_ONFAULT_FLAG 1u

static int build_mm(struct build *b, const struct mem_file_ops *ops, int root_fd, struct err *e)
{
	const MmEntry *mm = b->t->mm;
	struct prctl_mm_map *map = prog_alloc(b->p, sizeof(*map));
	int fd, r;

	r = ops->file_for_map(b->m, b->t->exe, root_fd, false, &fd, e);
	if (r)
		return err_in(e, "executable of pid %d", b->t->pid);
	*map = (struct prctl_mm_map){
		.start_code = mm->mm_start_code,
		.end_code = mm->mm_end_code,
		.start_data = mm->mm_start_data,
		.end_data = mm->mm_end_data,
		.start_brk = mm->mm_start_brk,
		.brk = mm->mm_brk,
		.start_stack = mm->mm_start_stack,
		.arg_start = mm->mm_arg_start,
		.arg_end = mm->mm_arg_end,
		.env_start = mm->mm_env_start,
		.env_end = mm->mm_env_end,
		.auxv = prog_dup(b->p, mm->mm_saved_auxv,
				 mm->n_mm_saved_auxv * sizeof(*mm->mm_saved_auxv)),
		.auxv_size = (uint32_t)(mm->n_mm_saved_auxv * sizeof(*mm->mm_saved_auxv)),
		.exe_fd = (uint32_t)build_slot(b, fd),
	};
	prog_call(b->p, "set program layout and exe link", SYS_prctl, PR_SET_MM, PR_SET_MM_MAP,
		  (uint64_t)map, sizeof(*map));
	return 0;
}

/*
 * Private pages in a mapping that cannot be written show that it once could,
 * and was charged to the commit limit as a whole; so it is again.
 */
static unsigned first_prot(const struct vma *v)
{
	return v->has_pages ? v->e->prot | PROT_WRITE : v->e->prot;
}

/*
 * Before pages come, which then are taken from the right nodes. Here is another
 * machine perhaps: nodes that are none of ours are passed over.
 */
static void policy_call(struct build *b, const VmaEntry *ve)
{
	prog_call(b->p, "set a mapping's policy", SYS_mbind | SV_IGN, ve->start,
		  ve->end - ve->start, ve->stasis_policy,
		  (uint64_t)prog_dup(b->p, ve->stasis_policy_nodes.data, POLICY_BYTES),
		  /* The kernel takes one off. */
		  POLICY_BYTES * 8 + 1, 0);
}

static int build_maps(struct build *b, const struct mem_file_ops *ops, int root_fd, struct err *e)
{
	struct mem_task *mt = mem_task(b->m, b->t);
	int r;

	for (size_t i = 0; i < b->t->n_vmas; i++) {
		struct vma *v = &b->t->vmas[i];

		if (!mt->kinds[i]->map)
			continue;
		r = mt->kinds[i]->map(b, ops, root_fd, v, first_prot(v), e);
		if (r)
			return r;
		if (v->e->has_stasis_policy)
			policy_call(b, v->e);
	}
	return 0;
}

static void build_protect(struct build *b)
{
	for (size_t i = 0; i < b->t->n_vmas; i++) {
		const struct vma *v = &b->t->vmas[i];

		if (v->e->status & VMA_VDSO || first_prot(v) == v->e->prot)
			continue;
		prog_call(b->p, "set protection", SYS_mprotect, v->e->start,
			  v->e->end - v->e->start, v->e->prot);
	}
}

static void build_advice(struct build *b)
{
	struct mem_task *mt = mem_task(b->m, b->t);

	for (size_t i = 0; i < b->t->n_vmas; i++) {
		const VmaEntry *ve = b->t->vmas[i].e;
		uint64_t len = ve->end - ve->start;

		if (!mt->kinds[i]->map)
			continue;
		for (int bit = 0; ve->has_madv && ve->madv >> bit; bit++)
			if (ve->madv >> bit & 1)
				prog_call(b->p, "repeat madvise", SYS_madvise, ve->start, len, bit);
		if (ve->stasis_name)
			prog_call(b->p, "name anonymous memory", SYS_prctl, PR_SET_VMA,
				  PR_SET_VMA_ANON_NAME, ve->start, len,
				  (uint64_t)prog_strdup(b->p, ve->stasis_name));
	}
	for (size_t i = 0; i < mt->n_guards; i++)
		prog_call(b->p, "close a guard range", SYS_madvise, mt->guards[i]->start,
			  mt->guards[i]->end - mt->guards[i]->start, MADV_GUARD_INSTALL);
}

static void build_locks(struct build *b)
{
	for (size_t i = 0; i < b->t->n_vmas; i++) {
		const VmaEntry *ve = b->t->vmas[i].e;
		uint64_t len = ve->end - ve->start;
		bool lazy = ve->stasis_flags & VMA_X_LOCKONFAULT;

		/* What cannot be read cannot be faulted in; the call complains, but has locked it. */
		if (ve->flags & MAP_LOCKED)
			prog_call(b->p, "lock memory",
				  SYS_mlock2 | (ve->prot & PROT_READ ? 0 : SV_IGN), ve->start, len,
				  lazy ? MLOCK_ONFAULT_FLAG : 0);
	}
	for (size_t i = 0; i < b->t->n_vmas; i++) {
		const VmaEntry *ve = b->t->vmas[i].e;

		if (ve->stasis_flags & VMA_X_SEALED)
			prog_call(b->p, "seal a mapping", SYS_mseal, ve->start, ve->end - ve->start,
				  0);
	}
}

static bool in_runs(const struct page_runs *runs, uint64_t addr)
{
	size_t lo = 0, hi = runs->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct page_run *r = &runs->v[mid];

		if (addr < r->vaddr)
			hi = mid;
		else if (addr >= r->vaddr + r->pages * page_size())
			lo = mid + 1;
		else
			return true;
	}
	return false;
}

/*
 * Without a vDSO the last call, which takes the arena away, must be made from
 * the program's own text: find a `syscall` in an executable file mapping, on a
 * page that is the file's.
 */
static uint64_t text_gadget(struct build *b, const struct vma *v, int fd)
{
	const struct page_runs *runs = &mem_task(b->m, b->t)->runs;
	size_t page = page_size();
	_cleanup_free_ unsigned char *buf = malloc(page);

	for (uint64_t a = v->e->start; buf && a < v->e->end; a += page) {
		uint64_t at;

		if (in_runs(runs, a) ||
		    pread_all(fd, buf, page, (off_t)(v->e->pgoff + (a - v->e->start))))
			continue;
		at = find_syscall(buf, page);
		if (at != FIND_NONE)
			return a + at;
	}
	return 0;
}

static int build_gadget(struct build *b, const struct mem_file_ops *ops, int root_fd, struct err *e)
{
	struct mem_task *mt = mem_task(b->m, b->t);
	int fd, r;

	for (size_t i = 0; i < b->t->n_vmas && !mt->gadget; i++) {
		const struct vma *v = &b->t->vmas[i];

		if (!(v->e->prot & PROT_EXEC) || mt->kinds[i] != &kind_file_private)
			continue;
		r = ops->file_for_map(b->m, v->file, root_fd, false, &fd, e);
		if (r)
			return r;
		mt->gadget = text_gadget(b, v, fd);
	}
	return 0;
}

/* The kernel maps code and data together; what the program had unmapped goes again. */
static void build_vdso(struct build *b)
{
	struct mem_task *mt = mem_task(b->m, b->t);
	const struct vdso_layout *v = &mem_state(b->m)->vdso;

	if (!mt->vvar && !mt->vdso)
		return;
	mem_call_vdso(b->p, mt->vvar);
	if (!mt->vdso)
		prog_call(b->p, "unmap the code of the vDSO", SYS_munmap, mt->vvar + v->data,
			  v->size);
}

int mem_build(struct build *b, const struct mem_file_ops *ops, int root_fd, struct err *e)
{
	struct mem_task *mt = mem_task(b->m, b->t);
	int r;

	r = build_mm(b, ops, root_fd, e);
	if (r)
		return r;
	build_vdso(b);
	if (!mt->vdso)
		r = build_gadget(b, ops, root_fd, e);
	if (!r)
		r = build_maps(b, ops, root_fd, e);
	if (!r)
		r = fill_build(b, e);
	if (r)
		return err_in(e, "memory of pid %d", b->t->pid);
	build_protect(b);
	build_advice(b);
	build_locks(b);
	if (b->t->mm->stasis_lock_future)
		prog_call(b->p, "lock what comes", SYS_mlockall, b->t->mm->stasis_lock_future);
	return 0;
}

uint64_t mem_final_gadget(struct model *m, struct task *t)
{
	struct mem_task *mt = mem_task(m, t);
	const struct vdso_layout *v = &mem_state(m)->vdso;

	if (!mt->vdso)
		return mt->gadget;
	return v->gadget == FIND_NONE ? 0 : mt->vdso + v->gadget;
}
