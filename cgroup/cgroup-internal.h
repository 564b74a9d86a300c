/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of cgroup/ share. */
#ifndef STASIS_CGROUP_INTERNAL_H
#define STASIS_CGROUP_INTERNAL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/* Longest path of a cgroup directory that we handle, with its end. */
#define CGROUP_PATH 1020

/*
 * One mounted hierarchy that can freeze. mount is where we see it, root the
 * cgroup that is mounted there ("/" unless somebody bind-mounted a part).
 */
struct hierarchy {
	bool v2;
	char mount[PATH_MAX];
	char root[PATH_MAX];
};

/* The v1 freezer hierarchy, or v2; -ENOENT with an error when neither is mounted. @want: 0 either, 1, 2. */
int hierarchy_find(int want, struct hierarchy *ret, struct err *e);
/* Directory of the cgroup that @pid is in. -ESRCH when it is gone. */
int hierarchy_dir_of(const struct hierarchy *h, pid_t pid, char *buf, size_t size, struct err *e);

/* Record of UNDO_THAW and UNDO_REFREEZE. */
struct freeze_record {
	uint32_t v2;
	char dir[CGROUP_PATH];
};

/* Record of UNDO_MOVE_BACK: everything in temp goes to source. */
struct move_record {
	char temp[CGROUP_PATH];
	char source[CGROUP_PATH];
};

enum freeze_state { THAWED, FREEZING, FROZEN };
/* State of the cgroup; *self (may be NULL): it was frozen by its own file, not by a parent. */
int cgroup_freeze_state(const char *dir, bool v2, enum freeze_state *ret, bool *self, struct err *e);
int cgroup_freeze_write(const char *dir, bool v2, bool frozen, struct err *e);
/* Processes of @dir, and with @deep of all cgroups below; appended to a malloc'ed list. */
int cgroup_pids(const char *dir, bool deep, pid_t **v, size_t *n, struct err *e);
int cgroup_move(const char *dir, pid_t pid, struct err *e);
/* Move all that is in @from to @to until nothing is left, also what is born meanwhile. */
int cgroup_move_all(const char *from, const char *to, struct err *e);

#endif
