/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Undoing what the dead left: cgroups frozen or thawed, tasks moved,
 * directories made. Records may come from a file: their texts are checked to
 * end. What is gone already needs no undoing.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/journal.h"
#include "cgroup/cgroup-internal.h"
#include "cgroup/freezer.h"

static int freeze_each(struct journal_entry *const *v, size_t n, bool frozen, struct err *e)
{
	int first = 0;

	for (size_t i = 0; i < n; i++) {
		struct freeze_record *rec = (void *)v[i]->data;
		int r;

		if (v[i]->len != sizeof(*rec) || !memchr(rec->dir, 0, sizeof(rec->dir)) ||
		    access(rec->dir, F_OK))
			continue;
		r = cgroup_freeze_write(rec->dir, rec->v2, frozen, e);
		if (r && !first)
			first = r;
	}
	return first;
}

static int undo_thaw(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	return freeze_each(v, n, false, e);
}

static int undo_refreeze(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	return freeze_each(v, n, true, e);
}

static int undo_move_back(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	int first = 0;

	for (size_t i = 0; i < n; i++) {
		struct move_record *m = (void *)v[i]->data;
		int r;

		if (v[i]->len != sizeof(*m) || !memchr(m->temp, 0, sizeof(m->temp)) ||
		    !memchr(m->source, 0, sizeof(m->source)) || access(m->temp, F_OK))
			continue;
		r = cgroup_move_all(m->temp, m->source, e);
		if (r && !first)
			first = r;
	}
	return first;
}

/* Only directories that are empty by now go; a task that is still dying holds its cgroup a moment longer. */
static int undo_rmdir(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	int first = 0;

	for (size_t i = 0; i < n; i++) {
		const char *dir = (const char *)v[i]->data;

		if (!v[i]->len || dir[v[i]->len - 1])
			continue;
		for (int k = 0; rmdir(dir) && errno != ENOENT; k++) {
			if (errno != EBUSY || k == 2000) {
				if (!first)
					first = err_sys(e, "remove", "%s", dir);
				break;
			}
			usleep(500);
		}
	}
	return first;
}

static int undo_cgroup_kill(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const char *dir = (const char *)v[i]->data;
		_cleanup_free_ pid_t *pids = NULL;
		size_t count = 0;
		int r;

		if (!v[i]->len || dir[v[i]->len - 1] || access(dir, F_OK))
			continue;
		r = cgroup_pids(dir, true, &pids, &count, e);
		if (r)
			return r;
		for (size_t k = 0; k < count; k++)
			kill(pids[k], SIGKILL);
	}
	return 0;
}

const struct undo_kind freezer_undo_thaw = {
	.id = UNDO_THAW, .name = "thaw", .undo = undo_thaw,
};
const struct undo_kind freezer_undo_refreeze = {
	.id = UNDO_REFREEZE, .name = "freeze again", .undo = undo_refreeze,
};
const struct undo_kind freezer_undo_move_back = {
	.id = UNDO_MOVE_BACK, .name = "move back", .undo = undo_move_back,
};
const struct undo_kind cgroup_undo_rmdir = {
	.id = UNDO_RMDIR, .name = "remove directories", .undo = undo_rmdir, .lasting = true,
};
const struct undo_kind cgroup_undo_kill = {
	.id = UNDO_CGROUP_KILL, .name = "kill a cgroup", .undo = undo_cgroup_kill,
};
