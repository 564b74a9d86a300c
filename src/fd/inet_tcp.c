// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TCP connections, dump side: what stands in the way of one, its queues and
 * numbers by the kernel's repair mode, and silence when its task is to die.
 */
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "base/journal.h"
#include "fd/inet.h"
#include "fd/kinds.h"
#include "model/options.h"

#ifndef TCP_ULP
#define TCP_ULP 31 /* linux/tcp.h */
#endif
#define ULP_NAME_MAX 32
#define PEEK_OFF 42 /* SO_PEEK_OFF, for TCP since 6.10 */

/* A connection that was written: where it is found again. */
struct inet_dump {
	struct tcp_seen {
		struct file_obj *f;
		bool reuseaddr;
	} * v;
	size_t n;
};

static const char *state_name(uint32_t state)
{
	static const char *const names[] = {
		[TCP_ESTABLISHED] = "established", [TCP_SYN_SENT] = "connecting",
		[TCP_SYN_RECV] = "half open",	   [TCP_FIN_WAIT1] = "closing",
		[TCP_FIN_WAIT2] = "half closed",   [TCP_TIME_WAIT] = "closed",
		[TCP_CLOSE_WAIT] = "half closed",  [TCP_LAST_ACK] = "closing",
		[TCP_CLOSING] = "closing",
	};

	return state < ARRAY_SIZE(names) && names[state] ? names[state] : "unknown";
}

static int refuse(const struct fd_look *l, const struct tcp_conn *c, struct err *e, const char *why)
{
	char src[INET_TEXT], dst[INET_TEXT];

	inet_addr_text(&c->local, src, sizeof(src));
	inet_addr_text(&c->remote, dst, sizeof(dst));
	return fd_refuse(l, e, "%s TCP connection %s -> %s: %s", state_name(c->state), src, dst,
			 why);
}

int inet_tcp_check(struct fd_dump *d, const struct fd_look *l, const struct tcp_conn *c,
		   struct err *e)
{
	char ulp[ULP_NAME_MAX] = "", why[96];
	socklen_t n = sizeof(ulp) - 1;
	int off;

	if (!tcp_is_connected(c->state)) {
		refuse(l, c, e, "it is in a state that does not last");
		return err_hint(e, "try again when it is connected, or has ended");
	}
	if (d->m->opt->tcp_close)
		return 0;
	if (!d->m->opt->tcp_established) {
		refuse(l, c, e, "connections are saved on request only");
		return err_hint(e, "use --tcp-established, or --tcp-close to have it closed by the "
				   "restore");
	}
	if (!getsockopt(l->copy, IPPROTO_TCP, TCP_ULP, ulp, &n) && ulp[0]) {
		snprintf(why, sizeof(why), "the kernel's %s works on it, which is not supported",
			 ulp);
		return refuse(l, c, e, why);
	}
	if (!sk_get(l->copy, SOL_SOCKET, PEEK_OFF, &off) && off >= 0)
		return refuse(l, c, e, "SO_PEEK_OFF is set, which is not supported");
	return 0;
}

/* What only the stopped tree can tell. */
static int check_stopped(struct fd_dump *d, const struct fd_look *l, const struct tcp_conn *c,
			 struct err *e)
{
	struct pollfd pf = { .fd = l->copy, .events = POLLPRI };

	if (l->t == d->self)
		return refuse(l, c, e,
			      "it is in flight over a unix socket, which is not supported");
	if (poll(&pf, 1, 0) > 0 && pf.revents & POLLPRI) {
		refuse(l, c, e, "urgent data waits in it, which is not supported");
		return err_hint(e, "try again when the program has read it");
	}
	return 0;
}

static int leave_repair(const struct fd_look *l, bool reuseaddr, const char *what, struct err *e)
{
	int v = reuseaddr, r = tcp_repair_mode(l->copy, -1, what, e);

	if (!r && setsockopt(l->copy, SOL_SOCKET, SO_REUSEADDR, &v, sizeof(v)))
		r = err_sys(e, "setsockopt", "%s: SO_REUSEADDR", what);
	return r;
}

/* As short as can be: a connection in repair mode is a dead one. */
static int read_conn(struct fd_dump *d, const struct fd_look *l, bool reuseaddr, struct tcp_conn *c,
		     struct err *e)
{
	struct journal_entry *undo;
	struct err late = { 0 };
	char what[64];
	int r = tcp_undo_add(d->m->journal, d->tid, l->fd, reuseaddr, &undo, e), x;

	if (r)
		return r;
	snprintf(what, sizeof(what), "pid %d, fd %d", l->t->host, l->fd);
	r = tcp_repair_mode(l->copy, 1, what, e);
	if (r) {
		journal_done(undo);
		return r;
	}
	r = tcp_repair_read(l->copy, d->m->pool, c, what, e);
	x = leave_repair(l, reuseaddr, what, r ? &late : e);
	if (!x)
		journal_done(undo);
	return r ? r : x;
}

static int write_conn(struct fd_dump *d, const struct fd_look *l, const struct tcp_conn *c,
		      struct err *e)
{
	struct image_out *o;
	int r = image_create(d->m->dir, IMG_TCP_STREAM, (uint32_t)l->st.st_ino, &o, e);

	if (r)
		return r;
	r = image_put(o, &c->s.base, e);
	if (!r && c->s.inq_len)
		r = image_put_raw(o, c->in, c->s.inq_len, e);
	if (!r && c->s.outq_len)
		r = image_put_raw(o, c->out, c->s.outq_len, e);
	if (!r)
		return image_out_close(o, e);
	image_out_abort(o);
	return r;
}

int inet_tcp_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l,
		  struct tcp_conn *c, struct err *e)
{
	const TcpOptsEntry *to = f->entry->isk->tcp_opts;
	struct tcp_seen seen = { .f = f, .reuseaddr = f->entry->isk->opts->reuseaddr };
	int r;

	if (d->m->opt->tcp_close) {
		d->m->inventory->has_tcp_close = d->m->inventory->tcp_close = 1;
		return 0;
	}
	r = check_stopped(d, l, c, e);
	if (!r)
		r = read_conn(d, l, seen.reuseaddr, c, e);
	if (r)
		return r;
	c->s.has_cork = to && to->has_cork;
	c->s.cork = to && to->cork;
	c->s.has_nodelay = to && to->has_nodelay;
	c->s.nodelay = to && to->nodelay;
	if (!d->inets)
		d->inets = pool_alloc(d->m->pool, sizeof(*d->inets));
	pool_push(d->m->pool, d->inets->v, d->inets->n, seen);
	return write_conn(d, l, c, e);
}

/* What a connection has from its packets, and not from its program. */
static bool is_of_packets(const SkExtraOpt *o)
{
	switch (o->level) {
	case IPPROTO_TCP:
		return o->name == TCP_MAXSEG;
	case IPPROTO_IP:
		return o->name == IP_MULTICAST_IF || o->name == IP_MULTICAST_TTL;
	case IPPROTO_IPV6:
		return o->name == IPV6_MULTICAST_IF || o->name == IPV6_MULTICAST_HOPS;
	default:
		return false;
	}
}

void inet_tcp_drop_extra(SkOptsEntry *so)
{
	size_t kept = 0;

	for (size_t i = 0; i < so->n_extra; i++)
		if (!is_of_packets(so->extra[i]))
			so->extra[kept++] = so->extra[i];
	so->n_extra = kept;
}

static int list_one(struct fd_dump *d, const struct fd_look *l, struct tcp_tuple **v, size_t *n)
{
	struct sk_look s;
	struct tcp_conn c = { 0 };
	struct tcp_info ti = { 0 };
	socklen_t len = sizeof(ti), a = sizeof(c.local), b = sizeof(c.remote);
	struct err gone = { 0 };

	if ((l->family != AF_INET && l->family != AF_INET6) || sk_look(l, &s, &gone) ||
	    s.protocol != IPPROTO_TCP || getsockopt(l->copy, IPPROTO_TCP, TCP_INFO, &ti, &len) ||
	    !tcp_is_connected(ti.tcpi_state))
		return 0;
	if (getsockname(l->copy, &c.local.any, &a) || getpeername(l->copy, &c.remote.any, &b))
		return 0;
	pool_push(d->m->pool, *v, *n, tcp_tuple_of(&c.local, &c.remote));
	return 0;
}

int fd_tcp_list(struct model *m, struct tcp_tuple **ret, size_t *ret_n, struct err *e)
{
	struct fd_dump *d = fd_dump_state(m);
	struct fd_look *l = pool_alloc(m->pool, sizeof(*l));
	int r = 0;

	*ret = NULL;
	*ret_n = 0;
	for (size_t i = 0; i < m->n_tasks && !r; i++) {
		int *fds = NULL;
		size_t n = 0;

		if (m->tasks[i]->state == TASK_ZOMBIE)
			continue;
		r = fd_look_task(d, m->tasks[i], true, e);
		if (!r)
			r = fd_list(d, &fds, &n, e);
		for (size_t k = 0; k < n && !r; k++) {
			r = fd_look(d, fds[k], FD_COPY_SOCKETS, l, e);
			if (!r)
				r = list_one(d, l, ret, ret_n);
			else if (r == 1)
				r = 0;
			fd_look_close(l);
		}
	}
	fd_look_done(d);
	return r;
}

size_t fd_tcp_dumped(const struct model *m)
{
	const struct fd_dump *d = m->fd_state;

	return d && d->inets ? d->inets->n : 0;
}

int fd_tcp_silence(struct model *m, struct err *e)
{
	struct fd_dump *d = fd_dump_state(m);
	int r = 0;

	for (size_t i = 0; i < fd_tcp_dumped(m) && !r; i++) {
		const struct tcp_seen *s = &d->inets->v[i];
		_cleanup_close_ int fd = fd_dump_copy(s->f, e);
		char what[64];

		if (fd < 0)
			return -e->code;
		snprintf(what, sizeof(what), "pid %d, fd %d", s->f->owner->host, s->f->owner_fd);
		r = tcp_undo_add(m->journal, fd_task_tid(s->f->owner), s->f->owner_fd, s->reuseaddr,
				 NULL, e);
		if (!r)
			r = tcp_repair_mode(fd, 1, what, e);
	}
	return r;
}
