// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Netlink sockets: port, groups, destination, options. What waits in one comes
 * from the kernel and cannot be put back, nor can the rest of a dump that the
 * kernel has begun: both are refused.
 */
#include <linux/netlink.h>
#include <linux/netlink_diag.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "fd/kinds.h"
#include "fd/sk_diag.h"
#include "fd/sk_opts.h"

#define GROUP_WORDS_MAX 1024 /* of 32 groups */
#define TEXT_MAX 64
/* net/netlink/af_netlink.h: sk_state of those that used connect(2); never used: TCP_CLOSE. */
enum { UNCONNECTED, CONNECTED };

struct netlink_sock {
	uint32_t ino, state, dst_portid, dst_group;
	bool dumping;
};

struct netlink_dump {
	struct netlink_sock *v;
	size_t n;
};

static bool netlink_is(const struct fd_look *l)
{
	return l->family == AF_NETLINK;
}

static int take(struct fd_dump *d, const void *msg, size_t len, void *ctx)
{
	struct netlink_dump *nd = ctx;
	const struct netlink_diag_msg *m = msg;
	struct netlink_sock s;
	const struct rtattr *a;
	int left;

	if (len < sizeof(*m))
		return -EINVAL;
	s = (struct netlink_sock){ .ino = m->ndiag_ino,
				   .state = m->ndiag_state,
				   .dst_portid = m->ndiag_dst_portid,
				   .dst_group = m->ndiag_dst_group };
	left = (int)(len - NLMSG_ALIGN(sizeof(*m)));
	for (a = (const void *)(m + 1); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == NETLINK_DIAG_FLAGS)
			s.dumping = sk_diag_u32(a) & NDIAG_FLAG_CB_RUNNING;
	pool_push(d->m->pool, nd->v, nd->n, s);
	return 0;
}

/* The kernel lists those that have a port or groups; the others were never connected. */
static int find(struct fd_dump *d, const struct fd_look *l, struct netlink_sock *ret, struct err *e)
{
	struct netlink_diag_req q = { .sdiag_family = AF_NETLINK,
				      .sdiag_protocol = NDIAG_PROTO_ALL,
				      .ndiag_show = NDIAG_SHOW_FLAGS };
	int r;

	*ret = (struct netlink_sock){ .ino = (uint32_t)l->st.st_ino, .state = TCP_CLOSE };
	if (!d->netlinks) {
		d->netlinks = pool_alloc(d->m->pool, sizeof(*d->netlinks));
		r = sk_diag_dump(d, &q, sizeof(q), "netlink sockets", take, d->netlinks, e);
		if (r)
			return r;
	}
	for (size_t i = 0; i < d->netlinks->n; i++)
		if (d->netlinks->v[i].ino == ret->ino) {
			*ret = d->netlinks->v[i];
			return 0;
		}
	return 0;
}

static int check_queue(const struct fd_look *l, const struct netlink_sock *ns, struct err *e)
{
	struct pollfd pf = { .fd = l->copy, .events = POLLIN };

	if (poll(&pf, 1, 0) < 0)
		return err_sys(e, "poll", "pid %d, fd %d (%s)", l->t->host, l->fd, l->link);
	if (ns->dumping)
		fd_refuse(l, e, "the kernel's answer to a netlink dump has not been read whole");
	else if (pf.revents & POLLERR)
		fd_refuse(l, e, "an error waits in the netlink socket to be seen (lost messages)");
	else if (pf.revents & POLLIN)
		fd_refuse(l, e, "messages of the kernel wait in the netlink socket");
	else
		return 0;
	return err_hint(e, "try again when the program has read it");
}

/* Whether a dump of the kernel's goes on is asked for when the task stands still. */
static int netlink_check(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	struct netlink_sock unknown = { 0 };
	struct sk_look s;
	int r = sk_look(l, &s, e);

	if (!r)
		r = sk_check_ns(d, l, &s, e);
	if (r)
		return r;
	fd_settle(l);
	return check_queue(l, &unknown, e);
}

static int dump_names(struct fd_dump *d, const struct fd_look *l, NetlinkSkEntry *ne, struct err *e)
{
	struct sockaddr_nl me = { 0 };
	socklen_t n = sizeof(me);

	if (getsockname(l->copy, (struct sockaddr *)&me, &n))
		return err_sys(e, "getsockname", "pid %d, fd %d", l->t->host, l->fd);
	ne->portid = me.nl_pid;
	n = 0;
	if (getsockopt(l->copy, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, NULL, &n))
		return err_sys(e, "getsockopt", "pid %d, fd %d: netlink groups", l->t->host, l->fd);
	ne->groups = pool_alloc(d->m->pool, n + sizeof(uint32_t));
	if (getsockopt(l->copy, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, ne->groups, &n))
		return err_sys(e, "getsockopt", "pid %d, fd %d: netlink groups", l->t->host, l->fd);
	ne->n_groups = n / sizeof(uint32_t);
	while (ne->n_groups && !ne->groups[ne->n_groups - 1])
		ne->n_groups--;
	return 0;
}

static int netlink_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l,
			struct err *e)
{
	NetlinkSkEntry *ne = pool_msg(d->m->pool, NetlinkSkEntry, netlink_sk_entry__init);
	struct netlink_sock ns;
	struct sk_look s;
	int r = sk_look(l, &s, e);

	if (!r)
		r = sk_check_ns(d, l, &s, e);
	if (!r)
		r = find(d, l, &ns, e);
	if (!r)
		r = check_queue(l, &ns, e);
	if (r)
		return r;
	file_entry_new(d, f, FD_TYPES__NETLINKSK)->nlsk = ne;
	ne->id = f->id;
	ne->ino = ns.ino;
	ne->protocol = (uint32_t)s.protocol;
	ne->has_type = 1;
	ne->type = (uint32_t)s.type;
	ne->state = ns.state;
	ne->flags = l->info.flags;
	ne->dst_portid = ns.dst_portid;
	ne->dst_group = ns.dst_group;
	ne->has_ns_id = 1;
	ne->ns_id = sk_ns_id(d);
	r = dump_names(d, l, ne, e);
	if (!r)
		r = sk_opts_dump(d, l, &s, &ne->opts, e);
	return r ? r : fown_dump(d, l, &ne->fown, e);
}

static int netlink_read(struct fd_restore *r, struct file_obj *f, struct image_in *in,
			struct err *e)
{
	const NetlinkSkEntry *ne = f->entry->nlsk;

	if (ne->protocol >= MAX_LINKS)
		return image_bad(in, e, "file %u: there is no netlink protocol %u", f->id,
				 ne->protocol);
	if (ne->has_type && ne->type != SOCK_RAW && ne->type != SOCK_DGRAM)
		return image_bad(in, e, "file %u: netlink sockets of type %u do not exist", f->id,
				 ne->type);
	if (ne->n_groups > GROUP_WORDS_MAX || ne->dst_group > 32)
		return image_bad(in, e, "file %u: its netlink groups are out of range", f->id);
	return sk_opts_read(ne->opts, f, in, e);
}

static int netlink_open_all(struct fd_restore *r, struct maker *mk, struct err *e)
{
	for (size_t i = 0; i < r->m->n_files; i++) {
		struct file_obj *f = r->m->files[i];
		const NetlinkSkEntry *ne = f->entry->nlsk;

		if (f->entry->type != FD_TYPES__NETLINKSK || !fd_work(f)->wanted)
			continue;
		maker_want(mk,
			   prog_call(mk->p, "make a netlink socket", SYS_socket, AF_NETLINK,
				     (ne->has_type ? ne->type : SOCK_RAW) | SOCK_CLOEXEC,
				     ne->protocol),
			   &f->fd);
	}
	return 0;
}

static int bind_one(const struct file_obj *f, const char *what, struct err *e)
{
	const NetlinkSkEntry *ne = f->entry->nlsk;
	struct sockaddr_nl me = { .nl_family = AF_NETLINK, .nl_pid = ne->portid };
	int r;

	if (!ne->portid || !bind(f->fd, (struct sockaddr *)&me, sizeof(me)))
		return 0;
	r = err_sys(e, "bind", "%s", what);
	if (r != -EADDRINUSE)
		return r;
	err_class_set(e, ERR_CONFLICT);
	return err_hint(e, "another socket has this netlink port: end that process, or restore "
			   "into a network namespace of its own");
}

static int join(const struct file_obj *f, const char *what, struct err *e)
{
	const NetlinkSkEntry *ne = f->entry->nlsk;

	for (size_t i = 0; i < ne->n_groups * 32; i++) {
		int group = (int)i + 1;

		if (!(ne->groups[i / 32] & 1u << i % 32))
			continue;
		if (setsockopt(f->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
			return err_sys(e, "setsockopt", "%s: group %d", what, group);
	}
	return 0;
}

static int connect_one(const struct file_obj *f, const char *what, struct err *e)
{
	const NetlinkSkEntry *ne = f->entry->nlsk;
	struct sockaddr_nl to = { .nl_family = AF_NETLINK,
				  .nl_pid = ne->dst_portid,
				  .nl_groups = ne->dst_group ? 1u << (ne->dst_group - 1) : 0 };

	if (ne->state != CONNECTED && ne->state != UNCONNECTED)
		return 0;
	if (ne->state == UNCONNECTED)
		to.nl_family = AF_UNSPEC;
	if (connect(f->fd, (struct sockaddr *)&to, sizeof(to)))
		return err_sys(e, "connect", "%s to port %u", what, ne->dst_portid);
	return 0;
}

/* Its filter is there before the first message can come. */
static int make(const struct file_obj *f, struct err *e)
{
	const NetlinkSkEntry *ne = f->entry->nlsk;
	char what[TEXT_MAX];
	int r;

	snprintf(what, sizeof(what), "netlink socket, protocol %u, port %u", ne->protocol,
		 ne->portid);
	r = sk_opts_restore(f->fd, ne->opts, what, e);
	if (!r)
		r = bind_one(f, what, e);
	if (!r)
		r = join(f, what, e);
	if (!r)
		r = connect_one(f, what, e);
	return r ? r : fd_set_flags(f->fd, ne->flags, what, e);
}

static int netlink_made(struct fd_restore *r, struct err *e)
{
	int ret = 0;

	for (size_t i = 0; i < r->m->n_files && !ret; i++)
		if (r->m->files[i]->entry->type == FD_TYPES__NETLINKSK &&
		    fd_work(r->m->files[i])->wanted)
			ret = make(r->m->files[i], e);
	return ret;
}

const struct file_kind file_kind_netlink = {
	.name = "netlink socket, its queue empty",
	.type = FD_TYPES__NETLINKSK,
	.is = netlink_is,
	.check_copy = true,
	.check = netlink_check,
	.dump = netlink_dump,
	FILE_KIND_ENTRY(nlsk, NetlinkSkEntry),
	.read = netlink_read,
	.open_all = netlink_open_all,
	.made = netlink_made,
};
