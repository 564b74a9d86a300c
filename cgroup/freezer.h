/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cgroup freezer, v1 and v2, and getting a tree into one freezer cgroup.
 *
 * Owns: finding the hierarchies (v1 freezer, v2, hybrid), choosing or making
 * the cgroup that holds exactly the tree, freezing with a deadline, thawing,
 * moving tasks back, and the journal records that undo each of these. No
 * signal is ever sent to a task. See freezer.c for how the set is closed.
 */
#ifndef STASIS_FREEZER_H
#define STASIS_FREEZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/journal.h"

struct err;
struct freezer;

struct freezer_params {
	pid_t root;	  /* root of the tree, as we see it */
	const char *path; /* --freeze-cgroup, or NULL: find or make one */
	int force; /* 1, 2: this version of the freezer; 0: as STASIS_FREEZER=v1|v2 says, or what suits */
	uint64_t timeout_us;
	/*
	 * Lists the tree's processes at this moment (malloc'ed); called again
	 * until two scans agree. */
	int (*scan)(void *ctx, pid_t **ret, size_t *ret_n, struct err *e);
	void *scan_ctx;
};

/*
 * Freeze the tree. Afterwards every task of the tree, and (with --freeze-cgroup
 * or an adopted cgroup) possibly others, is frozen: freezer_pids(). A cgroup
 * that the caller had frozen already is adopted and will end frozen.
 * -ETIMEDOUT names the task that does not freeze. On failure the journal holds
 * what must be undone: journal_undo(), which also sees to calls that the freeze
 * interrupted, as this module cannot.
 */
int freezer_freeze(struct freezer **ret, const struct freezer_params *p, struct journal *j,
		   struct err *e);
/* All processes in the frozen cgroup and below, malloc'ed. */
int freezer_pids(struct freezer *f, pid_t **ret, size_t *ret_n, struct err *e);
/* Freeze or thaw again for a while; freezing waits for the frozen state only if @wait. */
int freezer_set(struct freezer *f, bool frozen, bool wait, struct err *e);
/* Whether @pid is among the frozen: for a last look at the tree when nothing moves any more. */
bool freezer_has(struct freezer *f, pid_t pid);
/* The error about one that it has not. */
int freezer_escaped(pid_t pid, struct err *e);
bool freezer_is_v2(const struct freezer *f);
/* Of the cgroup @path of one hierarchy: true when it was made for the freeze; @buf: where its tasks came from. */
bool freezer_source(const struct freezer *f, bool v2, const char *path, char *buf, size_t size);
/* 1: the caller had it frozen, 0: it is frozen by us only, -1: by neither. */
int freezer_state_before(const struct freezer *f, bool v2, const char *path);
/* The caller had it frozen. */
bool freezer_was_frozen(const struct freezer *f);
/*
 * The end: one thaw, then tasks go back to the cgroups they came from and
 * temporary cgroups are removed; what the caller had frozen stays frozen. With
 * @gone the tasks are dead already. Frees @f.
 */
int freezer_end(struct freezer *f, bool gone, struct err *e);

/* Journal undo of UNDO_THAW, UNDO_REFREEZE, UNDO_MOVE_BACK (struct undo_kind's). */
extern const struct undo_kind freezer_undo_thaw, freezer_undo_refreeze, freezer_undo_move_back,
	cgroup_undo_rmdir, cgroup_undo_kill, cgroup_undo_prop;

/* A freezer for the watchdog's cure, from the journal of the dead: the cgroup named by its records. */
int freezer_from_journal(struct freezer **ret, struct journal *j, struct err *e);
/* Whether a thread of @pid would keep whoever wants to stop it waiting. */
bool freezer_is_stuck(struct freezer *f, pid_t pid);
/* Forget @f without touching any cgroup. */
void freezer_drop(struct freezer *f);

#endif
