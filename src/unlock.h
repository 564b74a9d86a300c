/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `stasis unlock`: the network lock that a dump has left is taken away. */
#ifndef STASIS_UNLOCK_H
#define STASIS_UNLOCK_H

#include <stdbool.h>

struct err;
struct options;

/* In our own network namespace, which is the one that the dump has run in. */
int unlock_run(const struct options *o, bool *ret_was_locked, struct err *e);

#endif
