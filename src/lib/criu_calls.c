// SPDX-License-Identifier: LGPL-2.1-or-later
/* The calls that ask for something: one request, notifications meanwhile, its answer. */
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

static _Thread_local char last_error[4096];
static _Thread_local int pts_master = -1;

const char *criu_errmsg(void)
{
	return last_error;
}

int criu_notify_pid(criu_notify_arg_t na)
{
	return na && na->has_pid ? na->pid : 0;
}

int criu_get_orphan_pts_master_fd(void)
{
	return pts_master;
}

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

/* The callback is asked; without one everything is fine. */
static int answer_notify(const struct criu_conn *c, const criu_opts *o, CriuResp *resp, int fd)
{
	CriuReq req = CRIU_REQ__INIT;
	int r = 0;

	if (!resp->notify || !resp->notify->script)
		return -EBADMSG;
	pts_master = fd;
	if (o->notify)
		r = o->notify(resp->notify->script, resp->notify);
	if (fd >= 0)
		close(fd);
	pts_master = -1;
	req.type = CRIU_REQ_TYPE__NOTIFY;
	req.has_notify_success = true;
	req.notify_success = r >= 0;
	return send_request(c, &req);
}

static int refused(const CriuResp *resp)
{
	if (resp->cr_errmsg) {
		strncpy(last_error, resp->cr_errmsg, sizeof(last_error) - 1);
		last_error[sizeof(last_error) - 1] = 0;
	}
	errno = resp->has_cr_errno && resp->cr_errno > 0 ? resp->cr_errno : EINVAL;
	return -EBADE;
}

/* One request over an open connection. *ret_resp only when it was granted. */
static int ask(const struct criu_conn *c, const criu_opts *o, const CriuReq *req,
	       CriuResp **ret_resp)
{
	CriuResp *resp = NULL;
	int fd, r = send_request(c, req);

	while (!r) {
		r = recv_answer(c, &resp, &fd);
		if (r || resp->type != CRIU_REQ_TYPE__NOTIFY)
			break;
		r = answer_notify(c, o, resp, fd);
		criu_resp__free_unpacked(resp, NULL);
		resp = NULL;
	}
	if (r)
		return r;
	if (!resp->success)
		r = refused(resp);
	else if (resp->type != req->type)
		r = -EBADMSG;
	if (r)
		criu_resp__free_unpacked(resp, NULL);
	else
		*ret_resp = resp;
	return r;
}

static int request(criu_opts *opts, CriuReq *req, bool start, bool apart, CriuResp **ret_resp)
{
	struct criu_conn c;
	int r;

	last_error[0] = 0;
	if (!opts)
		return -EINVAL;
	r = criu_conn_open(&c, opts, start, apart);
	if (r)
		return r;
	r = ask(&c, opts, req, ret_resp);
	criu_conn_close(&c);
	return r;
}

static int simple(criu_opts *opts, CriuReqType type)
{
	CriuReq req = CRIU_REQ__INIT;
	CriuResp *resp;
	int r;

	req.type = type;
	req.opts = opts ? opts->rpc : NULL;
	r = request(opts, &req, false, false, &resp);
	if (!r)
		criu_resp__free_unpacked(resp, NULL);
	return r;
}

int criu_local_check(criu_opts *opts)
{
	return simple(opts, CRIU_REQ_TYPE__CHECK);
}

int criu_local_pre_dump(criu_opts *opts)
{
	return simple(opts, CRIU_REQ_TYPE__SINGLE_PRE_DUMP);
}

/* Without a pid it is about ourselves: the answer is then read by whom was restored, too. */
static bool is_self(const criu_opts *o)
{
	return o && (!o->rpc->has_pid || !o->rpc->pid);
}

static int dump_answer(CriuResp *resp)
{
	int r = resp->dump && resp->dump->has_restored && resp->dump->restored;

	criu_resp__free_unpacked(resp, NULL);
	return r;
}

int criu_local_dump(criu_opts *opts)
{
	CriuReq req = CRIU_REQ__INIT;
	CriuResp *resp;
	int r;

	req.type = CRIU_REQ_TYPE__DUMP;
	req.opts = opts ? opts->rpc : NULL;
	r = request(opts, &req, false, is_self(opts), &resp);
	return r ? r : dump_answer(resp);
}

int criu_local_dump_iters(criu_opts *opts, int (*more)(criu_predump_info pi))
{
	CriuReq req = CRIU_REQ__INIT;
	struct criu_conn c;
	CriuResp *resp;
	int r;

	last_error[0] = 0;
	if (!opts || !more || is_self(opts))
		return -EINVAL;
	r = criu_conn_open(&c, opts, false, false);
	if (r)
		return r;
	req.opts = opts->rpc;
	do {
		req.type = CRIU_REQ_TYPE__PRE_DUMP;
		req.has_keep_open = req.keep_open = true;
		r = ask(&c, opts, &req, &resp);
		if (!r) {
			criu_resp__free_unpacked(resp, NULL);
			r = more(NULL);
		}
	} while (r > 0);
	if (!r) {
		req.type = CRIU_REQ_TYPE__DUMP;
		req.has_keep_open = req.keep_open = false;
		r = ask(&c, opts, &req, &resp);
		if (!r)
			r = dump_answer(resp);
	}
	criu_conn_close(&c);
	return r;
}

static int restore(criu_opts *opts, bool child)
{
	CriuReq req = CRIU_REQ__INIT;
	CriuResp *resp;
	CriuOpts with;
	int r;

	if (!opts)
		return -EINVAL;
	/* Only this time; what it points to stays the caller's. */
	with = *opts->rpc;
	if (child)
		with.has_rst_sibling = with.rst_sibling = true;
	req.type = CRIU_REQ_TYPE__RESTORE;
	req.opts = &with;
	r = request(opts, &req, child, false, &resp);
	if (r)
		return r;
	r = resp->restore ? resp->restore->pid : -EBADMSG;
	criu_resp__free_unpacked(resp, NULL);
	return r;
}

int criu_local_restore(criu_opts *opts)
{
	return restore(opts, false);
}

int criu_local_restore_child(criu_opts *opts)
{
	return restore(opts, true);
}

int criu_local_get_version(criu_opts *opts)
{
	CriuReq req = CRIU_REQ__INIT;
	CriuResp *resp;
	int r;

	req.type = CRIU_REQ_TYPE__VERSION;
	req.opts = opts ? opts->rpc : NULL;
	r = request(opts, &req, false, false, &resp);
	if (r)
		return r;
	r = -EBADMSG;
	if (resp->version) {
		const CriuVersion *v = resp->version;

		/* A build between releases counts as the next minor one. */
		r = v->major_number * 10000 + v->minor_number * 100;
		r += v->gitid ? 100 : v->has_sublevel ? v->sublevel : 0;
	}
	criu_resp__free_unpacked(resp, NULL);
	return r;
}

int criu_local_check_version(criu_opts *opts, int minimum)
{
	int version = criu_local_get_version(opts);

	return version < 0 ? version : version >= minimum;
}

int criu_local_feature_check(criu_opts *opts, struct criu_feature_check *features, size_t size)
{
	CriuReq req = CRIU_REQ__INIT;
	CriuFeatures want = CRIU_FEATURES__INIT;
	struct criu_feature_check f = { 0 };
	CriuResp *resp;
	int r;

	/* Programs built with a smaller or a larger struct know fewer or more features. */
	if (!features || !size)
		return -EINVAL;
	memcpy(&f, features, size < sizeof(f) ? size : sizeof(f));
	want.has_mem_track = want.mem_track = f.mem_track;
	want.has_lazy_pages = want.lazy_pages = f.lazy_pages;
	want.has_pidfd_store = want.pidfd_store = f.pidfd_store;
	req.type = CRIU_REQ_TYPE__FEATURE_CHECK;
	req.features = &want;
	r = request(opts, &req, false, false, &resp);
	if (r)
		return r;
	memset(&f, 0, sizeof(f));
	if (resp->features) {
		f.mem_track = resp->features->has_mem_track && resp->features->mem_track;
		f.lazy_pages = resp->features->has_lazy_pages && resp->features->lazy_pages;
		f.pidfd_store = resp->features->has_pidfd_store && resp->features->pidfd_store;
	}
	criu_resp__free_unpacked(resp, NULL);
	memset(features, 0, size);
	memcpy(features, &f, size < sizeof(f) ? size : sizeof(f));
	return 0;
}
