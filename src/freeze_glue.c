/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "freeze_glue.h"

#include "base/err.h"
#include "cgroup/freezer.h"
#include "parasite/remote.h"

/* Freezing only has to be ordered before what follows, so nobody waits for the frozen state. */
static int set(void *ctx, bool frozen, struct err *e)
{
	return freezer_set(ctx, frozen, false, e);
}

void freeze_glue(struct freezer *f, struct remote_freeze *ret)
{
	*ret = (struct remote_freeze){ .set = set, .ctx = f, .stops_frozen = freezer_is_v2(f) };
}
