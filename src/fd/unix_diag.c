// SPDX-License-Identifier: GPL-2.0-or-later
/* See unix_diag.h. */
#include "fd/unix_diag.h"

#include <linux/netlink.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

#include "fd/sk_diag.h"

static void parse_attr(struct pool *pool, const struct rtattr *a, struct unix_sock *s)
{
	struct unix_diag_rqlen rq;

	switch (a->rta_type) {
	case UNIX_DIAG_NAME:
		s->name_len = RTA_PAYLOAD(a);
		s->name = pool_dup(pool, RTA_DATA(a), s->name_len);
		break;
	case UNIX_DIAG_PEER:
		s->has_peer = true;
		s->peer = sk_diag_u32(a);
		break;
	case UNIX_DIAG_ICONS:
		s->n_pending = RTA_PAYLOAD(a) / sizeof(*s->pending);
		s->pending = pool_dup(pool, RTA_DATA(a), s->n_pending * sizeof(*s->pending));
		break;
	case UNIX_DIAG_RQLEN:
		if (RTA_PAYLOAD(a) < sizeof(rq))
			break;
		memcpy(&rq, RTA_DATA(a), sizeof(rq));
		s->rqueue = rq.udiag_rqueue;
		s->wqueue = rq.udiag_wqueue;
		break;
	case UNIX_DIAG_SHUTDOWN:
		if (RTA_PAYLOAD(a))
			s->shutdown = *(uint8_t *)RTA_DATA(a);
		break;
	default:
		/* Newer kernels may add more. */
		break;
	}
}

int unix_diag_parse(struct pool *pool, const void *msg, size_t len, struct unix_sock *ret)
{
	const struct unix_diag_msg *m = msg;
	const struct rtattr *a;
	int left; /* signed: padding may take the macros below zero */

	if (len < sizeof(*m))
		return -EINVAL;
	*ret = (struct unix_sock){ .ino = m->udiag_ino,
				   .type = m->udiag_type,
				   .state = m->udiag_state };
	left = (int)(len - NLMSG_ALIGN(sizeof(*m)));
	for (a = (const void *)(m + 1); RTA_OK(a, left); a = RTA_NEXT(a, left))
		parse_attr(pool, a, ret);
	return 0;
}

static int cmp_ino(const void *a, const void *b)
{
	const struct unix_sock *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static int take(struct fd_dump *d, const void *msg, size_t len, void *ctx)
{
	struct unix_table *t = ctx;
	struct unix_sock s;
	int r = unix_diag_parse(d->m->pool, msg, len, &s);

	if (!r)
		pool_push(d->m->pool, t->v, t->n, s);
	return r;
}

int unix_table_read(struct fd_dump *d, struct unix_table *ret, struct err *e)
{
	struct unix_diag_req q = {
		.sdiag_family = AF_UNIX,
		.udiag_states = ~0u,
		.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS |
			      UDIAG_SHOW_RQLEN,
	};
	int r = sk_diag_dump(d, &q, sizeof(q), "unix sockets", take, ret, e);

	if (!r && ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), cmp_ino);
	return r;
}

struct unix_sock *unix_table_find(const struct unix_table *t, uint32_t ino)
{
	struct unix_sock key = { .ino = ino };

	return ino && t->n ? bsearch(&key, t->v, t->n, sizeof(*t->v), cmp_ino) : NULL;
}
