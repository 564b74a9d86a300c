// SPDX-License-Identifier: GPL-2.0-or-later
/* See unlock.h. */
#include "unlock.h"

#include "base/cleanup.h"
#include "base/err.h"
#include "image/image.h"
#include "model/model.h"
#include "model/options.h"
#include "net_hold.h"

int unlock_run(const struct options *o, bool *ret_was_locked, struct err *e)
{
	struct model *m = model_new(o);
	int r = image_dir_open(&m->dir, o->images_dir, m->pool, &m->foreign, e);

	if (!r)
		r = image_get_one(m->dir, IMG_INVENTORY, 0, &inventory_entry__descriptor,
				  &m->inventory, e);
	if (!r)
		r = net_hold_unlock(m, ret_was_locked, e);
	image_dir_free(m->dir);
	model_free(m);
	return r;
}
