// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Describing a task's memory: its mappings, the fields of mm, the exe link.
 * All from outside, of a stopped task; what only the task can tell comes by
 * mem_set_inside().
 */
#define LOG_MODULE "mem"
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/watchdog.h"
#include "mem/mem-internal.h"

/* The part of an entry that all kinds have in common. */
static void entry_fill(VmaEntry *ve, const struct vma_kind *k, const struct map_line *l)
{
	ve->start = l->start;
	ve->end = l->end;
	ve->prot = l->prot;
	ve->fd = -1;
	ve->flags = l->shared ? MAP_SHARED : MAP_PRIVATE;
	if (l->vm & VM_GROWSDOWN)
		ve->flags |= MAP_GROWSDOWN;
	if (l->vm & VM_NORESERVE)
		ve->flags |= MAP_NORESERVE;
	if (l->vm & VM_LOCKED)
		ve->flags |= MAP_LOCKED;
	ve->status = k->status | (k->mask & VMA_REGULAR ? 0 : VMA_REGULAR);
	if (l->madv) {
		ve->has_madv = 1;
		ve->madv = l->madv;
	}
	ve->stasis_flags = (l->vm & VM_LOCKONFAULT ? VMA_X_LOCKONFAULT : 0) |
			   (l->vm & VM_SEALED ? VMA_X_SEALED : 0);
	ve->has_stasis_flags = ve->stasis_flags != 0;
}

static int dump_line(struct mem_dump *d, const struct map_line *l, struct vma *v, struct err *e)
{
	const struct vma_kind *k = vma_kind_of_line(d->s, l);

	if (!k)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", l->name,
			       "mapping %lx-%lx of pid %d is of no known kind", l->start, l->end,
			       d->t->host);
	if (k->why)
		return vma_refuse(k, d->t->host, l->start, l->end, l->name, e);
	v->e = pool_msg(d->m->pool, VmaEntry, vma_entry__init);
	v->dev = l->dev;
	v->ino = l->ino;
	entry_fill(v->e, k, l);
	mem_policy_fill(mem_task(d->m, d->t), v->e);
	return k->dump(d, l, v, e);
}

static int dump_vmas(struct mem_dump *d, const struct map_line *lines, size_t n, struct err *e)
{
	struct task *t = d->t;
	struct mem_task *mt = mem_task(d->m, t);
	int r;

	t->vmas = pool_alloc(d->m->pool, n * sizeof(*t->vmas));
	for (size_t i = 0; i < n; i++) {
		r = dump_line(d, &lines[i], &t->vmas[i], e);
		if (!r && i % 256 == 255)
			r = cancel_check(e);
		if (r)
			return r;
		pool_push(d->m->pool, mt->mm.vmas, mt->mm.n_vmas, t->vmas[i].e);
	}
	t->n_vmas = n;
	mt->lines = lines;
	return 0;
}

static int dump_auxv(struct mem_dump *d, MmEntry *mm, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	uint64_t buf[128];
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/auxv", d->tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open", "%s", path);
	n = read(fd, buf, sizeof(buf));
	if (n < 0)
		return err_sys(e, "read", "%s", path);
	n /= (ssize_t)sizeof(*buf);
	/* The ending AT_NULL is not part of the image; the kernel puts it back. */
	while (n >= 2 && !buf[n - 2] && !buf[n - 1])
		n -= 2;
	mm->mm_saved_auxv = pool_dup(d->m->pool, buf, (size_t)n * sizeof(*buf));
	mm->n_mm_saved_auxv = (size_t)n;
	return 0;
}

/* Without an answer from inside, the heap's mapping tells the break to the page. */
static uint64_t brk_guess(const struct task *t, uint64_t start_brk)
{
	uint64_t brk = start_brk;

	for (size_t i = 0; i < t->n_vmas; i++) {
		const VmaEntry *ve = t->vmas[i].e;

		if (ve->status & VMA_HEAP && ve->start <= page_up(start_brk) && ve->end > brk)
			brk = ve->end;
	}
	return brk;
}

static int dump_mm(struct mem_dump *d, struct err *e)
{
	struct mem_task *mt = mem_task(d->m, d->t);
	MmEntry *mm = &mt->mm;
	struct proc_stat st;
	int r;

	r = proc_stat_read(d->tid, &st, e);
	if (r)
		return r;
	mm->mm_start_code = st.start_code;
	mm->mm_end_code = st.end_code;
	mm->mm_start_data = st.start_data;
	mm->mm_end_data = st.end_data;
	mm->mm_start_stack = st.start_stack;
	mm->mm_start_brk = st.start_brk;
	mm->mm_arg_start = st.arg_start;
	mm->mm_arg_end = st.arg_end;
	mm->mm_env_start = st.env_start;
	mm->mm_env_end = st.env_end;
	if (!mt->inside)
		mm->mm_brk = brk_guess(d->t, st.start_brk);
	return dump_auxv(d, mm, e);
}

static int dump_exe(struct mem_dump *d, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	char path[64], name[PATH_MAX];
	int r;

	r = proc_readlink(d->tid, "exe", name, sizeof(name), e);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/exe", d->tid);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open", "%s", path);
	r = d->ops->dump_file(d->m, d->t, fd, name, O_RDONLY, &d->t->exe, e);
	if (r)
		return err_in(e, "executable of pid %d", d->t->pid);
	mem_task(d->m, d->t)->mm.exe_file_id = d->t->exe->id;
	return 0;
}

int mem_dump_maps(struct model *m, struct task *t, const struct mem_file_ops *ops, struct err *e)
{
	struct mem_dump d = {
		.m = m,
		.t = t,
		.s = mem_state(m),
		.tid = mem_tid(t),
		.ops = ops,
	};
	struct map_line *lines;
	size_t n;
	int r;

	r = maps_read(m->pool, d.tid, "smaps", &lines, &n, e);
	if (!r && n && !lines[0].detailed)
		r = err_set(e, ERR_SYSTEM, EOPNOTSUPP, "read", "/proc/PID/smaps",
			    "this kernel shows no flags of mappings");
	if (!r)
		r = dump_exe(&d, e);
	if (!r)
		r = special_check(&d, lines, n, e);
	if (!r)
		r = dump_vmas(&d, lines, n, e);
	if (!r)
		r = dump_mm(&d, e);
	if (r)
		return err_in(e, "memory of pid %d", t->host);
	log_debug("pid %d: %zu mappings", t->pid, n);
	return 0;
}

/* Libraries are everybody's: whether a file was looked at for another mapping. */
static bool seen_before(struct model *m, struct mem_state *s, const struct map_line *l)
{
	struct map_file f = { .dev = l->dev, .ino = l->ino };

	for (size_t i = s->n_seen; i-- > 0 && i + 256 > s->n_seen;)
		if (s->seen[i].ino == f.ino && s->seen[i].dev == f.dev)
			return true;
	pool_push(m->pool, s->seen, s->n_seen, f);
	return false;
}

typedef int check_link_fn(struct model *m, struct task *t, const char *link, struct err *e);

/* Refused by the table, or for the file behind it: a device is told by its type, not by its name. */
static int check_line(struct model *m, struct task *t, const struct map_line *l,
		      check_link_fn *check_link, struct err *e)
{
	struct mem_state *s = mem_state(m);
	const struct vma_kind *k = vma_kind_of_line(s, l);
	char path[96];
	struct stat st;

	if (k && k->why)
		return vma_refuse(k, t->host, l->start, l->end, l->name, e);
	if (!k || !l->ino || *l->name != '/' || seen_before(m, s, l))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", t->host, l->start, l->end);
	if (!stat(path, &st) && vma_is_device(&st))
		return vma_refuse(&kind_device, t->host, l->start, l->end, l->name, e);
	if (k == &kind_file_private || k == &kind_file_shared)
		return check_link(m, t, path, e);
	return 0;
}

int mem_preflight(struct model *m, struct task *t, check_link_fn *check_link,
		  struct err_list *blockers, struct err *e)
{
	struct map_line *lines;
	char exe[PATH_MAX];
	struct err b = { 0 };
	size_t n;
	int r;

	r = maps_read(m->pool, t->host, "maps", &lines, &n, e);
	if (r)
		return err_in(e, "memory of pid %d", t->host);
	for (size_t i = 0; i < n; i++) {
		r = check_line(m, t, &lines[i], check_link, &b);
		if (r == -EOPNOTSUPP)
			err_list_add(blockers, &b);
		else if (r)
			return *e = b, r;
		err_clear(&b);
	}
	err_clear(&b);
	if (n && proc_readlink(t->host, "exe", exe, sizeof(exe), &b) < 0)
		err_list_add(blockers, &b);
	return 0;
}
