// SPDX-License-Identifier: GPL-2.0-or-later
/* The steps of a restore that are about cgroups; the birth itself is in restore.c. */
#include "restore-internal.h"

#include "cgroup/cgroup.h"
#include "model/model.h"
#include "parasite/stub.h"

int restore_cgroups(void *ctx, struct err *e)
{
	struct restore *r = ctx;

	return cgroups_make(r->m, e);
}

/* Before they have memory, which is charged to where they are. With terminals only the root is there yet. */
int restore_place_born(struct restore *r, struct err *e)
{
	int x;

	if (!cgroups_differ(r->m))
		return 0;
	x = stubs_find(r->stubs, model_has_own_ns(r->m, NS_PID), e);
	return x ? x : cgroups_place(r->m, false, e);
}

int restore_limits(void *ctx, struct err *e)
{
	struct restore *r = ctx;

	return cgroups_limit(r->m, e);
}
