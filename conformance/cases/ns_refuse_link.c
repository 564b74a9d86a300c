// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves: a network device besides lo is refused by its name. */
// flavours: ns
// refuse: link case0
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "case.h"

int main(int argc, char **argv)
{
	struct ifreq r = { .ifr_name = "case0", .ifr_flags = IFF_TAP };
	int fd;

	case_begin(argc, argv);
	fd = case_sys(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
	case_sys(ioctl(fd, TUNSETIFF, &r));
	case_sys(ioctl(fd, TUNSETPERSIST, 1));
	close(fd);
	case_ready();
	case_pass();
}
