/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking the kernel about all sockets of a family (man 7 sock_diag). Private to src/fd. */
#ifndef STASIS_SK_DIAG_H
#define STASIS_SK_DIAG_H

#include <linux/rtnetlink.h>

#include "fd/file_kind.h"

/* One socket's message, without the netlink header. */
typedef int (*sk_diag_fn)(struct fd_dump *d, const void *msg, size_t len, void *ctx);

/*
 * Send @req, the body of a SOCK_DIAG_BY_FAMILY dump request, inside the tree's
 * network namespace; @fn sees every answer (-EINVAL: it is malformed). @what
 * names the sockets, for errors.
 */
int sk_diag_dump(struct fd_dump *d, const void *req, size_t len, const char *what, sk_diag_fn fn,
		 void *ctx, struct err *e);
uint32_t sk_diag_u32(const struct rtattr *a);

#endif
