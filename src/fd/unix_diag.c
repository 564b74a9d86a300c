// SPDX-License-Identifier: GPL-2.0-or-later
/* See unix_diag.h. */
#include "fd/unix_diag.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <sys/socket.h>

#include "fd/sk_opts.h"

#define ANSWER_MAX (256 * 1024)

static uint32_t u32_of(const struct rtattr *a)
{
	uint32_t v = 0;

	if (RTA_PAYLOAD(a) >= sizeof(v))
		memcpy(&v, RTA_DATA(a), sizeof(v));
	return v;
}

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
		s->peer = u32_of(a);
		break;
	case UNIX_DIAG_ICONS:
		s->pending = u32_of(a);
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

static int ask(int sock, struct err *e)
{
	struct {
		struct nlmsghdr h;
		struct unix_diag_req r;
	} q = {
		.h = { .nlmsg_len = sizeof(q),
		       .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.r = { .sdiag_family = AF_UNIX,
		       .udiag_states = ~0u,
		       .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS |
				     UDIAG_SHOW_RQLEN },
	};
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };

	/* With an address the rights of the sender count, not those of the socket's maker. */
	if (sendto(sock, &q, sizeof(q), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_sys(e, "sendto", "sock_diag: unix sockets");
	return 0;
}

static int cmp_ino(const void *a, const void *b)
{
	const struct unix_sock *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/* 1: more to come, 0: the end, negative: failure. */
static int take(struct fd_dump *d, struct unix_table *t, const char *buf, int len, struct err *e)
{
	const struct nlmsghdr *h;

	for (h = (const void *)buf; len > 0 && NLMSG_OK(h, (unsigned)len); h = NLMSG_NEXT(h, len)) {
		struct unix_sock s;

		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *ne = NLMSG_DATA(h);

			errno = h->nlmsg_len >= NLMSG_LENGTH(sizeof(*ne)) ? -ne->error : EIO;
			err_sys(e, "sock_diag", "unix sockets");
			return err_hint(e, "the kernel needs CONFIG_UNIX_DIAG (module unix_diag)");
		}
		if (unix_diag_parse(d->m->pool, NLMSG_DATA(h), NLMSG_PAYLOAD(h, 0), &s)) {
			errno = EINVAL;
			return err_sys(e, "sock_diag", "unix sockets: a malformed answer");
		}
		pool_push(d->m->pool, t->v, t->n, s);
	}
	return 1;
}

int unix_table_read(struct fd_dump *d, struct unix_table *ret, struct err *e)
{
	_cleanup_close_ int sock = -EBADF;
	char *buf = pool_alloc(d->m->pool, ANSWER_MAX);
	int r = sk_socket(d, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG, &sock, e);

	if (!r)
		r = ask(sock, e);
	if (r)
		return r;
	do {
		ssize_t n = recv(sock, buf, ANSWER_MAX, 0);

		if (n <= 0)
			return err_sys(e, "recv", "sock_diag: unix sockets");
		r = take(d, ret, buf, (int)n, e);
	} while (r > 0);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), cmp_ino);
	return r;
}

struct unix_sock *unix_table_find(const struct unix_table *t, uint32_t ino)
{
	struct unix_sock key = { .ino = ino };

	return ino && t->n ? bsearch(&key, t->v, t->n, sizeof(*t->v), cmp_ino) : NULL;
}
