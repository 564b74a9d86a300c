// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The v1 freezer (Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst).
 * A task in it does not move at all until it is thawed, also not for its
 * tracer. FREEZING becomes FROZEN only when somebody reads the state, and a
 * task that goes to sleep uninterruptibly (the parent of a vfork) while it is
 * told to freeze is frozen only when it is told once more.
 */
#include "cgroup/cgroup-internal.h"

#include <string.h>

static int state(const char *dir, enum freeze_state *ret, struct err *e)
{
	char buf[32];
	int r = cgroup_file_read(dir, "freezer.state", buf, sizeof(buf), e);

	if (r)
		return r;
	*ret = !strncmp(buf, "FROZEN", 6)   ? FROZEN :
	       !strncmp(buf, "FREEZING", 8) ? FREEZING :
					      THAWED;
	return 0;
}

const struct freezer_ops freezer_v1 = {
	.name = "v1",
	.freeze_file = "freezer.state",
	.self_file = "freezer.self_freezing",
	.threads_file = "tasks",
	.frozen_text = "FROZEN",
	.thawed_text = "THAWED",
	.state = state,
	.wchan = { "__refrigerator", "get_signal" },
	.tell_again = true,
};
