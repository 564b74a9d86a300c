// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What only the task itself can tell about its memory: whether mappings to
 * come will be locked (mlockall(2), MCL_FUTURE), and the policies that mbind(2)
 * gave to mappings.
 *
 * A new page is mapped over one of the arena's own, with which it goes: should
 * we be killed then, who takes the arena out takes it out, too. Locked memory is
 * told by msync(MS_INVALIDATE), which refuses it and otherwise does nothing;
 * locked at once rather than on fault, when it is in memory although nobody
 * touched it.
 *
 * numa_maps shows the thread's policy where a mapping has none, and not all of
 * a policy's flags, so it only says whom to ask.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "mem/mem-internal.h"
#include "parasite/remote.h"

#define MPOL_F_ADDR 2 /* linux/mempolicy.h */
/* A call and the answer, with what the arena aligns. */
#define ARENA_POLICY (sizeof(struct sv_call) + POLICY_BYTES + 48)

static struct prog *speaker(const struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++)
		if (t->threads[i].rt && !t->threads[i].rt->exited)
			return &t->threads[i].rt->prog;
	return NULL;
}

/* "55d0c8a00000 bind:0 file=..."; without NUMA there is no such file. */
static int policies_find(struct model *m, struct task *t, struct err *e)
{
	struct mem_task *mt = mem_task(m, t);
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/numa_maps", mem_tid(t));
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? 0 : err_sys(e, "open", "%s", path);
	while (getline(&line, &cap, f) > 0) {
		char *word;
		struct vma_policy p = { .start = strtoull(line, &word, 16) };

		if (*word == ' ' && strncmp(word, " default ", 9) && strcmp(word, " default\n"))
			pool_push(m->pool, mt->policies, mt->n_policies, p);
	}
	return ferror(f) ? err_sys(e, "read", "%s", path) : 0;
}

int mem_dump_look(struct model *m, size_t *ret_need, struct err *e)
{
	size_t most = 0;

	for (size_t i = 0; i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];
		int r = t->rt ? policies_find(m, t, e) : 0;

		if (r)
			return r;
		if (t->rt && mem_task(m, t)->n_policies > most)
			most = mem_task(m, t)->n_policies;
	}
	/* The page to map over is somewhere in two. */
	*ret_need = most * ARENA_POLICY + 2 * page_size();
	return 0;
}

static void task_calls(struct model *m, struct task *t)
{
	struct mem_task *mt = mem_task(m, t);
	struct prog *p = speaker(t);
	uint64_t page = page_size(), at;

	if (!p)
		return;
	mt->resident = prog_alloc(p, 1);
	at = page_up((uint64_t)prog_alloc(p, 2 * page));
	mt->probe_call = prog_call(p, "map a page", SYS_mmap | SV_IGN, at, page,
				   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED,
				   (uint64_t)-1, 0);
	prog_call(p, "see whether it is locked", SYS_msync | SV_IGN, at, page, MS_INVALIDATE);
	prog_call(p, "see whether it is there", SYS_mincore | SV_IGN, at, page,
		  (uint64_t)mt->resident);
	for (size_t i = 0; i < mt->n_policies; i++) {
		struct vma_policy *vp = &mt->policies[i];

		vp->mode = prog_alloc(p, sizeof(uint64_t) + POLICY_BYTES);
		vp->call = prog_call(p, "read a mapping's policy", SYS_get_mempolicy | SV_IGN,
				     (uint64_t)vp->mode, (uint64_t)(vp->mode + 1), POLICY_BYTES * 8,
				     vp->start, MPOL_F_ADDR);
	}
}

static void take_lock(struct mem_task *mt, const struct prog *p)
{
	int64_t at = prog_res(p, mt->probe_call);
	/* With all that it may lock already locked it is refused that way. */
	bool refused = at == -EAGAIN;

	if (!refused && prog_res(p, mt->probe_call + 1) != -EBUSY)
		return;
	mt->mm.has_stasis_lock_future = 1;
	mt->mm.stasis_lock_future = MCL_FUTURE | (refused || *mt->resident & 1 ? 0 : MCL_ONFAULT);
}

static void task_results(struct model *m, struct task *t)
{
	struct mem_task *mt = mem_task(m, t);
	const struct prog *p = speaker(t);

	if (!p)
		return;
	take_lock(mt, p);
	for (size_t i = 0; i < mt->n_policies; i++) {
		struct vma_policy *vp = &mt->policies[i];

		vp->mode = prog_res(p, vp->call) || !(uint32_t)*vp->mode ?
				   NULL :
				   pool_dup(m->pool, vp->mode, sizeof(uint64_t) + POLICY_BYTES);
	}
}

void mem_dump_calls(struct model *m)
{
	for (size_t i = 0; i < m->n_tasks; i++)
		if (m->tasks[i]->rt)
			task_calls(m, m->tasks[i]);
}

void mem_dump_results(struct model *m)
{
	for (size_t i = 0; i < m->n_tasks; i++)
		if (m->tasks[i]->rt)
			task_results(m, m->tasks[i]);
}

static int cmp_policy(const void *key, const void *p)
{
	const uint64_t *start = key;
	const struct vma_policy *vp = p;

	return *start < vp->start ? -1 : *start > vp->start;
}

void mem_policy_fill(const struct mem_task *mt, VmaEntry *ve)
{
	const struct vma_policy *vp = NULL;

	/* As numa_maps lists them: ascending. */
	if (mt->n_policies)
		vp = bsearch(&ve->start, mt->policies, mt->n_policies, sizeof(*vp), cmp_policy);
	if (!vp || !vp->mode)
		return;
	ve->has_stasis_policy = ve->has_stasis_policy_nodes = 1;
	ve->stasis_policy = (uint32_t)*vp->mode;
	ve->stasis_policy_nodes.data = (uint8_t *)(vp->mode + 1);
	ve->stasis_policy_nodes.len = POLICY_BYTES;
}
