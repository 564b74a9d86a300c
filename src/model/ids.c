/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Translating user and group ids (user_namespaces(7)). */
#include "model/ids.h"

#include "model/model.h"

bool id_map_in(const struct id_map *map, uint32_t id, uint32_t *ret)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct id_extent *x = &map->v[i];

		if (id >= x->lower && id - x->lower < x->count) {
			*ret = x->first + (id - x->lower);
			return true;
		}
	}
	return false;
}

bool id_map_out(const struct id_map *map, uint32_t id, uint32_t *ret)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct id_extent *x = &map->v[i];

		if (id >= x->first && id - x->first < x->count) {
			*ret = x->lower + (id - x->first);
			return true;
		}
	}
	return false;
}

static bool same(uint32_t id, uint32_t *ret)
{
	*ret = id;
	return true;
}

bool model_uid_in(const struct model *m, uint32_t uid, uint32_t *ret)
{
	return m->id_maps ? id_map_in(&m->id_maps->uid, uid, ret) : same(uid, ret);
}

bool model_gid_in(const struct model *m, uint32_t gid, uint32_t *ret)
{
	return m->id_maps ? id_map_in(&m->id_maps->gid, gid, ret) : same(gid, ret);
}

bool model_uid_out(const struct model *m, uint32_t uid, uint32_t *ret)
{
	return m->id_maps ? id_map_out(&m->id_maps->uid, uid, ret) : same(uid, ret);
}

bool model_gid_out(const struct model *m, uint32_t gid, uint32_t *ret)
{
	return m->id_maps ? id_map_out(&m->id_maps->gid, gid, ret) : same(gid, ret);
}
