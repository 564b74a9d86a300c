// SPDX-License-Identifier: LGPL-2.1-or-later
/* One request, notifications meanwhile, its answer. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/criu-internal.h"

/* Answers are smaller than what runtimes have room for. */
#define ANSWER_MAX 65536

static int send_request(const struct criu_conn *c, const CriuReq *req)
{
	size_t size = criu_req__get_packed_size(req);
	uint8_t *buf = malloc(size ? size : 1);
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	criu_req__pack(req, buf);
	do {
		n = send(c->sk, buf, size, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	free(buf);
	return n == (ssize_t)size ? 0 : -ECOMM;
}

static int take_descriptor(struct msghdr *m)
{
	int fd = -1;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h))
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(h), sizeof(fd));
	return fd;
}

/* @ret_fd: one that came along, or -1. */
static int recv_answer(const struct criu_conn *c, CriuResp **ret, int *ret_fd)
{
	uint8_t *buf = malloc(ANSWER_MAX);
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = buf, .iov_len = ANSWER_MAX };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.room,
			    .msg_controllen = sizeof(control.room) };
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	do {
		n = recvmsg(c->sk, &m, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	*ret_fd = n > 0 ? take_descriptor(&m) : -1;
	*ret = n > 0 && !(m.msg_flags & MSG_TRUNC) ? criu_resp__unpack(NULL, n, buf) : NULL;
	free(buf);
	if (*ret)
		return 0;
	if (*ret_fd >= 0)
		close(*ret_fd);
	return n > 0 ? -EBADMSG : -ECOMM;
}

/* Consent or refusal; @fd came along and is closed. */
static int answer_notify(const struct criu_conn *c, const struct criu_listener *l,
			 const CriuResp *resp, int fd)
{
	CriuReq req = CRIU_REQ__INIT;
	int r = -EBADMSG;

	if (resp->notify && resp->notify->script) {
		r = l->notify(l->ctx, resp->notify, fd);
		req.type = CRIU_REQ_TYPE__NOTIFY;
		req.has_notify_success = true;
		req.notify_success = r >= 0;
		r = send_request(c, &req);
	}
	if (fd >= 0)
		close(fd);
	return r;
}

int criu_ask(const struct criu_conn *c, const struct criu_listener *l, const CriuReq *req,
	     CriuResp **ret_resp)
{
	CriuResp *resp = NULL;
	int fd, r = send_request(c, req);

	while (!r) {
		r = recv_answer(c, &resp, &fd);
		if (r || resp->type != CRIU_REQ_TYPE__NOTIFY)
			break;
		r = answer_notify(c, l, resp, fd);
		criu_resp__free_unpacked(resp, NULL);
		resp = NULL;
	}
	if (!r)
		*ret_resp = resp;
	return r;
}
