// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The arena (blob, head, slots, calls and their data in one shared range),
 * programs of calls, and the coordinator's end of the rings. No ptrace here:
 * everything in this file works on memory, so tests need neither root nor a
 * second process.
 */
#include "parasite/prog.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "parasite/names.h"

#define ALIGN_UP(v, a) (((v) + (a)-1) & ~((size_t)(a)-1))
#define CACHE_LINE 64

int arena_init(struct arena *a, void *base, size_t len, struct err *e)
{
	size_t blob = (size_t)(parasite_blob_end - parasite_blob_start), code = page_up(blob);

	if (len < code + CACHE_LINE + sizeof(*a->head))
		return err_set(e, ERR_GENERAL, EINVAL, "lay out", "arena", "%zu bytes are too few",
			       len);
	memcpy(base, parasite_blob_start, blob);
	*a = (struct arena){
		.base = base,
		.len = len,
		.used = code,
		.blob_entry = (void (*)(struct sv_ring *))((char *)base +
							   (blob_entry - parasite_blob_start)),
		.blob_spawn = (long (*)(void *, size_t))((char *)base +
							 (blob_spawn - parasite_blob_start)),
	};
	/* Alone in its cache line: every thread writes it. */
	a->head = arena_alloc(a, sizeof(*a->head));
	a->used = ALIGN_UP(a->used, CACHE_LINE);
	return 0;
}

static void *arena_take(struct arena *a, size_t n, size_t align)
{
	size_t at = ALIGN_UP(a->used, align);

	if (at > a->len || n > a->len - at) {
		fprintf(stderr, "stasis: arena of %zu bytes is full (%zu more wanted)\n", a->len,
			n);
		/* Not a plain exit: handlers of the coordinator must not run half-way through. */
		abort();
	}
	a->used = at + n;
	return a->base + at;
}

/* Fresh shared memory is zero already, and nothing is ever given back. */
void *arena_alloc(struct arena *a, size_t n)
{
	return arena_take(a, n, 16);
}

void *arena_dup(struct arena *a, const void *data, size_t n)
{
	void *p = arena_alloc(a, n);

	if (n)
		memcpy(p, data, n);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_dup(a, s, strlen(s) + 1);
}

uint64_t arena_ring_sp(const struct sv_ring *ring)
{
	return (uint64_t)ring + SV_SLOT - 16;
}

struct sv_ring *arena_ring(struct arena *a)
{
	struct sv_ring *r = arena_take(a, SV_SLOT, CACHE_LINE);

	r->head = a->head;
	*(struct sv_ring **)arena_ring_sp(r) = r;
	return r;
}

static int range_cmp(const void *x, const void *y)
{
	const uint64_t *a = x, *b = y;

	return a[0] < b[0] ? -1 : a[0] > b[0];
}

struct ranges {
	uint64_t (*v)[2];
	size_t n, cap;
};

static void ranges_add(struct ranges *r, uint64_t start, uint64_t end)
{
	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 256;
		r->v = realloc(r->v, r->cap * sizeof(*r->v));
		if (!r->v)
			abort();
	}
	r->v[r->n][0] = start;
	r->v[r->n++][1] = end;
}

static bool ranges_add_own(struct ranges *r)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/maps", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	uint64_t start, end;

	if (!f)
		return false;
	while (getline(&line, &size, f) > 0) {
		if (sscanf(line, "%lx-%lx", &start, &end) == 2)
			ranges_add(r, start, end);
	}
	return true;
}

/* Where user space ends with four levels of page tables; nobody maps higher without asking. */
#define USER_TOP 0x7ffffffff000ull
/* Far above any vm.mmap_min_addr in use. */
#define USER_BOTTOM 0x100000ull

uint64_t arena_find_hole(const uint64_t (*ranges)[2], size_t n, size_t need)
{
	struct ranges all = { 0 };
	uint64_t at = USER_BOTTOM, best = 0, best_len = 0;

	for (size_t i = 0; i < n; i++)
		ranges_add(&all, ranges[i][0], ranges[i][1]);
	if (!ranges_add_own(&all)) {
		free(all.v);
		return 0;
	}
	ranges_add(&all, USER_TOP, UINT64_MAX);
	qsort(all.v, all.n, sizeof(*all.v), range_cmp);
	for (size_t i = 0; i < all.n; i++) {
		uint64_t start = all.v[i][0] < USER_TOP ? all.v[i][0] : USER_TOP;

		if (start > at && start - at > best_len) {
			best = at;
			best_len = start - at;
		}
		if (all.v[i][1] > at)
			at = all.v[i][1];
	}
	free(all.v);
	need = page_up(need);
	if (best_len < need)
		return 0;
	return page_down(best + (best_len - need) / 2);
}

void prog_init(struct prog *p, struct arena *a)
{
	*p = (struct prog){ .arena = a };
}

void prog_free(struct prog *p)
{
	if (!p->sealed)
		free(p->calls);
	free(p->notes);
	*p = (struct prog){ .arena = p->arena };
}

size_t prog_call_(struct prog *p, const char *note, uint64_t nr, const uint64_t a[6])
{
	if (p->sealed)
		abort();
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		p->calls = realloc(p->calls, p->cap * sizeof(*p->calls));
		p->notes = realloc(p->notes, p->cap * sizeof(*p->notes));
		if (!p->calls || !p->notes)
			abort();
	}
	p->calls[p->n] = (struct sv_call){ .nr = nr };
	memcpy(p->calls[p->n].a, a, sizeof(p->calls[p->n].a));
	p->notes[p->n] = note;
	return p->n++;
}

void prog_append(struct prog *p, struct prog *src)
{
	/* References between calls are distances, so they survive the move. */
	for (size_t i = 0; i < src->n; i++)
		prog_call_(p, src->notes[i], src->calls[i].nr, src->calls[i].a);
	prog_free(src);
}

void prog_ref(struct prog *p, size_t of, int arg)
{
	size_t last = p->n - 1;

	if (!p->n || of >= last)
		abort();
	p->calls[last].nr |= SV_REF_MAKE(arg, last - of);
}

void *prog_alloc(struct prog *p, size_t n)
{
	return arena_alloc(p->arena, n);
}

void *prog_dup(struct prog *p, const void *data, size_t n)
{
	return arena_dup(p->arena, data, n);
}

char *prog_strdup(struct prog *p, const char *s)
{
	return arena_strdup(p->arena, s);
}

void prog_seal(struct prog *p)
{
	struct sv_call *calls;

	if (p->sealed)
		return;
	calls = arena_take(p->arena, p->n * sizeof(*calls), CACHE_LINE);
	if (p->n)
		memcpy(calls, p->calls, p->n * sizeof(*calls));
	free(p->calls);
	p->calls = calls;
	p->cap = p->n;
	p->sealed = 1;
}

/* Small numbers read best as such, flags and pointers in hex, -1 as itself. */
static void print_arg(FILE *f, uint64_t v)
{
	if ((int64_t)v < 0 && (int64_t)v > -4096)
		fprintf(f, "%ld", (long)v);
	else
		fprintf(f, v < 4096 ? "%lu" : "%#lx", (unsigned long)v);
}

static void print_call(const struct sv_call *c, size_t i, const char *note, FILE *f)
{
	char name[32];
	int n_args = 6;

	while (n_args > 0 && !c->a[n_args - 1] &&
	       !((c->nr & SV_REF) && (int)SV_REF_ARG(c->nr) == n_args - 1))
		n_args--;
	fprintf(f, "%5zu  %s%s(", i, c->nr & SV_SPAWN ? "spawn " : "",
		syscall_name(SV_NR(c->nr), name, sizeof(name)));
	for (int k = 0; k < n_args; k++) {
		fputs(k ? ", " : "", f);
		if ((c->nr & SV_REF) && (int)SV_REF_ARG(c->nr) == k)
			fprintf(f, "result %zu", i - (size_t)SV_REF_BACK(c->nr));
		else
			print_arg(f, c->a[k]);
	}
	fprintf(f, ")%s%s%s\n", c->nr & SV_IGN ? " may fail" : "", note ? "\t# " : "",
		note ? note : "");
}

void prog_print(const struct prog *p, FILE *f)
{
	for (size_t i = 0; i < p->n; i++)
		print_call(&p->calls[i], i, p->notes[i], f);
}

int prog_err(const struct prog *p, const struct sv_ring *r, struct err *e)
{
	size_t i = r->executed;
	char name[32];

	if (i >= p->n)
		return err_set(e, ERR_GENERAL, EPROTO, "run", "program", "all %zu calls were done",
			       p->n);
	errno = p->calls[i].res < 0 ? (int)-p->calls[i].res : EPROTO;
	return err_sys(e, syscall_name(SV_NR(p->calls[i].nr), name, sizeof(name)), "%s",
		       p->notes[i] ? p->notes[i] : "inside the task");
}

static long futex(uint32_t *word, int op, uint32_t val, const struct timespec *ts)
{
	return syscall(SYS_futex, word, op, val, ts, NULL, 0);
}

void ring_post(struct sv_ring *r, const struct prog *p)
{
	r->calls = p->calls;
	r->n = (uint32_t)p->n;
	r->executed = 0;
	__atomic_store_n(&r->seq, r->seq + 1, __ATOMIC_SEQ_CST);
	futex(&r->seq, FUTEX_WAKE, 1, NULL);
}

/* How often @alive is asked while the programs run. */
#define ALIVE_EVERY_US 20000

int head_wait(struct sv_head *h, uint64_t timeout_us, int (*alive)(void *), void *ctx)
{
	uint32_t left, spin = h->spin;
	uint64_t start, now;

	while ((left = __atomic_load_n(&h->pending, __ATOMIC_ACQUIRE)) && spin) {
		spin--;
		__builtin_ia32_pause();
	}
	if (!left)
		return 0;
	start = now_us();
	while ((left = __atomic_load_n(&h->pending, __ATOMIC_ACQUIRE))) {
		struct timespec ts = { .tv_nsec = ALIVE_EVERY_US * 1000 };
		int ret;

		if (futex(&h->pending, FUTEX_WAIT, left, &ts) == 0 || errno != ETIMEDOUT)
			continue;
		ret = alive ? alive(ctx) : 0;
		if (ret)
			return ret;
		now = now_us();
		if (now - start >= timeout_us)
			return -ETIMEDOUT;
	}
	return 0;
}
