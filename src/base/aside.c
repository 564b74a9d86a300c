// SPDX-License-Identifier: LGPL-2.1-or-later
/* See aside.h. Runs in: the worker of a dump, its second thread. */
#include "base/aside.h"

#include <errno.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/io.h"

struct call {
	enum { OPENAT, PWRITEV, UNLINKAT, CLOSE, WRITE_ALL, PWRITE_ALL } what;
	int fd, flags;
	const void *p;
	size_t n;
	off_t at;
	ssize_t ret;
	int error;
};

static struct {
	bool on;
	pthread_mutex_t lock;
	pthread_cond_t cond, next;
	struct call *todo;
} aside = { .lock = PTHREAD_MUTEX_INITIALIZER,
	    .cond = PTHREAD_COND_INITIALIZER,
	    .next = PTHREAD_COND_INITIALIZER };

static void make(struct call *c)
{
	switch (c->what) {
	case OPENAT:
		c->ret = openat(c->fd, c->p, c->flags, (mode_t)c->n);
		break;
	case PWRITEV:
		c->ret = pwritev(c->fd, c->p, (int)c->n, c->at);
		break;
	case UNLINKAT:
		c->ret = unlinkat(c->fd, c->p, 0);
		break;
	case CLOSE:
		c->ret = close(c->fd);
		break;
	case WRITE_ALL:
		c->ret = write_all(c->fd, c->p, c->n);
		break;
	case PWRITE_ALL:
		c->ret = pwrite_all(c->fd, c->p, c->n, c->at);
		break;
	}
	c->error = errno;
}

static void *second_thread(void *arg)
{
	pthread_mutex_lock(&aside.lock);
	for (;;) {
		struct call *c = aside.todo;

		if (!c) {
			pthread_cond_wait(&aside.cond, &aside.lock);
			continue;
		}
		pthread_mutex_unlock(&aside.lock);
		make(c);
		pthread_mutex_lock(&aside.lock);
		aside.todo = NULL;
		pthread_cond_broadcast(&aside.cond);
	}
	return NULL;
}

static ssize_t call(struct call c)
{
	if (!aside.on) {
		make(&c);
	} else {
		pthread_mutex_lock(&aside.lock);
		while (aside.todo)
			pthread_cond_wait(&aside.next, &aside.lock);
		aside.todo = &c;
		pthread_cond_broadcast(&aside.cond);
		while (aside.todo == &c)
			pthread_cond_wait(&aside.cond, &aside.lock);
		pthread_cond_signal(&aside.next);
		pthread_mutex_unlock(&aside.lock);
	}
	errno = c.error;
	return c.ret;
}

static bool is_far(int fd)
{
	static const unsigned magics[] = {
		FUSE_SUPER_MAGIC, NFS_SUPER_MAGIC, SMB_SUPER_MAGIC,  SMB2_SUPER_MAGIC,
		CIFS_SUPER_MAGIC, V9FS_MAGIC,	   CEPH_SUPER_MAGIC,
	};
	struct statfs s;

	if (fstatfs(fd, &s))
		return false;
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if ((unsigned)s.f_type == magics[i])
			return true;
	return false;
}

void aside_enable(int fd)
{
	sigset_t all, old;
	pthread_t t;

	if (aside.on || !is_far(fd))
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	/* Without it the calls are made by whoever asks, which is right as long as they are answered. */
	aside.on = !pthread_create(&t, NULL, second_thread, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void aside_forked(void)
{
	aside.on = false;
}

int aside_openat(int dir, const char *name, int flags, mode_t mode)
{
	return (int)call(
		(struct call){ .what = OPENAT, .fd = dir, .p = name, .flags = flags, .n = mode });
}

ssize_t aside_pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	return call((struct call){ .what = PWRITEV, .fd = fd, .p = v, .n = (size_t)n, .at = at });
}

int aside_unlinkat(int dir, const char *name)
{
	return (int)call((struct call){ .what = UNLINKAT, .fd = dir, .p = name });
}

int aside_close(int fd)
{
	return fd < 0 ? 0 : (int)call((struct call){ .what = CLOSE, .fd = fd });
}

int aside_write_all(int fd, const void *buf, size_t n)
{
	return (int)call((struct call){ .what = WRITE_ALL, .fd = fd, .p = buf, .n = n });
}

int aside_pwrite_all(int fd, const void *buf, size_t n, off_t at)
{
	return (int)call((struct call){ .what = PWRITE_ALL, .fd = fd, .p = buf, .n = n, .at = at });
}
