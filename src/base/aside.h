/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls on files that a server far away may never answer, made in a
 * second thread. A call that the server has begun with cannot be killed (FUSE,
 * NFS); a thread that waits for the second one can, and what it traces is then
 * let go by the kernel.
 */
#ifndef STASIS_ASIDE_H
#define STASIS_ASIDE_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

/* From now on, when the filesystem of @fd is of such a sort; else the calls below are made at once. */
void aside_enable(int fd);
/* In a forked child, which has no second thread. */
void aside_forked(void);

/* As the calls of the same name; -1 with errno. */
int aside_openat(int dir, const char *name, int flags, mode_t mode);
ssize_t aside_pwritev(int fd, const struct iovec *v, int n, off_t at);
int aside_unlinkat(int dir, const char *name);
int aside_close(int fd);
/* As write_all() and pwrite_all() of io.h. */
int aside_write_all(int fd, const void *buf, size_t n);
int aside_pwrite_all(int fd, const void *buf, size_t n, off_t at);

#endif
