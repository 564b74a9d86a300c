// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Restore: tasks into their cgroups.
 *
 * The root is born where it belongs: this thread goes there for the time of the
 * birth (v1), or clone3(2) is told (v2). The others inherit that, and who
 * belongs somewhere else is moved before it has any memory of its own that
 * would be charged to the wrong cgroup. Threads follow when they are there.
 */
#include "cgroup/tree-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/pool.h"
#include "parasite/stub.h"

static size_t index_of(const struct cg_restore *c, const struct cg_hier *h)
{
	return (size_t)(h - c->hiers.v);
}

static int move(const char *dir, const char *file, pid_t id, struct err *e)
{
	char text[16];
	int r;

	snprintf(text, sizeof(text), "%d", id);
	r = cgroup_file_write(dir, file, text, e);
	if (r == -EBUSY)
		return err_hint(e, "processes cannot be in a cgroup that gives controllers on to "
				   "those below (cgroup.subtree_control)");
	if (r == -ENOSPC)
		return err_hint(e, "the cpuset has no processors or no memory: set cpuset.cpus and "
				   "cpuset.mems");
	return r;
}

int cgroups_enter(struct model *m, int *ret_fd, struct err *e)
{
	struct cg_restore *c = m->cg_state;
	char own[CGROUP_PATH];

	*ret_fd = -EBADF;
	for (size_t i = 0; c && c->root && i < c->root->n; i++) {
		const struct cg_place *pl = &c->root->places[i];
		int r;

		if (!strcmp(pl->birth_path, pl->h->ours))
			continue;
		if (pl->h->v2) {
			c->v2_fd = open(pl->birth, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			if (c->v2_fd < 0)
				return err_sys(e, "open", "%s", pl->birth);
			*ret_fd = c->v2_fd;
			continue;
		}
		/* Without a way back we do not go: the root is moved when it is there. */
		if (cg_dir(pl->h, pl->h->ours, own, sizeof(own)))
			continue;
		r = move(pl->birth, "tasks", 0, e);
		if (r)
			return err_in(e, "going where the root task is to be born");
		c->entered[index_of(c, pl->h)] = true;
	}
	return 0;
}

void cgroups_leave(struct model *m)
{
	struct cg_restore *c = m->cg_state;
	char own[CGROUP_PATH];

	for (size_t i = 0; c && i < c->hiers.n; i++) {
		struct err e = { 0 };

		if (!c->entered[i])
			continue;
		c->entered[i] = false;
		c->was_entered |= 1u << i;
		if (!cg_dir(&c->hiers.v[i], c->hiers.v[i].ours, own, sizeof(own)) &&
		    move(own, "tasks", 0, &e))
			log_warn("going back to our own cgroup: %s %s: %s", e.op, e.object, e.why);
	}
}

/* The set that decides where the whole process is: a dead leader's is not told. */
static const struct cg_target *target_of(const struct cg_restore *c, const struct task *t)
{
	return cg_target_of(c, &t->threads[t->leader_dead && t->n_threads > 1]);
}

/* Where the root was born, by hierarchy. */
static const char *birth_dir(const struct cg_restore *c, const struct cg_hier *h, char *buf,
			     size_t size)
{
	for (size_t i = 0; c->root && i < c->root->n; i++) {
		const struct cg_place *pl = &c->root->places[i];

		if (pl->h == h && (h->v2 || c->was_entered & 1u << index_of(c, h) ||
				   !strcmp(pl->birth_path, h->ours)))
			return pl->birth;
	}
	return cg_dir(h, h->ours, buf, size) ? NULL : buf;
}

/* Where a task with this target belongs on a hierarchy; without one: where we are. */
static const char *wanted_dir(const struct cg_target *t, const struct cg_hier *h, char *buf,
			      size_t size)
{
	for (size_t i = 0; t && i < t->n; i++)
		if (t->places[i].h == h)
			return t->places[i].dir;
	return cg_dir(h, h->ours, buf, size) ? NULL : buf;
}

static bool differs(const struct cg_restore *c, const struct cg_target *t, const struct cg_hier *h,
		    const char **ret_dir, char *buf, size_t size)
{
	char other[CGROUP_PATH];
	const char *at = birth_dir(c, h, other, sizeof(other));

	*ret_dir = wanted_dir(t, h, buf, size);
	return *ret_dir && (!at || strcmp(at, *ret_dir));
}

bool cgroups_differ(const struct model *m)
{
	const struct cg_restore *c = m->cg_state;
	char buf[CGROUP_PATH];
	const char *dir;

	for (size_t i = 0; c && i < m->n_tasks; i++)
		for (size_t k = 0; m->tasks[i]->state != TASK_ZOMBIE && k < c->hiers.n; k++)
			if (differs(c, target_of(c, m->tasks[i]), &c->hiers.v[k], &dir, buf,
				    sizeof(buf)))
				return true;
	return false;
}

static int place_process(struct cg_restore *c, const struct task *t, struct err *e)
{
	const struct cg_target *to = target_of(c, t);
	char buf[CGROUP_PATH];
	const char *dir;
	int r = 0;

	for (size_t k = 0; k < c->hiers.n && !r; k++)
		if (differs(c, to, &c->hiers.v[k], &dir, buf, sizeof(buf)))
			r = move(dir, "cgroup.procs", t->stub->host, e);
	return r ? err_in(e, "moving pid %d into its cgroups", t->pid) : 0;
}

static int place_threads(struct cg_restore *c, const struct task *t, struct err *e)
{
	const struct cg_target *process = target_of(c, t);
	char one[CGROUP_PATH], two[CGROUP_PATH];
	int r = 0;

	for (size_t i = 1; i < t->n_threads && !r; i++) {
		const struct cg_target *to = cg_target_of(c, &t->threads[i]);

		for (size_t k = 0; to != process && k < c->hiers.n && !r; k++) {
			const struct cg_hier *h = &c->hiers.v[k];
			const char *at = wanted_dir(process, h, one, sizeof(one));
			const char *dir = wanted_dir(to, h, two, sizeof(two));

			if (at && dir && strcmp(at, dir))
				r = move(dir, h->v2 ? "cgroup.threads" : "tasks",
					 t->stub->threads[i].host, e);
		}
		if (r)
			return err_in(e, "moving thread %d into its cgroups", t->threads[i].tid);
	}
	return 0;
}

int cgroups_place(struct model *m, bool threads, struct err *e)
{
	struct cg_restore *c = m->cg_state;
	int r = 0;

	for (size_t i = 0; c && i < m->n_tasks && !r; i++) {
		const struct task *t = m->tasks[i];

		if (t->state != TASK_ZOMBIE)
			r = threads ? place_threads(c, t, e) : place_process(c, t, e);
	}
	return r;
}

void cgroups_close(struct model *m)
{
	struct cg_restore *c = m->cg_state;

	if (c)
		cleanup_close(&c->v2_fd);
}
