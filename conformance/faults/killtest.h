/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kill test's parts share: victims that notice harm by themselves
 * (victims.c), the checkpoint-like driver that gets killed (driver.c), and the
 * runner that kills and judges (killtest.c).
 */
#ifndef STASIS_KILLTEST_H
#define STASIS_KILLTEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MAX_THREADS 16

/* Shared with the victim. It writes, the runner reads. */
struct victim {
	volatile int ready;
	volatile int harmed;
	char harm[160];
	volatile long progress[MAX_THREADS];
	volatile long signals;	/* queued ones that arrived, in order */
	volatile uint32_t word; /* futex of some */
};

struct victim_kind {
	const char *name;
	/* Runs as the victim's leader and never returns. */
	void (*run)(struct victim *v);
	int threads;  /* progress[0..threads) must move */
	bool signals; /* the runner sends it queued signals */
	bool stopped; /* the runner stops it by SIGSTOP; must stay so and unseen */
};

extern const struct victim_kind *const victim_kinds[];

/* registers.c: once per thread tree; then what of the registers changed during a loop, or NULL. */
void registers_look(void);
const char *registers_turn(void);
/* The same of the bytes below the stack pointer. */
const char *stack_turn(void);

/* filters.c: install one for this thread. */
void filter_allow_list(void);
void filter_kill_list(void);

/* driver.c: one checkpoint of the cgroup as the real command makes it, without images. */
struct drive {
	const char *cgroup; /* directory in the freezer hierarchy */
	bool v2;
	const char *journals; /* directory */
	unsigned seed;
	pid_t *worker; /* shared: the pid of the process that does the work */
};
int drive(const struct drive *d);

#endif
