/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Installing seccomp filters. Threads of a process that have a filter from the
 * same installation (by inheritance or SECCOMP_FILTER_FLAG_TSYNC) must share it
 * again: otherwise the process could never again synchronise its threads
 * (seccomp(2)). So one thread installs what all have in common, for all of
 * them, before the last words; each thread adds what is its own.
 *
 * All this happens while the tracer suspends filters.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "base/err.h"
#include "parasite/stub.h"
#include "task/restore.h"
#include "task/task-internal.h"

#define NO_FILTER UINT32_MAX

static bool has_filters(const struct model *m, const struct thread *th)
{
	const ThreadCoreEntry *tc = th->core->thread_core;

	return m->seccomp && tc && tc->has_seccomp_mode &&
	       tc->seccomp_mode == SECCOMP_MODE__filter && tc->has_seccomp_filter;
}

/* The entry below @index in its chain, NO_FILTER at the end. */
static uint32_t below(const struct model *m, uint32_t index)
{
	const SeccompFilter *f = m->seccomp->seccomp_filters[index];

	return f->has_prev ? f->prev : NO_FILTER;
}

static bool is_in_chain(const struct model *m, uint32_t chain, uint32_t index)
{
	while (chain != NO_FILTER && chain != index)
		chain = below(m, chain);
	return chain == index;
}

/* The newest filter that all living threads have in common, when there are several. */
static uint32_t common(const struct model *m, const struct task *t)
{
	const struct thread *first = task_speaker(t);
	uint32_t top;

	if (t->n_threads - t->leader_dead < 2 || !has_filters(m, first))
		return NO_FILTER;
	top = first->core->thread_core->seccomp_filter;
	for (size_t k = t->leader_dead; k < t->n_threads; k++) {
		if (!has_filters(m, &t->threads[k]))
			return NO_FILTER;
		while (top != NO_FILTER &&
		       !is_in_chain(m, t->threads[k].core->thread_core->seccomp_filter, top))
			top = below(m, top);
	}
	return top;
}

/* Oldest first, those above @from. The chain was checked to lead to lower indices only. */
static void chain_calls(const struct model *m, struct prog *p, uint32_t index, uint32_t from,
			uint64_t flags)
{
	const SeccompFilter *f;
	struct sock_fprog fp;

	if (index == NO_FILTER || index == from)
		return;
	f = m->seccomp->seccomp_filters[index];
	chain_calls(m, p, below(m, index), from, flags);
	fp.len = f->filter.len / sizeof(struct sock_filter);
	fp.filter = prog_dup(p, f->filter.data, f->filter.len);
	prog_call(p, "install a seccomp filter", SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		  (f->has_flags ? f->flags : 0) | flags, (uint64_t)prog_dup(p, &fp, sizeof(fp)));
}

void task_filter_calls(struct model *m, struct prog *p, const struct thread *th)
{
	const ThreadCoreEntry *tc = th->core->thread_core;

	if (tc->has_seccomp_mode && tc->seccomp_mode == SECCOMP_MODE__strict)
		prog_call(p, "enter strict seccomp", SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, 0);
	else if (has_filters(m, th))
		chain_calls(m, p, tc->seccomp_filter, common(m, th->task), 0);
}

int task_shared_filters(struct model *m, struct stub_set *s, struct err *e)
{
	for (size_t i = 0; m->seccomp && i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];
		struct prog p;
		uint32_t top;
		int r;

		if (t->state == TASK_ZOMBIE)
			continue;
		top = common(m, t);
		if (top == NO_FILTER)
			continue;
		prog_init(&p, &s->arena);
		chain_calls(m, &p, top, NO_FILTER,
			    SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH);
		r = stub_run_thread(s, t->stub, t->leader_dead, &p, e);
		prog_free(&p);
		if (r)
			return err_in(e, "seccomp filters of pid %d", t->pid);
	}
	return 0;
}
