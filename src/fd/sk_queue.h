/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Data that waits in sockets, carried in sk-queues.img. Private to src/fd. */
#ifndef STASIS_SK_QUEUE_H
#define STASIS_SK_QUEUE_H

#include "fd/file_kind.h"

/*
 * Peek at everything that waits in the unix socket behind l->copy and write it.
 * @from: the only name that senders of datagrams may have (the peer's), may be
 * empty. Nothing is consumed. *ret_bytes, *ret_packets: how much there is.
 */
int sk_queue_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, int type,
		  const char *from, size_t from_len, size_t *ret_packets, struct err *e);

struct sk_packet {
	const void *data;
	uint32_t len;
};

struct sk_queue {
	struct sk_packet *v;
	size_t n, bytes;
};

/* Restore: all queues; *ret is indexed by the file's place in m->file_index. */
int sk_queue_read(struct fd_restore *r, struct sk_queue *(*queue_of)(struct file_obj *f),
		  struct err *e);
/* Send a queue through @fd, whose other end is the socket that it waited in. */
int sk_queue_send(int fd, const struct sk_queue *q, const char *what, struct err *e);

#endif
