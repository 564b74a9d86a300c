/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rtnetlink client; see rtnetlink(7), netlink(7). */
#include "netns/rtnl.h"

#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/err.h"

#define BUF (32 * 1024)
/* A dump that something changed under is repeated so often. */
#define RETRIES 8

static int send_msg(int sock, const struct nlmsghdr *h, const void *body, size_t body_len,
		    const char *what, struct err *e)
{
	/* With an address, the sender's capabilities count, not the socket opener's. */
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	struct iovec iov[2] = { { (void *)h, h->nlmsg_len - body_len },
				{ (void *)body, body_len } };
	struct msghdr msg = { .msg_name = &to,
			      .msg_namelen = sizeof(to),
			      .msg_iov = iov,
			      .msg_iovlen = body_len ? 2 : 1 };

	return sendmsg(sock, &msg, 0) < 0 ? err_sys(e, "ask the kernel for", "%s", what) : 0;
}

/* One datagram from the kernel, nobody else's. */
static int receive(int sock, void *buf, size_t *ret_n, const char *what, struct err *e)
{
	for (;;) {
		struct sockaddr_nl from = { 0 };
		struct iovec iov = { buf, BUF };
		struct msghdr msg = { .msg_name = &from,
				      .msg_namelen = sizeof(from),
				      .msg_iov = &iov,
				      .msg_iovlen = 1 };
		ssize_t n = recvmsg(sock, &msg, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "receive", "%s", what);
		if (from.nl_pid)
			continue;
		if (msg.msg_flags & MSG_TRUNC) {
			errno = EMSGSIZE;
			return err_sys(e, "receive", "%s", what);
		}
		*ret_n = (size_t)n;
		return 0;
	}
}

static int error_of(const struct nlmsghdr *h)
{
	const struct nlmsgerr *ne = NLMSG_DATA(h);

	return h->nlmsg_len < NLMSG_LENGTH(sizeof(*ne)) ? -EIO : ne->error;
}

void rtnl_buf_free(struct rtnl_buf *b)
{
	free(b->v);
	b->v = NULL;
	b->n = 0;
}

static int buf_add(struct rtnl_buf *b, const struct nlmsghdr *h, struct err *e)
{
	size_t len = NLMSG_ALIGN(h->nlmsg_len);
	char *v = realloc(b->v, b->n + len);

	if (!v)
		return err_set(e, ERR_SYSTEM, ENOMEM, "read", "network namespace", "out of memory");
	b->v = v;
	memset(v + b->n, 0, len);
	memcpy(v + b->n, h, h->nlmsg_len);
	b->n += len;
	return 0;
}

/* 0: whole; 1: something changed meanwhile. */
static int dump_once(int sock, int type, const void *body, size_t body_len, struct rtnl_buf *out,
		     const char *what, struct err *e)
{
	struct nlmsghdr req = {
		.nlmsg_len = (uint32_t)NLMSG_LENGTH(body_len),
		.nlmsg_type = (uint16_t)type,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
	};
	_cleanup_free_ char *buf = malloc(BUF);
	bool changed = false;
	int r = send_msg(sock, &req, body, body_len, what, e);

	while (!r) {
		const struct nlmsghdr *h;
		const void *at = buf;
		size_t left;

		r = receive(sock, buf, &left, what, e);
		while (!r && (h = rtnl_next(&at, &left))) {
			changed |= h->nlmsg_flags & NLM_F_DUMP_INTR;
			if (h->nlmsg_type == NLMSG_DONE)
				return changed;
			if (h->nlmsg_type == NLMSG_ERROR) {
				errno = -error_of(h);
				return err_sys(e, "read", "%s", what);
			}
			r = buf_add(out, h, e);
		}
	}
	return r;
}

int rtnl_dump(int sock, int type, const void *body, size_t body_len, struct rtnl_buf *ret,
	      const char *what, struct err *e)
{
	for (int i = 0; i < RETRIES; i++) {
		struct rtnl_buf b = { 0 };
		int r = dump_once(sock, type, body, body_len, &b, what, e);

		if (!r) {
			*ret = b;
			return 0;
		}
		rtnl_buf_free(&b);
		if (r < 0)
			return r;
	}
	return err_set(e, ERR_TARGET, EAGAIN, "read", what, "it keeps changing");
}

int rtnl_talk(int sock, struct nlmsghdr *h, const char *what, struct err *e)
{
	_cleanup_free_ char *buf = malloc(BUF);
	int r;

	h->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	r = send_msg(sock, h, NULL, 0, what, e);
	while (!r) {
		const struct nlmsghdr *a;
		const void *at = buf;
		size_t left;

		r = receive(sock, buf, &left, what, e);
		while (!r && (a = rtnl_next(&at, &left))) {
			if (a->nlmsg_type != NLMSG_ERROR)
				continue;
			errno = -error_of(a);
			return errno ? err_sys(e, "set", "%s", what) : 0;
		}
	}
	return r;
}

const struct nlmsghdr *rtnl_next(const void **at, size_t *left)
{
	const struct nlmsghdr *h = *at;
	size_t step;

	if (*left < sizeof(*h) || h->nlmsg_len < sizeof(*h) || h->nlmsg_len > *left)
		return NULL;
	step = NLMSG_ALIGN(h->nlmsg_len);
	if (step > *left)
		step = *left;
	*at = (const char *)*at + step;
	*left -= step;
	return h;
}

static bool attrs(const struct rtattr *a, size_t left, const struct rtattr **table, int max)
{
	memset(table, 0, ((size_t)max + 1) * sizeof(*table));
	while (left >= sizeof(*a)) {
		size_t step = RTA_ALIGN(a->rta_len);

		if (a->rta_len < sizeof(*a) || a->rta_len > left)
			return false;
		if ((a->rta_type & NLA_TYPE_MASK) <= max)
			table[a->rta_type & NLA_TYPE_MASK] = a;
		if (step > left)
			break;
		left -= step;
		a = (const struct rtattr *)((const char *)a + step);
	}
	return true;
}

bool rtnl_attrs(const struct nlmsghdr *h, size_t hdr_len, const struct rtattr **table, int max)
{
	size_t skip = NLMSG_SPACE(hdr_len);

	memset(table, 0, ((size_t)max + 1) * sizeof(*table));
	if (h->nlmsg_len < NLMSG_LENGTH(hdr_len))
		return false;
	if (h->nlmsg_len <= skip)
		return true;
	return attrs((const struct rtattr *)((const char *)h + skip), h->nlmsg_len - skip, table,
		     max);
}

bool rtnl_nested(const struct rtattr *a, const struct rtattr **table, int max)
{
	return attrs(RTA_DATA(a), RTA_PAYLOAD(a), table, max);
}

uint32_t rtnl_u32(const struct rtattr *a, uint32_t otherwise)
{
	uint32_t v;

	if (!a || RTA_PAYLOAD(a) < sizeof(v))
		return otherwise;
	memcpy(&v, RTA_DATA(a), sizeof(v));
	return v;
}

const char *rtnl_str(const struct rtattr *a)
{
	if (!a || !RTA_PAYLOAD(a) || memchr(RTA_DATA(a), 0, RTA_PAYLOAD(a)) == NULL)
		return "";
	return RTA_DATA(a);
}
