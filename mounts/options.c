/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mount options that mean something else elsewhere. Ids (tmpfs, devpts): the
 * kernel shows the initial user namespace's, and takes those of whoever mounts.
 * Directories (overlay): looked up by whoever mounts, who is in our copy then.
 */
#include <string.h>
#include <sys/stat.h>

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

static bool is_layer_option(const char *name)
{
	static const char *const names[] = { "lowerdir", "lowerdir+", "datadir+", "upperdir",
					     "workdir" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

const char *mnt_layer_missing(struct pool *pool, const struct mnt *mnt)
{
	char *copy = pool_strdup(pool, mnt->options), *save = NULL, *inner;
	struct stat st;

	/* Escaped commas, colons and blanks. */
	if (strchr(copy, '\\'))
		return mnt->options;
	for (char *o = strtok_r(copy, ",", &save); o; o = strtok_r(NULL, ",", &save)) {
		char *value = strchr(o, '=');

		if (!value)
			continue;
		*value++ = 0;
		if (!is_layer_option(o))
			continue;
		for (char *d = strtok_r(value, ":", &inner); d; d = strtok_r(NULL, ":", &inner))
			if (*d != '/' || stat(d, &st) || !S_ISDIR(st.st_mode) || strlen(d) > 255)
				return d;
	}
	return NULL;
}
