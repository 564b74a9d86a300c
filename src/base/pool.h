/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A bump allocator: everything a checkpoint is made of lives in one pool and
 * goes with it. No object is freed alone. Zeroed memory. Allocation never
 * fails: without memory the program ends (the guards and the watchdog undo).
 */
#ifndef STASIS_POOL_H
#define STASIS_POOL_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct pool;

struct pool *pool_new(void);
void pool_free(struct pool *p);
static inline void pool_freep(struct pool **p)
{
	pool_free(*p);
}
void *pool_alloc(struct pool *p, size_t size);
void *pool_dup(struct pool *p, const void *data, size_t size);
char *pool_strdup(struct pool *p, const char *s);
char *pool_printf(struct pool *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* For protobuf-c: unpacked messages live in the pool. */
ProtobufCAllocator *pool_allocator(struct pool *p);

/* New message of type T (protobuf-c's CamelCase), initialised by its __init. */
#define pool_msg(pool, T, init)                                                                    \
	({                                                                                         \
		T *pool_msg_v = pool_alloc(pool, sizeof(T));                                       \
		init(pool_msg_v);                                                                  \
		pool_msg_v;                                                                        \
	})

/* Append to a growing array of pointers or structs held in the pool. */
void *pool_grow(struct pool *p, void *array, size_t n, size_t elem);
#define pool_push(pool, arr, n, value)                                                             \
	do {                                                                                       \
		(arr) = pool_grow(pool, arr, n, sizeof(*(arr)));                                   \
		(arr)[(n)++] = (value);                                                            \
	} while (0)

#endif
