// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The parasite: a virtual machine for system calls. It waits on its ring, runs
 * the batch that it finds there, says so, and waits again. It never leaves by
 * itself: registers are set by ptrace from outside, before and after.
 *
 * Position independent, calls nothing outside its section, uses no vector
 * registers, no memory but the arena. Two things must stay as they are: it
 * sleeps in FUTEX_WAIT without timeout, so the task's restart block (the rest
 * of an interrupted nanosleep) survives; and all signals are blocked while it
 * runs, so nothing is ever pushed onto its small stack.
 *
 * Runs in: every frozen or half-restored task.
 */
#include "parasite/wire.h"
#include "parasite/arch/x86/blob-arch.h"

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define BLOB_CODE __attribute__((section("parasite"), used, noinline, visibility("hidden")))

long blob_spawn(void *clone_args, uint64_t size) __attribute__((visibility("hidden")));
void blob_entry(struct sv_ring *ring);

BLOB_INLINE int blob_failed(long ret)
{
	return (unsigned long)ret > -4096ul;
}

BLOB_INLINE void blob_batch(struct sv_ring *ring)
{
	struct sv_call *calls = ring->calls;
	uint32_t n = ring->n;

	for (uint32_t i = 0; i < n; i++) {
		struct sv_call *c = &calls[i];
		uint64_t nr = c->nr;

		/* In place: a copy on this stack would cost more and shows less afterwards. */
		if (nr & SV_REF)
			c->a[SV_REF_ARG(nr)] = (uint64_t)c[-(int64_t)SV_REF_BACK(nr)].res;
		if (nr & SV_SPAWN)
			c->res = blob_spawn((void *)c->a[0], c->a[1]);
		else
			c->res = blob_syscall((long)SV_NR(nr), c->a);
		if (nr & SV_EXPECT && (uint64_t)c->res != c->a[5])
			blob_end();
		if (blob_failed(c->res) && !(nr & SV_IGN))
			break;
		ring->executed = i + 1;
	}
}

BLOB_CODE void blob_entry(struct sv_ring *ring)
{
	struct sv_head *head = ring->head;
	uint32_t last = ring->last;

	for (;;) {
		uint32_t seq, spin = __atomic_load_n(&head->spin, __ATOMIC_RELAXED);

		while ((seq = __atomic_load_n(&ring->seq, __ATOMIC_ACQUIRE)) == last && spin) {
			spin--;
			blob_pause();
		}
		if (seq == last) {
			blob_futex(&ring->seq, FUTEX_WAIT, last);
			continue;
		}
		last = seq;
		blob_batch(ring);
		ring->last = seq;
		if (__atomic_sub_fetch(&head->pending, 1, __ATOMIC_SEQ_CST) == 0)
			blob_futex(&head->pending, FUTEX_WAKE, 0x7fffffff);
	}
}
