// SPDX-License-Identifier: GPL-2.0-or-later
/* stasis swrk and stasis service: requests of other programs. */
#include "cli/cli.h"
#include "rpc/rpc.h"

int cmd_swrk(struct invocation *in, struct err *e)
{
	uint64_t fd;

	if (!in->rest[0] || in->rest[1] || parse_uint(in->rest[0], INT32_MAX, &fd)) {
		err_set(e, ERR_USAGE, EINVAL, "use", in->rest[0] ? in->rest[0] : "swrk",
			"swrk takes the number of a socket's descriptor");
		return err_hint(e, "programs start it so; it is of no use on a command line");
	}
	return rpc_swrk((int)fd, &in->status, e);
}

int cmd_service(struct invocation *in, struct err *e)
{
	int r = cmd_no_operands("service", in->rest, e);

	/* One letter, -d, for both. */
	in->o->daemon |= in->o->restore_detached;
	return r ? r : rpc_service(in->o, e);
}
