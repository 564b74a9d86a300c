/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What waits in unix and UDP sockets, carried in sk-queues.img. Private to src/fd. */
#ifndef STASIS_SK_QUEUE_H
#define STASIS_SK_QUEUE_H

#include "fd/file_kind.h"

/* SkPacketEntry.oob: a byte sent with MSG_OOB; the mark that one has left, read already. */
enum { SK_OOB_BYTE = 1, SK_OOB_MARK = 2 };

/* sk_peek.c: whether something waits in the unix socket behind l->copy that sk_queue_dump() will carry. */
int sk_queue_look(const struct fd_look *l, int type, int shut, bool *ret_any, bool *ret_reset,
		  struct err *e);
/*
 * Peek at everything that waits in it and write it: data, boundaries, senders'
 * names and credentials, descriptors. Nothing is consumed. Descriptors that no
 * task holds become descriptions of the tree; call it when all tasks were seen.
 * @shut: directions that are shut down, as the kernel counts. @by: who sent it
 * with credentials that this end does not show (SO_PASSCRED at the other one
 * only), or NULL.
 */
int sk_queue_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, int type,
		  int shut, const struct task *by, struct err *e);
/* ...@ret_any: whether there was anything. */
int sk_queue_dump_any(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, int type,
		      int shut, const struct task *by, bool *ret_any, struct err *e);

struct sk_packet {
	const SkPacketEntry *e;
	const void *data;
	struct file_obj **rights;
	size_t n_rights;
};

struct sk_queue {
	struct sk_packet *v;
	size_t n, bytes;
};

/* Restore: all queues; @queue_of tells where one belongs. */
int sk_queue_read(struct fd_restore *r, struct sk_queue *(*queue_of)(struct file_obj *f),
		  struct err *e);
/* Send one packet through @fd; @to, when there is one, is where to. */
int sk_packet_send(struct fd_restore *r, int fd, const struct sk_packet *p, const void *to,
		   size_t to_len, const char *what, struct err *e);

#endif
