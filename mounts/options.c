/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ids in mount options (tmpfs, devpts): the kernel shows the initial user
 * namespace's, and takes those of whoever mounts.
 */
#include <string.h>

#include "base/cleanup.h"
#include "model/ids.h"
#include "mounts/mounts-internal.h"

int mnt_options_inward(struct model *m, struct mnt *mnt, struct err *e)
{
	char *copy = pool_strdup(m->pool, mnt->options), *save = NULL;
	const char *text = "";

	if (!m->id_maps)
		return 0;
	for (char *o = strtok_r(copy, ",", &save); o; o = strtok_r(NULL, ",", &save)) {
		bool uid = !strncmp(o, "uid=", 4), gid = !strncmp(o, "gid=", 4);
		uint32_t id = uid || gid ? (uint32_t)strtoul(o + 4, NULL, 10) : 0;

		if ((uid && !model_uid_in(m, id, &id)) || (gid && !model_gid_in(m, id, &id)))
			return err_set(e, ERR_UNSUPPORTED, ENOTSUP, "checkpoint", mnt->point,
				       "its option %s has no number in the tree's user namespace",
				       o);
		text = uid || gid ?
			       pool_printf(m->pool, "%s%s%.4s%u", text, *text ? "," : "", o, id) :
			       pool_printf(m->pool, "%s%s%s", text, *text ? "," : "", o);
	}
	mnt->options = text;
	return 0;
}
