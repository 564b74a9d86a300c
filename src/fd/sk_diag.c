// SPDX-License-Identifier: GPL-2.0-or-later
/* See sk_diag.h. */
#include "fd/sk_diag.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <sys/socket.h>

#include "fd/sk_opts.h"

#define ANSWER_MAX (256 * 1024)
#define REQUEST_MAX 128

struct asked {
	struct fd_dump *d;
	const char *what;
	sk_diag_fn fn;
	void *ctx;
};

uint32_t sk_diag_u32(const struct rtattr *a)
{
	uint32_t v = 0;

	if (RTA_PAYLOAD(a) >= sizeof(v))
		memcpy(&v, RTA_DATA(a), sizeof(v));
	return v;
}

static int ask(int sock, const void *req, size_t len, const char *what, struct err *e)
{
	struct {
		struct nlmsghdr h;
		char body[REQUEST_MAX];
	} q = { .h = { .nlmsg_len = (uint32_t)NLMSG_LENGTH(len),
		       .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP } };
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };

	memcpy(q.body, req, len);
	/* With an address the rights of the sender count, not those of the socket's maker. */
	if (sendto(sock, &q, q.h.nlmsg_len, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_sys(e, "sendto", "sock_diag: %s", what);
	return 0;
}

/* 1: more to come, 0: the end, negative: failure. */
static int take(const struct asked *q, const char *buf, int len, struct err *e)
{
	const struct nlmsghdr *h;

	for (h = (const void *)buf; len > 0 && NLMSG_OK(h, (unsigned)len); h = NLMSG_NEXT(h, len)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *ne = NLMSG_DATA(h);

			errno = h->nlmsg_len >= NLMSG_LENGTH(sizeof(*ne)) ? -ne->error : EIO;
			err_sys(e, "sock_diag", "%s", q->what);
			return err_hint(e,
					"the kernel needs CONFIG_UNIX_DIAG and CONFIG_NETLINK_DIAG "
					"(modules unix_diag, netlink_diag)");
		}
		if (q->fn(q->d, NLMSG_DATA(h), NLMSG_PAYLOAD(h, 0), q->ctx)) {
			errno = EINVAL;
			return err_sys(e, "sock_diag", "%s: a malformed answer", q->what);
		}
	}
	return 1;
}

int sk_diag_dump(struct fd_dump *d, const void *req, size_t len, const char *what, sk_diag_fn fn,
		 void *ctx, struct err *e)
{
	struct asked q = { d, what, fn, ctx };
	_cleanup_close_ int sock = -EBADF;
	char *buf = pool_alloc(d->m->pool, ANSWER_MAX);
	int r = sk_socket(d, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG, &sock, e);

	if (!r)
		r = ask(sock, req, len, what, e);
	if (r)
		return r;
	do {
		ssize_t n = recv(sock, buf, ANSWER_MAX, 0);

		if (n <= 0)
			return err_sys(e, "recv", "sock_diag: %s", what);
		r = take(&q, buf, (int)n, e);
	} while (r > 0);
	return r;
}
