/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which module undoes which record, and the undos that belong to no module. */
#define LOG_MODULE "undo"
#include "undo.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "cgroup/freezer.h"
#include "freeze_glue.h"
#include "parasite/remote.h"

/* Tasks are put right while their cgroup lies frozen; the thaw has its own record, undone later. */
static int cure_frozen(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	_cleanup_free_ pid_t *pids = NULL;
	struct remote_freeze fz;
	struct freezer *f;
	size_t n_pids = 0;
	int r = freezer_from_journal(&f, j, e);

	if (r)
		return r;
	freeze_glue(f, &fz);
	r = freezer_pids(f, &pids, &n_pids, e);
	if (!r)
		r = remote_cure(v, n, pids, n_pids, &fz, e);
	freezer_drop(f);
	return r;
}

static int undo_cure(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	return cure_frozen(j, v, n, e);
}

/*
 * Calls that the freeze alone interrupted are put right before the thaw, also
 * when death came before any task was recorded. Should that fail, thawed tasks
 * with an EINTR too many are still better than frozen ones.
 */
static int undo_thaw(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	struct err late = { 0 };

	if (cure_frozen(j, NULL, 0, &late))
		log_warn("%s %s: %s", late.op, late.object, late.why);
	return freezer_undo_thaw.undo(j, v, n, e);
}

/* The record names a child of the dead: its number cannot have been reused while it was not reaped. */
static int undo_kill(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		pid_t pid;

		if (v[i]->len != sizeof(pid))
			continue;
		memcpy(&pid, v[i]->data, sizeof(pid));
		if (pid > 1 && kill(pid, SIGKILL) && errno != ESRCH)
			return err_sys(e, "kill", "process %d", pid);
	}
	return 0;
}

static int undo_unlink(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const char *path = (const char *)v[i]->data;

		if (v[i]->len && !path[v[i]->len - 1] && unlink(path) && errno != ENOENT)
			return err_sys(e, "remove", "%s", path);
	}
	return 0;
}

static const struct undo_kind cure = { UNDO_CURE, "put a task right", undo_cure };
static const struct undo_kind thaw = { UNDO_THAW, "thaw", undo_thaw };
static const struct undo_kind kill_process = { UNDO_KILL, "kill a process", undo_kill };
static const struct undo_kind unlink_file = { UNDO_UNLINK, "remove a file", undo_unlink };

const struct undo_kind *const undo_kinds[] = {
	&cure,
	&thaw,
	&freezer_undo_refreeze,
	&freezer_undo_move_back,
	&cgroup_undo_rmdir,
	&cgroup_undo_kill,
	&kill_process,
	&unlink_file,
	NULL,
};
