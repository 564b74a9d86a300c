// SPDX-License-Identifier: MIT
/*
 * Proves that datagrams which wait in UDP sockets come back: contents, lengths
 * (none, large), order, and who sent them, be it a socket that lives, one that
 * is gone, or another machine's;
 * sockets bound to all addresses and to one of the same port, sharing a port,
 * connected, with data from before that, and shut down; both families, and one
 * for both; more than fits by now.
 */
// kinds: inet
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "case.h"

#define LARGE 60000

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

static struct sockaddr_in6 name_of(int fd)
{
	struct sockaddr_in6 a = { 0 };
	socklen_t n = sizeof(a);

	case_sys(getsockname(fd, (struct sockaddr *)&a, &n));
	return a;
}

static uint16_t port_of(int fd)
{
	return name_of(fd).sin6_port;
}

static struct sockaddr_in at4(const char *ip, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = port };

	case_check(inet_pton(AF_INET, ip, &a.sin_addr) == 1, "%s", ip);
	return a;
}

static struct sockaddr_in6 at6(const char *ip, uint16_t port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = port };

	case_check(inet_pton(AF_INET6, ip, &a.sin6_addr) == 1, "%s", ip);
	return a;
}

static int bound4(const char *ip, uint16_t port, int share)
{
	struct sockaddr_in a = at4(ip, port);
	int fd = case_sys(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)), on = 1;

	if (share)
		case_sys(setsockopt(fd, SOL_SOCKET, share, &on, sizeof(on)));
	case_sys(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	return fd;
}

static int bound6(const char *ip)
{
	struct sockaddr_in6 a = at6(ip, 0);
	int fd = case_sys(socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0));

	case_sys(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	return fd;
}

static void send4(int fd, const char *data, size_t n, const char *ip, uint16_t port)
{
	struct sockaddr_in a = at4(ip, port);

	case_check(sendto(fd, data, n, 0, (struct sockaddr *)&a, sizeof(a)) == (ssize_t)n,
		   "sendto: %s", strerror(errno));
}

static void send6(int fd, const char *data, size_t n, const char *ip, uint16_t port)
{
	struct sockaddr_in6 a = at6(ip, port);

	case_check(sendto(fd, data, n, 0, (struct sockaddr *)&a, sizeof(a)) == (ssize_t)n,
		   "sendto: %s", strerror(errno));
}

/* From another machine, as it were. */
static void send_foreign(const char *data, const char *from, uint16_t from_port, uint16_t port)
{
	struct sockaddr_in to = at4("127.0.0.1", 0);
	uint16_t n = (uint16_t)strlen(data), udp = (uint16_t)(8 + n);
	unsigned char b[64] = { 0x45, 0, 0, 0, 0, 0, 0, 0, 64, IPPROTO_UDP };
	int fd = case_sys(socket(AF_INET, SOCK_RAW, IPPROTO_RAW));

	case_check(inet_pton(AF_INET, from, b + 12) == 1, "%s", from);
	memcpy(b + 16, &to.sin_addr, 4);
	memcpy(b + 20, &from_port, 2);
	memcpy(b + 22, &port, 2);
	b[25] = (unsigned char)udp;
	memcpy(b + 28, data, n);
	case_sys(sendto(fd, b, 28u + n, 0, (struct sockaddr *)&to, sizeof(to)));
	close(fd);
}

/* The next one in @fd; @from: "ip", or NULL. */
static void expect(int fd, const char *data, size_t n, const char *from, uint16_t port)
{
	static char buf[LARGE + 1];
	struct sockaddr_in6 a = { 0 };
	char ip[INET6_ADDRSTRLEN] = "?";
	socklen_t len = sizeof(a);
	ssize_t got = recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&a, &len);

	case_check(got == (ssize_t)n && !memcmp(buf, data, n),
		   "fd %d gives %zd bytes (%.10s, %s), not %zu (%.10s)", fd, got, buf,
		   strerror(errno), n, data);
	inet_ntop(a.sin6_family,
		  a.sin6_family == AF_INET6 ? (void *)&a.sin6_addr :
					      (void *)&((struct sockaddr_in *)&a)->sin_addr,
		  ip, sizeof(ip));
	case_check(!strcmp(ip, from) && a.sin6_port == port, "fd %d: from %s:%u, not %s:%u", fd, ip,
		   ntohs(a.sin6_port), from, ntohs(port));
}

static void expect_end(int fd)
{
	char c;

	case_check(recv(fd, &c, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN, "fd %d has more", fd);
}

int main(int argc, char **argv)
{
	static char large[LARGE];
	int all, one, r1, r2, live, gone, conn, shut, v6, both, s6, small, fresh, on = 4096;
	uint16_t p, pr, pg, pl;
	struct sockaddr_in to;

	case_begin(argc, argv);
	loopback_up();
	for (int i = 0; i < LARGE; i++)
		large[i] = (char)(i * 7);
	all = bound4("0.0.0.0", 0, SO_REUSEADDR);
	p = port_of(all);
	one = bound4("127.0.0.2", p, SO_REUSEADDR);
	r1 = bound4("127.0.0.1", 0, SO_REUSEPORT);
	pr = port_of(r1);
	live = bound4("127.0.0.1", 0, 0);
	pl = port_of(live);
	gone = bound4("127.0.0.3", 0, 0);
	pg = port_of(gone);
	send4(live, "first", 5, "127.0.0.1", p);
	send4(gone, "second", 6, "127.0.0.1", p);
	send4(live, large, LARGE, "127.0.0.9", p);
	send4(live, "", 0, "127.0.0.1", p);
	send4(live, "last", 4, "127.0.0.1", p);
	send_foreign("far", "192.0.2.7", htons(4242), p);
	send4(gone, "for one", 7, "127.0.0.2", p);
	send4(live, "r1", 2, "127.0.0.1", pr);
	r2 = bound4("127.0.0.1", pr, SO_REUSEPORT);
	for (int i = 0; i < 32; i++) {
		struct sockaddr_in a = at4("127.0.0.1", pr);

		/* To whom it goes depends on the sender's port. */
		fresh = bound4("127.0.0.1", 0, 0);
		case_sys(sendto(fresh, "r?", 2, 0, (struct sockaddr *)&a, sizeof(a)));
		close(fresh);
	}
	conn = bound4("127.0.0.1", 0, 0);
	send4(gone, "before", 6, "127.0.0.1", port_of(conn));
	to = at4("127.0.0.1", pl);
	case_sys(connect(conn, (struct sockaddr *)&to, sizeof(to)));
	send4(live, "connected", 9, "127.0.0.1", port_of(conn));
	shut = bound4("127.0.0.1", 0, 0);
	send4(live, "shut", 4, "127.0.0.1", port_of(shut));
	case_check(shutdown(shut, SHUT_RD) && errno == ENOTCONN, "shutdown");
	small = bound4("127.0.0.1", 0, 0);
	for (int i = 0; i < 20; i++)
		send4(live, large, 1000, "127.0.0.1", port_of(small));
	case_sys(setsockopt(small, SOL_SOCKET, SO_RCVBUF, &on, sizeof(on)));
	v6 = bound6("::1");
	both = bound6("::");
	s6 = bound6("::1");
	send6(s6, "six", 3, "::1", port_of(v6));
	send6(s6, "odd one", 7, "::1", port_of(v6));
	send6(s6, "both, six", 9, "::1", port_of(both));
	send4(live, "both, four", 10, "127.0.0.1", port_of(both));
	close(gone);
	case_ready();

	expect(all, "first", 5, "127.0.0.1", pl);
	expect(all, "second", 6, "127.0.0.3", pg);
	expect(all, large, LARGE, "127.0.0.1", pl);
	expect(all, "", 0, "127.0.0.1", pl);
	expect(all, "last", 4, "127.0.0.1", pl);
	expect(all, "far", 3, "192.0.2.7", htons(4242));
	expect_end(all);
	expect(one, "for one", 7, "127.0.0.3", pg);
	expect_end(one);
	expect(r1, "r1", 2, "127.0.0.1", pl);
	for (int i = 0; i < 32; i++) {
		char buf[8];

		case_check(recv(r1, buf, 8, MSG_DONTWAIT) == 2 ||
				   recv(r2, buf, 8, MSG_DONTWAIT) == 2,
			   "%d of 32 came back for two that share", i);
	}
	expect_end(r1);
	expect_end(r2);
	expect(conn, "before", 6, "127.0.0.3", pg);
	expect(conn, "connected", 9, "127.0.0.1", pl);
	expect_end(conn);
	expect(shut, "shut", 4, "127.0.0.1", pl);
	for (int i = 0; i < 20; i++)
		expect(small, large, 1000, "127.0.0.1", pl);
	expect_end(small);
	expect(v6, "six", 3, "::1", port_of(s6));
	expect(v6, "odd one", 7, "::1", port_of(s6));
	expect_end(v6);
	expect(both, "both, six", 9, "::1", port_of(s6));
	expect(both, "both, four", 10, "::ffff:127.0.0.1", pl);
	expect_end(both);
	/* All still takes from all. */
	send4(live, "after", 5, "127.0.0.1", p);
	expect(all, "after", 5, "127.0.0.1", pl);
	case_pass();
}
