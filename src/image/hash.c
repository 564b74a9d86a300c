// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Checksums: XXH3-64 of buffers, streams and files, and the thread that hashes
 * large files behind their writer, so that gigabytes of pages cost no time of
 * their own. Files are read with pread, never mapped: a file that somebody
 * shortens meanwhile must be an error, not a SIGBUS.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/watchdog.h"
#include "image/image-internal.h"

/* Fits the second-level cache: the copy out of the page cache stays there. */
#define HASH_CHUNK (128 * 1024)

struct hash_stream {
	XXH3_state_t xxh;
};

uint64_t hash_bytes(const void *data, size_t n)
{
	return XXH3_64bits(data, n);
}

struct hash_stream *hash_stream_new(void)
{
	void *p = aligned_alloc(64, (sizeof(struct hash_stream) + 63) & ~(size_t)63);
	struct hash_stream *s = p;

	if (!s)
		abort();
	XXH3_64bits_reset(&s->xxh);
	return s;
}

void hash_stream_add(struct hash_stream *s, const void *data, size_t n)
{
	XXH3_64bits_update(&s->xxh, data, n);
}

uint64_t hash_stream_end(struct hash_stream *s)
{
	uint64_t v = XXH3_64bits_digest(&s->xxh);

	free(s);
	return v;
}

int hash_fd(int fd, uint64_t size, uint64_t *ret)
{
	/* On the stack: warm after the first file, where malloc would map and fault anew. */
	char buf[HASH_CHUNK / 2];
	struct hash_stream *s;
	int r = 0;

	if (size <= sizeof(buf)) {
		r = pread_all(fd, buf, (size_t)size, 0);
		*ret = hash_bytes(buf, (size_t)size);
		return r;
	}
	s = hash_stream_new();
	for (uint64_t at = 0; at < size && !r;) {
		size_t n = size - at < sizeof(buf) ? (size_t)(size - at) : sizeof(buf);

		r = pread_all(fd, buf, n, (off_t)at);
		if (!r)
			hash_stream_add(s, buf, n);
		at += n;
	}
	*ret = hash_stream_end(s);
	return r;
}

struct hash_job {
	struct hash_job *next;
	int fd;
	struct hash_stream *stream;
	uint64_t done, ready; /* bytes hashed; bytes that may be read */
	bool last, finished;
	int error;
	uint64_t hash;
};

struct hasher {
	pthread_mutex_t lock;
	pthread_cond_t work, finished;
	pthread_t thread;
	bool started, stop;
	struct hash_job *jobs, **tail;
};

/* With the lock held: the oldest job with a whole chunk, or an end, to do. */
static struct hash_job *job_ready(struct hasher *h)
{
	for (struct hash_job *j = h->jobs; j; j = j->next) {
		if (j->finished)
			continue;
		if (j->last || j->ready - j->done >= HASH_CHUNK)
			return j;
	}
	return NULL;
}

static void job_finish(struct hasher *h, struct hash_job *j, int error)
{
	j->hash = hash_stream_end(j->stream);
	j->stream = NULL;
	close(j->fd);
	j->fd = -EBADF;
	j->error = error;
	j->finished = true;
	pthread_cond_broadcast(&h->finished);
}

static void *hasher_main(void *arg)
{
	struct hasher *h = arg;
	_cleanup_free_ char *buf = malloc(HASH_CHUNK);

	pthread_mutex_lock(&h->lock);
	while (!h->stop) {
		struct hash_job *j = job_ready(h);
		size_t n;
		int r = buf ? 0 : -ENOMEM;

		if (!j) {
			pthread_cond_wait(&h->work, &h->lock);
			continue;
		}
		n = j->ready - j->done < HASH_CHUNK ? (size_t)(j->ready - j->done) : HASH_CHUNK;
		if (n && !r) {
			uint64_t at = j->done;

			pthread_mutex_unlock(&h->lock);
			r = pread_all(j->fd, buf, n, (off_t)at);
			watchdog_beat();
			if (!r)
				hash_stream_add(j->stream, buf, n);
			pthread_mutex_lock(&h->lock);
			j->done += n;
		}
		if (r || (j->last && j->done == j->ready))
			job_finish(h, j, r);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

struct hasher *hasher_new(void)
{
	struct hasher *h = calloc(1, sizeof(*h));
	sigset_t all, old;

	if (!h)
		return NULL;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->work, NULL);
	pthread_cond_init(&h->finished, NULL);
	h->tail = &h->jobs;
	/* Signals are for the thread that asks cancelled(). */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	h->started = !pthread_create(&h->thread, NULL, hasher_main, h);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!h->started) {
		free(h);
		errno = EAGAIN;
		return NULL;
	}
	return h;
}

void hasher_free(struct hasher *h)
{
	struct hash_job *j, *next;

	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->stop = true;
	pthread_cond_signal(&h->work);
	pthread_mutex_unlock(&h->lock);
	pthread_join(h->thread, NULL);
	for (j = h->jobs; j; j = next) {
		next = j->next;
		if (!j->finished)
			job_finish(h, j, -ECANCELED);
		free(j);
	}
	pthread_cond_destroy(&h->work);
	pthread_cond_destroy(&h->finished);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

struct hash_job *hasher_add(struct hasher *h, int fd)
{
	struct hash_job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (j->fd < 0) {
		free(j);
		return NULL;
	}
	j->stream = hash_stream_new();
	pthread_mutex_lock(&h->lock);
	*h->tail = j;
	h->tail = &j->next;
	pthread_mutex_unlock(&h->lock);
	return j;
}

void hasher_advance(struct hasher *h, struct hash_job *j, uint64_t upto, bool last)
{
	pthread_mutex_lock(&h->lock);
	if (upto > j->ready)
		j->ready = upto;
	j->last |= last;
	pthread_cond_signal(&h->work);
	pthread_mutex_unlock(&h->lock);
}

int hasher_wait(struct hasher *h, struct hash_job *j, uint64_t *ret)
{
	pthread_mutex_lock(&h->lock);
	while (!j->finished)
		pthread_cond_wait(&h->finished, &h->lock);
	pthread_mutex_unlock(&h->lock);
	*ret = j->hash;
	return j->error;
}

struct hasher *image_dir_hasher(struct image_dir *d)
{
	pthread_mutex_lock(&d->lock);
	if (!d->hasher)
		d->hasher = hasher_new();
	pthread_mutex_unlock(&d->lock);
	return d->hasher;
}
