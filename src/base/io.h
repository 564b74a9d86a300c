/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* File and descriptor helpers that retry, complete and name what failed. */
#ifndef STASIS_IO_H
#define STASIS_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/* Whole buffers, EINTR and short counts handled. Return 0 or -errno; a short read is -EIO. */
int read_all(int fd, void *buf, size_t n);
int write_all(int fd, const void *buf, size_t n);
int pread_all(int fd, void *buf, size_t n, off_t at);
int pwrite_all(int fd, const void *buf, size_t n, off_t at);

/* A small text file into @buf, NUL-terminated. Returns the length or -errno. */
ssize_t read_text_at(int dirfd, const char *path, char *buf, size_t size);

/* A whole file, malloc'ed and NUL-terminated; the caller frees. Returns the length or -errno. */
ssize_t read_text_alloc(int dirfd, const char *path, char **ret);

/* One write(2) of a string, as control files want it. 0 or -errno. */
int write_text_at(int dirfd, const char *path, const char *text);

/* One descriptor over a unix socket with @n bytes of data (n >= 1). 0 or -errno. */
int send_fds(int sock, const int *fds, size_t nfds, const void *data, size_t n);
/* Received descriptors are O_CLOEXEC. Returns the data's length or -errno; *nfds is in/out. */
ssize_t recv_fds(int sock, int *fds, size_t *nfds, void *data, size_t n);

/* Monotonic microseconds. */
uint64_t now_us(void);

size_t page_size(void);
static inline uint64_t page_up(uint64_t v)
{
	uint64_t m = page_size() - 1;

	return (v + m) & ~m;
}
static inline uint64_t page_down(uint64_t v)
{
	return v & ~((uint64_t)page_size() - 1);
}

#endif
