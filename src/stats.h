/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stats-dump and stats-restore: how long things took, for runtimes and people. */
#ifndef STASIS_STATS_H
#define STASIS_STATS_H

#include <stdint.h>

#include "model/model.h"

struct dump_times {
	uint64_t freezing, frozen, memdump, memwrite; /* microseconds */
};

void stats_dump(struct model *m, const struct dump_times *t);
void stats_restore(struct model *m, uint64_t forking_us, uint64_t total_us);
/* Write m->stats to stats-@what in the work directory; print it too when asked to. */
int stats_write(struct model *m, const char *what, struct err *e);

#endif
