// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that TCP connections come back in every state in which they may be
 * held: FIN-WAIT-1 with its FIN sent and not, FIN-WAIT-2, CLOSE-WAIT, CLOSING and
 * LAST-ACK, with data on the way, over IPv4 and IPv6, and end as they should.
 */
// dump: --tcp-established
// restore: --tcp-established
#include <arpa/inet.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "case.h"

#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44 /* 6.15 */
#endif

union addr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

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

static void pair(int family, int *c, int *s)
{
	union addr a = { 0 };
	socklen_t n = family == AF_INET ? sizeof(a.v4) : sizeof(a.v6);
	int ls = case_sys(socket(family, SOCK_STREAM, 0)), rto = 1000;

	a.any.sa_family = (sa_family_t)family;
	if (family == AF_INET)
		a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		a.v6.sin6_addr = in6addr_loopback;
	case_sys(bind(ls, &a.any, n));
	case_sys(listen(ls, 1));
	case_sys(getsockname(ls, &a.any, &n));
	*c = case_sys(socket(family, SOCK_STREAM, 0));
	case_sys(connect(*c, &a.any, n));
	*s = case_sys(accept(ls, NULL, NULL));
	/* What this machine has seen on lo may have made the first timeout long. */
	setsockopt(*c, IPPROTO_TCP, TCP_RTO_MAX_MS, &rto, sizeof(rto));
	setsockopt(*s, IPPROTO_TCP, TCP_RTO_MAX_MS, &rto, sizeof(rto));
	close(ls);
}

static int state_of(int fd)
{
	struct tcp_info ti = { 0 };
	socklen_t n = sizeof(ti);

	case_sys(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &n));
	return ti.tcpi_state;
}

static void becomes(int fd, int state, const char *what)
{
	uint64_t end = case_now_ms() + 20000;

	while (state_of(fd) != state) {
		case_check(case_now_ms() < end, "%s: state %d, not %d", what, state_of(fd), state);
		case_sleep_ms(5);
	}
}

static char byte_at(size_t i)
{
	return (char)(i * 31 + i / 251);
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

/* All @want bytes, then, with @end, the end. */
static void drain(int fd, size_t want, bool end, const char *what)
{
	static char buf[65536];
	size_t at = 0;

	for (;;) {
		struct pollfd pf = { .fd = fd, .events = POLLIN };
		ssize_t r;

		if (at == want && !end)
			return;
		case_check(poll(&pf, 1, 20000) == 1, "%s: stops at %zu of %zu", what, at, want);
		r = recv(fd, buf, sizeof(buf), 0);
		case_check(r >= 0, "%s at %zu: %s", what, at, strerror(errno));
		if (!r)
			break;
		for (ssize_t k = 0; k < r; k++)
			case_check(buf[k] == byte_at(at + (size_t)k), "%s is wrong at byte %zu",
				   what, at + (size_t)k);
		at += (size_t)r;
	}
	case_check(at == want, "%s: the end at %zu of %zu", what, at, want);
}

/* Nothing of what comes in reaches the socket. */
static void deafen(int fd, bool on)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog p = { 1, &drop };
	int unused = 0;

	if (on)
		case_sys(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)));
	else
		case_sys(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused)));
}

static struct {
	int family;
	/* FIN-WAIT-2 and CLOSE-WAIT; FIN-WAIT-1 unsent; LAST-ACK unsent; FIN-WAIT-1 sent; CLOSING */
	int half[2], full[2], last[2], deaf[2], closing[2];
	size_t to_c, full_to_s, last_to_c;
} t[2] = { { .family = AF_INET }, { .family = AF_INET6 } };

static void make(int i)
{
	pair(t[i].family, &t[i].half[0], &t[i].half[1]);
	t[i].to_c = pour(t[i].half[1], 5000);
	pour(t[i].half[0], 3000);
	case_sys(shutdown(t[i].half[0], SHUT_WR));
	becomes(t[i].half[0], TCP_FIN_WAIT2, "half closed");
	becomes(t[i].half[1], TCP_CLOSE_WAIT, "half closed, other side");

	pair(t[i].family, &t[i].full[0], &t[i].full[1]);
	t[i].full_to_s = pour(t[i].full[0], 64 << 20);
	case_sys(shutdown(t[i].full[0], SHUT_WR));
	becomes(t[i].full[0], TCP_FIN_WAIT1, "closed with data unsent");

	pair(t[i].family, &t[i].last[0], &t[i].last[1]);
	t[i].last_to_c = pour(t[i].last[1], 64 << 20);
	case_sys(shutdown(t[i].last[0], SHUT_WR));
	becomes(t[i].last[1], TCP_CLOSE_WAIT, "to be last");
	case_sys(shutdown(t[i].last[1], SHUT_WR));
	becomes(t[i].last[1], TCP_LAST_ACK, "last");

	pair(t[i].family, &t[i].deaf[0], &t[i].deaf[1]);
	deafen(t[i].deaf[0], true);
	pour(t[i].deaf[0], 700);
	case_sys(shutdown(t[i].deaf[0], SHUT_WR));
	becomes(t[i].deaf[1], TCP_CLOSE_WAIT, "deaf, other side");

	/* Both close at once, and only one learns of it. */
	pair(t[i].family, &t[i].closing[0], &t[i].closing[1]);
	deafen(t[i].closing[0], true);
	deafen(t[i].closing[1], true);
	pour(t[i].closing[0], 100);
	pour(t[i].closing[1], 50);
	case_sys(shutdown(t[i].closing[0], SHUT_WR));
	case_sys(shutdown(t[i].closing[1], SHUT_WR));
	deafen(t[i].closing[1], false);
	becomes(t[i].closing[1], TCP_CLOSING, "both close");
}

static void is(int fd, int state, const char *what)
{
	case_check(state_of(fd) == state, "%s: state %d, was %d", what, state_of(fd), state);
}

static void check(int i)
{
	is(t[i].half[0], TCP_FIN_WAIT2, "half closed");
	is(t[i].half[1], TCP_CLOSE_WAIT, "half closed, other side");
	is(t[i].full[0], TCP_FIN_WAIT1, "closed with data unsent");
	is(t[i].full[1], TCP_ESTABLISHED, "closed with data unsent, other side");
	is(t[i].last[1], TCP_LAST_ACK, "last");
	is(t[i].deaf[0], TCP_FIN_WAIT1, "deaf");
	is(t[i].closing[0], TCP_FIN_WAIT1, "both close, deaf");
	is(t[i].closing[1], TCP_CLOSING, "both close");

	case_check(send(t[i].half[0], "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE,
		   "a write after shutdown");
	drain(t[i].half[1], 3000, true, "half closed to the server");
	drain(t[i].half[0], t[i].to_c, false, "half closed to the client");
	t[i].to_c = pour(t[i].half[1], 100000);
	case_sys(shutdown(t[i].half[1], SHUT_WR));
	drain(t[i].half[0], t[i].to_c, true, "the rest to the client");

	drain(t[i].full[1], t[i].full_to_s, true, "full, to the server");
	t[i].to_c = pour(t[i].full[1], 1000);
	case_sys(shutdown(t[i].full[1], SHUT_WR));
	drain(t[i].full[0], t[i].to_c, true, "full, to the client");

	drain(t[i].last[1], 0, true, "last, to the server");
	drain(t[i].last[0], t[i].last_to_c, true, "last, to the client");
	becomes(t[i].last[1], TCP_CLOSE, "last");

	drain(t[i].deaf[1], 700, true, "deaf, to the server");
	t[i].to_c = pour(t[i].deaf[1], 900);
	case_sys(shutdown(t[i].deaf[1], SHUT_WR));
	deafen(t[i].deaf[0], false);
	drain(t[i].deaf[0], t[i].to_c, true, "deaf, to the client");

	deafen(t[i].closing[0], false);
	drain(t[i].closing[0], 50, true, "both close, to the client");
	drain(t[i].closing[1], 100, true, "both close, to the server");
}

int main(int argc, char **argv)
{
	case_begin(argc, argv);
	loopback_up();
	make(0);
	make(1);
	case_ready();

	check(0);
	check(1);
	case_pass();
}
