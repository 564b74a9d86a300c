/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the library share. */
#ifndef STASIS_CRIU_INTERNAL_H
#define STASIS_CRIU_INTERNAL_H

/* Only the header's calls can be seen from outside (-fvisibility=hidden). */
#pragma GCC visibility push(default)
#include "lib/criu.h"
#pragma GCC visibility pop
#include "schema/rpc.pb-c.h"

struct criu_opts_s {
	CriuOpts *rpc; /* owned, with all that it points to */
	int (*notify)(char *action, criu_notify_arg_t na);
	enum criu_service_comm comm;
	char *address; /* of the service */
	char *binary;
	int service_fd;
};

#define CRIU_DEFAULT_ADDRESS "/var/run/criu_service.socket"
#define CRIU_DEFAULT_BINARY "criu"

/* A connection, to the service or to a worker that was started for it. */
struct criu_conn {
	int sk;
	int worker;    /* pid to wait for; 0: none, or not our child */
	bool borrowed; /* the caller's descriptor: stays open */
};

/*
 * @apart: the worker is not to be our descendant, for it is to checkpoint us;
 * @start: a worker in any case. 0 or as criu.h says.
 */
int criu_conn_open(struct criu_conn *c, const criu_opts *o, bool start, bool apart);
/* Waits for the worker's end, so that nobody else's wait() meets it. Keeps errno. */
void criu_conn_close(struct criu_conn *c);

/* Whom hook points are told: negative refuses. @fd: a descriptor that came along, or -1. */
struct criu_listener {
	int (*notify)(void *ctx, CriuNotify *n, int fd);
	void *ctx;
};

/* The answer, granted or refused (criu_resp__free_unpacked()); -ECOMM, -EBADMSG, -ENOMEM. */
int criu_ask(const struct criu_conn *c, const struct criu_listener *l, const CriuReq *req,
	     CriuResp **ret_resp);

#endif
