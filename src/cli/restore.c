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

int cmd_restore(struct options *o, char **rest, int *ret_status, struct err *e)
{
	int r = cmd_no_operands("restore", rest, e);

	if (!r)
		r = restore_run(o, ret_status, e);
	if (!r && o->display_stats)
		r = stats_print(o, "stats-restore", stdout, e);
	if (r || !o->exec_cmd)
		return r;
	fflush(NULL);
	log_flush();
	execvp(o->exec_cmd[0], o->exec_cmd);
	err_sys(e, "exec", "%s", o->exec_cmd[0]);
	return err_hint(e, "the tree is restored and goes on running");
}
