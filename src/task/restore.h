/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of src/task that works with stubs: growing the tree, and everything
 * of a process that is neither memory nor files.
 */
#ifndef STASIS_TASK_RESTORE_H
#define STASIS_TASK_RESTORE_H

#include "model/build.h"
#include "parasite/stub.h"

/* Make a stub for every task (t->stub) and the birth programs; joining groups opens the build programs. */
int task_plan(struct model *m, struct stub_set *s, struct err *e);

/*
 * Append to the leader's build program what comes after memory and files are
 * in place (signal actions, name, threads), and fill the programs of its
 * threads. A zombie's program ends it.
 */
int task_build(struct build *b, struct stub_set *s, struct err *e);
void task_build_zombie(struct build *b);

/* Bytes of the arena that the programs of all tasks take besides the usual. */
size_t task_arena_need(const struct model *m);
/*
 * The last words of every thread: pending signals, timers, limits, filters,
 * credentials. Times left are counted now: to be run at once.
 */
int task_build_final(struct model *m, struct task *t, struct err *e);
/* Once all are seized and before the last words: filters that the threads of a process share. */
int task_shared_filters(struct model *m, struct stub_set *s, struct err *e);
/* Registers and interrupted calls, for stubs_dress(). */
void task_dress(const struct model *m, struct task *t);
int task_xstate(struct stub_thread *th, void *buf, size_t len, struct err *e);
/* From outside, when the host's pids are known: what may need our privilege, and what /proc takes. */
int task_outside(struct model *m, struct err *e);
/* What this system will not let us restore: limits above ours, capabilities that we lack. */
int task_privileges(struct model *m, struct err_list *problems, struct err *e);

#endif
