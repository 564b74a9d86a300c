// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TCP and UDP sockets, restore side. The maker only creates them, so that they
 * belong to the restored network namespace; all else is done from here. All are
 * bound before the first one listens, as sharing a port asks for.
 */
#include "fd/inet.h"

#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#define BACKLOG_MAX 0x7fffffff

socklen_t inet_entry_addr(const InetSkEntry *ie, bool peer, union net_addr *ret)
{
	const uint32_t *addr = peer ? ie->dst_addr : ie->src_addr;
	in_port_t port = htons((uint16_t)(peer ? ie->dst_port : ie->src_port));

	memset(ret, 0, sizeof(*ret));
	if (ie->family == AF_INET6) {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = port;
		memcpy(&ret->v6.sin6_addr, addr, sizeof(ret->v6.sin6_addr));
		return sizeof(ret->v6);
	}
	ret->v4.sin_family = AF_INET;
	ret->v4.sin_port = port;
	memcpy(&ret->v4.sin_addr, addr, sizeof(ret->v4.sin_addr));
	return sizeof(ret->v4);
}

void inet_what(const InetSkEntry *ie, char *buf, size_t size)
{
	union net_addr a;
	char at[INET_TEXT];

	inet_entry_addr(ie, false, &a);
	inet_addr_text(&a, at, sizeof(at));
	snprintf(buf, size, "%s socket %s", inet_proto_name(ie->proto), at);
}

int inet_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e)
{
	const InetSkEntry *ie = f->entry->isk;
	size_t words = ie->family == AF_INET6 ? 4 : 1;
	char what[INET_TEXT + 16];
	int ret;

	if ((ie->family != AF_INET && ie->family != AF_INET6) || ie->n_src_addr != words ||
	    ie->n_dst_addr != words || ie->src_port > UINT16_MAX || ie->dst_port > UINT16_MAX)
		return image_bad(in, e, "file %u: the addresses of the socket are impossible",
				 f->id);
	if (ie->ifname && strlen(ie->ifname) >= IF_NAMESIZE)
		return image_bad(in, e, "file %u: the interface's name is too long", f->id);
	if (ie->backlog > BACKLOG_MAX)
		return image_bad(in, e, "file %u: backlog %u is out of range", f->id, ie->backlog);
	inet_what(ie, what, sizeof(what));
	if (!(ie->type == SOCK_STREAM && ie->proto == IPPROTO_TCP) &&
	    !(ie->type == SOCK_DGRAM && ie->proto == IPPROTO_UDP))
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "restore", what,
			       "IP sockets of type %u and protocol %u are not supported", ie->type,
			       ie->proto);
	if (ie->proto == IPPROTO_UDP)
		fd_work(f)->kid = pool_alloc(r->m->pool, sizeof(struct sk_queue));
	ret = sk_opts_read(ie->opts, f, in, e);
	if (ret || ie->state == TCP_CLOSE || ie->state == TCP_LISTEN ||
	    (ie->state == TCP_ESTABLISHED && ie->proto == IPPROTO_UDP))
		return ret;
	if (ie->proto == IPPROTO_UDP || !tcp_is_connected(ie->state))
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "restore", what,
			       "a socket in state %u is not supported", ie->state);
	return inet_tcp_read(r, f, in, e);
}

int inet_read_end(struct fd_restore *r, struct err *e)
{
	int ret = 0;

	for (size_t i = 0; i < r->m->n_files && !ret; i++)
		ret = inet_queue_check(r->m->files[i], e);
	return ret;
}

int inet_open_all(struct fd_restore *r, struct maker *mk, struct err *e)
{
	for (size_t i = 0; i < r->m->n_files; i++) {
		struct file_obj *f = r->m->files[i];
		const InetSkEntry *ie = f->entry->isk;
		size_t c;

		if (f->entry->type != FD_TYPES__INETSK || !fd_work(f)->wanted)
			continue;
		c = prog_call(mk->p, "make an IP socket", SYS_socket, ie->family,
			      ie->type | SOCK_CLOEXEC, ie->proto);
		maker_want(mk, c, &f->fd);
	}
	return 0;
}

static int set(int fd, int level, int name, int v, const char *what, const char *opt, struct err *e)
{
	if (setsockopt(fd, level, name, &v, sizeof(v)))
		return err_sys(e, "setsockopt", "%s: %s", what, opt);
	return 0;
}

/* An index is a matter of the namespace: ask the socket, which lives there. */
int inet_scope(int fd, const InetSkEntry *ie, union net_addr *a, const char *what, struct err *e)
{
	struct ifreq ifr = { 0 };

	if (!ie->ifname || ie->family != AF_INET6)
		return 0;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ie->ifname);
	if (ioctl(fd, SIOCGIFINDEX, &ifr))
		return err_sys(e, "ioctl", "%s: interface %s", what, ie->ifname);
	a->v6.sin6_scope_id = (uint32_t)ifr.ifr_ifindex;
	return 0;
}

static bool has_name(const InetSkEntry *ie)
{
	uint32_t any = ie->src_port;

	/* A connection that has ended shows its old address, but holds no port. */
	if (ie->proto == IPPROTO_TCP && ie->state == TCP_CLOSE && ie->has_shutdown)
		return false;
	for (size_t i = 0; i < ie->n_src_addr; i++)
		any |= ie->src_addr[i];
	return any;
}

/* What bind(2) looks at. */
static int before_bind(struct file_obj *f, const char *what, struct err *e)
{
	const InetSkEntry *ie = f->entry->isk;
	int ret = sk_opts_before_bind(f->fd, ie->opts, what, e);

	if (!ret && ie->has_v6only && ie->family == AF_INET6)
		ret = set(f->fd, IPPROTO_IPV6, IPV6_V6ONLY, ie->v6only, what, "IPV6_V6ONLY", e);
	if (!ret && ie->ip_opts && ie->ip_opts->has_freebind && ie->ip_opts->freebind)
		ret = set(f->fd, IPPROTO_IP, IP_FREEBIND, 1, what, "IP_FREEBIND", e);
	return ret;
}

static int bind_one(struct file_obj *f, const char *what, struct err *e)
{
	const InetSkEntry *ie = f->entry->isk;
	union net_addr a;
	socklen_t n = inet_entry_addr(ie, false, &a);
	int ret = inet_scope(f->fd, ie, &a, what, e);

	if (ret || !has_name(ie))
		return ret;
	if (!bind(f->fd, &a.any, n))
		return 0;
	ret = err_sys(e, "bind", "%s", what);
	if (ret == -EADDRINUSE) {
		err_class_set(e, ERR_CONFLICT);
		return err_hint(e, "another process has this address: end it, or restore into a "
				   "network namespace of its own");
	}
	if (ret == -EADDRNOTAVAIL) {
		err_class_set(e, ERR_CONFLICT);
		return err_hint(
			e, "give this machine the address, or use a network namespace that has it");
	}
	return ret;
}

static int connect_one(struct file_obj *f, const char *what, struct err *e)
{
	const InetSkEntry *ie = f->entry->isk;
	union net_addr a;
	char to[INET_TEXT];
	socklen_t n = inet_entry_addr(ie, true, &a);
	int ret;

	if (ie->state == TCP_LISTEN)
		return listen(f->fd, (int)ie->backlog) ? err_sys(e, "listen", "%s", what) : 0;
	if (ie->state != TCP_ESTABLISHED)
		return 0;
	ret = inet_scope(f->fd, ie, &a, what, e);
	if (ret)
		return ret;
	inet_addr_text(&a, to, sizeof(to));
	return connect(f->fd, &a.any, n) ? err_sys(e, "connect", "%s to %s", what, to) : 0;
}

static int options(struct file_obj *f, const char *what, struct err *e)
{
	const InetSkEntry *ie = f->entry->isk;
	const IpOptsEntry *io = ie->ip_opts;
	const TcpOptsEntry *to = ie->tcp_opts;
	bool v6 = ie->family == AF_INET6;
	int ret = 0;

	if (io && io->has_tos)
		ret = set(f->fd, IPPROTO_IP, IP_TOS, (int)io->tos, what, "IP_TOS", e);
	if (!ret && io && io->has_ttl)
		ret = set(f->fd, IPPROTO_IP, IP_TTL, (int)io->ttl, what, "IP_TTL", e);
	if (!ret && io && io->has_pktinfo && io->pktinfo)
		ret = set(f->fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO,
			  1, what, "IP_PKTINFO", e);
#define TCP_OPT(field, opt)                                                                        \
	if (!ret && to && to->has_##field)                                                         \
		ret = set(f->fd, IPPROTO_TCP, opt, (int)to->field, what, #opt, e);
	TCP_OPT(nodelay, TCP_NODELAY)
	TCP_OPT(cork, TCP_CORK)
	TCP_OPT(keepcnt, TCP_KEEPCNT)
	TCP_OPT(keepidle, TCP_KEEPIDLE)
	TCP_OPT(keepintvl, TCP_KEEPINTVL)
#undef TCP_OPT
	if (!ret)
		ret = sk_opts_restore(f->fd, ie->opts, what, e);
	/* On an unconnected socket the call fails, and does what it should all the same. */
	if (!ret && ie->has_shutdown && ie->shutdown != SK_SHUTDOWN__NONE &&
	    shutdown(f->fd, (int)ie->shutdown - 1) && errno != ENOTCONN)
		ret = err_sys(e, "shutdown", "%s", what);
	return ret ? ret : fd_set_flags(f->fd, ie->flags, what, e);
}

static const struct inet_steps conn_steps = {
	.before = before_bind,
	.bind = bind_one,
	.options = options,
};

typedef int (*step_fn)(struct file_obj *f, const char *what, struct err *e);

/* All but connections take each step before the next one. */
static int take_steps(struct fd_restore *r, const step_fn *steps, size_t n, struct err *e)
{
	char what[INET_TEXT + 16];
	int ret = 0;

	for (size_t s = 0; s < n; s++) {
		for (size_t i = 0; i < r->m->n_files && !ret; i++) {
			struct file_obj *f = r->m->files[i];

			if (f->entry->type != FD_TYPES__INETSK || !fd_work(f)->wanted ||
			    inet_is_conn(f))
				continue;
			inet_what(f->entry->isk, what, sizeof(what));
			ret = steps[s](f, what, e);
		}
	}
	return ret;
}

int inet_made(struct fd_restore *r, struct err *e)
{
	static const step_fn names[] = { before_bind, bind_one };
	static const step_fn rest[] = { connect_one, options };
	int ret = take_steps(r, names, ARRAY_SIZE(names), e);

	/* Before they take from one peer only. */
	for (size_t i = 0; i < r->m->n_files && !ret; i++)
		ret = inet_send_queue(r, r->m->files[i], e);
	if (!ret)
		ret = take_steps(r, rest, ARRAY_SIZE(rest), e);
	/* A listener cannot be bound beside a connection of its own. */
	return ret ? ret : inet_tcp_made(r, &conn_steps, e);
}
