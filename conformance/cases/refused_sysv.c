// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that System V shared memory of the host's IPC namespace is refused by
 * name, with what to do about it, before anything is frozen, and that the task
 * goes on.
 */
// flavours: plain
// kinds: mem-sysv_host
// refuse: unshare --ipc
#include <sys/ipc.h>
#include <sys/shm.h>

#include "case.h"

int main(int argc, char **argv)
{
	char *p;
	int id;

	case_begin(argc, argv);
	id = case_sys(shmget(IPC_PRIVATE, 4096, 0600 | IPC_CREAT));
	p = case_sys((char *)shmat(id, NULL, 0));
	case_sys(shmctl(id, IPC_RMID, NULL));
	*p = 1;
	case_ready();
	case_check(*p == 1, "the memory changed");
	case_pass();
}
