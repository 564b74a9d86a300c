// SPDX-License-Identifier: GPL-2.0-or-later
/* stasis restore: make a process tree again from its images. */
#include "cli/cli.h"
#include "restore.h"

/* Not into the log: its file may lie where we are held up. */
static void give_up(void *ctx, const struct err *e)
{
	print_error(ctx, e);
}

int cmd_restore(struct invocation *in, struct err *e)
{
	int r = cmd_no_operands("restore", in->rest, e);

	if (r)
		return r;
	in->o->give_up = give_up;
	in->o->give_up_ctx = in;
	return restore_run(in->o, &in->problems, &in->status, e);
}
