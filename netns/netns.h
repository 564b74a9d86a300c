/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network namespace: what it holds, and making it again.
 *
 * Owns: netns-*.img, netdev-*.img, ifaddr, route, rule images. So far: a
 * namespace with `lo` alone; anything more is refused by name.
 */
#ifndef STASIS_NETNS_H
#define STASIS_NETNS_H

#include "model/build.h"
#include "model/model.h"

/* @net_sock: an rtnetlink socket inside the namespace, or -1 when the tree has none of its own. */
int netns_preflight(struct model *m, int net_sock, struct err_list *blockers, struct err *e);
int netns_dump(struct model *m, int net_sock, struct err *e);

int netns_read(struct model *m, struct err *e);
/* Configure the new namespace of @pid through @net_sock, an rtnetlink socket made inside it. */
int netns_fill(struct model *m, pid_t pid, int net_sock, struct err *e);

#endif
