// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that inotify events that nobody has read are refused by name, and stay.
 */
// refuse: inotify events have not been read (step "preflight")
// kinds: inotify
#include <sys/inotify.h>

#include "case.h"

int main(int argc, char **argv)
{
	char buf[4096];
	int in;

	case_begin(argc, argv);
	in = case_sys(inotify_init1(IN_NONBLOCK));
	case_sys(inotify_add_watch(in, case_dir, IN_CREATE));
	case_touch("something");
	case_ready();

	case_check(read(in, buf, sizeof(buf)) > 0, "the event is gone");
	case_pass();
}
