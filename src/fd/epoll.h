/* SPDX-License-Identifier: GPL-2.0-or-later */
/* epoll's two halves: messages (epoll.c) and ties to targets (epoll_ties.c). Private to src/fd. */
#ifndef STASIS_EPOLL_H
#define STASIS_EPOLL_H

#include <sys/epoll.h>

#include "fd/file_kind.h"

int epoll_parse_line(const char *line, EventpollTfdEntry *ret);

/* Restore: which file each target is; then, when all are open, add them. */
int epoll_link(struct fd_restore *r, struct err *e);
int epoll_tie(struct fd_restore *r, struct err *e);
/*
 * ...but of signalfds the kernel watches the signals of the process that adds
 * them: calls for the first task that has the epoll. While the task's
 * descriptors are still in their slots.
 */
void epoll_build(struct build *b);

#endif
