// SPDX-License-Identifier: GPL-2.0-or-later
/* stasis dump: write a process tree into images. */
#include "checkpoint.h"
#include "cli/cli.h"

int cmd_dump(struct options *o, char **rest, int *ret_status, struct err *e)
{
	int r = cmd_no_operands("dump", rest, e);

	if (!r)
		r = checkpoint_run(o, ret_status, e);
	if (!r && o->display_stats)
		r = stats_print(o, "stats-dump", stdout, e);
	return r;
}
