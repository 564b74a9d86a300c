// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Storing content: private pages of each task, then every shared anonymous
 * object once.
 */
#define LOG_MODULE "mem"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/watchdog.h"
#include "mem/mem-internal.h"

struct plan {
	struct copy_run *v; /* malloc'ed */
	size_t n, cap;
};

static void plan_add(struct plan *p, struct copy_run run)
{
	struct copy_run *last = p->n ? &p->v[p->n - 1] : NULL;

	if (last && last->end == run.start && last->keep_zero == run.keep_zero &&
	    last->forced == run.forced) {
		last->end = run.end;
		return;
	}
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		p->v = realloc(p->v, p->cap * sizeof(*p->v));
		if (!p->v)
			abort();
	}
	p->v[p->n++] = run;
}

/* A range closed by MADV_GUARD_INSTALL gets an entry of its own that holds only this bit. */
static void add_guard(struct model *m, MmEntry *mm, const struct mem_run *r)
{
	VmaEntry *ve = pool_msg(m->pool, VmaEntry, vma_entry__init);

	ve->start = r->start;
	ve->end = r->end;
	ve->fd = -1;
	ve->status = VMA_GUARD;
	pool_push(m->pool, mm->vmas, mm->n_vmas, ve);
}

/* The part of @run inside @v. */
static void plan_vma(struct plan *p, struct vma *v, const struct mem_run *run)
{
	uint32_t status = v->e->status;
	struct copy_run c = {
		.start = run->start > v->e->start ? run->start : v->e->start,
		.end = run->end < v->e->end ? run->end : v->e->end,
		.keep_zero = !(status & VMA_ANON_PRIVATE),
		.forced = !(v->e->prot & PROT_READ),
	};

	/* What may be dropped at any moment comes back empty. */
	if (v->e->flags & MAP_DROPPABLE)
		return;
	v->has_pages = true;
	plan_add(p, c);
}

/* Runs and mappings are both in order of address. The vDSO is stored whole, see kind_special.c. */
static void plan_make(struct model *m, struct task *t, const struct mem_runs *runs, struct plan *p)
{
	size_t k = 0;

	for (size_t i = 0; i < t->n_vmas; i++) {
		struct vma *v = &t->vmas[i];

		if (v->e->status & VMA_VDSO) {
			struct copy_run c = { v->e->start, v->e->end, true, false };

			v->has_pages = true;
			plan_add(p, c);
			continue;
		}
		while (k < runs->n && runs->v[k].end <= v->e->start)
			k++;
		for (size_t j = k; j < runs->n && runs->v[j].start < v->e->end; j++)
			if (!runs->v[j].guard)
				plan_vma(p, v, &runs->v[j]);
	}
	for (size_t i = 0; i < runs->n; i++)
		if (runs->v[i].guard)
			add_guard(m, t->mm, &runs->v[i]);
}

static int ready(struct model *m, struct copier **ret, struct err *e)
{
	struct mem_state *s = mem_state(m);
	int r = s->copier ? 0 : copier_new(&s->copier, m->opt, e);

	*ret = s->copier;
	return r;
}

static int store(struct model *m, enum image_id id, unsigned long num, pid_t tid, int fd,
		 const struct plan *p, uint64_t *ret_pages, struct err *e)
{
	struct image_pages *out;
	struct copier *c;
	int r;

	r = ready(m, &c, e);
	if (!r)
		r = image_pages_create(m->dir, id, num, &out, e);
	if (r)
		return r;
	r = copy_pages(c, tid, fd, p->v, p->n, out, ret_pages, e);
	if (r) {
		image_pages_abort(out);
		return r;
	}
	return image_pages_close(out, e);
}

/* For the statistics. */
static void count_pages(struct model *m, const struct plan *p, uint64_t stored)
{
	for (size_t i = 0; i < p->n; i++)
		m->pages_scanned += (p->v[i].end - p->v[i].start) / page_size();
	m->pages_written += stored;
}

int mem_dump_pages(struct model *m, struct task *t, struct err *e)
{
	struct mem_task *mt = mem_task(m, t);
	struct mem_runs runs = { 0 };
	struct plan p = { 0 };
	uint64_t stored = 0;
	int r;

	r = mem_scan(mem_tid(t), mt->lines, t->n_vmas, &runs, e);
	if (!r) {
		plan_make(m, t, &runs, &p);
		r = store(m, IMG_PAGEMAP, (unsigned long)t->pid, mem_tid(t), -1, &p, &stored, e);
	}
	if (!r) {
		count_pages(m, &p, stored);
		log_debug("pid %d: %zu runs, %lu pages stored", t->pid, p.n, stored);
	}
	free(runs.v);
	free(p.v);
	return r ? err_in(e, "pages of pid %d", t->pid) : 0;
}

/* lseek finds data pages of tmpfs, in memory or in swap. */
static int shmem_plan(struct shmem_obj *o, struct plan *p, struct err *e)
{
	off_t at = 0, end;

	while ((at = lseek(o->fd, at, SEEK_DATA)) >= 0) {
		struct copy_run c = { .start = (uint64_t)at };

		end = lseek(o->fd, at, SEEK_HOLE);
		if (end <= at)
			break;
		c.end = page_up((uint64_t)end);
		plan_add(p, c);
		at = end;
	}
	if (at < 0 && errno != ENXIO)
		return err_sys(e, "lseek", "shared memory object %lu", o->shmid);
	return 0;
}

static int shmem_dump_one(struct model *m, struct shmem_obj *o, struct err *e)
{
	struct plan p = { 0 };
	uint64_t stored = 0;
	int r;

	r = shmem_plan(o, &p, e);
	if (!r)
		r = store(m, IMG_SHMEM_PAGEMAP, o->shmid, 0, o->fd, &p, &stored, e);
	if (!r)
		m->shpages_written += stored;
	free(p.v);
	return r ? err_in(e, "shared memory object %lu", o->shmid) : 0;
}

int mem_dump_finish(struct model *m, struct err *e)
{
	int r;

	for (size_t i = 0; i < m->n_shmems; i++) {
		r = shmem_dump_one(m, m->shmems[i], e);
		if (r)
			return r;
	}
	for (size_t i = 0; i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];

		/* A zombie has no memory left. */
		if (!t->mm || !t->n_vmas)
			continue;
		r = image_put_one(m->dir, IMG_MM, (unsigned long)t->pid, &t->mm->base, e);
		if (!r)
			r = cancel_check(e);
		if (r)
			return r;
	}
	return 0;
}
