// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Socket options without a field of their own: kept when the value differs from
 * that of a fresh socket of the same sort, and set as they were read. The table
 * holds those that can be read and set alike; an image may name no others.
 */
#include "fd/sk_extra.h"

#include <linux/in6.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>

#include "base/abi.h"

#define EXTRA_MAX 64 /* bytes of a value */

/* Protocol 0: all. Numbers above 40 of SOL_SOCKET and the like: newer than the C library's headers. */
static const struct extra {
	int family, protocol, level, name;
	const char *text;
} extras[] = {
#define SOCKET(f, n, t)                                                                            \
	{                                                                                          \
		f, 0, SOL_SOCKET, n, t                                                             \
	}
	SOCKET(AF_UNIX, 42, "SO_PEEK_OFF"),
	SOCKET(AF_UNIX, 76, "SO_PASSPIDFD"),
	SOCKET(AF_UNIX, 83, "SO_PASSRIGHTS"), /* 6.16 */
	SOCKET(0, SO_TIMESTAMP, "SO_TIMESTAMP"),
	SOCKET(0, SO_TIMESTAMPNS, "SO_TIMESTAMPNS"),
	SOCKET(0, SO_RXQ_OVFL, "SO_RXQ_OVFL"),
	SOCKET(AF_INET, 42, "SO_PEEK_OFF"),
	SOCKET(AF_INET6, 42, "SO_PEEK_OFF"),
	SOCKET(AF_INET, SO_BUSY_POLL, "SO_BUSY_POLL"),
	SOCKET(AF_INET6, SO_BUSY_POLL, "SO_BUSY_POLL"),
	SOCKET(AF_INET, SO_ZEROCOPY, "SO_ZEROCOPY"),
	SOCKET(AF_INET6, SO_ZEROCOPY, "SO_ZEROCOPY"),
	SOCKET(AF_INET, SO_MAX_PACING_RATE, "SO_MAX_PACING_RATE"),
	SOCKET(AF_INET6, SO_MAX_PACING_RATE, "SO_MAX_PACING_RATE"),
#undef SOCKET
#define IP(n)                                                                                      \
	{                                                                                          \
		0, 0, IPPROTO_IP, n, #n                                                            \
	}
	IP(IP_RECVOPTS),
	IP(IP_RETOPTS),
	IP(IP_MTU_DISCOVER),
	IP(IP_RECVERR),
	IP(IP_RECVTTL),
	IP(IP_RECVTOS),
	IP(IP_TRANSPARENT),
	IP(IP_RECVORIGDSTADDR),
	IP(IP_MINTTL),
	IP(IP_BIND_ADDRESS_NO_PORT),
	IP(IP_RECVFRAGSIZE),
	IP(IP_MULTICAST_IF),
	IP(IP_MULTICAST_TTL),
	IP(IP_MULTICAST_LOOP),
	IP(IP_MULTICAST_ALL),
	IP(IP_UNICAST_IF),
#undef IP
#define IP6(n)                                                                                     \
	{                                                                                          \
		AF_INET6, 0, IPPROTO_IPV6, n, #n                                                   \
	}
	IP6(IPV6_UNICAST_HOPS),
	IP6(IPV6_MULTICAST_IF),
	IP6(IPV6_MULTICAST_HOPS),
	IP6(IPV6_MULTICAST_LOOP),
	IP6(IPV6_MULTICAST_ALL),
	IP6(IPV6_MTU_DISCOVER),
	IP6(IPV6_RECVERR),
	IP6(IPV6_RECVHOPLIMIT),
	IP6(IPV6_RECVRTHDR),
	IP6(IPV6_RECVHOPOPTS),
	IP6(IPV6_RECVDSTOPTS),
	IP6(IPV6_RECVTCLASS),
	IP6(IPV6_TCLASS),
	IP6(IPV6_DONTFRAG),
	IP6(IPV6_RECVPATHMTU),
	IP6(IPV6_AUTOFLOWLABEL),
	IP6(IPV6_ADDR_PREFERENCES),
	IP6(IPV6_MINHOPCOUNT),
	IP6(IPV6_RECVORIGDSTADDR),
	IP6(IPV6_TRANSPARENT),
	IP6(IPV6_UNICAST_IF),
	IP6(IPV6_RECVFRAGSIZE),
	IP6(IPV6_FREEBIND),
#undef IP6
#define TCP(n)                                                                                     \
	{                                                                                          \
		0, IPPROTO_TCP, IPPROTO_TCP, n, #n                                                 \
	}
	TCP(TCP_MAXSEG),
	TCP(TCP_SYNCNT),
	TCP(TCP_LINGER2),
	TCP(TCP_DEFER_ACCEPT),
	TCP(TCP_WINDOW_CLAMP),
	TCP(TCP_CONGESTION),
	TCP(TCP_USER_TIMEOUT),
	TCP(TCP_FASTOPEN),
	TCP(TCP_FASTOPEN_CONNECT),
	TCP(TCP_NOTSENT_LOWAT),
	TCP(TCP_SAVE_SYN),
	TCP(TCP_INQ),
	TCP(TCP_THIN_LINEAR_TIMEOUTS),
	TCP(TCP_RTO_MAX_MS),
	TCP(TCP_RTO_MIN_US),
	TCP(TCP_DELACK_MAX_US),
#undef TCP
#define NETLINK(n)                                                                                 \
	{                                                                                          \
		AF_NETLINK, 0, SOL_NETLINK, n, #n                                                  \
	}
	NETLINK(NETLINK_PKTINFO),
	NETLINK(NETLINK_BROADCAST_ERROR),
	NETLINK(NETLINK_NO_ENOBUFS),
	NETLINK(NETLINK_LISTEN_ALL_NSID),
	NETLINK(NETLINK_CAP_ACK),
	NETLINK(NETLINK_EXT_ACK),
	NETLINK(NETLINK_GET_STRICT_CHK),
#undef NETLINK
	{ 0, IPPROTO_UDP, IPPROTO_UDP, UDP_NO_CHECK6_TX, "UDP_NO_CHECK6_TX" },
	{ 0, IPPROTO_UDP, IPPROTO_UDP, UDP_NO_CHECK6_RX, "UDP_NO_CHECK6_RX" },
	{ 0, IPPROTO_UDP, IPPROTO_UDP, UDP_SEGMENT, "UDP_SEGMENT" },
	{ 0, IPPROTO_UDP, IPPROTO_UDP, UDP_GRO, "UDP_GRO" },
};

static bool concerns(const struct extra *x, const struct sk_look *s)
{
	if (x->family && x->family != s->family)
		return false;
	if (x->level != SOL_SOCKET && x->level != SOL_NETLINK &&
	    (s->family == AF_UNIX || s->family == AF_NETLINK))
		return false;
	return !x->protocol || x->protocol == s->protocol;
}

static const struct extra *find(uint32_t level, uint32_t name)
{
	for (size_t i = 0; i < ARRAY_SIZE(extras); i++)
		if ((uint32_t)extras[i].level == level && (uint32_t)extras[i].name == name)
			return &extras[i];
	return NULL;
}

int sk_extra_dump(struct fd_dump *d, const struct fd_look *l, const struct sk_look *s,
		  SkOptsEntry *so, struct err *e)
{
	int fresh, r = sk_fresh(d, s, &fresh, e);

	if (r)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(extras); i++) {
		const struct extra *x = &extras[i];
		unsigned char is[EXTRA_MAX] = { 0 }, was[EXTRA_MAX] = { 0 };
		socklen_t n = sizeof(is), m = sizeof(was);
		SkExtraOpt *o;

		/* An option that this kernel lacks cannot have been set. */
		if (!concerns(x, s) || getsockopt(l->copy, x->level, x->name, is, &n) ||
		    getsockopt(fresh, x->level, x->name, was, &m))
			continue;
		if (n == m && !memcmp(is, was, n))
			continue;
		o = pool_msg(d->m->pool, SkExtraOpt, sk_extra_opt__init);
		o->level = (uint32_t)x->level;
		o->name = (uint32_t)x->name;
		o->value.data = pool_dup(d->m->pool, is, n);
		o->value.len = n;
		pool_push(d->m->pool, so->extra, so->n_extra, o);
	}
	return 0;
}

int sk_extra_read(const SkOptsEntry *so, const struct file_obj *f, struct image_in *in,
		  struct err *e)
{
	for (size_t i = 0; i < so->n_extra; i++) {
		const SkExtraOpt *o = so->extra[i];

		if (!find(o->level, o->name) || o->value.len > EXTRA_MAX)
			return image_bad(in, e, "file %u: socket option %u of level %u is unknown",
					 f->id, o->name, o->level);
	}
	return 0;
}

int sk_extra_restore(int fd, const SkOptsEntry *so, const char *what, struct err *e)
{
	for (size_t i = 0; i < so->n_extra; i++) {
		const SkExtraOpt *o = so->extra[i];

		if (setsockopt(fd, (int)o->level, (int)o->name, o->value.data,
			       (socklen_t)o->value.len))
			return err_sys(e, "setsockopt", "%s: %s", what,
				       find(o->level, o->name)->text);
	}
	return 0;
}
