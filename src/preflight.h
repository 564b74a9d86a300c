/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps of the preflight, for checkpoint.c; preflight_run() is in checkpoint.h. */
#ifndef STASIS_PREFLIGHT_H
#define STASIS_PREFLIGHT_H

struct err;
struct err_list;
struct model;
struct options;

/* -EINVAL when o->tree is this process or one of its ancestors. */
int preflight_not_ourselves(const struct options *o, struct err *e);
/* Fill the model's tree and add all that stands in the way to @problems. */
int preflight_tree(struct model *m, struct err_list *problems, struct err *e);

#endif
