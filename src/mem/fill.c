// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages back into memory: the calls that read a task's runs from the pages
 * file. Runs of some pages are populated first, which is 2 to 5 times faster
 * than faulting in the middle of the copy.
 *
 * Huge pages: a sparse mapping must not grow by them, so only stretches that
 * are stored whole may get them, and everything else is read while the task
 * cannot (before MADV_HUGEPAGE is repeated; where they are given to everybody,
 * with PR_SET_THP_DISABLE).
 */
#include <linux/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "mem/mem-internal.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
/* From so many pages on a call of its own pays. */
#define POPULATE_PAGES 4
/* preadv(2) takes that many pieces (UIO_MAXIOV) and at most 2 GiB. */
#define IOV_MOST 1024
#define BYTES_MOST (1ull << 30)

struct piece {
	uint64_t start, end, off;
	bool huge;
};

struct fill {
	struct build *b;
	struct mem_task *mt;
	uint64_t huge_size; /* 0: no huge pages here */
	bool huge_always;   /* given without being asked for */
	struct piece *v;    /* malloc'ed */
	size_t n, cap;
	/* the call being collected */
	struct iovec iov[IOV_MOST];
	size_t n_iov;
	uint64_t off, len;
};

static void huge_config(struct fill *f)
{
	char text[128];

	if (read_text_at(-1, "/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof(text)) <
		    0 ||
	    strstr(text, "[never]"))
		return;
	f->huge_always = strstr(text, "[always]");
	if (read_text_at(-1, "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", text,
			 sizeof(text)) > 0)
		f->huge_size = strtoull(text, NULL, 10);
}

static void piece_add(struct fill *f, uint64_t start, uint64_t end, uint64_t off, bool huge)
{
	struct piece *last = f->n ? &f->v[f->n - 1] : NULL;

	if (start >= end)
		return;
	if (last && last->end == start && last->off + (last->end - last->start) == off &&
	    last->huge == huge) {
		last->end = end;
		return;
	}
	if (f->n == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 64;
		f->v = realloc(f->v, f->cap * sizeof(*f->v));
		if (!f->v)
			abort();
	}
	f->v[f->n++] = (struct piece){ start, end, off, huge };
}

static bool may_be_huge(const struct fill *f, const struct vma *v)
{
	uint64_t madv = v->e->has_madv ? v->e->madv : 0;

	if (!f->huge_size || !(v->e->status & VMA_ANON_PRIVATE) || f->mt->mm.thp_disabled ||
	    madv & 1ull << MADV_NOHUGEPAGE)
		return false;
	return f->huge_always || madv & 1ull << MADV_HUGEPAGE;
}

/* The part [start, end) of a run that lies in @v. */
static void cut_vma(struct fill *f, const struct vma *v, uint64_t start, uint64_t end, uint64_t off)
{
	uint64_t size = f->huge_size, low, high;

	if (v->e->status & VMA_VDSO)
		return;
	if (may_be_huge(f, v)) {
		low = (start + size - 1) / size * size;
		high = end / size * size;
		if (low < high) {
			piece_add(f, start, low, off, false);
			piece_add(f, low, high, off + (low - start), true);
			piece_add(f, high, end, off + (high - start), false);
			return;
		}
	}
	piece_add(f, start, end, off, false);
}

static void flush(struct fill *f, int slot)
{
	struct mem_expect x = { .res = (int64_t)f->len };

	if (!f->n_iov)
		return;
	x.call = prog_call(f->b->p, "read pages", SYS_preadv, (uint64_t)slot,
			   (uint64_t)prog_dup(f->b->p, f->iov, f->n_iov * sizeof(*f->iov)),
			   f->n_iov, f->off);
	pool_push(f->b->m->pool, f->mt->expect, f->mt->n_expect, x);
	f->n_iov = 0;
	f->len = 0;
}

static void read_piece(struct fill *f, const struct piece *p, int slot)
{
	for (uint64_t at = p->start; at < p->end;) {
		uint64_t off = p->off + (at - p->start), n = p->end - at;

		if (f->n_iov == IOV_MOST || f->len >= BYTES_MOST || off != f->off + f->len)
			flush(f, slot);
		if (!f->n_iov)
			f->off = off;
		if (n > BYTES_MOST - f->len)
			n = BYTES_MOST - f->len;
		f->iov[f->n_iov++] = (struct iovec){ (void *)at, n };
		f->len += n;
		at += n;
	}
}

static void read_pieces(struct fill *f, bool huge, int slot)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct piece *p = &f->v[i];

		if (p->huge != huge)
			continue;
		if (p->end - p->start >= POPULATE_PAGES * page_size())
			prog_call(f->b->p, "populate", SYS_madvise | SV_IGN, p->start,
				  p->end - p->start, MADV_POPULATE_WRITE);
		read_piece(f, p, slot);
	}
	flush(f, slot);
}

static void advise_huge(struct fill *f)
{
	const struct task *t = f->b->t;

	for (size_t i = 0; i < t->n_vmas; i++) {
		const VmaEntry *ve = t->vmas[i].e;

		if (ve->has_madv && ve->madv & 1ull << MADV_HUGEPAGE && may_be_huge(f, &t->vmas[i]))
			prog_call(f->b->p, "allow huge pages", SYS_madvise, ve->start,
				  ve->end - ve->start, MADV_HUGEPAGE);
	}
}

static void set_thp(struct fill *f, bool disabled)
{
	prog_call(f->b->p, "set the THP flag", SYS_prctl, PR_SET_THP_DISABLE, disabled);
}

static void cut_runs(struct fill *f)
{
	const struct page_runs *runs = &f->mt->runs;
	const struct task *t = f->b->t;

	for (size_t i = 0; i < runs->n; i++) {
		uint64_t at = runs->v[i].vaddr, end = at + runs->v[i].pages * page_size();
		uint64_t off = runs->v[i].offset;

		f->b->m->pages_restored += runs->v[i].pages;
		for (size_t k = vma_from(t, at); k < t->n_vmas && at < end; k++) {
			const struct vma *v = &t->vmas[k];
			uint64_t stop = v->e->end < end ? v->e->end : end;

			cut_vma(f, v, at, stop, off);
			off += stop - at;
			at = stop;
		}
	}
}

int fill_build(struct build *b, struct err *e)
{
	struct mem_task *mt = mem_task(b->m, b->t);
	_cleanup_free_ struct fill *f = calloc(1, sizeof(*f));
	int slot = -1;

	if (!f)
		return err_sys(e, "allocate", "the plan of pages");
	f->b = b;
	f->mt = mt;
	huge_config(f);
	cut_runs(f);
	if (f->n)
		slot = build_slot(b, mt->runs.fd);
	if (f->huge_always)
		set_thp(f, true);
	read_pieces(f, false, slot);
	if (f->huge_always)
		set_thp(f, false);
	advise_huge(f);
	read_pieces(f, true, slot);
	/* The flag is inherited from whoever forked the stub: set it in any case. */
	set_thp(f, mt->mm.has_thp_disabled && mt->mm.thp_disabled);
	free(f->v);
	return 0;
}

int mem_build_check(struct build *b, struct err *e)
{
	struct mem_task *mt = mem_task(b->m, b->t);

	for (size_t i = 0; i < mt->n_expect; i++) {
		const struct mem_expect *x = &mt->expect[i];
		int64_t res = prog_res(b->p, x->call);
		char object[64];

		if (res == x->res)
			continue;
		snprintf(object, sizeof(object), "pages of pid %d", b->t->pid);
		return err_set(e, ERR_IMAGE, EIO, "read", object,
			       "the pages file gave %ld bytes where %ld were", res, x->res);
	}
	return 0;
}
