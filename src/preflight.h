/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the preflight, for checkpoint.c; preflight_run() is in checkpoint.h. */
#ifndef STASIS_PREFLIGHT_H
#define STASIS_PREFLIGHT_H

struct err;
struct err_list;
struct options;

/* -EINVAL when o->tree is this process or one of its ancestors. */
int preflight_not_ourselves(const struct options *o, struct err *e);
/* All that stands in the way; for a worker, whom a filesystem may hold up for ever. */
int preflight_look(const struct options *o, struct err_list *problems, struct err *e);
/* One error for them all; 0 when there is none. */
int preflight_sum_up(const struct options *o, struct err_list *problems, struct err *e);

#endif
