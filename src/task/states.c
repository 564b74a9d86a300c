/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small states that a task sets for itself by prctl(2) and its kin: one line
 * each. Only what is not as in a fresh process goes into the images; there a
 * state is known by its number here.
 */
#include <errno.h>
#include <linux/prctl.h>
#include <sys/syscall.h>

#include "base/abi.h"
#include "base/err.h"
#include "parasite/prog.h"
#include "task/task-internal.h"

#define NOTHING (~0ull)
/* In a call that reads: where the answer is to be written. In one that sets: the value. */
#define VALUE (~1ull)
#define ARGS 3

struct state {
	const char *name;
	uint32_t id;  /* in the images: never given to another */
	bool process; /* of the process, not of each thread */
	uint64_t get_nr, get[ARGS], set_nr, set[ARGS];
	uint64_t valid; /* if not 0: without this bit the answer means nothing */
	uint64_t mask;
	uint64_t fresh;
};

#define ALL (~0ull)
#define SPECULATION(what, number, which)                                                           \
	{                                                                                          \
		.name = "speculation: " what, .id = number, .get_nr = SYS_prctl,                   \
		.get = { PR_GET_SPECULATION_CTRL, which }, .set_nr = SYS_prctl,                    \
		.set = { PR_SET_SPECULATION_CTRL, which, VALUE }, .valid = PR_SPEC_PRCTL,          \
		.mask = ALL & ~(uint64_t)PR_SPEC_PRCTL, .fresh = PR_SPEC_ENABLE                    \
	}

/* Order of setting: what forbids most comes last. */
static const struct state states[TASK_STATES] = {
	SPECULATION("store bypass", 1, PR_SPEC_STORE_BYPASS),
	SPECULATION("indirect branches", 2, PR_SPEC_INDIRECT_BRANCH),
	SPECULATION("L1D flush", 3, PR_SPEC_L1D_FLUSH),
	{ .name = "time stamp counter",
	  .id = 4,
	  .get_nr = SYS_prctl,
	  .get = { PR_GET_TSC, VALUE },
	  .set_nr = SYS_prctl,
	  .set = { PR_SET_TSC, VALUE },
	  .mask = ALL,
	  .fresh = PR_TSC_ENABLE },
	{ .name = "cpuid instruction",
	  .id = 5,
	  .get_nr = SYS_arch_prctl,
	  .get = { ARCH_GET_CPUID },
	  .set_nr = SYS_arch_prctl,
	  .set = { ARCH_SET_CPUID, VALUE },
	  .mask = ALL,
	  .fresh = 1 },
	{ .name = "memory that is never writable and executable",
	  .id = 6,
	  .process = true,
	  .get_nr = SYS_prctl,
	  .get = { PR_GET_MDWE },
	  .set_nr = SYS_prctl,
	  .set = { PR_SET_MDWE, VALUE },
	  .mask = ALL },
};

void task_states_calls(struct prog *p, struct task_states *s, bool process)
{
	for (size_t i = 0; i < TASK_STATES; i++) {
		const struct state *st = &states[i];
		uint64_t a[6] = { 0 };

		s->call[i] = NOTHING;
		s->answer[i] = NULL;
		if (st->process && !process)
			continue;
		for (size_t k = 0; k < ARGS; k++) {
			a[k] = st->get[k];
			if (a[k] == VALUE)
				a[k] = (uint64_t)(s->answer[i] = prog_alloc(p, sizeof(int)));
		}
		s->call[i] = prog_call_(p, st->name, st->get_nr | SV_IGN, a);
	}
}

/* Call numbers become values; what could not be read counts as fresh. */
void task_states_results(const struct prog *p, struct task_states *s)
{
	for (size_t i = 0; i < TASK_STATES; i++) {
		int64_t v = s->call[i] == NOTHING ? -ENOSYS : prog_res(p, s->call[i]);

		if (v >= 0 && s->answer[i])
			v = *s->answer[i];
		s->call[i] = states[i].fresh;
		if (v >= 0 && (!states[i].valid || (uint64_t)v & states[i].valid))
			s->call[i] = (uint64_t)v & states[i].mask;
	}
}

void task_states_dump(struct pool *pool, const struct task_states *s, ThreadCoreEntry *tc)
{
	for (size_t i = 0; i < TASK_STATES; i++) {
		StateEntry *e;

		if (s->call[i] == states[i].fresh)
			continue;
		e = pool_msg(pool, StateEntry, state_entry__init);
		e->id = states[i].id;
		e->value = s->call[i];
		pool_push(pool, tc->states, tc->n_states, e);
	}
}

static const struct state *state_of(uint32_t id)
{
	for (size_t i = 0; i < TASK_STATES; i++)
		if (states[i].id == id)
			return &states[i];
	return NULL;
}

bool task_states_known(const ThreadCoreEntry *tc)
{
	for (size_t i = 0; i < tc->n_states; i++)
		if (!state_of(tc->states[i]->id))
			return false;
	return true;
}

void task_states_set(struct prog *p, const ThreadCoreEntry *tc)
{
	for (size_t i = 0; i < TASK_STATES; i++)
		for (size_t k = 0; k < tc->n_states; k++) {
			const struct state *st = &states[i];
			uint64_t a[6] = { 0 };

			if (tc->states[k]->id != st->id)
				continue;
			for (size_t x = 0; x < ARGS; x++)
				a[x] = st->set[x] == VALUE ? tc->states[k]->value : st->set[x];
			prog_call_(p, st->name, st->set_nr, a);
		}
}
