/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What restore.c and restore-build.c share. */
#ifndef STASIS_RESTORE_INTERNAL_H
#define STASIS_RESTORE_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/watchdog.h"
#include "hooks/hooks.h"
#include "model/build.h"
#include "net_hold.h"
#include "src/mem/mem.h"

struct err_list;
struct options;
struct stub_set;

struct restore {
	const struct options *o;
	struct err_list *problems;
	struct model *m;
	struct hooks hooks;
	struct journal *j;
	struct guard guard;
	struct stub_set *stubs;
	struct net_hold net;
	int root_fd;
	struct build *builds;
	size_t *body_at; /* where each build program's body begins, after joining groups and receiving */
	bool planned; /* --plan: everything was compiled and printed, and is to be undone */
	uint64_t t_start, t_forked;
};

extern const struct mem_file_ops restore_file_ops;

/* The step that compiles and runs the build programs of all tasks; @ctx is a struct restore. */
int restore_build(void *ctx, struct err *e);

/* Run the maker's program and fetch what was wished for. */
int restore_maker_run(struct restore *r, struct maker *mk, struct err *e);
/* The maker becomes the root task: its table must be empty again. */
int restore_maker_empty(struct restore *r, struct err *e);
/* A mount tree that is put together from pieces, once those are there and filled. */
int restore_mounts(struct restore *r, struct err *e);

/* restore-cgroups.c; the first and the last are steps. */
int restore_cgroups(void *ctx, struct err *e);
/* Whoever does not belong where the root was born. */
int restore_place_born(struct restore *r, struct err *e);
int restore_limits(void *ctx, struct err *e);

#endif
