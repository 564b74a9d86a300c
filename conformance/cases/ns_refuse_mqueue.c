// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves: a POSIX message queue in a namespace of the tree's own is refused by name. */
// flavours: ns user
// refuse: message queue /case
#include <mqueue.h>

#include "case.h"

int main(int argc, char **argv)
{
	case_begin(argc, argv);
	case_sys(mq_open("/case", O_CREAT | O_RDWR | O_CLOEXEC, 0600, NULL));
	case_ready();
	case_pass();
}
