// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Undoing what the dead left: cgroups frozen or thawed, tasks moved,
 * directories made, cgroups full of half-made tasks. Records may come from a
 * file: their texts are checked to end. What is gone needs no undoing.
 *
 * Runs in: whoever survives (base/watchdog.h), or `stasis recover`.
 */
#include "cgroup/cgroup-internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/journal.h"
#include "base/log.h"

/* The first failure is the one to report; the others are tried all the same. */
static void keep_first(int *first, int r, struct err *e, const struct err *one)
{
	if (!r)
		return;
	if (*first)
		log_warn("%s %s: %s", one->op, one->object, one->why);
	else
		*e = *one;
	*first = *first ? *first : r;
}

static bool path_ok(const char *path, size_t size)
{
	return size && *path == '/' && memchr(path, 0, size);
}

static int set_each(struct journal_entry *const *v, size_t n, bool frozen, struct err *e)
{
	int first = 0;

	for (size_t i = 0; i < n; i++) {
		struct freeze_record *rec = (void *)v[i]->data;
		struct err one = { 0 };
		int r;

		if (v[i]->len < sizeof(*rec) || !path_ok(rec->dir, sizeof(rec->dir)))
			continue;
		/* Not thawed by us: if it is not frozen now, its owner has thawed it. */
		if (frozen && !rec->thawed)
			continue;
		if (access(rec->dir, F_OK) && errno == ENOENT)
			continue;
		r = cgroup_freeze_write(rec->v2 ? &freezer_v2 : &freezer_v1, rec->dir, frozen,
					&one);
		keep_first(&first, r, e, &one);
	}
	return first;
}

static int undo_thaw(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	return set_each(v, n, false, e);
}

static int undo_refreeze(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	return set_each(v, n, true, e);
}

static int undo_move_back(struct journal *j, struct journal_entry *const *v, size_t n,
			  struct err *e)
{
	int first = 0;

	for (size_t i = 0; i < n; i++) {
		const struct move_record *rec = (const void *)v[i]->data;
		struct err one = { 0 };
		int r;

		if (v[i]->len < sizeof(*rec) || !path_ok(rec->temp, sizeof(rec->temp)) ||
		    !path_ok(rec->source, sizeof(rec->source)))
			continue;
		r = cgroup_move_back(rec, &one);
		keep_first(&first, r, e, &one);
	}
	return first;
}

static int undo_rmdir(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	int first = 0;

	for (size_t i = 0; i < n; i++) {
		const char *dir = (const char *)v[i]->data;
		struct err one = { 0 };
		int r;

		if (!path_ok(dir, v[i]->len))
			continue;
		r = cgroup_rmdir(dir, &one);
		keep_first(&first, r, e, &one);
	}
	return first;
}

/* cgroup.kill (5.14) where there is one, else one by one until none is left, as they may fork. */
static int kill_all(const char *dir, struct err *e)
{
	uint64_t deadline = now_us() + 5000000;

	do {
		struct pid_list l = { 0 };
		struct err old = { 0 };
		int r = cgroup_members(dir, &l, NULL, NULL, e);
		size_t n = l.n;

		if (!r && n && cgroup_file_write(dir, "cgroup.kill", "1", &old))
			for (size_t i = 0; i < n; i++)
				if (l.v[i] > 0 && l.v[i] != getpid())
					kill(l.v[i], SIGKILL);
		pid_list_free(&l);
		if (r || !n)
			return r;
		usleep(1000);
	} while (now_us() < deadline);
	return err_set(e, ERR_SYSTEM, EBUSY, "kill all in", dir, "some do not die");
}

static int undo_cgroup_kill(struct journal *j, struct journal_entry *const *v, size_t n,
			    struct err *e)
{
	int first = 0;

	for (size_t i = 0; i < n; i++) {
		const char *dir = (const char *)v[i]->data;
		struct err one = { 0 };

		if (path_ok(dir, v[i]->len))
			keep_first(&first, kill_all(dir, &one), e, &one);
	}
	return first;
}

static int undo_prop(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	int first = 0;

	for (size_t i = 0; i < n; i++) {
		const struct prop_record *rec = (const void *)v[i]->data;
		struct err one = { 0 };

		if (v[i]->len < sizeof(*rec) || !path_ok(rec->dir, sizeof(rec->dir)) ||
		    !memchr(rec->name, 0, sizeof(rec->name)) ||
		    !memchr(rec->value, 0, sizeof(rec->value)) || strchr(rec->name, '/') ||
		    access(rec->dir, F_OK))
			continue;
		keep_first(&first,
			   cgroup_file_write(rec->dir, rec->name, *rec->value ? rec->value : "\n",
					     &one),
			   e, &one);
	}
	return first;
}

const struct undo_kind cgroup_undo_prop = {
	.id = UNDO_CGROUP_PROP,
	.name = "set properties of cgroups back",
	.undo = undo_prop,
};
const struct undo_kind freezer_undo_thaw = {
	.id = UNDO_THAW,
	.name = "thaw",
	.undo = undo_thaw,
};
const struct undo_kind freezer_undo_refreeze = {
	.id = UNDO_REFREEZE,
	.name = "freeze again",
	.undo = undo_refreeze,
};
const struct undo_kind freezer_undo_move_back = {
	.id = UNDO_MOVE_BACK,
	.name = "move back",
	.undo = undo_move_back,
};
const struct undo_kind cgroup_undo_rmdir = {
	.id = UNDO_RMDIR,
	.name = "remove directories",
	.undo = undo_rmdir,
	.lasting = true,
};
const struct undo_kind cgroup_undo_kill = {
	.id = UNDO_CGROUP_KILL,
	.name = "kill a cgroup",
	.undo = undo_cgroup_kill,
};
