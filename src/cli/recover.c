// SPDX-License-Identifier: GPL-2.0-or-later
/* stasis recover: put right what killed runs have left behind. */
#include "cli/cli.h"
#include "recover.h"

int cmd_recover(struct options *o, char **rest, int *ret_status, struct err *e)
{
	const char *dir = *rest;
	int r = cmd_no_operands("recover", dir ? rest + 1 : rest, e);

	return r ? r : recover_run(dir, o->verbosity == 0, e);
}
