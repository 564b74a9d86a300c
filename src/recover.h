/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Undoing the journals whose writers are all dead. */
#ifndef STASIS_RECOVER_H
#define STASIS_RECOVER_H

#include <stdbool.h>

struct err;

/* @dir: NULL for the default. @quiet: say nothing when there is nothing to do. */
int recover_run(const char *dir, bool quiet, struct err *e);

#endif
