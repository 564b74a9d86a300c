/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All that can be saved, and all that is refused by name, from the modules' own tables. */
#ifndef STASIS_ALL_KINDS_H
#define STASIS_ALL_KINDS_H

#include "model/kinds.h"

/* The modules' lists in order; ends with a NULL title. */
struct kind_area {
	const char *name;  /* for machines */
	const char *title; /* for people */
	void (*list)(kind_fn *fn, void *ctx);
};
extern const struct kind_area kind_areas[];

#endif
