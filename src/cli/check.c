// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stasis check: whether this kernel can do it (the probe table), or whether
 * one process tree can be checkpointed (the preflight of a dump, alone).
 */
#include "base/cleanup.h"
#include "checkpoint.h"
#include "cli/cli.h"

static int check_tree(struct invocation *in, struct err *e)
{
	const struct options *o = in->o;
	_cleanup_(err_list_free) struct err_list blockers = { 0 };
	int r;

	r = preflight_run(o, &blockers, e);
	if (r)
		return r;
	if (o->json) {
		printf("{\"tree\":%d,\"ok\":%s,\"blockers\":", o->tree, blockers.n ? "false" : "true");
		json_print_err_list(stdout, &blockers);
		puts("}");
	} else if (blockers.n) {
		printf("%zu thing%s in the way of a checkpoint of process tree %d:\n", blockers.n,
		       blockers.n == 1 ? " stands" : "s stand", o->tree);
		print_err_list(stdout, &blockers);
	} else {
		printf("Looks good: process tree %d can be checkpointed.\n", o->tree);
	}
	in->status = blockers.n ? ERR_UNSUPPORTED : 0;
	return 0;
}

int cmd_check(struct invocation *in, struct err *e)
{
	int r = cmd_no_operands("check", in->rest, e);

	if (r)
		return r;
	if (in->o->tree)
		return check_tree(in, e);
	return err_set(e, ERR_USAGE, EINVAL, "check", "kernel", "name a process tree: --tree PID");
}
