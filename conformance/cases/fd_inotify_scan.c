// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that what inotify watches is found by looking at directories, without
 * file handles: in a directory that is named, and in sysfs, which has none.
 */
// kinds: inotify
// dump: --force-irmap --irmap-scan-path /tmp
#include <sys/inotify.h>

#include "case.h"

int main(int argc, char **argv)
{
	union {
		struct inotify_event ev;
		char buf[4096];
	} u;
	int in, dir, sys;
	char path[512];

	case_begin(argc, argv);
	case_path(path, "dir");
	case_sys(mkdir(path, 0755));
	in = case_sys(inotify_init1(IN_NONBLOCK));
	sys = case_sys(inotify_add_watch(in, "/sys/kernel/mm", IN_DELETE_SELF));
	dir = case_sys(inotify_add_watch(in, path, IN_CREATE));
	case_ready();

	case_path(path, "dir/new");
	close(case_sys(open(path, O_WRONLY | O_CREAT, 0644)));
	case_check(read(in, &u, sizeof(u)) > 0 && u.ev.wd == dir && u.ev.mask == IN_CREATE,
		   "no event of watch %d", dir);
	case_check(!inotify_rm_watch(in, sys), "watch %d: %s", sys, strerror(errno));
	case_pass();
}
