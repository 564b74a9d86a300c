/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The structure of a mount tree: who is mounted where on whom, and where path
 * lookups end. Pure computation.
 */
#include <limits.h>
#include <string.h>

#include "mounts/mounts-internal.h"

struct mnt *mnt_tree_add(struct pool *pool, struct mnt_tree *t)
{
	struct mnt *m = pool_alloc(pool, sizeof(*m));

	m->source_fd = m->fd = m->point_fd = -EBADF;
	pool_push(pool, t->v, t->n, m);
	return m;
}

struct mnt *mnt_tree_by_id(const struct mnt_tree *t, uint32_t id)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i]->id == id)
			return t->v[i];
	return NULL;
}

const char *mnt_path_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (n && dir[n - 1] == '/')
		n--;
	if (strncmp(path, dir, n) || (path[n] && path[n] != '/'))
		return NULL;
	path += n;
	while (*path == '/')
		path++;
	return path;
}

bool mnt_path_is_plain(const char *path)
{
	size_t len = strlen(path);

	if (path[0] != '/' || len >= PATH_MAX)
		return false;
	if (len == 1)
		return true;
	for (const char *p = path; *p; p++) {
		if (*p != '/')
			continue;
		if (!p[1] || p[1] == '/')
			return false;
		if (p[1] == '.' && (!p[2] || p[2] == '/'))
			return false;
		if (p[1] == '.' && p[2] == '.' && (!p[3] || p[3] == '/'))
			return false;
	}
	return true;
}

bool mnt_is_outer_slave(const struct mnt_tree *t, const struct mnt *m)
{
	if (!m->master)
		return false;
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i]->shared == m->master)
			return false;
	return true;
}

static int bad(const struct mnt *m, const char *why, struct err *e)
{
	return err_set(e, ERR_UNSUPPORTED, ENOTSUP, "understand mount", m->point, "%s", why);
}

/* A chain of parents that does not end is no tree; only an image can hold one. */
static bool is_loop(const struct mnt_tree *t, const struct mnt *m)
{
	size_t steps = 0;

	for (; m; m = m->parent)
		if (steps++ > t->n)
			return true;
	return false;
}

static struct mnt *parent_of(const struct mnt_tree *t, const struct mnt *m)
{
	for (size_t i = 0; i < t->n; i++) {
		struct mnt *p = t->v[i];

		if (p != m && (m->unique ? p->unique == m->parent_unique : p->id == m->parent_id))
			return p;
	}
	return NULL;
}

int mnt_tree_link(struct mnt_tree *t, struct err *e)
{
	t->root = NULL;
	for (size_t i = 0; i < t->n; i++) {
		struct mnt *m = t->v[i];

		m->parent = parent_of(t, m);
		if (m->parent)
			continue;
		if (t->root)
			return bad(
				m,
				"its parent is not in the tree, and neither is that of another mount",
				e);
		t->root = m;
	}
	if (!t->root)
		return err_set(e, ERR_UNSUPPORTED, ENOTSUP, "understand", "mount tree",
			       "it has no root");
	/* Backwards, so that the lists of children come out in reading order. */
	for (size_t i = t->n; i-- > 0;) {
		struct mnt *m = t->v[i];

		if (!m->parent) {
			m->rel = "";
			continue;
		}
		if (is_loop(t, m))
			return bad(m, "its parents go round in a circle", e);
		m->rel = mnt_path_below(m->point, m->parent->point);
		if (!m->rel)
			return bad(m, "it was moved out of the mount that it stands on", e);
		m->sibling = m->parent->child;
		m->parent->child = m;
	}
	return 0;
}

/* The mount that hides @m's own root, if any stands. */
static struct mnt *covered(const struct mnt *m)
{
	for (struct mnt *c = m->child; c; c = c->sibling)
		if (c->stands && !*c->rel)
			return c;
	return NULL;
}

static struct mnt *topmost(struct mnt *m)
{
	struct mnt *c;

	while ((c = covered(m)))
		m = c;
	return m;
}

struct mnt *mnt_tree_top(const struct mnt_tree *t)
{
	return topmost(t->root);
}

/* The child that a walk down @path from @m's root meets first. */
static struct mnt *met_first(const struct mnt *m, const char *path, const char **ret_rest)
{
	struct mnt *best = NULL;
	size_t best_len = 0;

	for (struct mnt *c = m->child; c; c = c->sibling) {
		size_t len = strlen(c->rel);
		const char *rest;

		if (!c->stands || !len)
			continue;
		rest = mnt_path_below(path, c->rel);
		if (rest && (!best || len < best_len)) {
			best = c;
			best_len = len;
			*ret_rest = rest;
		}
	}
	return best;
}

struct mnt *mnt_tree_lookup(const struct mnt_tree *t, const char *p, const char **ret_rest)
{
	struct mnt *m = topmost(t->root), *next;

	while (*p == '/')
		p++;
	while (*p && (next = met_first(m, p, &p)))
		m = topmost(next);
	*ret_rest = p;
	return m;
}

bool mnt_is_visible(const struct mnt_tree *t, const struct mnt *m)
{
	const char *rest;

	return mnt_tree_lookup(t, m->point, &rest) == m && !*rest;
}
