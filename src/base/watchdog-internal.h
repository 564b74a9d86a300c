/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signs of life, for the process that looks for them. Private to src/base. */
#ifndef STASIS_WATCHDOG_INTERNAL_H
#define STASIS_WATCHDOG_INTERNAL_H

#include <stdint.h>
#include <stdlib.h>

#include "base/watchdog.h"

/* How often it looks. */
#define LIFE_LOOK_NS 250000000

/* What who works lets its watcher know; in memory that both see. */
struct life {
	unsigned beats;
	unsigned patience;	   /* seconds; 0: without end */
	unsigned patient;	   /* without end for the moment */
	const char *volatile what; /* the same address in both */
};

/* Where our own signs go; NULL: nobody looks. */
void life_is(struct life *l);
/* Whether it has been silent for too long. @beats, @since: of the last change seen. */
bool life_hangs(const struct life *l, unsigned *beats, uint64_t *since);

#endif
