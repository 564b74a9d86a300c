/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes and threads: the tree with its pids, sessions and groups;
 * registers, signals, timers, credentials, limits, scheduling, rseq.
 *
 * Owns: pstree.img, core-*.img, ids-*.img, fs-*.img (umask; the paths are
 * fd/'s). Does not own: memory, files, namespaces' content.
 */
#ifndef STASIS_TASK_H
#define STASIS_TASK_H

#include "model/build.h"
#include "model/kinds.h"
#include "model/model.h"

struct remote;

/* Read the tree below m->opt->tree from /proc into the model; zombies too. Repeatable: fills a fresh list. */
int task_tree_read(struct model *m, struct err *e);
/*
 * The same of a frozen tree: a freezer does not hold who is in exit(2), and the
 * kernel lets nobody seize them, so they get a moment to become zombies.
 */
int task_tree_read_settled(struct model *m, struct err *e);
/* Our view's pids of all live processes, malloc'ed. */
int task_tree_pids(const struct model *m, pid_t **ret, size_t *ret_n);
/* Properties of processes that are refused. */
void task_kinds(kind_fn *fn, void *ctx);
int task_preflight(struct model *m, struct task *t, struct err_list *blockers, struct err *e);

/* Bytes of a task's arena that its programs take besides the usual: the most of all tasks. */
size_t task_inside_need(struct model *m);
/* Append the calls that only the task itself can make... */
int task_dump_calls(struct model *m, struct task *t, struct err *e);
/* ...and keep the answers, before the parasite leaves. */
int task_dump_results(struct model *m, struct task *t, struct err *e);
/* Of those: what belongs into the memory image. */
void task_inside(const struct task *t, uint64_t *ret_brk, int *ret_dumpable,
		 bool *ret_thp_disabled);
/* Ids of what processes share (kcmp); refuses sharing that cannot be rebuilt. */
int task_ids_dump(struct model *m, struct err *e);
/* Fill core entries from registers, results and /proc. */
int task_dump(struct model *m, struct task *t, struct err *e);
int task_dump_finish(struct model *m, struct err *e);

int task_read(struct model *m, struct err *e);
int task_conflicts(struct model *m, struct err_list *problems, struct err *e);

#endif
