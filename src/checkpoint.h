/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checkpoint: the step table is in checkpoint.c. */
#ifndef STASIS_CHECKPOINT_H
#define STASIS_CHECKPOINT_H

struct err;
struct err_list;
struct options;

/*
 * Write a checkpoint of the tree of o->tree into o->images_dir. Whatever goes
 * wrong, the tree goes on as before. Blockers found before anything was touched
 * are all in @problems (zeroed by the caller) and @e sums up. *ret_status: the
 * status of an action script that vetoed at post-dump, else 0.
 */
int checkpoint_run(const struct options *o, struct err_list *problems, int *ret_status,
		   struct err *e);

/* What would keep the tree of o->tree from being checkpointed; touches nothing. */
int preflight_run(const struct options *o, struct err_list *problems, struct err *e);

#endif
