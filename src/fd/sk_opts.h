/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options of sockets of all families: those that have fields in the images, and
 * any other whose value differs from that of a fresh socket. Private to src/fd.
 */
#ifndef STASIS_SK_OPTS_H
#define STASIS_SK_OPTS_H

#include <sys/socket.h>

#include "fd/file_kind.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72 /* asm-generic/socket.h (5.14) */
#endif
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* 5.14 */
#endif

struct sk_look {
	int family, type, protocol;
};

int sk_look(const struct fd_look *l, struct sk_look *ret, struct err *e);
/* A socket in the tree's network namespace that nobody has touched; ours, kept. */
int sk_fresh(struct fd_dump *d, const struct sk_look *s, int *ret_fd, struct err *e);
/* The socket belongs to the tree's network namespace, or is refused. */
int sk_check_ns(struct fd_dump *d, const struct fd_look *l, const struct sk_look *s, struct err *e);
/* A socket of ours inside the tree's network namespace. */
int sk_socket(struct fd_dump *d, int family, int type, int protocol, int *ret_fd, struct err *e);
int sk_get(int fd, int level, int name, int *ret);

int sk_opts_dump(struct fd_dump *d, const struct fd_look *l, const struct sk_look *s,
		 SkOptsEntry **ret, struct err *e);
int sk_opts_read(const SkOptsEntry *so, const struct file_obj *f, struct image_in *in,
		 struct err *e);
/* Options that bind(2) looks at. */
int sk_opts_before_bind(int fd, const SkOptsEntry *so, const char *what, struct err *e);
/* All others; the socket has its name, its peer and its data. */
int sk_opts_restore(int fd, const SkOptsEntry *so, const char *what, struct err *e);
void sk_fresh_close(struct fd_dump *d);
/* Room for @bytes of data that is sent through @fd; put right by sk_opts_restore(). */
void sk_make_room(int fd, size_t bytes);

/* The network namespace's number in the images, or 0. */
uint32_t sk_ns_id(const struct fd_dump *d);

#endif
