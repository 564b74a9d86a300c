// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves: an object in an IPC namespace of the tree's own is refused by name. */
// flavours: ns user
// refuse: shared memory segment
#include <sys/ipc.h>
#include <sys/shm.h>

#include "case.h"

int main(int argc, char **argv)
{
	case_begin(argc, argv);
	case_sys(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600));
	case_ready();
	case_pass();
}
