// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who else uses the tree's numbers. A number stays taken for as long as it is
 * anybody's pid, session or process group: an orphan that outlived its parent
 * in a session of the tree, or a sibling made by CLONE_PARENT, keeps the tree
 * from ever being restored. In a pid namespace of its own the numbers are new,
 * but with its init everybody in it ends, also who came by setns(2).
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/proc.h"
#include "model/options.h"
#include "task/task-internal.h"

static int cmp_pid(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

static bool has(const pid_t *v, size_t n, pid_t id)
{
	return n && bsearch(&id, v, n, sizeof(*v), cmp_pid);
}

/* All processes that we see, malloc'ed. */
static int all_pids(pid_t **ret, size_t *ret_n, struct err *e)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc");
	_cleanup_free_ pid_t *v = NULL;
	size_t n = 0, cap = 0;
	struct dirent *de;

	while (dir && (de = readdir(dir))) {
		if (de->d_name[0] < '1' || de->d_name[0] > '9')
			continue;
		if (n == cap) {
			pid_t *more = realloc(v, (cap = 2 * cap + 256) * sizeof(*v));

			if (!more)
				return err_sys(e, "allocate", "the list of processes");
			v = more;
		}
		v[n++] = atoi(de->d_name);
	}
	if (!dir)
		return err_sys(e, "open", "/proc");
	*ret = take_ptr(v);
	*ret_n = n;
	return 0;
}

/* Ascending: the pids of the tree, and its sessions and groups, all as we see them. */
struct numbers {
	struct pool *pool;
	pid_t *pids, *ids;
	size_t n_pids, n_ids;
};

static void numbers_read(struct model *m, struct numbers *ns)
{
	ns->pool = m->pool;
	for (size_t i = 0; i < m->n_tasks; i++) {
		const struct task *t = m->tasks[i];
		struct proc_stat st;
		struct err gone = { 0 };

		pool_push(m->pool, ns->pids, ns->n_pids, t->host);
		for (size_t k = 0; k < t->n_threads; k++)
			pool_push(m->pool, ns->ids, ns->n_ids, t->threads[k].host);
		if (proc_stat_read(t->host, &st, &gone))
			continue;
		/* What the root got from its caller is not the tree's: see --shell-job. */
		if (t->sid != m->root->sid || t->sid == m->root->pid)
			pool_push(m->pool, ns->ids, ns->n_ids, st.sid);
		if (t->pgid != m->root->pgid || t->pgid == m->root->pid)
			pool_push(m->pool, ns->ids, ns->n_ids, st.pgrp);
	}
	qsort(ns->pids, ns->n_pids, sizeof(*ns->pids), cmp_pid);
	qsort(ns->ids, ns->n_ids, sizeof(*ns->ids), cmp_pid);
}

/* With a pid namespace of the tree's own its inode in @ns_ino, else 0. */
static bool is_in_the_way(const struct numbers *ns, pid_t pid, uint64_t ns_ino, char *why,
			  size_t size)
{
	struct proc_stat st;
	struct err gone = { 0 };
	uint64_t ino = 0;

	if (ns_ino) {
		if (proc_ns_ino(pid, "pid", &ino, &gone) || ino != ns_ino ||
		    proc_stat_read(pid, &st, &gone))
			return false;
		snprintf(why, size, "process %d (%s), not below the root, would end with it", pid,
			 st.comm);
		return true;
	}
	if (proc_stat_read(pid, &st, &gone))
		return false;
	if (has(ns->ids, ns->n_ids, st.sid))
		snprintf(why, size, "process %d (%s) outside the tree is in its session %d", pid,
			 st.comm, st.sid);
	else if (has(ns->ids, ns->n_ids, st.pgrp))
		snprintf(why, size, "process %d (%s) outside the tree is in its process group %d",
			 pid, st.comm, st.pgrp);
	else
		return false;
	return true;
}

bool task_has_outer_members(struct model *m, char *why, size_t size)
{
	bool own = model_has_own_ns(m, NS_PID);
	_cleanup_free_ pid_t *all = NULL;
	struct numbers ns = { 0 };
	struct err late = { 0 };
	uint64_t ino = 0;
	size_t n;

	/* The others of such a namespace stay as they are then. */
	if (own && (m->opt->leave_running || m->opt->leave_stopped))
		return false;
	if ((own && proc_ns_ino(m->root->host, "pid", &ino, &late)) || all_pids(&all, &n, &late))
		return false;
	numbers_read(m, &ns);
	for (size_t i = 0; i < n; i++)
		if (!has(ns.pids, ns.n_pids, all[i]) && is_in_the_way(&ns, all[i], ino, why, size))
			return true;
	return false;
}

/* Who keeps a number that a restore wants: as pid, or as session or process group of somebody. */
struct users {
	struct proc_stat *v; /* malloc'ed */
	size_t n;
};

static int users_read(struct users *u, struct err *e)
{
	_cleanup_free_ pid_t *all = NULL;
	size_t n;
	int r = all_pids(&all, &n, e);

	if (r)
		return r;
	u->v = calloc(n + 1, sizeof(*u->v));
	if (!u->v)
		return err_sys(e, "allocate", "the list of processes");
	for (size_t i = 0; i < n; i++)
		if (proc_stat_read(all[i], &u->v[u->n], e))
			err_clear(e);
		else
			u->n++;
	return 0;
}

static const struct proc_stat *user_of(const struct users *u, pid_t id, const char **ret_as)
{
	for (size_t i = 0; i < u->n; i++) {
		const struct proc_stat *s = &u->v[i];

		if (s->pid != id && s->sid != id && s->pgrp != id)
			continue;
		*ret_as = s->pid == id ? NULL :
			  s->sid == id ? "as the id of its session" :
					 "as the id of its process group";
		return s;
	}
	return NULL;
}

static void number_check(const struct users *u, pid_t id, const char *what, pid_t max,
			 struct err_list *problems)
{
	const struct proc_stat *s;
	struct proc_stat thread;
	struct err b = { 0 };
	char object[32];
	const char *as = NULL;

	snprintf(object, sizeof(object), "pid %d", id);
	if (id >= max) {
		err_set(&b, ERR_CONFLICT, ERANGE, what, object,
			"numbers end below %d here (sysctl kernel.pid_max)", max);
		err_hint(&b, "raise kernel.pid_max above %d", id);
		err_list_add(problems, &b);
		return;
	}
	s = user_of(u, id, &as);
	/* Threads are not listed, but found by name. */
	if (!s && !proc_stat_read(id, &thread, &b))
		s = &thread;
	err_clear(&b);
	if (!s)
		return;
	if (as)
		err_set(&b, ERR_CONFLICT, EEXIST, what, object,
			"process %d (%s) uses the number %s", s->pid, s->comm, as);
	else
		err_set(&b, ERR_CONFLICT, EEXIST, what, object,
			"the number is in use by process %d (%s)%s", s->pid, s->comm,
			s->state == 'Z' ? ", a zombie that its parent has not reaped" : "");
	err_hint(&b, "end that process, or restore in a pid namespace of its own");
	err_list_add(problems, &b);
}

/* A session or group whose leader is dead; one of the caller's is there already. */
static bool is_leaderless(struct model *m, pid_t id, pid_t root_id)
{
	return id > 0 && (id != root_id || root_id == m->root->pid) && !model_task_by_pid(m, id);
}

/* Each such number once. */
static void leaderless_check(struct model *m, const struct users *u, pid_t max,
			     struct err_list *problems)
{
	pid_t *seen = NULL;
	size_t n = 0;

	for (size_t i = 0; i < 2 * m->n_tasks; i++) {
		const struct task *t = m->tasks[i / 2];
		pid_t id = i % 2 ? t->pgid : t->sid;
		bool known = !is_leaderless(m, id, i % 2 ? m->root->pgid : m->root->sid);

		for (size_t k = 0; k < n; k++)
			known |= seen[k] == id;
		if (known)
			continue;
		pool_push(m->pool, seen, n, id);
		number_check(u, id, i % 2 ? "restore the process group" : "restore the session",
			     max, problems);
	}
}

int task_conflicts(struct model *m, struct err_list *problems, struct err *e)
{
	_cleanup_free_ struct proc_stat *mem = NULL;
	struct users u = { 0 };
	char text[32] = "";
	pid_t max;
	int r;

	if (model_has_own_ns(m, NS_PID))
		return 0;
	r = users_read(&u, e);
	if (r)
		return r;
	mem = u.v;
	read_text_at(AT_FDCWD, "/proc/sys/kernel/pid_max", text, sizeof(text));
	max = atoi(text) > 0 ? atoi(text) : PID_LIMIT;
	for (size_t i = 0; i < m->n_tasks; i++)
		for (size_t k = 0; k < m->tasks[i]->n_threads; k++)
			number_check(&u, m->tasks[i]->threads[k].tid,
				     k ? "restore the thread" : "restore the process", max,
				     problems);
	leaderless_check(m, &u, max, problems);
	return 0;
}
