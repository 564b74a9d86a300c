// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves: a loopback device that was never brought up stays down. */
// flavours: ns user
// kinds: net lo
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "case.h"

int main(int argc, char **argv)
{
	struct ifreq r = { .ifr_name = "lo" };
	int s;

	case_begin(argc, argv);
	case_ready();
	s = case_sys(socket(AF_INET, SOCK_DGRAM, 0));
	case_sys(ioctl(s, SIOCGIFFLAGS, &r));
	case_check(!(r.ifr_flags & IFF_UP), "lo is up");
	case_check(if_nameindex()[1].if_index == 0, "there are more devices than lo");
	case_pass();
}
