// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hook points told to the client, which must answer before work goes on.
 *
 * Runs in: the worker of a checkpoint, the process that restores.
 */
#define LOG_MODULE "rpc"
#include <errno.h>
#include <poll.h>

#include "base/log.h"
#include "base/watchdog.h"
#include "rpc/rpc-internal.h"

#define LOOK_MS 100

static int client_left(const char *point, struct err *e)
{
	return err_set(e, ERR_CANCELLED, ECONNRESET, "notify", "the client",
		       "it closed its connection before or at %s", point);
}

/* A client that went away reads no answer: whatever was asked for has nobody to use it. */
int notify_nobody(void *ctx, const char *point, pid_t pid, int fd, struct err *e)
{
	const struct client *c = ctx;

	return wire_hung_up(c->sk) ? client_left(point, e) : 0;
}

static int consent(const struct client *c, const char *point, struct err *e)
{
	struct pollfd p = { .fd = c->sk, .events = POLLIN };
	CriuReq *req = NULL;
	bool asked, granted;
	int r;

	while (poll(&p, 1, LOOK_MS) <= 0) {
		r = cancel_check(e);
		if (r)
			return r;
	}
	r = wire_recv(c->sk, &req, e);
	if (r <= 0)
		return r ? r : client_left(point, e);
	asked = req->type != CRIU_REQ_TYPE__NOTIFY;
	granted = req->has_notify_success && req->notify_success;
	criu_req__free_unpacked(req, NULL);
	if (asked)
		return err_set(e, ERR_USAGE, EBADMSG, "notify", "the client",
			       "it sent another request instead of an answer to %s", point);
	if (!granted)
		return err_set(e, ERR_CANCELLED, ECANCELED, "notify", "the client", "it refused %s",
			       point);
	return 0;
}

int notify_client(void *ctx, const char *point, pid_t pid, int fd, struct err *e)
{
	const struct client *c = ctx;
	CriuResp resp = CRIU_RESP__INIT;
	CriuNotify n = CRIU_NOTIFY__INIT;
	int r;

	n.script = (char *)point;
	n.has_pid = pid > 0;
	n.pid = pid;
	resp.type = CRIU_REQ_TYPE__NOTIFY;
	resp.success = true;
	resp.notify = &n;
	log_debug("telling the client: %s", point);
	r = wire_send(c->sk, &resp, fd, e);
	if (r == -EPIPE || r == -ECONNRESET)
		return client_left(point, e);
	if (r)
		return r;
	watchdog_patient(true);
	r = consent(c, point, e);
	watchdog_patient(false);
	return r;
}
