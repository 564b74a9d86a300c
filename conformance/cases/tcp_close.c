// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that with --tcp-close a connection comes back as one that has ended,
 * and its listener as it was; that --skip-in-flight leaves out one that nobody
 * has accepted yet.
 */
// dump: --tcp-close --skip-in-flight
// modes: once three
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "case.h"

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = case_sys(socket(AF_INET, SOCK_DGRAM, 0));

	if (!ioctl(fd, SIOCGIFFLAGS, &ifr) && !(ifr.ifr_flags & IFF_UP)) {
		ifr.ifr_flags |= IFF_UP;
		case_sys(ioctl(fd, SIOCSIFFLAGS, &ifr));
	}
	close(fd);
}

static void check_closed(int fd, const char *what)
{
	struct pollfd pf = { .fd = fd, .events = POLLIN | POLLRDHUP };
	char b;

	case_check(poll(&pf, 1, 0) == 1 && pf.revents & POLLHUP, "%s: poll shows %x", what,
		   pf.revents);
	case_check(recv(fd, &b, 1, 0) == 0, "%s: no end of file: %s", what, strerror(errno));
	case_check(send(fd, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "%s: a write: %s", what,
		   strerror(errno));
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int ls, c, s, early;

	case_begin(argc, argv);
	loopback_up();
	ls = case_sys(socket(AF_INET, SOCK_STREAM, 0));
	case_sys(bind(ls, (struct sockaddr *)&a, n));
	case_sys(listen(ls, 4));
	case_sys(getsockname(ls, (struct sockaddr *)&a, &n));
	c = case_sys(socket(AF_INET, SOCK_STREAM, 0));
	case_sys(connect(c, (struct sockaddr *)&a, n));
	s = case_sys(accept(ls, NULL, NULL));
	case_sys(send(c, "unread", 6, 0));
	early = case_sys(socket(AF_INET, SOCK_STREAM, 0));
	case_sys(connect(early, (struct sockaddr *)&a, n));
	case_ready();

	check_closed(c, "the client's");
	check_closed(s, "the server's");
	check_closed(early, "the one not accepted");
	case_sys(fcntl(ls, F_SETFL, O_NONBLOCK));
	case_check(accept(ls, NULL, NULL) < 0 && errno == EAGAIN, "a connection was kept");
	early = case_sys(socket(AF_INET, SOCK_STREAM, 0));
	case_check(!connect(early, (struct sockaddr *)&a, n), "the listener: %s", strerror(errno));
	case_pass();
}
