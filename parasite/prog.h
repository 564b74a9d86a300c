/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs of remote system calls, and the arena that they lie in.
 *
 * An arena is a range of memory that the coordinator and a task (or, on
 * restore, all stubs) map at the same address: pointers in calls are plain
 * pointers. A program is built in ordinary memory and copied into the arena
 * when it is sealed; what its calls point to is allocated in the arena at once.
 * Memory of both goes with the arena.
 */
#ifndef STASIS_PROG_H
#define STASIS_PROG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "parasite/wire.h"

struct err;

struct arena {
	char *base; /* the same address on both sides */
	size_t len; /* reserved; touched only as far as used */
	size_t used;
	struct sv_head *head;
	void (*blob_entry)(struct sv_ring *ring); /* address inside the arena */
	long (*blob_spawn)(void *clone_args, size_t size);
};

/*
 * Lay out an arena over the writable shared mapping [base, base+len): the blob
 * in pages of its own, then the head. The caller has mapped it (inside tasks
 * the blob's pages executable, the others writable).
 */
int arena_init(struct arena *a, void *base, size_t len, struct err *e);
/* Zeroed, 16-byte aligned. Ends the program with a message when the arena is full (sizes are reserved generously). */
void *arena_alloc(struct arena *a, size_t n);
void *arena_dup(struct arena *a, const void *data, size_t n);
char *arena_strdup(struct arena *a, const char *s);
/* A thread's slot with an empty ring; the stack's top word already holds the ring. */
struct sv_ring *arena_ring(struct arena *a);
/* The stack pointer to start blob_entry() with for that ring (by ptrace), and clone3's stack base and size. */
uint64_t arena_ring_sp(const struct sv_ring *ring);

/*
 * The widest gap of at least @need bytes that is free in all of the sorted or
 * unsorted ranges given (start, end pairs) and in our own address space;
 * returns an address in its middle, page aligned, or 0.
 */
uint64_t arena_find_hole(const uint64_t (*ranges)[2], size_t n, size_t need);

struct prog {
	struct arena *arena;
	struct sv_call *calls; /* malloc'ed while growing, in the arena once sealed */
	size_t n, cap;
	const char **notes; /* why each call is made; static strings; for --plan and errors */
	int sealed;
};

void prog_init(struct prog *p, struct arena *a);
void prog_free(struct prog *p);
/* Append a call; returns its index. Unused arguments are 0. */
size_t prog_call_(struct prog *p, const char *note, uint64_t nr, const uint64_t a[6]);
#define prog_call(p, note, nr, ...) prog_call_(p, note, nr, (const uint64_t[6]){ __VA_ARGS__ })
/* Append all calls of @src, an unsealed program over the same arena, and free it. */
void prog_append(struct prog *p, struct prog *src);
/* Make argument @arg of the call appended last the result of call @of. */
void prog_ref(struct prog *p, size_t of, int arg);
void *prog_alloc(struct prog *p, size_t n);
void *prog_dup(struct prog *p, const void *data, size_t n);
char *prog_strdup(struct prog *p, const char *s);
/* Copy into the arena; results are then read from p->calls[i].res after the run. */
void prog_seal(struct prog *p);
static inline int64_t prog_res(const struct prog *p, size_t i)
{
	return p->calls[i].res;
}
/* Print it, one call a line (restore --plan, tests). */
void prog_print(const struct prog *p, FILE *f);
/* The error of a batch that stopped early: names the call, its note and errno. */
int prog_err(const struct prog *p, const struct sv_ring *r, struct err *e);

/* Hand a sealed program to a ring and raise its sequence; head->pending was counted by the caller. */
void ring_post(struct sv_ring *r, const struct prog *p);
/* Wait until head->pending is 0, at most @timeout_us; -ETIMEDOUT. @alive is asked now and then; non-zero ends the wait with that value. */
int head_wait(struct sv_head *h, uint64_t timeout_us, int (*alive)(void *), void *ctx);

/* The blob as it lies in our own text; of its functions only the offsets are used. */
extern const char parasite_blob_start[], parasite_blob_end[];
extern const char blob_entry[], blob_spawn[];

#endif
