// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages on the socket: one packet is one message (unix(7), SOCK_SEQPACKET). */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "rpc/rpc-internal.h"

bool wire_hung_up(int sk)
{
	struct pollfd p = { .fd = sk, .events = 0 };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

static ssize_t recv_again(int sk, void *buf, size_t size, int flags)
{
	ssize_t n;

	do {
		n = recv(sk, buf, size, flags);
	} while (n < 0 && errno == EINTR);
	return n;
}

static int bad_message(struct err *e, int code, const char *why, size_t size)
{
	return err_set(e, ERR_USAGE, code, "read", "a request", "%s (%zu bytes)", why, size);
}

int wire_recv(int sk, CriuReq **ret_req, struct err *e)
{
	_cleanup_free_ uint8_t *buf = NULL;
	ssize_t size = recv_again(sk, NULL, 0, MSG_PEEK | MSG_TRUNC);
	ssize_t n;

	if (size < 0 && errno == ECONNRESET)
		return 0;
	if (size < 0)
		return err_sys(e, "receive", "a request");
	/* Nothing is either the end or an empty packet, which is no request. */
	if (size == 0 && wire_hung_up(sk))
		return 0;
	if (size > REQUEST_MAX) {
		(void)recv_again(sk, NULL, 0, 0);
		return bad_message(e, EMSGSIZE, "it is too large", (size_t)size);
	}
	buf = malloc(size ? (size_t)size : 1);
	if (!buf)
		return err_set(e, ERR_SYSTEM, ENOMEM, "read", "a request", "out of memory");
	n = recv_again(sk, buf, (size_t)size, 0);
	if (n < 0)
		return err_sys(e, "receive", "a request");
	*ret_req = criu_req__unpack(NULL, (size_t)n, buf);
	if (!*ret_req)
		return bad_message(e, EBADMSG, "it is no criu_req message", (size_t)n);
	return 1;
}

int wire_send(int sk, const CriuResp *resp, int fd, struct err *e)
{
	_cleanup_free_ uint8_t *buf = NULL;
	size_t size = criu_resp__get_packed_size(resp);
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_len = size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	buf = malloc(size ? size : 1);
	if (!buf)
		return err_set(e, ERR_SYSTEM, ENOMEM, "send", "an answer", "out of memory");
	criu_resp__pack(resp, buf);
	iov.iov_base = buf;
	if (fd >= 0) {
		m.msg_control = control.room;
		m.msg_controllen = sizeof(control.room);
		control.h = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
					      .cmsg_level = SOL_SOCKET,
					      .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.h), &fd, sizeof(fd));
	}
	do {
		n = sendmsg(sk, &m, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? err_sys(e, "send", "an answer") : 0;
}
