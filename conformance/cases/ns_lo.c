// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves: the loopback device of the tree's own network namespace is up again, with its mtu, and carries data. */
// flavours: ns user
// kinds: net lo
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "case.h"

static struct ifreq lo(int sock, unsigned long what)
{
	struct ifreq r = { .ifr_name = "lo" };

	case_sys(ioctl(sock, what, &r));
	return r;
}

int main(int argc, char **argv)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(4711) };
	struct ifreq r = { .ifr_name = "lo" };
	char buf[8] = "";
	int s;

	case_begin(argc, argv);
	inet_pton(AF_INET, "127.0.0.1", &sa.sin_addr);
	s = case_sys(socket(AF_INET, SOCK_DGRAM, 0));
	r = lo(s, SIOCGIFFLAGS);
	r.ifr_flags |= IFF_UP;
	case_sys(ioctl(s, SIOCSIFFLAGS, &r));
	r.ifr_mtu = 20000;
	case_sys(ioctl(s, SIOCSIFMTU, &r));
	close(s);
	case_ready();
	s = case_sys(socket(AF_INET, SOCK_DGRAM, 0));
	case_check(lo(s, SIOCGIFFLAGS).ifr_flags & IFF_UP, "lo is down");
	case_check(lo(s, SIOCGIFMTU).ifr_mtu == 20000, "lo has mtu %d", lo(s, SIOCGIFMTU).ifr_mtu);
	case_sys(bind(s, (struct sockaddr *)&sa, sizeof(sa)));
	case_check(sendto(s, "hello", 5, 0, (struct sockaddr *)&sa, sizeof(sa)) == 5, "sendto: %s",
		   strerror(errno));
	case_check(recv(s, buf, sizeof(buf), MSG_DONTWAIT) == 5, "nothing came back: %s",
		   strerror(errno));
	case_pass();
}
