/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of everything that a journal can undo; NULL-ended. */
#ifndef STASIS_UNDO_H
#define STASIS_UNDO_H

#include <sys/types.h>

#include "base/journal.h"

struct err;

extern const struct undo_kind *const undo_kinds[];

/* Record that process @pid, made by us, must die with us: told from a later one of the same number by its start. */
int undo_add_kill(struct journal *j, pid_t pid, struct err *e);
/* ...that the file or link @path must not stay; before it is made. */
int undo_add_unlink(struct journal *j, const char *path, struct journal_entry **ret, struct err *e);
/* ...that the image directory behind @dir must not keep images that were never finished. */
int undo_add_images(struct journal *j, int dir, struct journal_entry **ret, struct err *e);

#endif
