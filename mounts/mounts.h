/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mount trees: read, describe, rebuild; content of private filesystems.
 *
 * Owns: mountpoints-*.img, tmpfs-dev-*.tar.gz.img. A tree is rebuilt in one of
 * two ways. One with our root starts as the copy of ours that a new mount
 * namespace gets: what is the same is kept, the rest is taken away or made. Any
 * other (a container's) is put together from detached pieces, and our copy goes.
 */
#ifndef STASIS_MOUNTS_H
#define STASIS_MOUNTS_H

#include "model/build.h"
#include "model/kinds.h"
#include "model/model.h"

/* Kinds of filesystems that can be made again, and what becomes of all others. */
void mounts_kinds(kind_fn *fn, void *ctx);
int mounts_preflight(struct model *m, struct err_list *blockers, struct err *e);
/* The tree of the root task's mount namespace (when it has its own) and tmpfs contents. */
int mounts_dump(struct model *m, struct err *e);
/* The mount id of a path descriptor as the image names it, -1 when the tree has no own namespace. */
int mounts_id_of(struct model *m, struct task *t, int fd);

int mounts_read(struct model *m, struct err *e);
/* Everything that cannot be rebuilt here, before anything is made. */
int mounts_check(struct model *m, struct err_list *problems, struct err *e);
/*
 * Of a tree with a user namespace of its own, before it is made: calls that
 * prepare what its mount namespace will be a copy of, with all mounts locked.
 * What is opened for the tree becomes ours.
 */
int mounts_build_outer(struct maker *mk, struct err *e);
/* Calls for the root stub that turn the copy of our mounts into the dumped tree. */
int mounts_build(struct maker *mk, struct err *e);
/* Then, from outside: contents of private filesystems. @root_pid: the root stub as we see it. */
int mounts_fill(struct model *m, pid_t root_pid, struct err *e);
/* A tree that shares nothing with our copy is put together then: calls, and what follows from outside. */
bool mounts_has_pieces(const struct model *m);
/* Restore: the tree's tasks have a mount as root that lies over that of their namespace. */
bool mounts_root_is_covered(const struct model *m);
/* Descriptors that the root stub may hold at once while that is done. */
int mounts_max_fds(const struct model *m);
int mounts_open(struct maker *mk, struct err *e);
int mounts_attach(struct maker *mk, struct err *e);
int mounts_join(struct model *m, struct err *e);

#endif
