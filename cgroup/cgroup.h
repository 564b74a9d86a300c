/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cgroups of a tree: who is in which one on every hierarchy (v1 with its
 * controllers, named ones, v2), and what the cgroups are like: properties and
 * limits, owners and modes. cgroup.img.
 *
 * A set is what one line-up of /proc/PID/cgroup says; set 1 is ours, and means
 * on restore: wherever stasis runs. The base of a hierarchy is the cgroup that
 * is the tree's own: what is in it and below is saved and may be made again.
 * The root of a hierarchy is never changed. Stopping a tree is freezer.h.
 */
#ifndef STASIS_CGROUP_H
#define STASIS_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;
struct err_list;
struct freezer;
struct model;

/* The one process in the cgroup at @dir, or below, whose parent is not: the root of the tree there. */
int cgroup_find_root(const char *dir, pid_t *ret, struct err *e);

/* Dump. Tasks have their cores and are frozen by @f: what it changed is not saved. */
int cgroups_dump(struct model *m, const struct freezer *f, struct err *e);

/* Restore, in this order. Nothing is touched by the first two. */
int cgroups_read(struct model *m, struct err *e);
int cgroups_check(struct model *m, struct err_list *problems, struct err *e);
/* Make what is not there, with what must be set before anybody is in it. Recorded in m->journal. */
int cgroups_make(struct model *m, struct err *e);
/*
 * This thread goes where the root task is to be born, until cgroups_leave();
 * *ret_fd: of v2, for CLONE_INTO_CGROUP, or -EBADF. Kept open by the model.
 */
int cgroups_enter(struct model *m, int *ret_fd, struct err *e);
void cgroups_leave(struct model *m);
/* Whether processes are to be in other cgroups than where they were born. */
bool cgroups_differ(const struct model *m);
/* Move processes; with @threads single threads too. Their host pids are known. */
int cgroups_place(struct model *m, bool threads, struct err *e);
/* Limits and all other properties, owners and modes. */
int cgroups_limit(struct model *m, struct err *e);
/* The last: those that were frozen are frozen again. */
int cgroups_freeze(struct model *m, struct err *e);
void cgroups_close(struct model *m);

#endif
