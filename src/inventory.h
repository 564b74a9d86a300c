/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inventory.img, of which other modules have filled the ids and the root's files. */
#ifndef STASIS_INVENTORY_H
#define STASIS_INVENTORY_H

#include "model/model.h"

int inventory_write(struct model *m, struct err *e);

#endif
