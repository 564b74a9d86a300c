/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP and UDP sockets: addresses and texts that both directions share. Private to src/fd. */
#ifndef STASIS_INET_H
#define STASIS_INET_H

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "fd/sk_opts.h"
#include "fd/sk_queue.h"
#include "netns/tcp_repair.h"

#define INET_TEXT 96
/* "127.0.0.1:80", "[::1]:80" */
void inet_addr_text(const union net_addr *a, char *buf, size_t size);
/* Of an entry: one end's address and port. */
socklen_t inet_entry_addr(const InetSkEntry *ie, bool peer, union net_addr *ret);
const char *inet_proto_name(uint32_t proto);
/* "TCP socket 127.0.0.1:80" */
void inet_what(const InetSkEntry *ie, char *buf, size_t size);
/* A link-local address needs its interface: no error when there is none. */
int inet_scope(int fd, const InetSkEntry *ie, union net_addr *a, const char *what, struct err *e);

/* inet_restore.c */
int inet_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e);
int inet_read_end(struct fd_restore *r, struct err *e);
int inet_open_all(struct fd_restore *r, struct maker *mk, struct err *e);
int inet_made(struct fd_restore *r, struct err *e);

/* inet_tcp.c: connections; @c has state and addresses. */
int inet_tcp_check(struct fd_dump *d, const struct fd_look *l, const struct tcp_conn *c,
		   struct err *e);
/* The message is complete but for what this adds. */
int inet_tcp_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l,
		  struct tcp_conn *c, struct err *e);
void inet_tcp_drop_extra(SkOptsEntry *so);

/* inet_tcp_restore.c */
/* Whether it is a connection that is to be made. */
bool inet_is_conn(const struct file_obj *f);
int inet_tcp_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e);
/* What inet_restore.c lends: bind(2) with what comes before it, and the options. */
struct inet_steps {
	int (*before)(struct file_obj *f, const char *what, struct err *e);
	int (*bind)(struct file_obj *f, const char *what, struct err *e);
	int (*options)(struct file_obj *f, const char *what, struct err *e);
};
int inet_tcp_made(struct fd_restore *r, const struct inet_steps *steps, struct err *e);
int inet_tcp_finish(struct fd_restore *r, struct err *e);

/* inet_queue.c: of UDP sockets, else NULL */
static inline struct sk_queue *inet_queue(const struct file_obj *f)
{
	return f->entry->type == FD_TYPES__INETSK && f->entry->isk->proto == IPPROTO_UDP ?
		       fd_work((struct file_obj *)f)->kid :
		       NULL;
}
int inet_queue_check(const struct file_obj *f, struct err *e);
int inet_send_queue(struct fd_restore *r, struct file_obj *f, struct err *e);

#endif
