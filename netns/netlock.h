/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network lock: no packet of the tree's connections comes in or goes out
 * while we work on them. One nftables table of our own, which the kernel
 * removes when the socket that made it is closed, so also when we die.
 */
#ifndef STASIS_NETLOCK_H
#define STASIS_NETLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* Packets that bear it pass the lock: those by which a connection's state is made. */
#define NETLOCK_MARK 0x57a515u
/* Every table of ours begins so; saved rulesets leave them out. */
#define NETLOCK_PREFIX "stasis-"

/* One connection as its packets show it; all in network order. */
struct tcp_tuple {
	bool v6; /* else the first four bytes of each address */
	uint8_t local[16], remote[16];
	uint16_t local_port, remote_port;
};

struct netlock {
	int sock; /* -EBADF: not locked */
	char table[40];
};

/*
 * Lock by @sock, a NETLINK_NETFILTER socket made inside the namespace, which is
 * taken over. @n connections, or with @whole everything.
 */
int netlock_set(struct netlock *l, int sock, bool whole, const struct tcp_tuple *t, size_t n,
		struct err *e);
/* Does nothing when not locked. */
void netlock_clear(struct netlock *l);
/* Let a table that outlives us take over; @id names it. The lock goes on without a gap. */
int netlock_leave(struct netlock *l, const char *id, const struct tcp_tuple *t, size_t n,
		  struct err *e);
/* Remove the table that was left as @id; 1 when there is none. @sock as above, the caller's. */
int netlock_remove(int sock, const char *id, struct err *e);
/* Ids are 16 hexadecimal digits: they come from images. */
bool netlock_id_valid(const char *id);

#endif
