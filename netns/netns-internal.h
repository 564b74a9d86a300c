/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a network namespace can be rebuilt so far: judged message by message,
 * the same way for what the kernel tells and for what an image holds.
 */
#ifndef STASIS_NETNS_INTERNAL_H
#define STASIS_NETNS_INTERNAL_H

#include "netns/netns.h"
#include "netns/rtnl.h"

/* The loopback device. */
struct lo_state {
	bool found, up, has_v4, has_v6;
	uint32_t ifindex, mtu, flags, txqlen;
};

/*
 * Whether the object is one that a fresh namespace with `lo` as it is has by
 * itself. False: it must be refused, @name (of @size) says what it is.
 */
bool net_addr_is_plain(const struct nlmsghdr *h, uint32_t lo_index, char *name, size_t size);
bool net_route_is_plain(const struct nlmsghdr *h, char *name, size_t size);
bool net_rule_is_plain(const struct nlmsghdr *h, char *name, size_t size);
bool net_neigh_is_plain(const struct nlmsghdr *h, char *name, size_t size);
/* Devices that the kernel's tunnel modules put into every namespace, left alone. */
bool net_link_is_fallback(const char *name, const char *kind, uint32_t flags);

/* All settings below /proc/sys/net of the namespace of @pid. */
int net_sysctls_dump(struct model *m, pid_t pid, NetnsEntry *ns, struct err *e);
/* Names and values from an image. */
int net_sysctls_check(const NetnsEntry *ns, struct err *e);
/* Make those that differ as they were; after the links, on which some depend. */
int net_sysctls_fill(pid_t pid, const NetnsEntry *ns, struct err *e);

/* iproute2's marks at the start of saved dumps. */
#define NET_MAGIC_ADDR 0x47361222u
#define NET_MAGIC_ROUTE 0x45311224u
#define NET_MAGIC_RULE 0x71706986u

#endif
