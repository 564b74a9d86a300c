/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Restore: the step table is in restore.c. */
#ifndef STASIS_RESTORE_H
#define STASIS_RESTORE_H

#include <sys/types.h>

struct err;
struct err_list;
struct options;

/*
 * Restore the tree of o->images_dir. With several problems found before
 * anything was made they are all in @problems (zeroed by the caller) and @e
 * sums up. Waits for the root task unless o->restore_detached; then *ret_status
 * is how it ended, as a shell reports it. *ret_root: the root task as we see it, 0
 * when there is none.
 */
int restore_run(const struct options *o, struct err_list *problems, pid_t *ret_root,
		int *ret_status, struct err *e);

#endif
