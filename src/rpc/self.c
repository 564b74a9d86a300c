// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A client that asks for its own checkpoint. Its end of our connection is known
 * to the dump by inode (man 7 sock_diag), and the second answer, for the
 * client that is restored from it, waits in the images.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "rpc/rpc-internal.h"

static uint32_t peer_in(const void *buf, ssize_t n)
{
	const struct nlmsghdr *h = buf;
	const struct unix_diag_msg *m = NLMSG_DATA(h);
	const struct rtattr *a;
	int left;

	if (n < 0 || !NLMSG_OK(h, (unsigned)n) || h->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return 0;
	left = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof(*m)));
	for (a = (const struct rtattr *)(m + 1); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == UNIX_DIAG_PEER && RTA_PAYLOAD(a) >= sizeof(uint32_t))
			return *(const uint32_t *)RTA_DATA(a);
	return 0;
}

/* The inode of the other end of @sk. */
static int peer_inode(int sk, uint32_t *ret, struct err *e)
{
	struct {
		struct nlmsghdr h;
		struct unix_diag_req r;
	} req = {
		.h = { .nlmsg_len = sizeof(req),
		       .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		       .nlmsg_flags = NLM_F_REQUEST },
		.r = { .sdiag_family = AF_UNIX,
		       .udiag_states = -1u,
		       .udiag_show = UDIAG_SHOW_PEER,
		       .udiag_cookie = { -1u, -1u } },
	};
	_cleanup_close_ int nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	_Alignas(struct nlmsghdr) char buf[4096];
	struct stat st;

	if (nl < 0 || fstat(sk, &st))
		return err_sys(e, "ask for", "the client's socket");
	req.r.udiag_ino = (uint32_t)st.st_ino;
	if (send(nl, &req, sizeof(req), 0) < 0)
		return err_sys(e, "ask for", "the client's socket");
	*ret = peer_in(buf, recv(nl, buf, sizeof(buf), 0));
	return *ret ? 0 :
		      err_set(e, ERR_SYSTEM, ENOTCONN, "ask for", "the client's socket",
			      "the kernel does not name its other end");
}

int self_prepare(const struct client *c, struct job *j, const CriuOpts *opts, struct err *e)
{
	CriuResp resp = CRIU_RESP__INIT;
	CriuDumpResp dump = CRIU_DUMP_RESP__INIT;

	if (opts->has_notify_scripts && opts->notify_scripts) {
		err_set(e, ERR_USAGE, EINVAL, "use", "criu_opts.notify_scripts",
			"a client that is frozen for its own checkpoint cannot answer");
		return err_hint(e, "use action scripts (in a config file)");
	}
	dump.has_restored = dump.restored = true;
	resp.type = CRIU_REQ_TYPE__DUMP;
	resp.success = true;
	resp.dump = &dump;
	j->o.client_answer_len = criu_resp__get_packed_size(&resp);
	j->o.client_answer = malloc(j->o.client_answer_len);
	if (!j->o.client_answer)
		return err_set(e, ERR_SYSTEM, ENOMEM, "answer", "the client", "out of memory");
	criu_resp__pack(&resp, j->o.client_answer);
	return peer_inode(c->sk, &j->o.client_socket, e);
}
