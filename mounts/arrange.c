/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each mount of the tree is to be made from, when the tree is put together
 * from pieces: a path given by option, something that is mounted here, or a
 * filesystem made anew ("yard") and filled. Pure computation, but for looks at
 * sources and mount points. Problems are collected, all of them.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "model/options.h"
#include "mounts/mounts-internal.h"

/* Where a plan for our copy has left its marks. */
static void reset(struct mounts_state *s)
{
	struct mnt_tree *trees[] = { &s->tree, &s->ours };

	for (size_t k = 0; k < ARRAY_SIZE(trees); k++)
		for (size_t i = 0; i < trees[k]->n; i++) {
			struct mnt *m = trees[k]->v[i];

			m->match = m->source_mnt = m->yard = NULL;
			m->given = NULL;
			m->stands = true; /* all of it will, and all of ours does */
			m->fd = m->point_fd = m->source_fd = -EBADF;
		}
	s->n_away = s->n_order = s->n_groups = 0;
	s->away = s->order = NULL;
	s->groups = NULL;
	s->outer_slaves = false;
}

/* The path as the stub will take it, whose working directory is another. */
static bool given_take(struct model *m, struct mnt *img, const char *path, const char *option,
		       struct err_list *problems)
{
	char *full = realpath(path, NULL);
	struct stat st;

	if (!full || stat(full, &st)) {
		mnt_problem(problems, img, NULL, "%s gives \"%s\": %s", option, path,
			    strerror(errno));
		free(full);
		return false;
	}
	img->given = pool_strdup(m->pool, full);
	img->is_file = !S_ISDIR(st.st_mode);
	free(full);
	return true;
}

static void find_external(struct model *m, struct mnt *img, struct err_list *problems)
{
	const char *path = m->opt ? mnt_opt_external(m->opt, img->ext_key) : NULL;
	char *hint;

	if (path && *path) {
		given_take(m, img, path, "--external", problems);
		return;
	}
	hint = pool_printf(m->pool, "give --external 'mnt[%s]:PATH', PATH being what it is to show",
			   img->ext_key);
	mnt_problem(problems, img, hint, "it was given from outside under the name \"%s\"",
		    img->ext_key);
}

/* The first mount of the filesystem stands for all; best one whose options were seen whole. */
static struct mnt *yard_of(const struct mounts_state *s, const struct mnt *img)
{
	for (size_t i = 0; i < s->tree.n; i++) {
		struct mnt *t = s->tree.v[i];

		if (mnt_same_sb(t, img) && !t->ext_key && !t->given && !t->outside)
			return t;
	}
	return NULL;
}

static void find_own(struct model *m, struct mounts_state *s, struct mnt *img,
		     struct err_list *problems)
{
	bool root = img == mnt_tree_top(&s->tree);

	if (!img->kind->fresh) {
		mnt_problem(problems, img,
			    root ? "give the root filesystem with --root DIR" :
				   "mount it here before the restore, or name it with --external "
				   "at the dump",
			    "it was the tree's own, and this kind of filesystem cannot be made "
			    "again");
		return;
	}
	if (img->kind->layers && mnt_layer_missing(m->pool, img)) {
		mnt_problem(problems, img,
			    root ? "give the root filesystem with --root DIR" :
				   "make the directories, or name it with --external at the dump",
			    "it was made of directories that are not here");
		return;
	}
	if (img->kind == mount_kind_enabled() && !(m->opt && mnt_opt_fs(m->opt, img->fsname)))
		mnt_problem(problems, img, "give --enable-fs as at the dump",
			    "this kind of filesystem is only made when asked for");
	img->yard = img->outside ? img : yard_of(s, img);
}

static void find_source(struct model *m, struct mounts_state *s, struct mnt *img,
			struct err_list *problems)
{
	bool root = img == mnt_tree_top(&s->tree);
	struct stat st;

	if (root && m->opt && m->opt->root) {
		if (given_take(m, img, m->opt->root, "--root", problems) && img->is_file)
			mnt_problem(problems, img, NULL, "--root %s is no directory", img->given);
		return;
	}
	if (img->ext_key) {
		find_external(m, img, problems);
		return;
	}
	if (img->deleted && (!img->removed || img->outside || !img->kind->content)) {
		mnt_problem(problems, img, "name it with --external at the dump",
			    "the directory or file that it shows was removed");
		return;
	}
	if (img->outside)
		img->source_mnt = mnt_find_outside(s, img);
	if (img->source_mnt) {
		const char *path = mnt_source_path(m->pool, img);

		if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW))
			mnt_problem(problems, img,
				    root ? "give the root filesystem with --root DIR" : NULL,
				    "what it showed is not here: %s: %s", path, strerror(errno));
		else
			img->is_file = !S_ISDIR(st.st_mode);
		return;
	}
	if (img->outside && (!img->kind->fresh || img->kind->content || strcmp(img->root, "/"))) {
		mnt_problem(problems, img,
			    root ? "give the root filesystem with --root DIR" :
				   "mount it here before the restore",
			    "its filesystem (%s, device %u:%u) is not mounted here", img->source,
			    img->major, img->minor);
		return;
	}
	find_own(m, s, img, problems);
}

/* In what is ours its mount point must be there already. */
static void look_at_point(struct model *m, const struct mnt *img, struct err_list *problems)
{
	const struct mnt *p = img->parent;
	const char *dir, *path;
	struct stat st;

	if (!p || !*img->rel || img->match || (!p->given && !p->source_mnt) || p->is_file)
		return;
	dir = p->given ? p->given : mnt_source_path(m->pool, p);
	path = pool_printf(m->pool, "%s/%s", strcmp(dir, "/") ? dir : "", img->rel);
	if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW))
		mnt_problem(problems, img, "make it before the restore", "its mount point %s: %s",
			    path, strerror(errno));
	else if (!img->yard && S_ISDIR(st.st_mode) == img->is_file)
		mnt_problem(problems, img, NULL, "its mount point %s is %s directory", path,
			    img->is_file ? "a" : "not a");
}

static const struct mnt *source_of(const struct mounts_state *s, const struct mnt *img)
{
	const char *rest;

	return img->given ? mnt_tree_lookup(&s->ours, img->given, &rest) : img->source_mnt;
}

/* What reached outside of the tree is to do so again. */
static void look_at_outer(const struct mounts_state *s, const struct mnt *img,
			  struct err_list *problems)
{
	const struct mnt *src = source_of(s, img);

	if (img->outer_shared && (!src || !src->shared))
		mnt_problem(problems, img, "make it so with mount --make-shared",
			    "it was a peer of mounts outside of the tree, but what is here is not "
			    "shared");
	/* Whoever gives a mount answers for it: of one that receives nothing a copy does not either. */
	if (!img->given && mnt_is_outer_slave(&s->tree, img) &&
	    (!src || (!src->shared && !src->master)))
		mnt_problem(problems, img, "make it so with mount --make-shared",
			    "it received mounts from outside of the tree, which the mount here "
			    "does not give");
}

static void look_at_locks(const struct mounts_state *s, const struct mnt *img,
			  struct err_list *problems)
{
	if (img->locked && !img->match && img != s->tree.root)
		mnt_problem(problems, img, NULL,
			    "it was locked by the tree's user namespace, and cannot be made so "
			    "again: what is here is another");
}

/* What is kept of our copy can only be used where a path leads to it. */
static void look_at_kept(struct mounts_state *s, struct err_list *problems)
{
	for (size_t i = 0; i < s->tree.n; i++)
		s->tree.v[i]->stands = s->tree.v[i]->match;
	for (size_t i = 0; i < s->tree.n; i++) {
		struct mnt *img = s->tree.v[i];

		img->reached = img->match && mnt_is_visible(&s->tree, img);
	}
	for (size_t i = 0; i < s->tree.n; i++) {
		const struct mnt *img = s->tree.v[i], *p = img->parent;

		if (!img->match && p && p->match && !p->reached)
			mnt_problem(problems, img, NULL,
				    "what it is mounted on is hidden by another mount of ours");
		if (img->match && !img->reached &&
		    (img->shared || (img->master && !mnt_is_outer_slave(&s->tree, img)) ||
		     img->unbindable))
			mnt_problem(problems, img, NULL,
				    "it has propagation of its own, and is hidden by another "
				    "mount of ours");
	}
	for (size_t i = 0; i < s->tree.n; i++)
		s->tree.v[i]->stands = true;
}

static void keep_ours(struct model *m, struct mounts_state *s, struct err_list *problems)
{
	bool given = m->opt && m->opt->root;

	if ((given && mnt_tree_top(&s->tree) == s->tree.root) || !mnt_root_is_ours(s))
		return;
	mnt_match_ours(s, model_has_own_ns(m, NS_USER), problems);
	mnt_plan_away(m, s, problems);
	mnt_check_kept(s, problems);
	for (size_t i = 0; i < s->tree.n; i++)
		s->tree.v[i]->source_mnt = s->tree.v[i]->match;
	for (size_t i = 0; i < s->ours.n; i++)
		s->ours.v[i]->stands = true; /* sources are taken before anything goes */
	look_at_kept(s, problems);
}

void mounts_arrange(struct model *m, struct mounts_state *s, struct err_list *problems)
{
	reset(s);
	s->assemble = true;
	keep_ours(m, s, problems);
	mnt_check_outer(s, problems);
	for (size_t i = 0; i < s->tree.n; i++)
		if (!s->tree.v[i]->match)
			find_source(m, s, s->tree.v[i], problems);
	for (size_t i = 0; i < s->tree.n; i++) {
		const struct mnt *img = s->tree.v[i];

		look_at_point(m, img, problems);
		look_at_outer(s, img, problems);
		look_at_locks(s, img, problems);
	}
	mnt_groups_plan(m, s, problems);
}
