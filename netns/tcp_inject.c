// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Segments of our own making, which reach a connection over lo as if its other
 * side had sent them: a FIN, or the acknowledgement of ours. They bear the mark
 * that the network lock lets pass. See raw(7), RFC 9293.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/err.h"
#include "netns/tcp_repair.h"

#define HEAD4 20
#define HEAD6 40
#define HEAD_TCP 20
#define HOPS 64

static bool is_v4(const union net_addr *a)
{
	return a->any.sa_family == AF_INET || IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr);
}

/* The address's bytes as packets have them; returns how many. */
static size_t bytes_of(const union net_addr *a, bool v4, uint8_t *ret)
{
	size_t n = v4 ? 4 : 16;

	if (a->any.sa_family == AF_INET)
		memcpy(ret, &a->v4.sin_addr, n);
	else
		memcpy(ret, a->v6.sin6_addr.s6_addr + (v4 ? 12 : 0), n);
	return n;
}

static uint16_t port_of(const union net_addr *a)
{
	return a->any.sa_family == AF_INET ? a->v4.sin_port : a->v6.sin6_port;
}

struct tcp_tuple tcp_tuple_of(const union net_addr *local, const union net_addr *remote)
{
	struct tcp_tuple t = { .v6 = !is_v4(remote),
			       .local_port = port_of(local),
			       .remote_port = port_of(remote) };

	bytes_of(local, !t.v6, t.local);
	bytes_of(remote, !t.v6, t.remote);
	return t;
}

int tcp_raw_prepare(int fd, const char *what, struct err *e)
{
	uint32_t mark = NETLOCK_MARK;

	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)))
		return err_sys(e, "setsockopt", "%s: SO_MARK", what);
	return 0;
}

static uint32_t sum(uint32_t s, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		s += (uint32_t)p[i] << 8 | p[i + 1];
	return s;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return htons((uint16_t)~s);
}

int tcp_inject(const int raw[2], const struct tcp_conn *c, uint32_t seq, uint32_t ack,
	       uint8_t flags, const char *what, struct err *e)
{
	bool v4 = is_v4(&c->remote);
	uint8_t p[HEAD6 + HEAD_TCP] = { 0 }, *t = p + (v4 ? HEAD4 : HEAD6);
	uint8_t *src = p + (v4 ? 12 : 8), *dst = p + (v4 ? 16 : 24);
	struct tcphdr h = { .source = port_of(&c->remote),
			    .dest = port_of(&c->local),
			    .seq = htonl(seq),
			    .ack_seq = htonl(ack),
			    .doff = HEAD_TCP / 4,
			    .window = htons((uint16_t)(c->s.snd_wnd >> c->s.snd_wscale)) };
	struct sockaddr_in to4 = { .sin_family = AF_INET };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };
	size_t n = bytes_of(&c->remote, v4, src), len = (size_t)(t - p) + HEAD_TCP;
	const struct sockaddr *to = v4 ? (struct sockaddr *)&to4 : (struct sockaddr *)&to6;

	bytes_of(&c->local, v4, dst);
	memcpy(t, &h, HEAD_TCP);
	t[13] = flags;
	/* The pseudo header: both addresses, the protocol, the segment's length. */
	h.check = fold(sum(sum(IPPROTO_TCP + HEAD_TCP, src, 2 * n), t, HEAD_TCP));
	memcpy(t + 16, &h.check, 2);
	if (v4) {
		p[0] = 0x45;
		p[8] = HOPS;
		p[9] = IPPROTO_TCP;
		memcpy(&to4.sin_addr, dst, 4);
	} else {
		p[0] = 0x60;
		p[5] = HEAD_TCP;
		p[6] = IPPROTO_TCP;
		p[7] = HOPS;
		memcpy(&to6.sin6_addr, dst, 16);
		to6.sin6_scope_id = c->local.v6.sin6_scope_id;
	}
	if (sendto(raw[!v4], p, len, 0, to, v4 ? sizeof(to4) : sizeof(to6)) < 0) {
		err_sys(e, "send", "%s: a segment over lo", what);
		return err_hint(e, "the state of a connection that one side has closed is made "
				   "over lo, which must be up");
	}
	return 0;
}
