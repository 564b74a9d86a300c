// SPDX-License-Identifier: GPL-2.0-or-later
/* stasis recover: put right what killed runs have left behind. */
#include "cli/cli.h"
#include "recover.h"

int cmd_recover(struct invocation *in, struct err *e)
{
	const char *dir = in->rest[0];
	int r = cmd_no_operands("recover", dir ? in->rest + 1 : in->rest, e);

	return r ? r : recover_run(dir, in->o->verbosity == 0, e);
}
