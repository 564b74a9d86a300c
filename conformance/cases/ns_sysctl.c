// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves: settings of the tree's own network namespace come back, also those that set each other. */
// flavours: ns user
// kinds: net
#include "case.h"

static const struct {
	const char *name, *value;
} settings[] = {
	{ "ipv4/ip_forward", "1" },
	{ "ipv4/conf/lo/forwarding", "0" },
	{ "ipv4/conf/default/rp_filter", "2" },
	{ "ipv4/ip_local_port_range", "20000\t21000" },
	{ "ipv4/ip_local_reserved_ports", "20001,20005-20009" },
	{ "ipv4/tcp_rmem", "4096\t100000\t200000" },
	{ "ipv6/conf/all/disable_ipv6", "1" },
	{ "core/somaxconn", "77" },
	{ "unix/max_dgram_qlen", "33" },
};

int main(int argc, char **argv)
{
	char path[256];
	int fd;

	case_begin(argc, argv);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		snprintf(path, sizeof(path), "/proc/sys/net/%s", settings[i].name);
		fd = case_sys(open(path, O_WRONLY));
		case_sys(write(fd, settings[i].value, strlen(settings[i].value)));
		close(fd);
	}
	case_ready();
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		char buf[256] = "";

		snprintf(path, sizeof(path), "/proc/sys/net/%s", settings[i].name);
		fd = case_sys(open(path, O_RDONLY));
		case_sys(read(fd, buf, sizeof(buf) - 1));
		close(fd);
		buf[strcspn(buf, "\n")] = 0;
		case_check(!strcmp(buf, settings[i].value), "%s is \"%s\"", settings[i].name, buf);
	}
	case_pass();
}
