// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves: a root that was moved over the namespace's own, with chroot(2) instead
 * of pivot_root(2), as where that cannot be used: the mounts below stay hidden,
 * and a task and its child have the upper one as root.
 */
// flavours: ns
// kinds: mnt
#include <sys/wait.h>

#define ROOTED_MOVE
#include "mountinfo.h"
#include "rooted.h"

int main(int argc, char **argv)
{
	int status;

	if (!rooted(argc, argv, NULL))
		return 1;
	for (int i = 0; i < 3; i++)
		close(i);
	case_sys(mkdir("/t", 0755));
	case_sys(mount("t", "/t", "tmpfs", 0, NULL));
	close(case_sys(open("/t/file", O_CREAT | O_WRONLY, 0600)));
	if (!fork()) {
		case_wait_go();
		case_check(!access("/t/file", F_OK), "the child sees another root");
		_exit(0);
	}
	mi_picture(mi_before, sizeof(mi_before));
	case_ready();
	mi_compare();
	case_check(!access("/t/file", F_OK) && access("/case/root/t/file", F_OK) < 0,
		   "the root is another");
	case_check(wait(&status) > 0 && !status, "the child ended with %d", status);
	case_pass();
}
