// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Datagrams that wait in UDP sockets are sent again from inside the tree's
 * network namespace, by a raw socket: so any sender can be named, one of
 * another machine too, and no port of it has to be free. What is sent to an
 * address of our own goes over the loopback device without a look at its source.
 *
 * While its queue is filled a socket is connected to who sent: then no other
 * socket of the same port gets what is meant for it.
 */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <linux/sock_diag.h>
#include <sched.h>
#include <stdio.h>

#include "base/nshelper.h"
#include "fd/inet.h"
#include "parasite/stub.h"

#ifndef SO_MEMINFO
#define SO_MEMINFO 55 /* asm-generic/socket.h (4.12) */
#endif
#define ARRIVAL_US (2ull * 1000 * 1000)
#define QUEUE_ROOM (INT32_MAX / 2)

/* The sender as images hold it: sockaddr_in or sockaddr_in6 behind the family. */
#define FROM_OFF offsetof(struct sockaddr, sa_data)
static size_t from_len(const InetSkEntry *ie)
{
	return (ie->family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)) -
	       FROM_OFF;
}

static void from_of(const InetSkEntry *ie, const struct sk_packet *p, union net_addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->any.sa_family = (sa_family_t)ie->family;
	memcpy((char *)ret + FROM_OFF, p->e->from.data, p->e->from.len);
}

int inet_queue_check(const struct file_obj *f, struct err *e)
{
	const InetSkEntry *ie = f->entry->isk;
	const struct sk_queue *q = inet_queue(f);

	for (size_t i = 0; q && i < q->n; i++) {
		const SkPacketEntry *pe = q->v[i].e;

		if (!ie->src_port)
			return file_bad(f, e, "datagrams wait in a socket that none can reach");
		if (!pe->has_from || pe->from.len != from_len(ie))
			return file_bad(f, e, "a datagram without a sender's address");
		if (pe->length > UINT16_MAX || pe->has_pid || q->v[i].n_rights ||
		    (pe->has_oob && pe->oob))
			return file_bad(f, e, "what waits in it is no datagram of UDP");
	}
	return 0;
}

struct sender {
	int raw4, raw6;
	uint8_t *buf;
};

/* One for each family that is needed, in the tree's namespace. */
static int raw_socket(struct fd_restore *r, int family, int *fd, struct err *e)
{
	if (*fd >= 0)
		return 0;
	if (model_has_own_ns(r->m, NS_NET))
		return ns_helper_socket(r->m->root->stub->host, family, SOCK_RAW | SOCK_CLOEXEC,
					IPPROTO_RAW, fd, e);
	*fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	return *fd < 0 ? err_sys(e, "socket", "a raw socket for datagrams that waited") : 0;
}

static bool is_mapped(const union net_addr *a)
{
	return a->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr);
}

static void unmap(union net_addr *a)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = a->v6.sin6_port };

	if (!is_mapped(a))
		return;
	memcpy(&v4.sin_addr, &a->v6.sin6_addr.s6_addr[12], sizeof(v4.sin_addr));
	a->v4 = v4;
}

static uint32_t sum(uint32_t s, const void *data, size_t n)
{
	const uint8_t *b = data;

	for (size_t i = 0; i < n; i++)
		s += i & 1 ? b[i] : (uint32_t)b[i] << 8;
	return s;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return htons(s == 0xffff ? 0xffff : (uint16_t)~s);
}

/* IPv4 allows none; the kernel fills in the header's own. */
static size_t packet4(uint8_t *buf, const union net_addr *from, const union net_addr *to,
		      const struct sk_packet *p)
{
	struct iphdr ip = { .version = 4,
			    .ihl = 5,
			    .ttl = IPDEFTTL,
			    .protocol = IPPROTO_UDP,
			    .saddr = from->v4.sin_addr.s_addr,
			    .daddr = to->v4.sin_addr.s_addr };
	struct udphdr udp = { .source = from->v4.sin_port,
			      .dest = to->v4.sin_port,
			      .len = htons((uint16_t)(sizeof(udp) + p->e->length)) };

	memcpy(buf, &ip, sizeof(ip));
	memcpy(buf + sizeof(ip), &udp, sizeof(udp));
	memcpy(buf + sizeof(ip) + sizeof(udp), p->data, p->e->length);
	return sizeof(ip) + sizeof(udp) + p->e->length;
}

static size_t packet6(uint8_t *buf, const union net_addr *from, const union net_addr *to,
		      const struct sk_packet *p)
{
	uint16_t len = (uint16_t)(sizeof(struct udphdr) + p->e->length);
	struct ip6_hdr ip = { .ip6_src = from->v6.sin6_addr, .ip6_dst = to->v6.sin6_addr };
	struct udphdr udp = { .source = from->v6.sin6_port,
			      .dest = to->v6.sin6_port,
			      .len = htons(len) };
	uint32_t s = IPPROTO_UDP + len;

	ip.ip6_flow = htonl(6u << 28);
	ip.ip6_plen = htons(len);
	ip.ip6_nxt = IPPROTO_UDP;
	ip.ip6_hlim = IPDEFTTL;
	s = sum(s, &ip.ip6_src, sizeof(ip.ip6_src));
	s = sum(s, &ip.ip6_dst, sizeof(ip.ip6_dst));
	s = sum(s, &udp, sizeof(udp));
	udp.check = fold(sum(s, p->data, p->e->length));
	memcpy(buf, &ip, sizeof(ip));
	memcpy(buf + sizeof(ip), &udp, sizeof(udp));
	memcpy(buf + sizeof(ip) + sizeof(udp), p->data, p->e->length);
	return sizeof(ip) + sizeof(udp) + p->e->length;
}

/* Bytes of memory that its queue takes: an empty datagram takes some, too. */
static int queue_size(int fd, uint32_t *ret, const char *what, struct err *e)
{
	uint32_t mem[16] = { 0 };
	socklen_t n = sizeof(mem);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, mem, &n))
		return err_sys(e, "getsockopt", "%s: SO_MEMINFO", what);
	*ret = mem[SK_MEMINFO_RMEM_ALLOC];
	return 0;
}

static int wait_arrival(int fd, uint32_t before, const char *what, struct err *e)
{
	uint64_t deadline = now_us() + ARRIVAL_US;
	uint32_t now;
	int ret;

	for (;;) {
		ret = queue_size(fd, &now, what, e);
		if (ret || now > before)
			return ret;
		if (now_us() > deadline)
			break;
		sched_yield();
	}
	err_set(e, ERR_CONFLICT, ETIMEDOUT, "send", what,
		"a datagram that waited in it does not come back");
	return err_hint(e, "see whether a packet filter drops what comes over the loopback device");
}

static int send_one(struct fd_restore *r, struct sender *s, struct file_obj *f,
		    const struct sk_packet *p, const char *what, struct err *e)
{
	static const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	union net_addr from, to, port0;
	socklen_t n = sizeof(to);
	uint32_t before;
	size_t len;
	bool v6;
	int ret;

	from_of(f->entry->isk, p, &from);
	/* From one to the next it would keep the address that it talked to the first one from. */
	if (connect(f->fd, &nobody, sizeof(nobody)))
		return err_sys(e, "connect", "%s to nobody", what);
	/* Who cannot be reached any more has sent all the same: then it stays open to all. */
	if (connect(f->fd, &from.any, sizeof(from)) && errno != ENETUNREACH &&
	    errno != EHOSTUNREACH && errno != EINVAL && errno != EADDRNOTAVAIL)
		return err_sys(e, "connect", "%s to who sent what waits in it", what);
	if (getsockname(f->fd, &to.any, &n))
		return err_sys(e, "getsockname", "%s", what);
	if (to.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&to.v6.sin6_addr)) {
		to.v6.sin6_addr = in6addr_loopback;
		if (is_mapped(&from))
			inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.v6.sin6_addr);
	}
	unmap(&from);
	unmap(&to);
	v6 = to.any.sa_family == AF_INET6;
	if (!v6 && !to.v4.sin_addr.s_addr)
		to.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	len = v6 ? packet6(s->buf, &from, &to, p) : packet4(s->buf, &from, &to, p);
	ret = raw_socket(r, v6 ? AF_INET6 : AF_INET, v6 ? &s->raw6 : &s->raw4, e);
	if (!ret)
		ret = queue_size(f->fd, &before, what, e);
	if (ret)
		return ret;
	port0 = to;
	if (v6)
		port0.v6.sin6_port = 0;
	if (sendto(v6 ? s->raw6 : s->raw4, s->buf, len, 0, &port0.any,
		   v6 ? sizeof(port0.v6) : sizeof(port0.v4)) != (ssize_t)len)
		return err_sys(e, "send", "%s: a datagram that waited in it", what);
	return wait_arrival(f->fd, before, what, e);
}

int inet_send_queue(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	const struct sk_queue *q = inet_queue(f);
	struct sender s = { -EBADF, -EBADF, NULL };
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	char what[INET_TEXT + 16];
	int ret = 0, room = QUEUE_ROOM;

	if (!q || !q->n)
		return 0;
	inet_what(f->entry->isk, what, sizeof(what));
	/* Put right with the other options; what is in the queue by then stays. */
	if (setsockopt(f->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(f->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	s.buf = pool_alloc(r->m->pool, UINT16_MAX + 128);
	for (size_t i = 0; i < q->n && !ret; i++)
		ret = send_one(r, &s, f, &q->v[i], what, e);
	if (!ret && connect(f->fd, &nobody, sizeof(nobody)))
		ret = err_sys(e, "connect", "%s to nobody", what);
	cleanup_close(&s.raw4);
	cleanup_close(&s.raw6);
	return ret;
}
