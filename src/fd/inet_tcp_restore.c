// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TCP connections, restore side. They are made in repair mode, under the
 * network lock, and stay so until the whole tree stands: a restore that fails
 * before takes them away again without a word to the other side.
 */
#define LOG_MODULE "fd"
#include <stdio.h>

#include "base/log.h"
#include "base/nshelper.h"
#include "fd/inet.h"
#include "model/options.h"
#include "parasite/stub.h"

struct made_conn {
	struct tcp_conn c;
	int fd; /* kept when all others are closed */
};

bool inet_is_conn(const struct file_obj *f)
{
	return f->entry->isk->proto != IPPROTO_UDP && fd_work((struct file_obj *)f)->kid != NULL;
}

static int read_stream(struct fd_restore *r, struct file_obj *f, struct tcp_conn *c, struct err *e)
{
	const char *bad = NULL;
	struct image_in *in;
	TcpStreamEntry *s;
	int ret = image_open(r->m->dir, IMG_TCP_STREAM, f->entry->isk->ino, &in, e);

	if (ret)
		return ret;
	ret = image_get(in, &tcp_stream_entry__descriptor, &s, e);
	if (!ret)
		ret = image_bad(in, e, "file %u: nothing about its connection", f->id);
	if (ret > 0) {
		c->s = *s;
		bad = tcp_conn_impossible(c);
		if (!bad && (uint64_t)s->inq_len + s->outq_len > image_left(in))
			bad = "its queues are longer than the file";
		ret = bad ? image_bad(in, e, "file %u: %s", f->id, bad) : 0;
	}
	if (!ret) {
		c->in = pool_alloc(r->m->pool, (size_t)c->s.inq_len + 1);
		c->out = pool_alloc(r->m->pool, (size_t)c->s.outq_len + 1);
		ret = c->s.inq_len ? image_get_raw(in, c->in, c->s.inq_len, e) : 0;
	}
	if (!ret && c->s.outq_len)
		ret = image_get_raw(in, c->out, c->s.outq_len, e);
	image_in_close(in);
	return ret;
}

/* As one that has ended: end of file to read, nothing to write to. */
static void make_closed(InetSkEntry *ie)
{
	ie->state = TCP_CLOSE;
	ie->has_shutdown = 1;
	ie->shutdown = SK_SHUTDOWN__BOTH;
}

int inet_tcp_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e)
{
	InetSkEntry *ie = f->entry->isk;
	const InventoryEntry *i = r->m->inventory;
	struct made_conn *mc;
	char what[INET_TEXT + 16];

	if (r->m->opt->tcp_close || (i && i->has_tcp_close && i->tcp_close)) {
		make_closed(ie);
		return 0;
	}
	if (!r->m->opt->tcp_established) {
		inet_what(ie, what, sizeof(what));
		err_set(e, ERR_USAGE, EINVAL, "restore", what, "it is an established connection");
		return err_hint(e, "use --tcp-established, or --tcp-close to have it closed");
	}
	mc = pool_alloc(r->m->pool, sizeof(*mc));
	mc->fd = -EBADF;
	mc->c.state = ie->state;
	inet_entry_addr(ie, false, &mc->c.local);
	inet_entry_addr(ie, true, &mc->c.remote);
	fd_work(f)->kid = mc;
	return read_stream(r, f, &mc->c, e);
}

static struct made_conn *conn_of(const struct file_obj *f)
{
	if (f->entry->type != FD_TYPES__INETSK)
		return NULL;
	return inet_is_conn(f) ? fd_work((struct file_obj *)f)->kid : NULL;
}

int fd_tcp_planned(struct model *m, struct tcp_tuple **ret, size_t *ret_n, struct err *e)
{
	*ret = NULL;
	*ret_n = 0;
	for (size_t i = 0; i < m->n_files; i++) {
		const struct made_conn *mc = conn_of(m->files[i]);

		if (mc)
			pool_push(m->pool, *ret, *ret_n, tcp_tuple_of(&mc->c.local, &mc->c.remote));
	}
	return 0;
}

static int raw_socket(struct fd_restore *r, int family, int *ret, struct err *e)
{
	int type = SOCK_RAW | SOCK_CLOEXEC, x;

	if (model_has_own_ns(r->m, NS_NET)) {
		x = ns_helper_socket(r->m->root->stub->host, family, type, IPPROTO_RAW, ret, e);
		return x ? x : tcp_raw_prepare(*ret, "a raw socket", e);
	}
	*ret = socket(family, type, IPPROTO_RAW);
	if (*ret < 0)
		return err_sys(e, "socket", "a raw socket");
	return tcp_raw_prepare(*ret, "a raw socket", e);
}

static int raw_sockets(struct fd_restore *r, int raw[2], struct err *e)
{
	int ret = raw_socket(r, AF_INET, &raw[0], e);

	if (ret)
		return ret;
	ret = raw_socket(r, AF_INET6, &raw[1], e);
	/* A kernel without IPv6 has no connections of it. */
	if (ret == -EAFNOSUPPORT) {
		err_clear(e);
		return 0;
	}
	return ret;
}

static int make_one(struct file_obj *f, const int raw[2], const struct inet_steps *s, struct err *e)
{
	struct made_conn *mc = conn_of(f);
	InetSkEntry *ie = f->entry->isk;
	const SkOptsEntry *so = ie->opts;
	struct tcp_conn *c = &mc->c;
	char what[INET_TEXT + 16];
	int unused = 0, ret;

	inet_what(ie, what, sizeof(what));
	ret = s->before(f, what, e);
	if (!ret)
		ret = inet_scope(f->fd, ie, &c->local, what, e);
	if (!ret)
		ret = inet_scope(f->fd, ie, &c->remote, what, e);
	/* After SO_REUSEADDR: in repair mode an address may be shared with anybody. */
	if (!ret)
		ret = tcp_repair_begin(f->fd, c, what, e);
	if (!ret)
		ret = s->bind(f, what, e);
	if (!ret)
		ret = tcp_repair_connect(f->fd, c, what, e);
	/* TCP_CORK before what is to wait for it. */
	if (!ret)
		ret = s->options(f, what, e);
	/* The options have set the sizes that the buffers are to have in the end, */
	if (!ret && c->s.unsq_len)
		sk_make_room(f->fd, c->s.outq_len);
	/* and the filter, which may not let our own segments in. */
	if (!ret && so->n_so_filter &&
	    setsockopt(f->fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused)))
		ret = err_sys(e, "setsockopt", "%s: SO_DETACH_FILTER", what);
	if (!ret)
		ret = tcp_repair_finish(f->fd, c, raw, what, e);
	return ret || !so->n_so_filter ? ret : sk_opts_restore(f->fd, so, what, e);
}

int inet_tcp_made(struct fd_restore *r, const struct inet_steps *steps, struct err *e)
{
	int raw[2] = { -EBADF, -EBADF }, ret = 0;

	for (size_t i = 0; i < r->m->n_files && !ret; i++) {
		struct file_obj *f = r->m->files[i];

		if (!conn_of(f) || !fd_work(f)->wanted)
			continue;
		if (raw[0] < 0)
			ret = raw_sockets(r, raw, e);
		if (!ret)
			ret = make_one(f, raw, steps, e);
	}
	cleanup_close(&raw[0]);
	cleanup_close(&raw[1]);
	return ret;
}

int inet_tcp_finish(struct fd_restore *r, struct err *e)
{
	for (size_t i = 0; i < r->m->n_files; i++) {
		struct made_conn *mc = conn_of(r->m->files[i]);

		if (mc && r->m->files[i]->fd >= 0)
			mc->fd = take_fd(r->m->files[i]->fd);
	}
	return 0;
}

/* Still under the lock: what is sent meanwhile is dropped, and sent again. */
static int wake(struct made_conn *mc, const InetSkEntry *ie, struct err *e)
{
	char what[INET_TEXT + 16];
	int r;

	inet_what(ie, what, sizeof(what));
	r = tcp_repair_mode(mc->fd, -1, what, e);
	/* What leaving the mode and making room have changed. */
	return r ? r : sk_opts_restore(mc->fd, ie->opts, what, e);
}

int fd_tcp_wake(struct model *m, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < m->n_files && !r; i++) {
		struct made_conn *mc = conn_of(m->files[i]);

		if (mc && mc->fd >= 0)
			r = wake(mc, m->files[i]->entry->isk, e);
	}
	return r;
}

/* Unsent data would wait for a timer; TCP_NODELAY sends it, and with it what was lost is noticed. */
static void push(int fd)
{
	int cork = 0, nodelay = 0, on = 1;

	if (sk_get(fd, IPPROTO_TCP, TCP_CORK, &cork) || cork ||
	    sk_get(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		return;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, sizeof(nodelay)))
		log_warn("TCP_NODELAY of a connection: %m");
}

void fd_tcp_done(struct model *m, bool failed)
{
	for (size_t i = 0; i < m->n_files; i++) {
		struct made_conn *mc = m->files[i]->entry ? conn_of(m->files[i]) : NULL;
		struct err late = { 0 };

		if (!mc || mc->fd < 0)
			continue;
		if (failed)
			tcp_repair_mode(mc->fd, 1, "a connection", &late);
		else if (mc->c.s.unsq_len)
			push(mc->fd);
		cleanup_close(&mc->fd);
		mc->fd = -EBADF;
	}
}
