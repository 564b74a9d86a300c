// SPDX-License-Identifier: LGPL-2.1-or-later
/* The calls of libcriu that ask for something. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/criu-internal.h"

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

/* As criu_listener: the callback is asked; without one everything is fine. */
static int on_notify(void *ctx, CriuNotify *n, int fd)
{
	const criu_opts *o = ctx;
	int r;

	pts_master = fd;
	r = o->notify ? o->notify(n->script, n) : 0;
	pts_master = -1;
	return r;
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
static int ask(const struct criu_conn *c, criu_opts *o, const CriuReq *req, CriuResp **ret_resp)
{
	struct criu_listener l = { .notify = on_notify, .ctx = o };
	CriuResp *resp;
	int r = criu_ask(c, &l, req, &resp);

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
