/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User and group ids of a tree that has a user namespace of its own. Images
 * hold the credentials that count inside; the kernel tells us, and takes from
 * us, ours. Owners of pipes, sockets and removed files stay as we see them:
 * they need not have a number inside.
 */
#ifndef STASIS_IDS_H
#define STASIS_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model;

/* @count ids from @first on inside are those from @lower on as we see them. */
struct id_extent {
	uint32_t first, lower, count;
};
struct id_map {
	struct id_extent *v;
	size_t n;
};

/* What the kernel takes in one map (since 4.15). */
#define ID_EXTENTS_MAX 340

/* The maps of a tree's own user namespace, m->id_maps; NULL: its ids are ours. */
struct id_maps {
	struct id_map uid, gid;
};

/* False: the id has no number on the other side; *@ret is untouched. */
bool id_map_in(const struct id_map *map, uint32_t id, uint32_t *ret);
bool id_map_out(const struct id_map *map, uint32_t id, uint32_t *ret);

/* Ours to the tree's. */
bool model_uid_in(const struct model *m, uint32_t uid, uint32_t *ret);
bool model_gid_in(const struct model *m, uint32_t gid, uint32_t *ret);
/* The tree's to ours. */
bool model_uid_out(const struct model *m, uint32_t uid, uint32_t *ret);
bool model_gid_out(const struct model *m, uint32_t gid, uint32_t *ret);

#endif
