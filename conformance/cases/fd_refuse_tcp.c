// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that an established TCP connection is refused with both addresses when
 * nobody asked for it, and lives on.
 */
// refuse: established TCP connection 127.0.0.1:
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "case.h"

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct ifreq ifr = { .ifr_name = "lo" };
	socklen_t n = sizeof(a);
	int ls, c, s;
	char b[8];

	case_begin(argc, argv);
	ls = case_sys(socket(AF_INET, SOCK_STREAM, 0));
	case_sys(ioctl(ls, SIOCGIFFLAGS, &ifr));
	ifr.ifr_flags |= IFF_UP;
	case_sys(ioctl(ls, SIOCSIFFLAGS, &ifr));
	case_sys(bind(ls, (struct sockaddr *)&a, n));
	case_sys(listen(ls, 1));
	case_sys(getsockname(ls, (struct sockaddr *)&a, &n));
	c = case_sys(socket(AF_INET, SOCK_STREAM, 0));
	case_sys(connect(c, (struct sockaddr *)&a, n));
	s = case_sys(accept(ls, NULL, NULL));
	case_ready();

	case_check(send(c, "x", 1, 0) == 1 && recv(s, b, 8, 0) == 1, "the connection is dead");
	case_pass();
}
