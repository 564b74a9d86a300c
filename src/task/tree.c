/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process tree as /proc tells it: who is whose child, pids inside the
 * tree's pid namespace, sessions, groups, zombies.
 *
 * Read twice: while the tree runs (preflight, freezing) and, for good, when it
 * is frozen and nothing changes any more.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/proc.h"
#include "model/options.h"
#include "task/task-internal.h"

/* The pid that @s has at depth @level of pid namespaces, or 0 when it is not that deep. */
static pid_t at_level(const pid_t *pids, int n, int level)
{
	return level < n ? pids[level] : 0;
}

static int task_fill(struct model *m, struct task *t, struct err *e)
{
	struct proc_status st = { 0 };
	struct proc_stat stat;
	int r, level;

	r = proc_stat_read(t->host, &stat, e);
	if (r)
		return r;
	r = proc_status_read(t->host, t->host, &st, e);
	if (r)
		return r;
	if (!t->parent)
		m->pid_level = st.nspid_n - 1;
	level = m->pid_level;
	t->pid = at_level(st.nstgid, st.nspid_n, level);
	t->pgid = at_level(st.nspgid, st.nspid_n, level);
	t->sid = at_level(st.nssid, st.nspid_n, level);
	t->ppid = t->parent ? t->parent->pid : 0;
	t->depth = st.nspid_n;
	t->state = stat.state == 'Z' || stat.state == 'X' ? TASK_ZOMBIE :
		   stat.state == 'T'			  ? TASK_STOPPED :
							    TASK_ALIVE;
	t->exit_code = stat.exit_code;
	snprintf(t->comm, sizeof(t->comm), "%.15s", stat.comm);
	proc_status_free(&st);
	if (!t->pid)
		return err_set(e, ERR_UNSUPPORTED, EINVAL, "read the process tree",
			       t->parent ? "a child" : "its root",
			       "pid %d lies outside the pid namespace of the tree's root", t->host);
	return 0;
}

/* A dead leader reads as a zombie although other threads go on. */
static int leader_check(struct task *t, struct err *e)
{
	_cleanup_free_ int *tids = NULL;
	size_t n;
	int r;

	if (t->state != TASK_ZOMBIE)
		return 0;
	r = proc_list(t->host, "task", &tids, &n, e);
	if (!r && n > 1) {
		t->leader_dead = true;
		t->state = TASK_ALIVE;
	}
	return r;
}

static int threads_fill(struct model *m, struct task *t, struct err *e)
{
	_cleanup_free_ int *tids = NULL;
	size_t n;
	int r;

	if (t->state == TASK_ZOMBIE) {
		n = 1;
	} else {
		r = proc_list(t->host, "task", &tids, &n, e);
		if (r)
			return r;
	}
	t->threads = pool_alloc(m->pool, n * sizeof(*t->threads));
	t->n_threads = 0;
	/* The leader first, whatever the order of numbers. */
	t->threads[t->n_threads++] = (struct thread){ .task = t, .tid = t->pid, .host = t->host };
	for (size_t i = 0; tids && i < n; i++) {
		struct thread *th;
		struct proc_status st = { 0 };

		if (tids[i] == t->host)
			continue;
		th = &t->threads[t->n_threads++];
		*th = (struct thread){ .task = t, .host = tids[i], .tid = tids[i] };
		if (m->pid_level == 0)
			continue;
		r = proc_status_read(t->host, tids[i], &st, e);
		if (r == -ESRCH) {
			t->n_threads--;
			continue;
		}
		if (r)
			return r;
		th->tid = at_level(st.nspid, st.nspid_n, m->pid_level);
		proc_status_free(&st);
	}
	if (t->state != TASK_ZOMBIE)
		m->n_threads += t->n_threads;
	return 0;
}

static int subtree_read(struct model *m, struct task *t, struct err *e)
{
	_cleanup_free_ pid_t *kids = NULL;
	size_t n = 0;
	int r;

	r = task_fill(m, t, e);
	if (!r)
		r = leader_check(t, e);
	if (!r)
		r = threads_fill(m, t, e);
	if (r || t->state == TASK_ZOMBIE)
		return r;
	r = proc_children(t->host, &kids, &n, e);
	if (r)
		return r;
	for (size_t i = 0; i < n; i++) {
		size_t before = m->n_tasks;
		struct task *c = model_task_new(m, t);

		c->host = kids[i];
		r = subtree_read(m, c, e);
		if (r == -ESRCH) {
			/* It went away between the two reads: not a member any more. */
			err_clear(e);
			t->n_children--;
			m->n_tasks = before;
			continue;
		}
		if (r)
			return r;
	}
	return 0;
}

int task_tree_read(struct model *m, struct err *e)
{
	struct task *root;
	int r;

	m->root = NULL;
	m->n_tasks = 0;
	m->n_threads = 0;
	root = model_task_new(m, NULL);
	root->host = m->opt->tree;
	r = subtree_read(m, root, e);
	if (r == -ESRCH)
		return err_set(e, ERR_TARGET, ESRCH, "find the process", "",
			       "no process has pid %d", m->opt->tree);
	if (r)
		return err_in(e, "reading the process tree of %d", m->opt->tree);
	if (root->state == TASK_ZOMBIE)
		return err_set(e, ERR_TARGET, ESRCH, "checkpoint", root->comm,
			       "process %d is a zombie: it has ended and waits for its parent",
			       m->opt->tree);
	return 0;
}

/* How many are in exit(2): neither alive nor a zombie yet. */
static size_t count_leaving(const struct model *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_tasks; i++)
		if (m->tasks[i]->state != TASK_ZOMBIE && !m->tasks[i]->leader_dead)
			n += !proc_is_alive(m->tasks[i]->host);
	return n;
}

#define LEAVING_US 500000

int task_tree_read_settled(struct model *m, struct err *e)
{
	uint64_t deadline = now_us() + LEAVING_US;
	int r;

	while (!(r = task_tree_read(m, e)) && count_leaving(m) && now_us() < deadline)
		usleep(500);
	return r;
}

int task_tree_pids(const struct model *m, pid_t **ret, size_t *ret_n)
{
	pid_t *v = malloc((m->n_tasks + 1) * sizeof(*v));
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_tasks; i++)
		if (m->tasks[i]->state != TASK_ZOMBIE)
			v[n++] = m->tasks[i]->host;
	*ret = v;
	*ret_n = n;
	return 0;
}
