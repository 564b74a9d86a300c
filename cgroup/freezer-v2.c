// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The v2 freezer (Documentation/admin-guide/cgroup-v2.rst, cgroup.freeze). Its
 * tasks are in a stop of the kernel's own that lets their tracer at them.
 *
 * Changes of cgroup.events are announced to poll(2), but after one announcement
 * the next waits 10 ms, and moving tasks in has been one already: who waits
 * must also look.
 */
#include "cgroup/cgroup-internal.h"

#include <string.h>

static int state(const char *dir, enum freeze_state *ret, struct err *e)
{
	char buf[128];
	int r = cgroup_file_read(dir, "cgroup.events", buf, sizeof(buf), e);

	if (r)
		return r;
	*ret = strstr(buf, "frozen 1") ? FROZEN : THAWED;
	return 0;
}

const struct freezer_ops freezer_v2 = {
	.name = "v2",
	.v2 = true,
	.freeze_file = "cgroup.freeze",
	.self_file = "cgroup.freeze",
	.threads_file = "cgroup.threads",
	.frozen_text = "1",
	.thawed_text = "0",
	.state = state,
	.events_file = "cgroup.events",
	.wchan = { "do_freezer_trap", "get_signal" },
};
