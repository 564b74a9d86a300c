// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Getting a tree frozen and thawed again.
 *
 * How the set is closed: a new process is born into its parent's cgroup, so
 * once everybody known is in a cgroup that we freeze, nobody new is outside.
 * Who was overlooked, because parents change while one reads, is found by a
 * second scan when the known are frozen and nothing changes any more.
 */
#include "cgroup/cgroup-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/watchdog.h"

/* Most trees are frozen by the time that we first look; sleeping costs more than looking again. */
#define LOOKS_BEFORE_SLEEP 20

static void look_again(int events, unsigned look)
{
	struct pollfd p = { .fd = events, .events = POLLPRI };

	if (look < LOOKS_BEFORE_SLEEP) {
		sched_yield();
		return;
	}
	/* v1 becomes FROZEN only by being read; v2 may keep its announcement back (freezer-v2.c). */
	if (events >= 0)
		poll(&p, 1, look < 100 ? 1 : 5);
	else
		usleep(look < 100 ? 100 : 2000);
}

struct wait {
	struct freezer *f;
	uint64_t deadline;
};

static int wait_one(void *ctx, const char *dir, struct err *e)
{
	const struct wait *w = ctx;
	const struct freezer_ops *ops = w->f->h.ops;
	_cleanup_close_ int events = -EBADF;
	char path[CGROUP_PATH + 32];

	for (unsigned look = 0;; look++) {
		enum freeze_state st;
		int r = ops->state(dir, &st, e);

		/* Removed: there was nobody in it. */
		if (r == -ENOENT || r == -ENODEV) {
			err_clear(e);
			return 0;
		}
		if (r || st == FROZEN)
			return r;
		if (look >= LOOKS_BEFORE_SLEEP) {
			r = w->f->undoing ? 0 : cancel_check(e);
			if (r)
				return r;
			if (now_us() > w->deadline)
				return freezer_stuck(w->f, e);
		}
		if (look == LOOKS_BEFORE_SLEEP && ops->events_file) {
			snprintf(path, sizeof(path), "%s/%s", dir, ops->events_file);
			events = open(path, O_RDONLY | O_CLOEXEC);
		}
		if (ops->tell_again && look % LOOKS_BEFORE_SLEEP == LOOKS_BEFORE_SLEEP - 1 &&
		    (r = cgroup_freeze_write(ops, dir, true, e)))
			return r;
		look_again(events, look);
	}
}

/* v2 calls a cgroup frozen when its own tasks are, whatever those below it do (seen on 6.18): each is asked. */
static int wait_frozen(struct freezer *f, const struct part *p, uint64_t deadline, struct err *e)
{
	struct wait w = { .f = f, .deadline = deadline };
	struct pid_list unused = { 0 };
	struct stat st;
	int r = wait_one(&w, p->dir, e);

	if (r || !f->h.ops->v2 || (!stat(p->dir, &st) && st.st_nlink <= 2))
		return r;
	r = cgroup_members(p->dir, &unused, wait_one, &w, e);
	pid_list_free(&unused);
	return r;
}

static int part_freeze(struct freezer *f, struct part *p, struct err *e)
{
	struct freeze_record rec = { .v2 = f->h.ops->v2 };
	int r;

	if (p->je_freeze)
		return 0;
	snprintf(rec.dir, sizeof(rec.dir), "%s", p->dir);
	r = journal_add(f->j, p->adopted ? UNDO_REFREEZE : UNDO_THAW, &rec, sizeof(rec),
			&p->je_freeze, e);
	if (r || p->adopted)
		return r;
	return cgroup_freeze_write(f->h.ops, p->dir, true, e);
}

static int freeze_all(struct freezer *f, uint64_t deadline, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < f->n_parts && !r; i++)
		r = part_freeze(f, &f->parts[i], e);
	for (size_t i = 0; i < f->n_parts && !r; i++)
		r = wait_frozen(f, &f->parts[i], deadline, e);
	return r;
}

/* Move until a scan finds nobody outside. */
static int gather_all(struct freezer *f, const struct freezer_params *p, uint64_t deadline,
		      size_t *total, struct err *e)
{
	size_t moved = 0;
	int r;

	*total = 0;
	do {
		r = freezer_gather(f, p, &moved, e);
		*total += moved;
		if (!r && moved)
			r = cancel_check(e);
		if (!r && moved && now_us() > deadline)
			r = err_set(e, ERR_TIMEOUT, ETIMEDOUT, "gather the tree", f->parts[0].dir,
				    "it forks faster than it can be moved");
	} while (!r && moved);
	return r;
}

static int freeze(struct freezer *f, const struct freezer_params *p, struct err *e)
{
	uint64_t deadline = now_us() + p->timeout_us;
	size_t moved = 0;
	bool move;
	int r = freezer_choose(f, p, &move, e);

	if (!r && move)
		r = gather_all(f, p, deadline, &moved, e);
	if (!r)
		r = freeze_all(f, deadline, e);
	while (!r && move) {
		r = gather_all(f, p, deadline, &moved, e);
		if (!r && !moved)
			break;
		if (!r)
			r = freeze_all(f, deadline, e);
	}
	return r;
}

int freezer_freeze(struct freezer **ret, const struct freezer_params *p, struct journal *j,
		   struct err *e)
{
	struct freezer *f = calloc(1, sizeof(*f));
	int r;

	if (!f) {
		errno = ENOMEM;
		return err_sys(e, "allocate", "a freezer");
	}
	f->j = j;
	f->timeout_us = p->timeout_us;
	r = freeze(f, p, e);
	if (r) {
		freezer_drop(f);
		return err_in(e, "freezing the tree of pid %d", p->root);
	}
	for (size_t i = 0; i < f->n_parts; i++)
		log_debug("frozen: %s%s", f->parts[i].dir,
			  f->parts[i].temp    ? " (temporary)" :
			  f->parts[i].adopted ? " (was so)" :
						"");
	*ret = f;
	return 0;
}

static int members(struct freezer *f, struct pid_list *l, struct err *e)
{
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < f->n_parts && !r; i++)
		r = cgroup_members(f->parts[i].dir, l, NULL, NULL, e);
	pid_list_sort(l);
	/* Adopted parts may lie in each other; 0 is a task that our pid namespace does not see. */
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i] > 0 && (!n || l->v[n - 1] != l->v[i]))
			l->v[n++] = l->v[i];
	l->n = n;
	return r;
}

int freezer_pids(struct freezer *f, pid_t **ret, size_t *ret_n, struct err *e)
{
	struct pid_list l = { 0 };
	int r = members(f, &l, e);

	if (r) {
		pid_list_free(&l);
		return r;
	}
	*ret = l.v;
	*ret_n = l.n;
	return 0;
}

/* A process whose leader has died is not listed; one of its threads tells. */
static bool threads_covered(const struct freezer *f, pid_t pid)
{
	_cleanup_free_ int *tids = NULL;
	char dir[CGROUP_PATH];
	struct err e = { 0 };
	size_t n = 0;

	if (proc_list(pid, "task", &tids, &n, &e))
		return false;
	for (size_t i = n; i-- > 0;)
		if (!hierarchy_dir_of(&f->h, pid, tids[i], dir, sizeof(dir), &e))
			return part_covers(f, dir);
	return false;
}

bool freezer_has(struct freezer *f, pid_t pid)
{
	struct err e = { 0 };

	if (!f->frozen.n && members(f, &f->frozen, &e))
		log_warn("%s %s: %s", e.op, e.object, e.why);
	return pid_list_has(&f->frozen, pid) || threads_covered(f, pid);
}

int freezer_escaped(pid_t pid, struct err *e)
{
	char object[32];

	snprintf(object, sizeof(object), "pid %d", pid);
	err_set(e, ERR_TARGET, EAGAIN, "freeze", object, "it went to another cgroup meanwhile");
	return err_hint(e, "try again when nobody moves processes between cgroups");
}

static int part_set(struct freezer *f, struct part *p, bool frozen, struct err *e)
{
	struct freeze_record *rec = p->adopted && p->je_freeze ? (void *)p->je_freeze->data : NULL;
	int r;

	if (rec && !frozen)
		__atomic_store_n(&rec->thawed, 1, __ATOMIC_RELEASE);
	r = cgroup_freeze_write(f->h.ops, p->dir, frozen, e);
	/* Whoever made it may have removed it as soon as the last task was gone. */
	if ((r == -ENOENT || r == -ENODEV) && access(p->dir, F_OK)) {
		err_clear(e);
		r = 0;
	}
	if (rec && frozen && !r)
		__atomic_store_n(&rec->thawed, 0, __ATOMIC_RELEASE);
	return r;
}

int freezer_set(struct freezer *f, bool frozen, bool wait, struct err *e)
{
	uint64_t deadline = now_us() + f->timeout_us;
	int r = 0;

	for (size_t i = 0; i < f->n_parts && !r; i++)
		r = part_set(f, &f->parts[i], frozen, e);
	for (size_t i = 0; i < f->n_parts && !r && frozen && wait; i++)
		r = wait_frozen(f, &f->parts[i], deadline, e);
	return r;
}

bool freezer_is_v2(const struct freezer *f)
{
	return f->h.ops && f->h.ops->v2;
}

/* The part that is the cgroup @path, or NULL. */
static const struct part *part_at(const struct freezer *f, bool v2, const char *path)
{
	const char *rest = path;
	size_t mount = strlen(f->h.mount);

	if (!f->h.ops || f->h.ops->v2 != v2 || !path_is_inside(path, f->h.root))
		return NULL;
	if (strcmp(f->h.root, "/"))
		rest += strlen(f->h.root);
	for (size_t i = 0; i < f->n_parts; i++)
		if (!strncmp(f->parts[i].dir, f->h.mount, mount) &&
		    !strcmp(f->parts[i].dir + mount, strcmp(rest, "/") ? rest : ""))
			return &f->parts[i];
	return NULL;
}

bool freezer_source(const struct freezer *f, bool v2, const char *path, char *buf, size_t size)
{
	const struct part *p = part_at(f, v2, path);
	const struct move_record *rec;

	if (!p || !p->temp || !p->je_move)
		return false;
	rec = (const void *)p->je_move->data;
	snprintf(buf, size, "%s%s", strcmp(f->h.root, "/") ? f->h.root : "",
		 rec->source + strlen(f->h.mount));
	if (!*buf)
		snprintf(buf, size, "/");
	return true;
}

int freezer_state_before(const struct freezer *f, bool v2, const char *path)
{
	const struct part *p = part_at(f, v2, path);

	return p ? p->adopted : -1;
}

bool freezer_was_frozen(const struct freezer *f)
{
	for (size_t i = 0; i < f->n_parts; i++)
		if (f->parts[i].adopted)
			return true;
	return false;
}

/* Thawed first: all start at once, and moving runs behind them unseen. */
static int part_end(struct freezer *f, struct part *p, struct err *e)
{
	int r = 0;

	if (p->je_freeze)
		r = part_set(f, p, p->adopted, e);
	if (r)
		return r;
	journal_done(p->je_freeze);
	if (p->je_move)
		r = cgroup_move_back((const void *)p->je_move->data, e);
	if (r)
		return r;
	journal_done(p->je_move);
	if (p->temp)
		r = cgroup_rmdir(p->dir, e);
	if (!r)
		journal_done(p->je_rmdir);
	return r;
}

int freezer_end(struct freezer *f, bool gone, struct err *e)
{
	int first = 0;

	if (!f)
		return 0;
	for (size_t i = f->n_parts; i-- > 0;) {
		struct err one = { 0 };
		int r = part_end(f, &f->parts[i], &one);

		if (r && !first) {
			*e = one;
			first = r;
		}
	}
	freezer_drop(f);
	return first ? err_in(e, gone ? "clearing up cgroups" : "thawing the tree") : 0;
}

int freezer_from_journal(struct freezer **ret, struct journal *j, struct err *e)
{
	static const uint32_t kinds[] = { UNDO_THAW, UNDO_REFREEZE };
	struct freezer *f = calloc(1, sizeof(*f));

	if (!f) {
		errno = ENOMEM;
		return err_sys(e, "allocate", "a freezer");
	}
	f->j = j;
	f->timeout_us = 300000;
	f->undoing = true;
	f->h.ops = &freezer_v2;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		_cleanup_free_ struct journal_entry **v = NULL;
		size_t n = journal_entries(j, kinds[k], &v);

		for (size_t i = 0; i < n; i++) {
			const struct freeze_record *rec = (const void *)v[i]->data;
			struct part *p;

			if (v[i]->len < sizeof(*rec) || !memchr(rec->dir, 0, sizeof(rec->dir)) ||
			    access(rec->dir, F_OK))
				continue;
			f->h.ops = rec->v2 ? &freezer_v2 : &freezer_v1;
			p = part_add(f, rec->dir);
			p->adopted = kinds[k] == UNDO_REFREEZE;
			p->je_freeze = v[i];
		}
	}
	*ret = f;
	return 0;
}

void freezer_drop(struct freezer *f)
{
	if (!f)
		return;
	pid_list_free(&f->frozen);
	free(f->parts);
	free(f);
}
