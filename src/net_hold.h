/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the network is locked, what of it, and who takes the lock away: between
 * the step tables and netns/netlock.h.
 */
#ifndef STASIS_NET_HOLD_H
#define STASIS_NET_HOLD_H

#include "hooks/hooks.h"
#include "model/model.h"
#include "netns/netlock.h"

struct journal_entry;

struct net_hold {
	struct netlock lock;
	bool told; /* dump: the hook network-lock has run */
	struct tcp_tuple *v;
	size_t n;
	char left[20]; /* dump: the id of the table that stays; "" when there is none */
	struct journal_entry *undo; /* ...which goes, should we die before the tree does */
};

void net_hold_init(struct net_hold *h);
/*
 * The stopped tree's connections are to be dumped: the hook, then not a packet
 * of theirs from here on.
 */
int net_hold_dump(struct net_hold *h, struct model *m, const struct hooks *hooks, struct err *e);
/* Before the inventory is written: whether a lock will be left when the tree is gone. */
void net_hold_plan_leaving(struct net_hold *h, struct model *m);
/* Immediately before the kill. The connections fall silent; what was planned is left. */
int net_hold_leave(struct net_hold *h, struct model *m, struct err *e);
/* The tree is dead: what was left stays. */
void net_hold_left(struct net_hold *h);
/* Undo all of it; harmless when nothing was locked. @hooks: of a dump, else NULL. */
void net_hold_end(struct net_hold *h, struct model *m, const struct hooks *hooks);

/* Before the connections are made in the namespace of @pid. */
int net_hold_restore(struct net_hold *h, struct model *m, pid_t pid, struct err *e);
/* The tree stands: no lock, also none that the dump had left. */
void net_hold_free(struct net_hold *h, struct model *m, pid_t pid);

/* Take away what the dump of these images had left, in our own namespace. */
int net_hold_unlock(struct model *m, bool *ret_was_locked, struct err *e);

extern const struct undo_kind net_undo_left;

#endif
