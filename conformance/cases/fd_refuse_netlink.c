// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a netlink socket with an unread answer is refused by name, and the answer stays.
 */
// refuse: messages of the kernel wait in the netlink socket (step "preflight")
// kinds: netlink
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "case.h"

int main(int argc, char **argv)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} q = { { sizeof(q), RTM_GETLINK, NLM_F_REQUEST, 7, 0 },
		{ .ifi_family = AF_UNSPEC, .ifi_index = 1 } };
	char buf[16384];
	int fd;

	case_begin(argc, argv);
	fd = case_sys(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	case_sys(send(fd, &q, sizeof(q), 0));
	case_ready();

	case_check(recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0, "the answer is gone");
	case_pass();
}
