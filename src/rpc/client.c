// SPDX-License-Identifier: GPL-2.0-or-later
/* One connection: requests in, answers out, until the client has had enough. */
#define LOG_MODULE "rpc"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "rpc/rpc-internal.h"
#include "rpc/rpc.h"

static int not_a_socket(int sk, const char *why, struct err *e)
{
	char object[32];

	snprintf(object, sizeof(object), "descriptor %d", sk);
	err_set(e, ERR_USAGE, EINVAL, "serve", object, "%s", why);
	return err_hint(e, "a client starts \"swrk FD\" with one end of a "
			   "socketpair(AF_UNIX, SOCK_SEQPACKET)");
}

int client_init(struct client *c, int sk, bool swrk, struct err *e)
{
	struct ucred cred;
	socklen_t len = sizeof(int);
	int type, flags;

	flags = fcntl(sk, F_GETFD);
	if (flags < 0 || getsockopt(sk, SOL_SOCKET, SO_TYPE, &type, &len))
		return not_a_socket(sk, flags < 0 ? "it is not open" : "it is not a socket", e);
	if (type != SOCK_SEQPACKET)
		return not_a_socket(sk, "it is a socket of another type than SOCK_SEQPACKET", e);
	len = sizeof(cred);
	if (getsockopt(sk, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return err_sys(e, "ask for", "the client's credentials");
	/* Nothing that we start or restore may hold on to it. */
	if (fcntl(sk, F_SETFD, flags | FD_CLOEXEC))
		return err_sys(e, "set up", "descriptor %d", sk);
	*c = (struct client){ .sk = sk, .swrk = swrk, .cred = cred };
	return 0;
}

static int answer_send(const struct client *c, struct answer *a, struct err *e)
{
	int r = wire_send(c->sk, &a->resp, -1, e);

	if (r)
		return r;
	if (!a->exec)
		return 0;
	log_flush();
	execvp(a->exec[0], a->exec);
	return err_sys(e, "exec", "%s", a->exec[0]);
}

bool client_serve(struct client *c, struct err *e)
{
	bool more = true, granted = true;

	while (more) {
		CriuReq *req = NULL;
		struct answer a;
		struct err bad = { 0 };
		int r = wire_recv(c->sk, &req, &bad);

		if (r == 0)
			break;
		answer_init(&a, req ? req->type : CRIU_REQ_TYPE__EMPTY);
		if (r > 0)
			request_run(c, req, &a);
		else
			answer_error(&a, &bad);
		granted = a.resp.success;
		/* Who sends what is no request cannot say that more will come. */
		more = req && req->has_keep_open && req->keep_open;
		if (answer_send(c, &a, e)) {
			granted = more = false;
			/* It was told of everything that matters, or is gone by its own dump. */
			log_debug("answer: %s: %s", e->object, e->why);
			err_clear(e);
		}
		if (req)
			criu_req__free_unpacked(req, NULL);
	}
	return granted;
}

int rpc_swrk(int fd, int *ret_status, struct err *e)
{
	struct client c;
	int r = client_init(&c, fd, true, e);

	if (r)
		return r;
	*ret_status = client_serve(&c, e) ? 0 : ERR_GENERAL;
	return 0;
}
