// SPDX-License-Identifier: GPL-2.0-or-later
/* stasis dump: write a process tree into images. */
#include "cgroup/cgroup.h"
#include "checkpoint.h"
#include "cli/cli.h"

int cmd_dump(struct invocation *in, struct err *e)
{
	int r = cmd_no_operands("dump", in->rest, e);

	if (!r && in->o->cgroup)
		r = cgroup_find_root(in->o->cgroup, &in->o->tree, e);

	return r ? r : checkpoint_run(in->o, &in->problems, &in->status, e);
}
