// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The bump allocator. Chunks come from mmap, so they are zeroed and go back as
 * a whole; their sizes double, so a small checkpoint touches few pages and a
 * large one makes few calls. Several threads may allocate from one pool: the
 * cursor moves by one atomic add, only a new chunk takes the lock.
 */
#include "base/pool.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"

#define POOL_ALIGN 16

/* With the address sanitizer each object is fenced off like one of malloc's. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_FENCED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(POOL_FENCED)
#include <sanitizer/asan_interface.h>
#define POOL_FENCE POOL_ALIGN
#else
#define POOL_FENCE 0
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define CHUNK_FIRST (64 * 1024)
#define CHUNK_MAX (4 * 1024 * 1024)
/* Larger objects get a chunk of their own, so that no chunk's rest is wasted on them. */
#define POOL_LARGE (CHUNK_FIRST / 4)

struct chunk {
	struct chunk *next;
	size_t size; /* with this header */
	size_t used; /* may run past size: then the chunk is full */
	size_t pad;
};

struct pool {
	struct chunk *current;
	struct chunk *all;
	size_t next_size;
	pthread_mutex_t lock;
	ProtobufCAllocator pb;
};

static void out_of_memory(size_t size)
{
	log_line(LOG_ERROR, "base", "out of memory: %zu more bytes are not to be had", size);
	log_flush();
	_exit(6); /* ERR_SYSTEM; guards live in other processes */
}

static struct chunk *chunk_new(size_t size)
{
	struct chunk *c =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (c == MAP_FAILED)
		out_of_memory(size);
	c->size = size;
	c->used = sizeof(*c);
	ASAN_POISON_MEMORY_REGION(c + 1, size - sizeof(*c));
	return c;
}

static void *pb_alloc(void *data, size_t size)
{
	return pool_alloc(data, size);
}

static void pb_free(void *data, void *p)
{
}

struct pool *pool_new(void)
{
	struct chunk *c = chunk_new(CHUNK_FIRST);
	struct pool *p = (void *)((char *)c + c->used);

	/* The pool lives in its own first chunk. */
	ASAN_UNPOISON_MEMORY_REGION(p, sizeof(*p));
	c->used += (sizeof(*p) + POOL_ALIGN - 1) & ~(size_t)(POOL_ALIGN - 1);
	p->current = p->all = c;
	p->next_size = 2 * CHUNK_FIRST;
	pthread_mutex_init(&p->lock, NULL);
	p->pb = (ProtobufCAllocator){ .alloc = pb_alloc, .free = pb_free, .allocator_data = p };
	return p;
}

void pool_free(struct pool *p)
{
	struct chunk *c, *next;

	if (!p)
		return;
	for (c = p->all; c; c = next) {
		next = c->next;
		ASAN_UNPOISON_MEMORY_REGION(c, c->size);
		munmap(c, c->size);
	}
}

/* Called with the lock held. */
static void chunk_add(struct pool *p, struct chunk *c)
{
	c->next = p->all;
	p->all = c;
}

static void *alloc_large(struct pool *p, size_t size)
{
	struct chunk *c;

	if (size > SIZE_MAX / 2)
		out_of_memory(size);
	c = chunk_new(page_up(size + sizeof(*c) + POOL_FENCE));
	pthread_mutex_lock(&p->lock);
	chunk_add(p, c);
	pthread_mutex_unlock(&p->lock);
	ASAN_UNPOISON_MEMORY_REGION(c + 1, size);
	return c + 1;
}

void *pool_alloc(struct pool *p, size_t size)
{
	size_t room;

	if (size > POOL_LARGE)
		return alloc_large(p, size);
	room = ((size + POOL_ALIGN - 1) & ~(size_t)(POOL_ALIGN - 1)) + POOL_FENCE;
	for (;;) {
		struct chunk *c = __atomic_load_n(&p->current, __ATOMIC_ACQUIRE);
		size_t at = __atomic_fetch_add(&c->used, room, __ATOMIC_RELAXED);

		if (at <= c->size && room <= c->size - at) {
			ASAN_UNPOISON_MEMORY_REGION((char *)c + at, size);
			return (char *)c + at;
		}
		pthread_mutex_lock(&p->lock);
		if (p->current == c) {
			struct chunk *n = chunk_new(p->next_size);

			if (p->next_size < CHUNK_MAX)
				p->next_size *= 2;
			chunk_add(p, n);
			__atomic_store_n(&p->current, n, __ATOMIC_RELEASE);
		}
		pthread_mutex_unlock(&p->lock);
	}
}

void *pool_dup(struct pool *p, const void *data, size_t size)
{
	void *v = pool_alloc(p, size);

	if (size)
		memcpy(v, data, size);
	return v;
}

char *pool_strdup(struct pool *p, const char *s)
{
	return s ? pool_dup(p, s, strlen(s) + 1) : NULL;
}

char *pool_printf(struct pool *p, const char *fmt, ...)
{
	va_list ap, again;
	char *s;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	s = pool_alloc(p, n < 0 ? 1 : (size_t)n + 1);
	if (n >= 0)
		vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	return s;
}

ProtobufCAllocator *pool_allocator(struct pool *p)
{
	return &p->pb;
}

#define GROW_FIRST 4

void *pool_grow(struct pool *p, void *array, size_t n, size_t elem)
{
	size_t room = n ? 2 * n : GROW_FIRST;
	void *v;

	/* Room is GROW_FIRST times a power of two and full exactly at these lengths. */
	if (n && (n < GROW_FIRST || (n & (n - 1))))
		return array;
	if (room > SIZE_MAX / 2 / elem)
		out_of_memory(SIZE_MAX);
	v = pool_alloc(p, room * elem);
	if (n)
		memcpy(v, array, n * elem);
	return v;
}
