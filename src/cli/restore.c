// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stasis restore: make a process tree again from its images.
 *
 * With --exec-cmd the command takes our place once the tree runs, so that it is
 * the parent of the restored root task and can wait for it.
 */
#include <unistd.h>

#include "base/log.h"
#include "cli/cli.h"
#include "restore.h"

int cmd_restore(struct invocation *in, struct err *e)
{
	char **cmd = in->o->exec_cmd;
	int r = cmd_no_operands("restore", in->rest, e);

	if (!r)
		r = restore_run(in->o, &in->problems, &in->status, e);
	if (r || !cmd)
		return r;
	progress_end(in->o);
	fflush(NULL);
	log_flush();
	execvp(cmd[0], cmd);
	err_sys(e, "exec", "%s", cmd[0]);
	return err_hint(e, "the tree is restored and goes on running");
}
