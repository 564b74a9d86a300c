// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that TCP and UDP sockets without established connections come back:
 * unconnected, bound, listening with backlog, two listeners on one port by
 * SO_REUSEPORT, connected UDP; both families; options with and without a field
 * in the images.
 */
// kinds: inet
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "case.h"

/* In a new namespace the interface is down. */
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

static void set(int fd, int level, int name, int v)
{
	case_sys(setsockopt(fd, level, name, &v, sizeof(v)));
}

static int get(int fd, int level, int name)
{
	int v = -1;
	socklen_t n = sizeof(v);

	getsockopt(fd, level, name, &v, &n);
	return v;
}

static uint16_t bind4(int fd, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons(port) };
	socklen_t n = sizeof(a);

	case_sys(bind(fd, (struct sockaddr *)&a, n));
	case_sys(getsockname(fd, (struct sockaddr *)&a, &n));
	return ntohs(a.sin_port);
}

static uint16_t bind6(int fd)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	socklen_t n = sizeof(a);

	case_sys(bind(fd, (struct sockaddr *)&a, n));
	case_sys(getsockname(fd, (struct sockaddr *)&a, &n));
	return ntohs(a.sin6_port);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 a = { 0 };
	socklen_t n = sizeof(a);

	return getsockname(fd, (struct sockaddr *)&a, &n) ? 0 : ntohs(a.sin6_port);
}

static void check_accepts(int ls, int family, uint16_t port)
{
	struct sockaddr_in a4 = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				  .sin_port = htons(port) };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6,
				   .sin6_addr = in6addr_loopback,
				   .sin6_port = htons(port) };
	int c = socket(family, SOCK_STREAM, 0), s;

	case_check(!connect(c, family == AF_INET ? (struct sockaddr *)&a4 : (struct sockaddr *)&a6,
			    family == AF_INET ? sizeof(a4) : sizeof(a6)),
		   "connect to port %u: %s", port, strerror(errno));
	s = accept(ls, NULL, NULL);
	case_check(s >= 0, "accept at port %u: %s", port, strerror(errno));
	close(c);
	close(s);
}

int main(int argc, char **argv)
{
	int fresh, bd, l4, l6, r1, r2, u4, u6, uc, plain, dead, c;
	uint16_t pb, p4, p6, pr, pu, pu6;
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval tv = { 3, 500000 };
	struct linger li = { 1, 7 };
	struct tcp_info ti;
	char cc[16] = "";
	socklen_t n;

	case_begin(argc, argv);
	loopback_up();
	fresh = case_sys(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	set(fresh, IPPROTO_TCP, TCP_NODELAY, 1);
	set(fresh, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fresh, IPPROTO_TCP, TCP_KEEPIDLE, 33);
	set(fresh, IPPROTO_TCP, TCP_USER_TIMEOUT, 12345);
	set(fresh, SOL_SOCKET, SO_RCVBUF, 70000);
	set(fresh, IPPROTO_IP, IP_TOS, 0x10);
	set(fresh, IPPROTO_IP, IP_TTL, 33);
	case_sys(setsockopt(fresh, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	case_sys(setsockopt(fresh, SOL_SOCKET, SO_LINGER, &li, sizeof(li)));
	plain = case_sys(socket(AF_INET6, SOCK_STREAM, 0));
	bd = case_sys(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	pb = bind4(bd, 0);
	l4 = case_sys(socket(AF_INET, SOCK_STREAM, 0));
	set(l4, SOL_SOCKET, SO_REUSEADDR, 1);
	p4 = bind4(l4, 0);
	case_sys(setsockopt(l4, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
	case_sys(listen(l4, 23));
	l6 = case_sys(socket(AF_INET6, SOCK_STREAM, 0));
	set(l6, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	set(l6, IPPROTO_IPV6, IPV6_TCLASS, 0x20);
	p6 = bind6(l6);
	case_sys(listen(l6, 5));
	r1 = case_sys(socket(AF_INET, SOCK_STREAM, 0));
	r2 = case_sys(socket(AF_INET, SOCK_STREAM, 0));
	set(r1, SOL_SOCKET, SO_REUSEPORT, 1);
	set(r2, SOL_SOCKET, SO_REUSEPORT, 1);
	pr = bind4(r1, 0);
	bind4(r2, pr);
	case_sys(listen(r1, 3));
	case_sys(listen(r2, 3));
	u4 = case_sys(socket(AF_INET, SOCK_DGRAM, 0));
	set(u4, SOL_SOCKET, SO_BROADCAST, 1);
	set(u4, IPPROTO_IP, IP_PKTINFO, 1);
	pu = bind4(u4, 0);
	u6 = case_sys(socket(AF_INET6, SOCK_DGRAM, 0));
	pu6 = bind6(u6);
	uc = case_sys(socket(AF_INET, SOCK_DGRAM, 0));
	to.sin_port = htons(pu);
	case_sys(connect(uc, (struct sockaddr *)&to, sizeof(to)));
	/* A connection that the other side reset, and that we know of. */
	dead = case_sys(socket(AF_INET, SOCK_STREAM, 0));
	to.sin_port = htons(p4);
	case_sys(connect(dead, (struct sockaddr *)&to, sizeof(to)));
	c = case_sys(accept(l4, NULL, NULL));
	li = (struct linger){ 1, 0 };
	case_sys(setsockopt(c, SOL_SOCKET, SO_LINGER, &li, sizeof(li)));
	close(c);
	while (get(dead, SOL_SOCKET, SO_ERROR) != ECONNRESET)
		case_sleep_ms(1);
	case_ready();

	case_check(get(fresh, IPPROTO_TCP, TCP_NODELAY) == 1 &&
			   get(fresh, SOL_SOCKET, SO_KEEPALIVE) == 1 &&
			   get(fresh, IPPROTO_TCP, TCP_KEEPIDLE) == 33,
		   "TCP_NODELAY, SO_KEEPALIVE, TCP_KEEPIDLE");
	case_check(get(fresh, IPPROTO_TCP, TCP_USER_TIMEOUT) == 12345, "TCP_USER_TIMEOUT %d",
		   get(fresh, IPPROTO_TCP, TCP_USER_TIMEOUT));
	case_check(get(fresh, SOL_SOCKET, SO_RCVBUF) == 140000, "SO_RCVBUF %d",
		   get(fresh, SOL_SOCKET, SO_RCVBUF));
	case_check(get(fresh, IPPROTO_IP, IP_TOS) == 0x10 && get(fresh, IPPROTO_IP, IP_TTL) == 33,
		   "IP_TOS, IP_TTL");
	case_check(fcntl(fresh, F_GETFL) & O_NONBLOCK, "O_NONBLOCK");
	n = sizeof(tv);
	case_check(!getsockopt(fresh, SOL_SOCKET, SO_SNDTIMEO, &tv, &n) && tv.tv_sec == 3 &&
			   tv.tv_usec == 500000,
		   "SO_SNDTIMEO %ld.%06ld", (long)tv.tv_sec, (long)tv.tv_usec);
	n = sizeof(li);
	case_check(!getsockopt(fresh, SOL_SOCKET, SO_LINGER, &li, &n) && li.l_onoff &&
			   li.l_linger == 7,
		   "SO_LINGER");
	case_check(port_of(plain) == 0, "the unbound one has port %u", port_of(plain));
	case_check(port_of(bd) == pb && fcntl(bd, F_GETFD) == FD_CLOEXEC, "port %u, was %u",
		   port_of(bd), pb);
	case_check(get(bd, SOL_SOCKET, SO_REUSEADDR) == 0, "SO_REUSEADDR stayed behind");
	case_check(get(l4, SOL_SOCKET, SO_REUSEADDR) == 1, "SO_REUSEADDR is gone");
	n = sizeof(ti);
	case_check(!getsockopt(l4, IPPROTO_TCP, TCP_INFO, &ti, &n) && ti.tcpi_sacked == 23,
		   "backlog %u", ti.tcpi_sacked);
	n = sizeof(cc);
	case_check(!getsockopt(l4, IPPROTO_TCP, TCP_CONGESTION, cc, &n) && !strcmp(cc, "reno"),
		   "TCP_CONGESTION %s", cc);
	check_accepts(l4, AF_INET, p4);
	case_check(get(l6, IPPROTO_IPV6, IPV6_V6ONLY) == 1 &&
			   get(l6, IPPROTO_IPV6, IPV6_TCLASS) == 0x20,
		   "IPV6_V6ONLY, IPV6_TCLASS");
	check_accepts(l6, AF_INET6, p6);
	case_check(port_of(r1) == pr && port_of(r2) == pr && get(r1, SOL_SOCKET, SO_REUSEPORT) == 1,
		   "SO_REUSEPORT");
	case_check(get(u4, SOL_SOCKET, SO_BROADCAST) == 1 && get(u4, IPPROTO_IP, IP_PKTINFO) == 1,
		   "SO_BROADCAST, IP_PKTINFO");
	case_check(recv(dead, cc, sizeof(cc), 0) == 0, "the dead connection: %s", strerror(errno));
	case_check(send(dead, cc, 1, MSG_NOSIGNAL) == -1 && errno == EPIPE,
		   "the dead connection sends");
	case_check(port_of(u6) == pu6, "port %u, was %u", port_of(u6), pu6);
	case_check(send(uc, "datagram", 8, 0) == 8, "send: %s", strerror(errno));
	case_check(recv(u4, cc, sizeof(cc), 0) == 8 && !memcmp(cc, "datagram", 8), "the datagram");
	case_pass();
}
