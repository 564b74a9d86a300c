/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of cgroup/ share.
 *
 *	find.c		where the hierarchies are mounted, who is in which cgroup
 *	files.c		control files and members of one cgroup
 *	freezer-v1.c, freezer-v2.c	what differs between the freezers
 *	choose.c	which cgroups to freeze
 *	move.c		temporary cgroups, there and back
 *	stuck.c		who does not freeze
 *	freezer.c	freeze, wait, thaw, end
 *	undo.c		the same backwards, from journal records
 */
#ifndef STASIS_CGROUP_INTERNAL_H
#define STASIS_CGROUP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroup/freezer.h"

#define LOG_MODULE "cgroup"

/* Longest path of a cgroup directory that we handle, with its end. */
#define CGROUP_PATH 1020

enum freeze_state { THAWED, FREEZING, FROZEN };

struct freezer_ops {
	const char *name;
	bool v2;
	const char *freeze_file;  /* only a cgroup that can be frozen has it: not the root */
	const char *self_file;	  /* says 1 when it was frozen by its own file, not by a parent */
	const char *threads_file; /* members one by one */
	const char *frozen_text, *thawed_text; /* what freeze_file takes */
	int (*state)(const char *dir, enum freeze_state *ret, struct err *e);
	/* A file that can be polled for POLLPRI, or NULL. */
	const char *events_file;
	/* Where a frozen thread stands in the kernel (/proc/PID/wchan); the compiler may have inlined the first. */
	const char *wchan[2];
	/* Until it is frozen it must be told again: who fell asleep just then was missed. */
	bool tell_again;
};
extern const struct freezer_ops freezer_v1, freezer_v2;

/* One mounted hierarchy. root: the cgroup mounted there, "/" unless somebody mounted a part. */
struct hierarchy {
	const struct freezer_ops *ops; /* NULL: not mounted */
	char mount[CGROUP_PATH];
	char root[CGROUP_PATH];
};

/* find.c. ret[0] is v1's freezer hierarchy, ret[1] v2's. */
int hierarchies_read(struct hierarchy ret[static 2], struct err *e);
void hierarchies_parse(const char *mountinfo, struct hierarchy ret[static 2]);
/* Directory of the cgroup that thread @tid of @pid is in. -ESRCH when it is gone. */
int hierarchy_dir_of(const struct hierarchy *h, pid_t pid, pid_t tid, char *buf, size_t size,
		     struct err *e);
int hierarchy_dir_parse(const struct hierarchy *h, const char *text, pid_t pid, char *buf,
			size_t size, struct err *e);
bool path_is_inside(const char *dir, const char *parent);
/* In place, from how mountinfo writes it. */
char *path_unescape(char *path);
/* Cut the last component off; false when there is none. */
bool path_up(char *dir);

/* files.c */
int cgroup_file_read(const char *dir, const char *name, char *buf, size_t size, struct err *e);
int cgroup_file_write(const char *dir, const char *name, const char *text, struct err *e);
int cgroup_freeze_write(const struct freezer_ops *ops, const char *dir, bool frozen, struct err *e);
/* 1 when frozen by its own file, 0 when not, -ENOENT (with @e left alone) when it cannot be frozen. */
int cgroup_self_frozen(const struct freezer_ops *ops, const char *dir, struct err *e);

struct pid_list {
	pid_t *v;
	size_t n, room;
};
void pid_list_add(struct pid_list *l, pid_t pid);
void pid_list_sort(struct pid_list *l);
bool pid_list_has(const struct pid_list *l, pid_t pid); /* sorted */
void pid_list_free(struct pid_list *l);
/* Append the numbers in a control file. A file that has gone holds none. */
int cgroup_list(const char *dir, const char *file, struct pid_list *l, struct err *e);
/* Append the processes of @dir and below; @each (may be NULL) sees every cgroup. */
int cgroup_members(const char *dir, struct pid_list *l,
		   int (*each)(void *ctx, const char *dir, struct err *e), void *ctx,
		   struct err *e);

/* Record of UNDO_THAW and UNDO_REFREEZE. */
struct freeze_record {
	uint32_t v2;
	uint32_t thawed; /* UNDO_REFREEZE: we have thawed it for a while */
	char dir[CGROUP_PATH];
};

/* Record of UNDO_CGROUP_PROP: a property that a cgroup which is not ours had before. */
struct prop_record {
	char dir[CGROUP_PATH];
	char name[128];
	char value[256];
};

/* Record of UNDO_MOVE_BACK: everything in temp goes to source. */
struct move_record {
	uint32_t v2;
	uint32_t by_thread; /* v1: processes whose threads are in several cgroups */
	char temp[CGROUP_PATH];
	char source[CGROUP_PATH];
};

/* One cgroup of a freezer. */
struct part {
	char dir[CGROUP_PATH];
	bool temp;    /* made by us */
	bool adopted; /* the caller had it frozen */
	struct journal_entry *je_rmdir, *je_move, *je_freeze;
};

struct freezer {
	struct hierarchy h;
	struct journal *j;
	struct part *parts;
	size_t n_parts;
	uint64_t timeout_us;
	bool undoing;		/* goes through with it whoever wants to stop */
	struct pid_list frozen; /* what freezer_has() looks into */
};
struct part *part_add(struct freezer *f, const char *dir);
bool part_covers(const struct freezer *f, const char *dir);

/* choose.c: fill in f->h and the parts that are frozen where they are; *move when tasks remain that must be moved. */
int freezer_choose(struct freezer *f, const struct freezer_params *p, bool *move, struct err *e);
/* The caller's frozen cgroups at and above @dir become parts. */
int freezer_adopt(struct freezer *f, const char *dir, struct err *e);

/* move.c: every task of the tree into some part. *moved: how many were not. */
int freezer_gather(struct freezer *f, const struct freezer_params *p, size_t *moved, struct err *e);
/* All that is in rec->temp to rec->source, also what is born meanwhile. */
int cgroup_move_back(const struct move_record *rec, struct err *e);
/* rmdir(2) with some patience for tasks that are still dying. Gone is fine. */
int cgroup_rmdir(const char *dir, struct err *e);

/* stuck.c: an error that names who does not freeze. */
int freezer_stuck(struct freezer *f, struct err *e);

#endif
