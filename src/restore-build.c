/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compiling every task: the modules append to its build program, each its own
 * part, in the order in which a process can be put together.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/err.h"
#include "model/model.h"
#include "model/options.h"
#include "mounts/mounts.h"
#include "parasite/stub.h"
#include "restore-internal.h"
#include "src/fd/fd.h"
#include "src/task/restore.h"
#include "src/task/task.h"

const struct mem_file_ops restore_file_ops = {
	.dump_file = fd_dump_file,
	.file_for_map = fd_file_for_map,
};

/* umask, root and working directory; the directories come as slots. */
static int build_fs(struct restore *r, struct build *b, struct err *e)
{
	struct task *t = b->t;
	int x, fd;

	if (t->fs && t->fs->has_umask)
		prog_call(b->p, "set the umask", SYS_umask, t->fs->umask);
	if (mounts_root_is_covered(r->m)) {
		prog_call(b->p, "enter what covers the root", SYS_fchdir,
			  build_slot(b, r->root_fd));
		prog_call(b->p, "change the root", SYS_chroot, (uint64_t)prog_strdup(b->p, "."));
	}
	if (t->root && strcmp(t->root->entry->reg->name, "/")) {
		x = fd_file_for_map(r->m, t->root, r->root_fd, false, &fd, e);
		if (x)
			return x;
		prog_call(b->p, "enter the root directory", SYS_fchdir, build_slot(b, fd));
		prog_call(b->p, "change the root", SYS_chroot, (uint64_t)prog_strdup(b->p, "."));
	}
	if (t->cwd) {
		x = fd_file_for_map(r->m, t->cwd, r->root_fd, false, &fd, e);
		if (x)
			return x;
		prog_call(b->p, "enter the working directory", SYS_fchdir, build_slot(b, fd));
	}
	return 0;
}

static int build_alive(struct restore *r, struct build *b, struct err *e)
{
	int x = fd_build_slots(b, e);

	if (!x)
		x = build_fs(r, b, e);
	if (!x)
		x = mem_build(b, &restore_file_ops, r->root_fd, e);
	if (!x)
		x = fd_build_place(b, e);
	if (x)
		return x;
	if (!fd_has_late(r->m, b->t))
		stub_close_service_call(r->stubs, b->p);
	return task_build(b, r->stubs, e);
}

/* The body is compiled first: only then it is known which descriptors it needs. */
static int build_task(struct restore *r, struct task *t, struct build *b, struct err *e)
{
	struct prog *whole = &t->stub->threads[0].build;
	struct prog body;
	int x = 0;

	prog_init(&body, &r->stubs->arena);
	*b = (struct build){ .m = r->m, .t = t, .p = &body };
	if (t->state == TASK_ZOMBIE)
		task_build_zombie(b);
	else
		x = build_alive(r, b, e);
	if (x) {
		prog_free(&body);
		return err_in(e, "pid %d", t->pid);
	}
	if (r->m->n_cttys)
		prog_call(whole, "close the terminals inherited", SYS_close_range, 0,
			  r->m->n_cttys - 1, 0);
	stub_recv_calls(r->stubs, whole, t->stub, b->n_slots);
	r->body_at[b - r->builds] = whole->n;
	prog_append(whole, &body);
	b->p = NULL;
	return 0;
}

/* The modules look at the results of the calls that they had appended to the body. */
static int check_results(struct restore *r, struct err *e)
{
	struct model *m = r->m;
	int x = 0;

	for (size_t i = 0; !x && i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];
		struct prog body;

		if (t->state == TASK_ZOMBIE)
			continue;
		body = t->stub->threads[0].build;
		body.calls += r->body_at[i];
		r->builds[i].p = &body;
		x = mem_build_check(&r->builds[i], e);
		r->builds[i].p = NULL;
	}
	return x;
}

static void print_plan(struct restore *r)
{
	for (size_t i = 0; i < r->stubs->n; i++) {
		struct stub *st = r->stubs->v[i];

		printf("pid %d%s: birth\n", st->pid, st->owner ? "" : " (helper)");
		prog_print(&st->birth, stdout);
		for (size_t k = 0; k < st->n_threads; k++) {
			printf("pid %d thread %d: build\n", st->pid, st->threads[k].tid);
			prog_print(&st->threads[k].build, stdout);
			printf("pid %d thread %d: last words\n", st->pid, st->threads[k].tid);
			prog_print(&st->threads[k].final, stdout);
		}
	}
}

int restore_build(void *ctx, struct err *e)
{
	struct restore *r = ctx;
	struct model *m = r->m;
	struct stub_fds *fds = pool_alloc(m->pool, r->stubs->n * sizeof(*fds));
	int x = 0;

	r->builds = pool_alloc(m->pool, m->n_tasks * sizeof(*r->builds));
	r->body_at = pool_alloc(m->pool, m->n_tasks * sizeof(*r->body_at));
	for (size_t i = 0; !x && i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];

		x = build_task(r, t, &r->builds[i], e);
		fds[t->stub->index] = (struct stub_fds){ r->builds[i].slots, r->builds[i].n_slots };
		if (x || t->state == TASK_ZOMBIE)
			continue;
		t->stub->final_gadget = mem_final_gadget(m, t);
		if (!t->stub->final_gadget)
			return err_set(e, ERR_UNSUPPORTED, ENOTSUP, "restore", "",
				       "pid %d holds no `syscall` instruction in executable memory",
				       t->pid);
		/* Locks before credentials drop: leases ask for a capability. */
		fd_build_final(m, t);
		/* Otherwise as late as can be: it counts times. */
		if (r->o->plan)
			x = task_build_final(m, t, e);
		task_dress(m, t);
	}
	if (!x && r->o->plan) {
		print_plan(r);
		r->planned = true;
		return err_set(e, ERR_CANCELLED, ECANCELED, "restore", "",
			       "only the plan was asked for");
	}
	if (!x)
		x = stubs_build(r->stubs, fds, e);
	if (!x)
		fd_built(m);
	return x ? x : check_results(r, e);
}
