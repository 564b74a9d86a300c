/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtnetlink in the few shapes needed here: dumps message by message, one
 * request with its answer, attributes with their bounds checked. Written by
 * hand because a dump is a loop, and a library costs every start of the program.
 */
#ifndef STASIS_RTNL_H
#define STASIS_RTNL_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* Messages one after the other, as the kernel sent them; malloc'ed, rtnl_buf_free(). */
struct rtnl_buf {
	char *v;
	size_t n;
};
void rtnl_buf_free(struct rtnl_buf *b);

/*
 * All answers to @type (RTM_GET*) with the body given, complete and consistent.
 * @what for errors.
 */
int rtnl_dump(int sock, int type, const void *body, size_t body_len, struct rtnl_buf *ret,
	      const char *what, struct err *e);
/* A request that the kernel acknowledges. @what for errors. */
int rtnl_talk(int sock, struct nlmsghdr *h, const char *what, struct err *e);

/* The next message whole within @left bytes, or NULL. */
const struct nlmsghdr *rtnl_next(const void **at, size_t *left);

/*
 * Attributes that follow a header of @hdr_len bytes: table[type] for type up to
 * @max, NULL when absent. False when the message is malformed.
 */
bool rtnl_attrs(const struct nlmsghdr *h, size_t hdr_len, const struct rtattr **table, int max);
bool rtnl_nested(const struct rtattr *a, const struct rtattr **table, int max);
uint32_t rtnl_u32(const struct rtattr *a, uint32_t otherwise);
/* NUL-terminated or "". */
const char *rtnl_str(const struct rtattr *a);

#endif
