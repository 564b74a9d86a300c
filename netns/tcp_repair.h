/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections by the kernel's TCP repair: reading the state of one that stands
 * under the network lock, and making one of such a state. Sequence numbers in
 * the image are the kernel's own; a FIN counts there, but not in the lengths.
 */
#ifndef STASIS_TCP_REPAIR_H
#define STASIS_TCP_REPAIR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/pool.h"
#include "image/schemas.h"
#include "netns/netlock.h"

struct err;
struct journal;
struct journal_entry;

union net_addr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct tcp_conn {
	uint32_t state; /* TCP_* of linux/tcp_states.h: what tcp_is_connected() allows */
	union net_addr local, remote;
	TcpStreamEntry s;
	void *in,
		*out; /* inq_len bytes unread; outq_len not acknowledged, the last unsq_len not sent */
	bool cork, nodelay;
};

/* Two ends that know each other, whatever was closed already. */
bool tcp_is_connected(uint32_t state);
struct tcp_tuple tcp_tuple_of(const union net_addr *local, const union net_addr *remote);

/*
 * A connection of a stopped task: what must be undone while it is in repair
 * mode, which the kernel keeps when we die. @reuseaddr: the socket's, which
 * leaving the mode takes away.
 */
int tcp_undo_add(struct journal *j, pid_t tid, int fd, bool reuseaddr, struct journal_entry **ret,
		 struct err *e);

/* On (1) or off without a word to the other side (-1). @what for errors. */
int tcp_repair_mode(int fd, int on, const char *what, struct err *e);
/* In repair mode: fill all but the addresses and what options say. Data in @pool. */
int tcp_repair_read(int fd, struct pool *pool, struct tcp_conn *c, const char *what, struct err *e);
/* Numbers from an image; NULL: all are possible. */
const char *tcp_conn_impossible(const struct tcp_conn *c);

/*
 * Restore, under the lock, in this order. @fd is a new socket, which stays in
 * repair mode: tcp_repair_mode(-1) ends that. tcp_repair_begin() comes before it is bound.
 */
int tcp_repair_begin(int fd, const struct tcp_conn *c, const char *what, struct err *e);
int tcp_repair_connect(int fd, const struct tcp_conn *c, const char *what, struct err *e);
/*
 * What was not sent yet, and who has closed. @raw: two sockets of our own in
 * the namespace (tcp_raw_sockets()).
 */
int tcp_repair_finish(int fd, const struct tcp_conn *c, const int raw[2], const char *what,
		      struct err *e);
/* tcp_inject.c: raw sockets for IPv4 and IPv6 (@raw[1] -EBADF without IPv6). */
int tcp_raw_prepare(int fd, const char *what, struct err *e);
/* A segment as if the other side had sent it. */
int tcp_inject(const int raw[2], const struct tcp_conn *c, uint32_t seq, uint32_t ack,
	       uint8_t flags, const char *what, struct err *e);

extern const struct undo_kind tcp_undo_repair;

#endif
