// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a socket of a family that is not built is refused by name.
 */
// refuse: packet sockets are not supported
#include <linux/if_packet.h>
#include <sys/socket.h>

#include "case.h"

int main(int argc, char **argv)
{
	int fd;

	case_begin(argc, argv);
	fd = case_sys(socket(AF_PACKET, SOCK_DGRAM, 0));
	case_ready();

	case_check(fcntl(fd, F_GETFD) == 0, "the socket is gone");
	case_pass();
}
