// SPDX-License-Identifier: GPL-2.0-or-later
/* stasis unlock: the images will not be restored; their connections may end. */
#include <stdio.h>

#include "cli/cli.h"
#include "unlock.h"

int cmd_unlock(struct invocation *in, struct err *e)
{
	bool was;
	int r = cmd_no_operands("unlock", in->rest, e);

	if (!r)
		r = unlock_run(in->o, &was, e);
	if (!r)
		printf("%s: %s\n", in->o->images_dir, was ? "unlocked" : "nothing was locked");
	return r;
}
