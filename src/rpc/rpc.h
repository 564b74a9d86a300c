/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The service: requests of clients over a SOCK_SEQPACKET unix socket, in the
 * messages of rpc.proto.
 *
 * Owns: the socket, the meaning of every field of criu_opts (in terms of the
 * option table), the hook points' notifications, the answers. Does not do
 * anything to processes itself: that is checkpoint.h and restore.h.
 */
#ifndef STASIS_RPC_H
#define STASIS_RPC_H

#include <stdbool.h>

struct err;
struct options;

/*
 * Serve the one client whose socket is our descriptor @fd ("swrk FD"), until it
 * goes or a request comes without keep_open. *ret_status: 0 when the last
 * request was granted, else 1; the client knows the reason. An error is
 * only what the client could not be told.
 */
int rpc_swrk(int fd, int *ret_status, struct err *e);

/* Listen at o->address (or on a socket that systemd passes) until SIGTERM or SIGINT. */
int rpc_service(const struct options *o, struct err *e);

#endif
