/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP and UDP sockets: addresses and texts that both directions share. Private to src/fd. */
#ifndef STASIS_INET_H
#define STASIS_INET_H

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "fd/sk_opts.h"

union inet_addr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

#define INET_TEXT 96
/* "127.0.0.1:80", "[::1]:80" */
void inet_addr_text(const union inet_addr *a, char *buf, size_t size);
/* Of an entry: one end's address and port. */
socklen_t inet_entry_addr(const InetSkEntry *ie, bool peer, union inet_addr *ret);
const char *inet_proto_name(uint32_t proto);

/* inet_restore.c */
int inet_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e);
int inet_open_all(struct fd_restore *r, struct maker *mk, struct err *e);
int inet_made(struct fd_restore *r, struct err *e);

#endif
