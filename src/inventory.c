/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inventory.img: what a checkpoint says about itself as a whole. */
#include "inventory.h"

#include "base/io.h"
#include "image/image.h"

int inventory_write(struct model *m, struct err *e)
{
	InventoryEntry *i = m->inventory;

	i->img_version = 2;
	i->has_fdinfo_per_id = i->fdinfo_per_id = true;
	i->has_ns_per_id = i->ns_per_id = true;
	i->has_lsmtype = 1;
	i->lsmtype = LSMTYPE__NO_LSM;
	i->has_dump_uptime = 1;
	i->dump_uptime = now_us();
	return image_put_one(m->dir, IMG_INVENTORY, 0, &i->base, e);
}
