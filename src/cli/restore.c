// SPDX-License-Identifier: GPL-2.0-or-later
/* stasis restore: make a process tree again from its images. */
#include "cli/cli.h"
#include "restore.h"

int cmd_restore(struct invocation *in, struct err *e)
{
	int r = cmd_no_operands("restore", in->rest, e);
	pid_t root;

	if (r)
		return r;
	in->o->give_up = print_hang;
	in->o->give_up_ctx = in;
	return restore_run(in->o, &in->problems, &root, &in->status, e);
}
