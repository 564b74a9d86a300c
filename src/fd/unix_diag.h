/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel tells of all unix sockets of a network namespace (man 7
 * sock_diag): who is whose peer, names, shutdown, pending connections. Private
 * to src/fd.
 */
#ifndef STASIS_UNIX_DIAG_H
#define STASIS_UNIX_DIAG_H

#include "fd/file_kind.h"

struct unix_sock {
	uint32_t ino;
	uint8_t type, state, shutdown;
	bool has_peer;
	uint32_t peer;		 /* with has_peer: 0 when the peer has been closed */
	uint32_t rqueue, wqueue; /* listeners: connections that wait, their limit */
	const char *name;	 /* as bound, not terminated; in the pool */
	size_t name_len;
	uint32_t *pending; /* of a listener: who waits, in order; 0: closed meanwhile */
	size_t n_pending;
};

struct unix_table {
	struct unix_sock *v; /* by ino */
	size_t n;
};

int unix_table_read(struct fd_dump *d, struct unix_table *ret, struct err *e);
struct unix_sock *unix_table_find(const struct unix_table *t, uint32_t ino);
/* One message of the kernel's answer; exposed for its test. -EINVAL when it is malformed. */
int unix_diag_parse(struct pool *pool, const void *msg, size_t len, struct unix_sock *ret);

#endif
