/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has to be done to the copy of our mounts, which the new namespace starts
 * with, to become the dumped tree. Pure computation, but for looks at the mount
 * points and sources in our own namespace. Problems are collected, all of them.
 *
 * A mount of the tree and one of ours are the same when their parents are, and
 * they show the same part of the same filesystem at the same place. Device
 * numbers without a device (major 0) change from boot to boot: there name and
 * source of the filesystem count.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "mounts/mounts-internal.h"

void mnt_problem(struct err_list *l, const struct mnt *mnt, const char *hint, const char *fmt, ...)
{
	struct err p = { 0 };
	char obj[320], why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	snprintf(obj, sizeof(obj), "mount %s (%s)", mnt->point,
		 *mnt->fsname ? mnt->fsname : mnt->source);
	err_set(&p, ERR_CONFLICT, EINVAL, "restore", obj, "%s", why);
	if (hint)
		err_hint(&p, "%s", hint);
	err_list_add(l, &p);
}
#define problem(l, mnt, ...) mnt_problem(l, mnt, NULL, __VA_ARGS__)

static bool same_fs(const struct mnt *img, const struct mnt *our)
{
	if (*img->fsname && strcmp(img->fsname, our->fsname))
		return false;
	return img->major ? mnt_same_sb(img, our) : !strcmp(img->source, our->source);
}

/*
 * Down from matched parents; a pair of parent and place holds one mount only.
 * In a copy for another user namespace (@locks) all mounts are locked: one that
 * was not is made anew.
 */
static void match_children(struct mnt *img, bool locks)
{
	img->stands = true;
	for (struct mnt *c = img->child; c; c = c->sibling) {
		if (locks && !c->locked)
			continue;
		for (struct mnt *o = img->match->child; c->outside && o; o = o->sibling) {
			if (c->deleted || o->match || strcmp(c->rel, o->rel) ||
			    strcmp(c->root, o->root) || !same_fs(c, o))
				continue;
			c->match = o;
			o->match = c;
			match_children(c, locks);
			break;
		}
	}
}

bool mnt_root_is_ours(const struct mounts_state *s)
{
	const struct mnt *img = s->tree.root, *our = s->ours.root;

	return !strcmp(img->point, "/") && !strcmp(img->root, our->root) && same_fs(img, our) &&
	       !img->ext_key;
}

bool mnt_match_ours(struct mounts_state *s, bool locks, struct err_list *problems)
{
	struct mnt *img = s->tree.root, *our = s->ours.root;

	if (!mnt_root_is_ours(s)) {
		problem(problems, img,
			"the tree's root filesystem was %s on %s, here it is %s on %s", img->root,
			img->source, our->root, our->source);
		return false;
	}
	img->match = our;
	our->match = img;
	match_children(img, locks);
	return true;
}

static void subtree_gone(struct mnt *m)
{
	m->stands = false;
	for (struct mnt *c = m->child; c; c = c->sibling)
		subtree_gone(c);
}

/* Copies that the tree does not have, topmost first where one hides another. */
void mnt_plan_away(struct model *m, struct mounts_state *s, struct err_list *problems)
{
	bool progress = true;

	while (progress) {
		progress = false;
		for (size_t i = 0; i < s->ours.n; i++) {
			struct mnt *o = s->ours.v[i];

			/* What covers one that goes must go before it. */
			if (o->match || !o->stands || (!o->parent->match && *o->rel) ||
			    !mnt_is_visible(&s->ours, o))
				continue;
			subtree_gone(o);
			pool_push(m->pool, s->away, s->n_away, o);
			progress = true;
		}
	}
	for (size_t i = 0; i < s->ours.n; i++)
		if (s->ours.v[i]->stands && !s->ours.v[i]->match)
			problem(problems, s->ours.v[i],
				"the tree does not have it, and it cannot be taken away: another "
				"mount hides it");
}

char *mnt_source_path(struct pool *pool, const struct mnt *mnt)
{
	const struct mnt *src = mnt->source_mnt;
	const char *rest = mnt_path_below(mnt->root, src->root);

	if (!*rest)
		return pool_strdup(pool, src->point);
	return pool_printf(pool, "%s/%s", strcmp(src->point, "/") ? src->point : "", rest);
}

/* Device numbers count for little when they change, and names when many bear them: "tmpfs". */
static int likeness(const struct mnt *img, const struct mnt *our)
{
	return 2 * mnt_same_sb(img, our) + !strcmp(img->point, our->point);
}

struct mnt *mnt_find_outside(const struct mounts_state *s, const struct mnt *img)
{
	struct mnt *best = NULL;
	bool here = false;

	/* The very filesystem, as long as the machine runs. */
	for (size_t i = 0; i < s->ours.n; i++)
		here |= same_fs(img, s->ours.v[i]) && mnt_same_sb(img, s->ours.v[i]);

	for (size_t i = 0; i < s->ours.n; i++) {
		struct mnt *o = s->ours.v[i];

		if (!same_fs(img, o) || (here && !mnt_same_sb(img, o)) ||
		    !mnt_path_below(img->root, o->root) || !mnt_is_visible(&s->ours, o))
			continue;
		if (!best || likeness(img, o) > likeness(img, best))
			best = o;
	}
	return best;
}

/* The mount of the tree that shows @img's filesystem whole and is made itself. */
static struct mnt *find_whole(const struct mounts_state *s, const struct mnt *img)
{
	for (size_t i = 0; i < s->tree.n; i++) {
		struct mnt *t = s->tree.v[i];

		if (t != img && !t->match && mnt_same_sb(t, img) && !strcmp(t->root, "/"))
			return t;
	}
	return NULL;
}

static void source_look(struct model *m, struct mnt *img, struct err_list *problems)
{
	const char *path = mnt_source_path(m->pool, img);
	struct stat st;

	if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW)) {
		problem(problems, img, "what it showed is not here: %s: %s", path, strerror(errno));
		return;
	}
	img->is_file = !S_ISDIR(st.st_mode);
}

static void plan_source(struct model *m, struct mounts_state *s, struct mnt *img,
			struct err_list *problems)
{
	bool whole = !strcmp(img->root, "/");

	if (img->outside) {
		img->source_mnt = mnt_find_outside(s, img);
		if (img->source_mnt)
			source_look(m, img, problems);
		else if (!img->kind->fresh || img->kind->content || !whole)
			problem(problems, img,
				"its filesystem (%s, device %u:%u) is not mounted here",
				img->source, img->major, img->minor);
		return;
	}
	if (!img->kind->fresh || img->kind == mount_kind_enabled() || img->deleted) {
		problem(problems, img, "this kind of filesystem cannot be made again");
		return;
	}
	if (whole)
		return;
	img->source_mnt = find_whole(s, img);
	if (!img->source_mnt)
		problem(problems, img, "no mount shows its filesystem whole");
	else if (img->kind->content)
		problem(problems, img,
			"several mounts of one filesystem of the tree's own are not supported yet");
	/* Of proc, sysfs and their like: ours has the same names. */
	else if (!strcmp(img->fsname, "proc")) {
		char path[64 + 4096];
		struct stat st;

		snprintf(path, sizeof(path), "/proc%s", img->root);
		img->is_file = !stat(path, &st) && !S_ISDIR(st.st_mode);
	}
}

/* Where it will stand: must be there already, unless its parent is ours to fill. */
static void plan_point(const struct mounts_state *s, struct mnt *img, struct err_list *problems)
{
	const char *rest;
	struct stat st;

	if (!img->parent->match || !*img->rel)
		return;
	/* Not to be seen now, when something that will go lies over it. */
	if (mnt_tree_lookup(&s->ours, img->point, &rest) != img->parent->match ||
	    strcmp(rest, img->rel))
		return;
	if (fstatat(AT_FDCWD, img->point, &st, AT_SYMLINK_NOFOLLOW))
		problem(problems, img, "its mount point: %s", strerror(errno));
	else if (S_ISDIR(st.st_mode) == img->is_file)
		problem(problems, img, "its mount point is %s directory",
			img->is_file ? "a" : "not a");
}

static bool reachable(const struct mounts_state *s, const struct mnt *img)
{
	const char *rest;

	return img->parent->stands && mnt_tree_lookup(&s->tree, img->point, &rest) == img->parent &&
	       !strcmp(rest, img->rel);
}

/* Attached now, would it hide the place of another that is still to come? */
static bool hides_others(const struct mounts_state *s, struct mnt *img)
{
	bool hides = false;

	for (size_t i = 0; i < s->tree.n && !hides; i++) {
		struct mnt *q = s->tree.v[i];

		if (q == img || q->stands || !q->parent->stands || !reachable(s, q))
			continue;
		img->stands = true;
		hides = !reachable(s, q);
		img->stands = false;
	}
	return hides;
}

static bool source_stands(const struct mnt *img)
{
	return img->outside || !img->source_mnt || img->source_mnt->stands;
}

/* Parents first, and what hides others last. */
static void plan_order(struct model *m, struct mounts_state *s, struct err_list *problems)
{
	bool progress = true;

	while (progress) {
		progress = false;
		for (size_t i = s->tree.n;
		     i-- > 0;) { /* oldest first: the image has them reversed */
			struct mnt *img = s->tree.v[i];

			if (img->stands || !reachable(s, img) || !source_stands(img) ||
			    hides_others(s, img))
				continue;
			img->stands = true;
			pool_push(m->pool, s->order, s->n_order, img);
			progress = true;
		}
	}
	for (size_t i = 0; i < s->tree.n; i++)
		if (!s->tree.v[i]->stands)
			problem(problems, s->tree.v[i], "no order of mounting leads to it");
}

struct mnt *mnt_group_first(const struct mnt_tree *t, uint32_t group)
{
	for (size_t i = 0; i < t->n; i++) {
		struct mnt *c = t->v[i];
		bool widest = c->shared == group;

		for (size_t k = 0; widest && k < t->n; k++)
			if (t->v[k]->shared == group || t->v[k]->master == group)
				widest = mnt_path_below(t->v[k]->root, c->root);
		if (widest)
			return c;
	}
	return NULL;
}

/*
 * With slaves of ours all copies begin as slaves, and those that are to be
 * private are cut off by path, while only kept mounts stand.
 */
void mnt_check_outer(struct mounts_state *s, struct err_list *problems)
{
	for (size_t i = 0; i < s->tree.n; i++)
		s->outer_slaves |= mnt_is_outer_slave(&s->tree, s->tree.v[i]);
	for (size_t i = 0; s->outer_slaves && i < s->tree.n; i++) {
		const struct mnt *img = s->tree.v[i];

		if (img->match && img->match->shared && !mnt_is_outer_slave(&s->tree, img) &&
		    !mnt_is_visible(&s->tree, img))
			problem(problems, img, "it is private among slaves of ours, and hidden");
	}
}

/* Paths would lead to what covers it as soon as that stands. */
static void check_root(const struct mounts_state *s, struct err_list *problems)
{
	for (const struct mnt *c = s->tree.root->child; c; c = c->sibling)
		if (!*c->rel)
			problem(problems, c, "it lies over the root");
}

static void check_propagation(const struct mounts_state *s, struct err_list *problems)
{
	for (size_t i = 0; i < s->tree.n; i++) {
		const struct mnt *img = s->tree.v[i];

		if (mnt_is_outer_slave(&s->tree, img)) {
			if (!img->match || !img->match->shared || img->shared)
				problem(problems, img,
					"it received mounts from outside of the tree, which the "
					"mount here does not give");
			continue;
		}
		if (!img->shared && !img->master && !img->unbindable)
			continue;
		if (img->outer_shared)
			problem(problems, img, "its peer group reaches outside of the tree");
		if (!mnt_is_visible(&s->tree, img))
			problem(problems, img, "it has propagation of its own and is hidden");
		if (img->shared && !mnt_group_first(&s->tree, img->shared))
			problem(problems, img,
				"no mount of its peer group shows what all others do");
		if (img->master && !mnt_group_first(&s->tree, img->master))
			problem(problems, img,
				"no mount of its master's group shows what all others do");
	}
}

/* Kept mounts are changed by path, before anything is put over them. */
void mnt_check_kept(const struct mounts_state *s, struct err_list *problems)
{
	for (size_t i = 0; i < s->tree.n; i++) {
		const struct mnt *img = s->tree.v[i];

		if (img->match && img->flags != img->match->flags && !mnt_is_visible(&s->tree, img))
			problem(problems, img, "its flags differ from ours here, and it is hidden");
	}
}

void mounts_plan(struct model *m, struct mounts_state *s, struct err_list *problems)
{
	s->planned = true;
	if (!mnt_match_ours(s, model_has_own_ns(m, NS_USER), problems))
		return;
	for (size_t i = 0; i < s->tree.n; i++) {
		struct mnt *img = s->tree.v[i];

		if (img->match)
			continue;
		plan_source(m, s, img, problems);
		plan_point(s, img, problems);
	}
	mnt_plan_away(m, s, problems);
	mnt_check_kept(s, problems);
	mnt_check_outer(s, problems);
	plan_order(m, s, problems);
	check_root(s, problems);
	check_propagation(s, problems);
}
