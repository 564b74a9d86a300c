/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Step tables: what a checkpoint or a restore consists of, in order. Reading
 * the table is reading the design.
 */
#ifndef STASIS_STEPS_H
#define STASIS_STEPS_H

#include <stddef.h>

#include "hooks/hooks.h"

struct err;
struct options;

struct step {
	const char *name;
	int (*run)(void *ctx, struct err *e);
	/* Undoes what run() may have done, also when run() failed half-way. May be NULL. */
	void (*undo)(void *ctx);
};

/*
 * Run all; on failure undo in reverse order from the failed one and add the
 * step's name to the error. Asks cancelled() before each step. @patience: seconds
 * without a sign of life until our parent gives up on us (watchdog_step()).
 */
int steps_run(const struct step *steps, size_t n, void *ctx, unsigned patience, struct err *e);
/* From --timeout. */
unsigned steps_patience(const struct options *o);
/* Scripts and client of the options; where the images are is not known yet. */
struct hooks steps_hooks(const struct options *o);

#endif
