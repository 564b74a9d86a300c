/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of nsops: one file per kind with content. */
#ifndef STASIS_NSOPS_INTERNAL_H
#define STASIS_NSOPS_INTERNAL_H

#include "nsops/nsops.h"

struct remote;

/* The only namespace of that type that the tree has for itself, or NULL. */
const struct ns *ns_own(const struct model *m, enum ns_type type);

/* Of the root's own user namespace: its maps into the model, what cannot be rebuilt to @blockers. */
int user_identify(struct model *m, struct err_list *blockers, struct err *e);
int user_dump(struct model *m, const struct ns *ns, struct err *e);
int user_read(struct model *m, const struct ns *ns, struct err *e);

int uts_dump(struct model *m, const struct ns *ns, struct err *e);
int uts_read(struct model *m, const struct ns *ns, struct err *e);
int uts_build(struct maker *mk, const struct ns *ns, struct err *e);

int time_dump(struct model *m, struct err *e);
int time_read(struct model *m, struct err *e);

/* IPC content that cannot be dumped yet goes to @blockers; limits are kept. */
int ipc_preflight(struct model *m, const struct ns *ns, struct err_list *blockers, struct err *e);
int ipc_dump(struct model *m, const struct ns *ns, struct err *e);
int ipc_read(struct model *m, const struct ns *ns, struct err *e);
/* While the tasks can be asked, before the dump of semaphores. */
int ipc_undo_dump(struct model *m, const struct ns *ns, struct remote *remote, struct err *e);
int ipc_make(struct maker *mk, struct err *e);
int ipc_finish(struct model *m, struct err *e);
void ipc_list_kinds(kind_fn *fn, void *ctx);
size_t ipc_arena_need(const struct model *m);

#endif
