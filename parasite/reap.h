/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STASIS_REAP_H
#define STASIS_REAP_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Take the deaths of threads that we traced and that are dying, for a second at
 * most. All at once, since a leader's death comes after its threads'. Reorders @tids.
 */
void reap_killed(pid_t *tids, size_t n);

#endif
