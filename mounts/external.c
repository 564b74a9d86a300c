/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What options say about mounts: --external mnt[...], --ext-mount-map,
 * --enable-external-*, --skip-mnt, --enable-fs. Entries that fit no mount are
 * no error: container runtimes give them in advance.
 */
#include <string.h>

#include "base/cleanup.h"
#include "model/options.h"
#include "mounts/mounts-internal.h"

#define PREFIX "mnt["

/* "mnt[NAME]" or "mnt[NAME]:VALUE" */
static const char *external_value(const char *text, const char *name)
{
	size_t len = strlen(name), head = strlen(PREFIX);

	if (strncmp(text, PREFIX, head) || strncmp(text + head, name, len) ||
	    text[head + len] != ']')
		return NULL;
	text += head + len + 1;
	if (!*text)
		return text;
	return *text == ':' ? text + 1 : NULL;
}

const char *mnt_opt_external(const struct options *o, const char *name)
{
	size_t len = strlen(name);

	/* The last one given counts. */
	for (size_t i = o ? o->n_externals : 0; len && i-- > 0;) {
		const char *v = external_value(o->externals[i], name);

		if (v)
			return v;
	}
	for (size_t i = o ? o->n_ext_mount_maps : 0; len && i-- > 0;)
		if (!strncmp(o->ext_mount_maps[i], name, len) && o->ext_mount_maps[i][len] == ':')
			return o->ext_mount_maps[i] + len + 1;
	return NULL;
}

bool mnt_opt_outer(const struct options *o, char what)
{
	if (!o)
		return false;
	if (what == 's' ? o->ext_sharing : o->ext_masters)
		return true;
	for (size_t i = 0; i < o->n_externals; i++) {
		const char *v = external_value(o->externals[i], "");

		if (v && strchr(v, what))
			return true;
	}
	return false;
}

bool mnt_opt_fs(const struct options *o, const char *fsname)
{
	size_t len = strlen(fsname);

	for (size_t i = 0; o && i < o->n_enable_fs; i++)
		for (const char *p = o->enable_fs[i]; *p; p += strcspn(p, ","), p += *p == ',') {
			size_t n = strcspn(p, ",");

			if ((n == 3 && !strncmp(p, "all", 3)) ||
			    (n && n == len && !strncmp(p, fsname, n)))
				return true;
		}
	return false;
}

static bool is_skipped(const struct options *o, const struct mnt *m)
{
	for (; m && m->parent; m = m->parent)
		for (size_t i = 0; o && i < o->n_skip_mnts; i++)
			if (!strcmp(o->skip_mnts[i] + (o->skip_mnts[i][0] == '/'), m->point + 1))
				return true;
	return false;
}

int mnt_opt_skip(const struct options *o, struct mnt_tree *t, struct err *e)
{
	size_t n = 0, total = t->n;
	bool any = false;

	for (size_t i = 0; i < total; i++)
		any |= is_skipped(o, t->v[i]);
	if (!any)
		return 0;
	/* Marked first: the way up leads through those that go. */
	for (size_t i = 0; i < total; i++)
		t->v[i]->stands = !is_skipped(o, t->v[i]);
	for (size_t i = 0; i < total; i++)
		if (t->v[i]->stands)
			t->v[n++] = t->v[i];
	t->n = n;
	for (size_t i = 0; i < n; i++)
		t->v[i]->child = t->v[i]->sibling = NULL;
	return mnt_tree_link(t, e);
}
