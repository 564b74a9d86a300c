// SPDX-License-Identifier: LGPL-2.1-or-later
/* File and descriptor helpers; see io.h. */
#include "base/io.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

/* The kernel's SCM_MAX_FD: descriptors in one message. */
#define FDS_MAX 253

int read_all(int fd, void *buf, size_t n)
{
	char *p = buf;

	while (n) {
		ssize_t r = read(fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (!r)
			return -EIO;
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

int write_all(int fd, const void *buf, size_t n)
{
	const char *p = buf;

	while (n) {
		ssize_t r = write(fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

int pread_all(int fd, void *buf, size_t n, off_t at)
{
	char *p = buf;

	while (n) {
		ssize_t r = pread(fd, p, n, at);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (!r)
			return -EIO;
		p += r;
		at += r;
		n -= (size_t)r;
	}
	return 0;
}

int pwrite_all(int fd, const void *buf, size_t n, off_t at)
{
	const char *p = buf;

	while (n) {
		ssize_t r = pwrite(fd, p, n, at);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		p += r;
		at += r;
		n -= (size_t)r;
	}
	return 0;
}

/* Until end of file or @size bytes. */
static ssize_t read_until_end(int fd, char *buf, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t r = read(fd, buf + n, size - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (!r)
			break;
		n += (size_t)r;
	}
	return (ssize_t)n;
}

ssize_t read_text_at(int dirfd, const char *path, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read_until_end(fd, buf, size);
	if (n < 0)
		return n;
	if ((size_t)n == size)
		return -EFBIG;
	buf[n] = '\0';
	return n;
}

ssize_t read_text_alloc(int dirfd, const char *path, char **ret)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_free_ char *buf = NULL;
	size_t size = 4096, used = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		char *bigger = realloc(buf, size);
		ssize_t n;

		if (!bigger)
			return -ENOMEM;
		buf = bigger;
		n = read_until_end(fd, buf + used, size - used);
		if (n < 0)
			return n;
		used += (size_t)n;
		if (used < size)
			break;
		size *= 2;
	}
	buf[used] = '\0';
	*ret = take_ptr(buf);
	return (ssize_t)used;
}

int write_text_at(int dirfd, const char *path, const char *text)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = write(fd, text, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

int send_fds(int sock, const int *fds, size_t nfds, const void *data, size_t n)
{
	struct iovec iov = { .iov_base = (void *)data, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	ssize_t r;

	if (nfds > FDS_MAX || !n)
		return -EINVAL;
	if (nfds) {
		struct cmsghdr *c;

		memset(&control, 0, CMSG_SPACE(nfds * sizeof(int)));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	do {
		r = sendmsg(sock, &msg, MSG_NOSIGNAL);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	/* The descriptors went with the first byte; a stream may want the rest again. */
	return (size_t)r == n ? 0 : write_all(sock, (const char *)data + r, n - (size_t)r);
}

ssize_t recv_fds(int sock, int *fds, size_t *nfds, void *data, size_t n)
{
	struct iovec iov = { .iov_base = data, .iov_len = n };
	union control control;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	size_t got = 0;
	bool lost;
	ssize_t r;

	do {
		r = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	lost = msg.msg_flags & MSG_CTRUNC;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (got < *nfds) {
				fds[got++] = fd;
			} else {
				close(fd);
				lost = true;
			}
		}
	}
	if (lost) {
		while (got)
			close(fds[--got]);
		return -EMFILE;
	}
	*nfds = got;
	return r;
}

uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

size_t page_size(void)
{
	static size_t size;

	if (!size)
		size = (size_t)sysconf(_SC_PAGESIZE);
	return size;
}
