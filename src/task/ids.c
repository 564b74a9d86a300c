/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which processes share memory, descriptor table, filesystem state or signal
 * handlers (clone(2) with CLONE_VM and its kin but not CLONE_THREAD). kcmp(2)
 * orders objects, so a sorted list answers in a few comparisons per process.
 */
#include <linux/kcmp.h>
#include <stdio.h>

#include "base/proc.h"
#include "task/task-internal.h"

struct kind_list {
	int type;
	const char *what;
	struct task **sorted;
	uint32_t *ids;
	size_t n;
};

static int id_of(struct model *m, struct kind_list *k, struct task *t, uint32_t *ret, struct err *e)
{
	size_t lo = 0, hi = k->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = proc_kcmp(task_speaker(t)->host, task_speaker(k->sorted[mid])->host,
				  k->type, 0, 0);

		if (c < 0) {
			errno = -c;
			return err_sys(e, "kcmp", "processes %d and %d", t->host,
				       k->sorted[mid]->host);
		}
		if (c == 0) {
			char obj[64];

			snprintf(obj, sizeof(obj), "pid %d and pid %d", k->sorted[mid]->host,
				 t->host);
			err_set(e, ERR_UNSUPPORTED, ENOTSUP, "checkpoint", obj,
				"they share %s without being threads of one process", k->what);
			err_about(e, t->host, "sharing between processes");
			return err_hint(e, "start them by fork(2), without CLONE_VM, CLONE_FILES, "
					   "CLONE_FS and CLONE_SIGHAND");
		}
		if (c == 1)
			hi = mid;
		else
			lo = mid + 1;
	}
	pool_push(m->pool, k->sorted, k->n, t);
	for (size_t i = k->n - 1; i > lo; i--)
		k->sorted[i] = k->sorted[i - 1];
	k->sorted[lo] = t;
	*ret = m->next_obj_id++;
	return 0;
}

/* Threads normally share everything; unshare(2) in one of them splits files or fs off. */
static int threads_share(struct task *t, struct err *e)
{
	static const struct {
		int type;
		const char *what;
	} kinds[] = { { KCMP_FILES, "descriptor table" },
		      { KCMP_FS, "working directory and umask" } };

	/* A dead leader has given its files back: nothing to compare with. */
	for (size_t i = 1; !t->leader_dead && i < t->n_threads; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
			char obj[64];

			if (proc_kcmp(t->host, t->threads[i].host, kinds[k].type, 0, 0) == 0)
				continue;
			snprintf(obj, sizeof(obj), "thread %d of pid %d", t->threads[i].host,
				 t->host);
			err_set(e, ERR_UNSUPPORTED, ENOTSUP, "checkpoint", obj,
				"it has a %s of its own (unshare(2))", kinds[k].what);
			err_about(e, t->host, "sharing between threads");
			return err_hint(e, "let the program do without unshare(2) in its threads");
		}
	}
	return 0;
}

int task_ids_dump(struct model *m, struct err *e)
{
	struct kind_list vm = { .type = KCMP_VM, .what = "memory" };
	struct kind_list files = { .type = KCMP_FILES, .what = "a descriptor table" };
	struct kind_list fs = { .type = KCMP_FS, .what = "working directory and umask" };
	struct kind_list sig = { .type = KCMP_SIGHAND, .what = "signal handlers" };
	int r = 0;

	for (size_t i = 0; !r && i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];

		if (t->state == TASK_ZOMBIE)
			continue;
		r = threads_share(t, e);
		if (!r)
			r = id_of(m, &vm, t, &t->ids->vm_id, e);
		if (!r)
			r = id_of(m, &files, t, &t->ids->files_id, e);
		if (!r)
			r = id_of(m, &fs, t, &t->ids->fs_id, e);
		if (!r)
			r = id_of(m, &sig, t, &t->ids->sighand_id, e);
	}
	return r;
}
