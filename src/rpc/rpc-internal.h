/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this module share. */
#ifndef STASIS_RPC_INTERNAL_H
#define STASIS_RPC_INTERNAL_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/err.h"
#include "model/options.h"
#include "schema/rpc.pb-c.h"

/* A request beyond this is refused; a unix socket's own limit is usually lower. */
#define REQUEST_MAX (1u << 20)

struct client {
	int sk;
	bool swrk; /* we were started by it, for it alone */
	struct ucred cred;
};

/* -- wire.c -- */

/*
 * One message. 1 with *ret_req (criu_req__free_unpacked()), 0 when the client
 * closed, or -errno: -EBADMSG for what is no request, -EMSGSIZE for one too
 * large; both were taken from the socket.
 */
int wire_recv(int sk, CriuReq **ret_req, struct err *e);
/* @fd goes along as SCM_RIGHTS unless it is negative. */
int wire_send(int sk, const CriuResp *resp, int fd, struct err *e);
/* The other side is closed. */
bool wire_hung_up(int sk);

/* -- job.c -- */

/* One operation asked for: its options, and what they keep open. */
struct job {
	struct options o;
	int images_fd, work_fd;
	bool has_log;	 /* it is known where errors are written down, whatever else failed */
	bool self;	 /* the client asked to be checkpointed itself */
	char **exec_cmd; /* NULL-ended when given; its words are the request's */
};

/*
 * All options of a request for @cmd: default config files, then the fields,
 * then config_file, which has the last word. @opts must outlive the job.
 * Class ERR_USAGE when a field is wrong or cannot be served.
 */
int job_init(struct job *j, const struct client *c, const CriuOpts *opts, enum cmd cmd,
	     struct err *e);
void job_free(struct job *j);

/* -- self.c -- */

/* The client is of the tree that is to be checkpointed: what the dump must know of it. */
int self_prepare(const struct client *c, struct job *j, const CriuOpts *opts, struct err *e);

/* -- client.c -- */

/* Serve until the client goes or does not ask for more. Whether the last request was granted. */
bool client_serve(struct client *c, struct err *e);
/* Whom @sk belongs to. */
int client_init(struct client *c, int sk, bool swrk, struct err *e);

/* -- notify.c -- */

/* As options.notify, with the client as @ctx: tells it and waits for its consent. */
int notify_client(void *ctx, const char *point, pid_t pid, int fd, struct err *e);
/* The same for a client that wants no notifications: only whether it is still there. */
int notify_nobody(void *ctx, const char *point, pid_t pid, int fd, struct err *e);

/* -- requests.c -- */

/* An answer with room for its parts. */
struct answer {
	CriuResp resp;
	CriuDumpResp dump;
	CriuRestoreResp restore;
	CriuVersion version;
	CriuFeatures features;
	char errmsg[4096];
	/* After the answer was sent, become this program (exec_cmd). */
	char **exec;
};

/* Do what is asked for and fill the answer; not for NOTIFY, which only answers us. */
void request_run(struct client *c, const CriuReq *req, struct answer *a);
/* The answer to what failed. */
void answer_error(struct answer *a, const struct err *e);
void answer_init(struct answer *a, CriuReqType type);

#endif
