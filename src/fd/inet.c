// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TCP and UDP sockets, dump side: all is asked of the socket itself.
 * Connections of TCP have more to them (inet_tcp.c). Datagrams that wait are
 * kept (inet_queue.c), connections that wait to be accepted refused by name.
 */
#include "fd/inet.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "fd/kinds.h"
#include "model/options.h"

#ifndef SIOCINQ
#define SIOCINQ FIONREAD /* linux/sockios.h */
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262 /* linux/in.h */
#endif
#define UDP_ENCAP_OPT 100 /* linux/udp.h */
#define UDP_GRO_OPT 104	  /* linux/udp.h (5.0) */

struct inet_look {
	struct sk_look s;
	uint32_t state;		   /* TCP_*, also for UDP */
	uint32_t backlog, waiting; /* listeners */
	union net_addr src, dst;
	bool has_peer;
	short events; /* as poll(2) shows it */
};

static bool inet_is(const struct fd_look *l)
{
	return l->family == AF_INET || l->family == AF_INET6;
}

void inet_addr_text(const union net_addr *a, char *buf, size_t size)
{
	char ip[INET6_ADDRSTRLEN] = "?";

	if (a->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a->v6.sin6_addr, ip, sizeof(ip));
		snprintf(buf, size, "[%s]:%u", ip, ntohs(a->v6.sin6_port));
	} else {
		inet_ntop(AF_INET, &a->v4.sin_addr, ip, sizeof(ip));
		snprintf(buf, size, "%s:%u", ip, ntohs(a->v4.sin_port));
	}
}

const char *inet_proto_name(uint32_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	default:
		return "IP";
	}
}

static int look_tcp(const struct fd_look *l, struct inet_look *il, struct err *e)
{
	struct tcp_info ti = { 0 };
	socklen_t n = sizeof(ti);

	if (getsockopt(l->copy, IPPROTO_TCP, TCP_INFO, &ti, &n))
		return err_sys(e, "getsockopt", "pid %d, fd %d: TCP_INFO", l->t->host, l->fd);
	il->state = ti.tcpi_state;
	if (il->state == TCP_LISTEN) {
		/* Of a listener these two are the accept queue's length and limit. */
		il->waiting = ti.tcpi_unacked;
		il->backlog = ti.tcpi_sacked;
	}
	return 0;
}

static int look(struct fd_dump *d, const struct fd_look *l, struct inet_look *il, struct err *e)
{
	struct pollfd pf = { .fd = l->copy, .events = POLLIN | POLLRDHUP };
	socklen_t n = sizeof(il->src);
	int r;

	memset(il, 0, sizeof(*il));
	r = sk_look(l, &il->s, e);
	if (r)
		return r;
	if (getsockname(l->copy, &il->src.any, &n))
		return err_sys(e, "getsockname", "pid %d, fd %d", l->t->host, l->fd);
	n = sizeof(il->dst);
	il->has_peer = !getpeername(l->copy, &il->dst.any, &n);
	if (!il->has_peer) {
		memset(&il->dst, 0, sizeof(il->dst));
		il->dst.any.sa_family = il->src.any.sa_family;
	}
	if (poll(&pf, 1, 0) < 0)
		return err_sys(e, "poll", "pid %d, fd %d", l->t->host, l->fd);
	il->events = pf.revents;
	il->state = il->has_peer ? TCP_ESTABLISHED : TCP_CLOSE;
	return il->s.protocol == IPPROTO_TCP ? look_tcp(l, il, e) : 0;
}

static struct tcp_conn conn_of(const struct inet_look *il)
{
	return (struct tcp_conn){ .state = il->state, .local = il->src, .remote = il->dst };
}

static bool is_conn(const struct inet_look *il)
{
	return il->s.protocol == IPPROTO_TCP && il->state != TCP_CLOSE && il->state != TCP_LISTEN;
}

/* What does not change from one moment to the next. */
static int check_sort(struct fd_dump *d, const struct fd_look *l, const struct inet_look *il,
		      struct err *e)
{
	struct tcp_conn c = conn_of(il);
	int v, r;

	if (il->s.protocol == IPPROTO_MPTCP)
		return fd_refuse(l, e, "multipath TCP is not supported");
	if (!(il->s.type == SOCK_STREAM && il->s.protocol == IPPROTO_TCP) &&
	    !(il->s.type == SOCK_DGRAM && il->s.protocol == IPPROTO_UDP))
		return fd_refuse(l, e, "IP sockets of type %d and protocol %d are not supported",
				 il->s.type, il->s.protocol);
	if (is_conn(il)) {
		r = inet_tcp_check(d, l, &c, e);
		if (r)
			return r;
	}
	if (il->s.protocol == IPPROTO_UDP && !sk_get(l->copy, IPPROTO_UDP, UDP_ENCAP_OPT, &v) && v)
		return fd_refuse(l, e, "a UDP tunnel (encapsulation %d) is not supported", v);
	return sk_check_ns(d, l, &il->s, e);
}

static int inet_check(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	struct inet_look il;
	int r = look(d, l, &il, e);

	return r ? r : check_sort(d, l, &il, e);
}

/* What only the stopped tree can tell. */
static int check_queues(struct fd_dump *d, const struct fd_look *l, const struct inet_look *il,
			struct err *e)
{
	char src[INET_TEXT];
	int n = 0;

	inet_addr_text(&il->src, src, sizeof(src));
	/* Reading the error would take it from the program. */
	if (is_conn(il) && d->m->opt->tcp_close)
		return 0;
	if (il->events & POLLERR) {
		fd_refuse(l, e, "%s socket %s: an error waits to be seen",
			  inet_proto_name((uint32_t)il->s.protocol), src);
		return err_hint(e, "try again when the program has seen it");
	}
	if (il->state == TCP_LISTEN) {
		if (!il->waiting || d->m->opt->skip_in_flight)
			return 0;
		fd_refuse(l, e, "TCP listener %s: %u connections wait to be accepted", src,
			  il->waiting);
		return err_hint(e, "try again when the server has accepted them, or drop them with "
				   "--skip-in-flight");
	}
	if (is_conn(il))
		return 0;
	if (il->s.protocol == IPPROTO_TCP) {
		if (ioctl(l->copy, SIOCINQ, &n) || !n)
			return 0;
		return fd_refuse(l, e, "closed TCP connection from %s with %d unread bytes", src,
				 n);
	}
	return 0;
}

static bool is_group(const union net_addr *a)
{
	if (a->any.sa_family == AF_INET6)
		return IN6_IS_ADDR_MULTICAST(&a->v6.sin6_addr) ||
		       IN6_IS_ADDR_LINKLOCAL(&a->v6.sin6_addr);
	return IN_MULTICAST(ntohl(a->v4.sin_addr.s_addr)) ||
	       a->v4.sin_addr.s_addr == htonl(INADDR_BROADCAST);
}

/* Why what waits could not be brought to it again: inet_queue.c. */
static const char *unreachable(const struct fd_look *l, const struct inet_look *il)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	char dev[IF_NAMESIZE] = "";
	socklen_t n = sizeof(dev);
	int v;

	if (!getsockopt(l->copy, SOL_SOCKET, SO_BINDTODEVICE, dev, &n) && n && dev[0])
		return "the socket is bound to a device";
	if (!sk_get(l->copy, IPPROTO_UDP, UDP_GRO_OPT, &v) && v)
		return "it takes several as one (UDP_GRO)";
	if (is_group(&il->src))
		return "it is bound to an address of a group, or of one link";
	if (ioctl(l->copy, SIOCGIFFLAGS, &ifr) || !(ifr.ifr_flags & IFF_UP))
		return "the loopback device is down";
	return NULL;
}

static int dump_datagrams(struct fd_dump *d, struct file_obj *f, const struct fd_look *l,
			  const struct inet_look *il, struct err *e)
{
	char src[INET_TEXT];
	const char *why;
	bool any = false;
	int r;

	if (il->s.protocol != IPPROTO_UDP || !(il->events & POLLIN))
		return 0;
	r = sk_queue_dump_any(d, f, l, SOCK_DGRAM, 0, NULL, &any, e);
	why = r || !any ? NULL : unreachable(l, il);
	if (!why)
		return r;
	inet_addr_text(&il->src, src, sizeof(src));
	fd_refuse(l, e, "UDP socket %s: datagrams wait in its queue, and %s", src, why);
	return err_hint(e, "try again when the program has read them");
}

static void put_addr(struct fd_dump *d, const union net_addr *a, uint32_t **ret, size_t *ret_n,
		     uint32_t *port)
{
	if (a->any.sa_family == AF_INET6) {
		*ret = pool_dup(d->m->pool, &a->v6.sin6_addr, sizeof(a->v6.sin6_addr));
		*ret_n = 4;
		*port = ntohs(a->v6.sin6_port);
	} else {
		*ret = pool_dup(d->m->pool, &a->v4.sin_addr, sizeof(a->v4.sin_addr));
		*ret_n = 1;
		*port = ntohs(a->v4.sin_port);
	}
}

/* Those of ip_opts that differ from a fresh socket's. */
static int dump_ip_opts(struct fd_dump *d, const struct fd_look *l, const struct inet_look *il,
			InetSkEntry *ie, struct err *e)
{
	IpOptsEntry *io = pool_msg(d->m->pool, IpOptsEntry, ip_opts_entry__init);
	bool v6 = il->s.family == AF_INET6;
	int fresh, v, def, r = sk_fresh(d, &il->s, &fresh, e);

	if (r)
		return r;
	ie->ip_opts = io;
	if (!sk_get(l->copy, IPPROTO_IP, IP_FREEBIND, &v) && v)
		io->has_freebind = io->freebind = 1;
	if (!sk_get(l->copy, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO,
		    &v) &&
	    v)
		io->has_pktinfo = io->pktinfo = 1;
	if (!sk_get(l->copy, IPPROTO_IP, IP_TOS, &v) && v) {
		io->has_tos = 1;
		io->tos = (uint32_t)v;
	}
	if (!sk_get(l->copy, IPPROTO_IP, IP_TTL, &v) && !sk_get(fresh, IPPROTO_IP, IP_TTL, &def) &&
	    v != def) {
		io->has_ttl = 1;
		io->ttl = (uint32_t)v;
	}
	if (v6 && !sk_get(l->copy, IPPROTO_IPV6, IPV6_V6ONLY, &v)) {
		ie->has_v6only = 1;
		ie->v6only = v != 0;
	}
	return 0;
}

static int dump_tcp_opts(struct fd_dump *d, const struct fd_look *l, const struct inet_look *il,
			 InetSkEntry *ie, struct err *e)
{
	TcpOptsEntry to = TCP_OPTS_ENTRY__INIT;
	int fresh, v, def, r = sk_fresh(d, &il->s, &fresh, e);
	bool any = false;

	if (r)
		return r;
#define KEEP(opt, field)                                                                           \
	if (!sk_get(l->copy, IPPROTO_TCP, opt, &v) && !sk_get(fresh, IPPROTO_TCP, opt, &def) &&    \
	    v != def) {                                                                            \
		to.has_##field = any = true;                                                       \
		to.field = (__typeof__(to.field))v;                                                \
	}
	KEEP(TCP_CORK, cork)
	KEEP(TCP_NODELAY, nodelay)
	KEEP(TCP_KEEPCNT, keepcnt)
	KEEP(TCP_KEEPIDLE, keepidle)
	KEEP(TCP_KEEPINTVL, keepintvl)
#undef KEEP
	if (any)
		ie->tcp_opts = pool_dup(d->m->pool, &to, sizeof(to));
	return 0;
}

static void fill_entry(struct fd_dump *d, const struct fd_look *l, const struct inet_look *il,
		       InetSkEntry *ie)
{
	char dev[IF_NAMESIZE];

	ie->ino = (uint32_t)l->st.st_ino;
	ie->family = (uint32_t)il->s.family;
	ie->type = (uint32_t)il->s.type;
	ie->proto = (uint32_t)il->s.protocol;
	ie->state = il->state;
	ie->flags = l->info.flags;
	ie->backlog = il->backlog;
	put_addr(d, &il->src, &ie->src_addr, &ie->n_src_addr, &ie->src_port);
	put_addr(d, &il->dst, &ie->dst_addr, &ie->n_dst_addr, &ie->dst_port);
	if (il->s.family == AF_INET6 && il->src.v6.sin6_scope_id &&
	    if_indextoname(il->src.v6.sin6_scope_id, dev))
		ie->ifname = pool_strdup(d->m->pool, dev);
	ie->has_ns_id = 1;
	ie->ns_id = sk_ns_id(d);
	/*
	 * A connection that has ended reads as end of file; so does a socket that was shut down,
	 * and one whose other side has closed: that is in its state.
	 */
	if (is_conn(il) &&
	    (il->state == TCP_CLOSE_WAIT || il->state == TCP_LAST_ACK || il->state == TCP_CLOSING))
		return;
	if (is_conn(il) && il->events & POLLRDHUP) {
		ie->has_shutdown = 1;
		ie->shutdown = SK_SHUTDOWN__READ;
	} else if (il->state != TCP_LISTEN && il->events & POLLRDHUP) {
		ie->has_shutdown = 1;
		ie->shutdown = il->events & POLLHUP ? SK_SHUTDOWN__BOTH : SK_SHUTDOWN__READ;
	}
}

static int inet_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, struct err *e)
{
	InetSkEntry *ie = pool_msg(d->m->pool, InetSkEntry, inet_sk_entry__init);
	struct inet_look il;
	struct tcp_conn c;
	int r = look(d, l, &il, e);

	if (!r)
		r = check_sort(d, l, &il, e);
	if (!r)
		r = check_queues(d, l, &il, e);
	if (r)
		return r;
	file_entry_new(d, f, FD_TYPES__INETSK)->isk = ie;
	ie->id = f->id;
	fill_entry(d, l, &il, ie);
	r = sk_opts_dump(d, l, &il.s, &ie->opts, e);
	if (!r)
		r = dump_ip_opts(d, l, &il, ie, e);
	if (!r && il.s.protocol == IPPROTO_TCP)
		r = dump_tcp_opts(d, l, &il, ie, e);
	if (!r)
		r = fown_dump(d, l, &ie->fown, e);
	if (!r)
		r = dump_datagrams(d, f, l, &il, e);
	if (r || !is_conn(&il))
		return r;
	inet_tcp_drop_extra(ie->opts);
	c = conn_of(&il);
	return inet_tcp_dump(d, f, l, &c, e);
}

const struct file_kind file_kind_inet = {
	.name = "TCP or UDP socket, unconnected, bound, listening or connected",
	.type = FD_TYPES__INETSK,
	.is = inet_is,
	.check_copy = true,
	.check = inet_check,
	.dump = inet_dump,
	FILE_KIND_ENTRY(isk, InetSkEntry),
	.read = inet_read,
	.read_end = inet_read_end,
	.open_all = inet_open_all,
	.made = inet_made,
	.finish = inet_tcp_finish,
};
