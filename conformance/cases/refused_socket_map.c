// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that the ring of a packet socket is refused by name, before anything is frozen, and
 * that the task goes on.
 */
// kinds: mem-socket
// refuse: socket buffer
#include <linux/if_packet.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "case.h"

int main(int argc, char **argv)
{
	struct tpacket_req req = {
		.tp_block_size = 1 << 16, .tp_block_nr = 1, .tp_frame_size = 2048, .tp_frame_nr = 32
	};
	int fd;

	case_begin(argc, argv);
	fd = case_sys(socket(AF_PACKET, SOCK_RAW, 0));
	case_sys(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)));
	case_sys(mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	close(fd);
	case_ready();
	case_pass();
}
