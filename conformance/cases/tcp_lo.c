// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that TCP connections with both ends in the tree come back: idle, with
 * data unread, unacknowledged and unsent on both sides, over IPv4, IPv6 and
 * mapped addresses; their options, their listener beside them, and one that two
 * processes share.
 */
// dump: --tcp-established
// restore: --tcp-established
// kinds: inet
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "case.h"

enum { V4, V6, MAPPED, FULL, OPTIONS, CORKED, PAIRS };

static struct pair {
	int ls, c, s;
	size_t to_s, to_c;	 /* bytes that wait */
	uint16_t c_port, s_port; /* of the client's end */
} pairs[PAIRS];

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

union addr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static uint16_t port_of(int fd, bool peer)
{
	union addr a = { 0 };
	socklen_t n = sizeof(a);

	if (peer ? getpeername(fd, &a.any, &n) : getsockname(fd, &a.any, &n))
		return 0;
	return ntohs(a.v4.sin_port); /* at the same place in both */
}

static void make(struct pair *p, int i)
{
	union addr a = { 0 };
	socklen_t n = i == V4 || i > MAPPED ? sizeof(a.v4) : sizeof(a.v6);

	if (n == sizeof(a.v4)) {
		a.v4.sin_family = AF_INET;
		a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	} else {
		a.v6.sin6_family = AF_INET6;
		case_sys(
			inet_pton(AF_INET6, i == V6 ? "::1" : "::ffff:127.0.0.1", &a.v6.sin6_addr));
	}
	p->ls = case_sys(socket(a.any.sa_family, SOCK_STREAM, 0));
	case_sys(bind(p->ls, &a.any, n));
	case_sys(listen(p->ls, 4));
	case_sys(getsockname(p->ls, &a.any, &n));
	p->c = case_sys(socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	case_sys(connect(p->c, &a.any, n));
	p->s = case_sys(accept4(p->ls, NULL, NULL, SOCK_NONBLOCK));
	p->c_port = port_of(p->c, false);
	p->s_port = port_of(p->s, false);
}

/* A stream that shows any byte lost, doubled or out of place. */
static char byte_at(size_t i)
{
	return (char)(i * 31 + i / 251 + i / 65537);
}

static size_t pour(int fd, size_t most)
{
	static char buf[65536];
	size_t at = 0;

	while (at < most) {
		size_t n = most - at < sizeof(buf) ? most - at : sizeof(buf);
		ssize_t r;

		for (size_t i = 0; i < n; i++)
			buf[i] = byte_at(at + i);
		r = send(fd, buf, n, MSG_DONTWAIT);
		if (r <= 0)
			break;
		at += (size_t)r;
	}
	return at;
}

static void drain(int fd, size_t want, const char *what, int i)
{
	static char buf[65536];
	size_t at = 0;

	while (at < want) {
		struct pollfd pf = { .fd = fd, .events = POLLIN };
		ssize_t r;

		case_check(poll(&pf, 1, 8000) == 1, "pair %d: %s stops at %zu of %zu", i, what, at,
			   want);
		r = recv(fd, buf, sizeof(buf), 0);
		case_check(r > 0, "pair %d: %s at %zu: %s", i, what, at,
			   r ? strerror(errno) : "end of file");
		for (ssize_t k = 0; k < r; k++)
			case_check(buf[k] == byte_at(at + (size_t)k),
				   "pair %d: %s is wrong at byte %zu", i, what, at + (size_t)k);
		at += (size_t)r;
	}
	case_check(at == want, "pair %d: %s has %zu bytes, not %zu", i, what, at, want);
}

struct shows {
	int sndbuf, rcvbuf, keepidle, nodelay, cork, timeout, reuse, lock;
	int options, scales;
	struct linger li;
	char cc[16];
};

static struct shows shows(int fd)
{
	struct shows s = { .sndbuf = get(fd, SOL_SOCKET, SO_SNDBUF),
			   .rcvbuf = get(fd, SOL_SOCKET, SO_RCVBUF),
			   .keepidle = get(fd, IPPROTO_TCP, TCP_KEEPIDLE),
			   .nodelay = get(fd, IPPROTO_TCP, TCP_NODELAY),
			   .cork = get(fd, IPPROTO_TCP, TCP_CORK),
			   .timeout = get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT),
			   .reuse = get(fd, SOL_SOCKET, SO_REUSEADDR),
			   .lock = get(fd, SOL_SOCKET, 72 /* SO_BUF_LOCK */) };
	struct tcp_info ti = { 0 };
	socklen_t n = sizeof(ti);

	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &n);
	s.options = ti.tcpi_options & 7;
	s.scales = ti.tcpi_snd_wscale << 8 | ti.tcpi_rcv_wscale;
	n = sizeof(s.li);
	getsockopt(fd, SOL_SOCKET, SO_LINGER, &s.li, &n);
	n = sizeof(s.cc);
	getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, s.cc, &n);
	return s;
}

static void same(const struct shows *a, const struct shows *b, int i, const char *end)
{
#define SAME(f) case_check(a->f == b->f, "pair %d, %s: " #f " is %d, was %d", i, end, b->f, a->f)
	/* Buffers through which more comes grow by themselves. */
	if (i == V4 || i == OPTIONS) {
		SAME(sndbuf);
		SAME(rcvbuf);
	}
	SAME(keepidle);
	SAME(nodelay);
	SAME(cork);
	SAME(timeout);
	SAME(reuse);
	SAME(lock);
	SAME(options);
	SAME(scales);
	SAME(li.l_onoff);
	SAME(li.l_linger);
#undef SAME
	case_check(!strcmp(a->cc, b->cc), "pair %d, %s: %s is %s", i, end, a->cc, b->cc);
}

static void check_pair(struct pair *p, int i)
{
	union addr a = { 0 };
	socklen_t n = sizeof(a);
	int c, s;

	case_check(port_of(p->c, false) == p->c_port && port_of(p->s, true) == p->c_port &&
			   port_of(p->c, true) == p->s_port && port_of(p->s, false) == p->s_port,
		   "pair %d: the ports are others", i);
	case_check(fcntl(p->s, F_GETFL) == (O_RDWR | O_NONBLOCK), "pair %d: flags", i);
	case_check(fcntl(p->c, F_GETFD) == FD_CLOEXEC, "pair %d: FD_CLOEXEC", i);
	if (i == CORKED)
		set(p->c, IPPROTO_TCP, TCP_CORK, 0);
	drain(p->s, p->to_s, "to the server", i);
	drain(p->c, p->to_c, "to the client", i);
	/* It goes on both ways, and the listener with it. */
	p->to_s = pour(p->c, 100000);
	drain(p->s, p->to_s, "more to the server", i);
	p->to_c = pour(p->s, 100000);
	drain(p->c, p->to_c, "more to the client", i);
	case_sys(getsockname(p->ls, &a.any, &n));
	c = case_sys(socket(a.any.sa_family, SOCK_STREAM, 0));
	case_check(!connect(c, &a.any, n), "pair %d: the listener: %s", i, strerror(errno));
	s = case_sys(accept(p->ls, NULL, NULL));
	close(c);
	close(s);
	case_sys(shutdown(p->c, SHUT_WR));
	drain(p->s, 0, "", i);
	c = (int)recv(p->s, &a, 1, 0);
	case_check(c == 0 || (c < 0 && errno == EAGAIN), "pair %d: no end of file", i);
}

int main(int argc, char **argv)
{
	struct shows was[PAIRS][2], is;
	struct linger li = { 1, 7 };
	int fill, status;
	pid_t pid;

	case_begin(argc, argv);
	loopback_up();
	for (int i = 0; i < PAIRS; i++)
		make(&pairs[i], i);
	for (int i = 0; i <= MAPPED; i++) {
		pairs[i].to_s = pour(pairs[i].c, 5000 * (size_t)i);
		pairs[i].to_c = pour(pairs[i].s, 3 + 70000 * (size_t)i);
	}
	/* More than a receiver takes: some was never sent. */
	pairs[FULL].to_s = pour(pairs[FULL].c, 64 << 20);
	pairs[FULL].to_c = pour(pairs[FULL].s, 64 << 20);
	fill = pairs[OPTIONS].c;
	set(fill, IPPROTO_TCP, TCP_NODELAY, 1);
	set(fill, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fill, SOL_SOCKET, SO_REUSEADDR, 1);
	set(fill, IPPROTO_TCP, TCP_KEEPIDLE, 33);
	set(fill, IPPROTO_TCP, TCP_USER_TIMEOUT, 12345);
	set(fill, SOL_SOCKET, SO_RCVBUF, 70000);
	case_sys(setsockopt(fill, SOL_SOCKET, SO_LINGER, &li, sizeof(li)));
	case_sys(setsockopt(fill, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
	set(pairs[CORKED].c, IPPROTO_TCP, TCP_CORK, 1);
	pairs[CORKED].to_s = pour(pairs[CORKED].c, 100);
	for (int i = 0; i < PAIRS; i++) {
		was[i][0] = shows(pairs[i].c);
		was[i][1] = shows(pairs[i].s);
	}
	pid = case_sys(fork());
	if (!pid) {
		case_child_ready("1");
		case_wait_go();
		case_check(port_of(pairs[V4].s, true) == pairs[V4].c_port, "the child's: the port");
		_exit(0);
	}
	case_wait_child("1");
	case_ready();

	for (int i = 0; i < PAIRS; i++) {
		is = shows(pairs[i].c);
		same(&was[i][0], &is, i, "client");
		is = shows(pairs[i].s);
		same(&was[i][1], &is, i, "server");
	}
	for (int i = 0; i < PAIRS; i++)
		check_pair(&pairs[i], i);
	case_check(waitpid(pid, &status, 0) == pid && !status, "the child ended with %d", status);
	case_pass();
}
