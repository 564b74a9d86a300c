/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Describing the tree's mount namespace: which mounts can be rebuilt, the
 * mountpoints image, which filesystems have to give their content.
 *
 * A filesystem that is mounted in our namespace too ("outside") is found again
 * at restore. Any other one is the tree's own and must be of a kind that can be
 * made afresh.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/image.h"
#include "model/options.h"
#include "mounts/mounts-internal.h"

/* root_dev as the kernel has it inside: 20 bits of minor number. */
#define KDEV(major, minor) ((major) << 20 | (minor))

static void outside_mark(struct mnt_tree *tree, const struct mnt_tree *ours)
{
	for (size_t i = 0; i < tree->n; i++)
		for (size_t k = 0; k < ours->n && !tree->v[i]->outside; k++)
			tree->v[i]->outside = mnt_same_sb(tree->v[i], ours->v[k]);
	for (size_t i = 0; i < tree->n; i++)
		for (size_t k = 0; tree->v[i]->shared && k < ours->n; k++)
			tree->v[i]->outer_shared |= tree->v[i]->shared == ours->v[k]->shared;
}

static bool is_deleted(const struct mnt *mnt)
{
	size_t n = strlen(mnt->root), d = strlen("//deleted");

	return n > d && !strcmp(mnt->root + n - d, "//deleted");
}

/* "/name//deleted": told apart from what is called so, which has but one slash. */
static void deleted_mark(struct model *m, struct mnt_tree *tree)
{
	for (size_t i = 0; i < tree->n; i++) {
		struct mnt *mnt = tree->v[i];
		char *name;

		if (!is_deleted(mnt))
			continue;
		name = pool_strdup(m->pool, mnt->root);
		name[strlen(name) - strlen("//deleted")] = 0;
		mnt->root = name;
		mnt->deleted = true;
	}
}

static void options_mark(const struct model *m, struct mnt_tree *tree)
{
	for (size_t i = 0; i < tree->n; i++) {
		struct mnt *mnt = tree->v[i];
		const char *key = mnt_opt_external(m->opt, mnt->point);

		if (key && mnt->parent)
			mnt->ext_key = *key ? key : mnt->point;
		if (!mnt->kind->fresh && mnt_opt_fs(m->opt, mnt->fsname))
			mnt->kind = mount_kind_enabled();
	}
}

static int state_read(struct model *m, struct mounts_state **ret, struct err *e)
{
	struct mounts_state *s = pool_alloc(m->pool, sizeof(*s));
	int r = mnt_tree_read(m->pool, m->root->host, &s->tree, e);

	if (!r)
		r = mnt_tree_read(m->pool, 0, &s->ours, e);
	if (!r)
		r = mnt_opt_skip(m->opt, &s->tree, e);
	if (!r && model_has_own_ns(m, NS_USER))
		r = mnt_tree_find_locks(&s->tree, m->root->host, e);
	if (r)
		return r;
	options_mark(m, &s->tree);
	deleted_mark(m, &s->tree);
	outside_mark(&s->tree, &s->ours);
	m->mnt_state = s;
	*ret = s;
	return 0;
}

/* It receives from mounts of ours: what it shows is copied from there again. */
static bool receives_from_ours(const struct mounts_state *s, const struct mnt *mnt)
{
	for (size_t i = 0; i < s->ours.n; i++)
		if (s->ours.v[i]->shared == mnt->master && mnt_same_sb(s->ours.v[i], mnt))
			return true;
	return false;
}

/* Some mount shows the whole of its filesystem. */
static bool has_whole(const struct mnt_tree *t, const struct mnt *mnt)
{
	for (size_t i = 0; i < t->n; i++)
		if (mnt_same_sb(t->v[i], mnt) && !strcmp(t->v[i]->root, "/"))
			return true;
	return false;
}

/* About propagation; NULL: nothing stands in the way. */
static const char *outer_blocker(const struct model *m, const struct mounts_state *s,
				 const struct mnt *mnt, const char **hint)
{
	bool given = mnt->ext_key || mnt == s->tree.root;

	if (mnt->outer_shared && !mnt_opt_outer(m->opt, 's')) {
		*hint = "make it private, or give --external 'mnt[]:s' "
			"(--enable-external-sharing)";
		return "it is shared with mounts outside of the tree";
	}
	if (mnt_is_outer_slave(&s->tree, mnt) && !given && !receives_from_ours(s, mnt) &&
	    !mnt_opt_outer(m->opt, 'm')) {
		*hint = "make it private, or give --external 'mnt[]:m' "
			"(--enable-external-masters)";
		return "it receives mounts from outside of the tree, and not from ours there";
	}
	return NULL;
}

/* About an instance that is mounted in the tree alone. */
static const char *own_blocker(const struct model *m, const struct mounts_state *s,
			       const struct mnt *mnt, const char **hint)
{
	const char *layer;

	if (!mnt->kind->fresh) {
		*hint = pool_printf(m->pool,
				    "unmount it, mount the filesystem outside of the tree too, "
				    "give it with --external 'mnt[%s]:KEY', or leave it out with "
				    "--skip-mnt %s",
				    mnt->point, mnt->point);
		return "this kind of filesystem cannot be made again, and it is mounted nowhere "
		       "outside";
	}
	layer = mnt->kind->layers ? mnt_layer_missing(m->pool, mnt) : NULL;
	if (layer) {
		*hint = pool_printf(m->pool,
				    "give it with --external 'mnt[%s]:KEY', or make the root of "
				    "the tree with --root at the restore",
				    mnt->point);
		return pool_printf(
			m->pool,
			"it is made of a directory that is not to be seen from here: %.150s",
			layer);
	}
	if (!has_whole(&s->tree, mnt)) {
		*hint = "mount the filesystem whole too, somewhere in the tree or outside of it";
		return "no mount shows its filesystem whole";
	}
	return NULL;
}

/* All that have the root as theirs, and not a directory below it, are above what covers it. */
static bool roots_are_top(const struct model *m, const struct mounts_state *s)
{
	for (size_t i = 0; i < m->n_tasks; i++) {
		const struct task *t = m->tasks[i];
		_cleanup_close_ int fd = -EBADF;
		char path[48], link[8];
		struct statx sx;

		if (t->state == TASK_ZOMBIE)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/root", t->host);
		if (readlink(path, link, sizeof(link)) != 1)
			continue;
		fd = open(path, O_PATH | O_CLOEXEC);
		if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) ||
		    sx.stx_mnt_id != mnt_tree_top(&s->tree)->id)
			return false;
	}
	return true;
}

/* Why @mnt cannot be rebuilt, or NULL. */
static const char *blocker(const struct model *m, const struct mounts_state *s,
			   const struct mnt *mnt, const char **hint)
{
	const struct mnt *ours = s->ours.root, *root = s->tree.root;
	bool our_root = mnt_same_sb(root, ours) && !strcmp(root->root, ours->root);
	const char *why;

	*hint = NULL;
	if (mnt->parent == root && !*mnt->rel && !roots_are_top(m, s))
		return "it lies over the root of the tree, and not all tasks have it as their "
		       "root";
	if (!mnt_path_is_plain(mnt->point))
		return "its mount point has no usable name";
	if (mnt != root && mnt->locked && !our_root)
		return "it is locked by the tree's user namespace, which has another root than "
		       "this machine";
	why = outer_blocker(m, s, mnt, hint);
	if (why || mnt->ext_key)
		return why;
	if (mnt->idmapped)
		return "idmapped mounts are not supported yet";
	/* A root of most kinds can be given at the restore, by --root. */
	return mnt->outside || (mnt == root && !mnt->kind->content) ? NULL :
								      own_blocker(m, s, mnt, hint);
}

static bool block(struct model *m, const struct mounts_state *s, struct mnt *mnt, struct err *e)
{
	const char *hint, *why = blocker(m, s, mnt, &hint);
	char obj[320];

	if (!why)
		return mnt->deleted && !mnt->ext_key && mnt_removed_read(m, &s->tree, mnt, e);
	snprintf(obj, sizeof(obj), "mount %s (%s)", mnt->point, mnt->fsname);
	err_set(e, ERR_UNSUPPORTED, ENOTSUP, "checkpoint", obj, "%s", why);
	err_hint(e, "%s", hint ? hint : "unmount it in the tree before the checkpoint");
	return true;
}

int mounts_preflight(struct model *m, struct err_list *blockers, struct err *e)
{
	struct mounts_state *s;
	int r;

	m->mnt_state = NULL;
	if (!model_has_own_ns(m, NS_MNT))
		return 0;
	r = state_read(m, &s, e);
	for (size_t i = 0; !r && i < s->tree.n; i++) {
		struct err b = { 0 };

		if (block(m, s, s->tree.v[i], &b))
			err_list_add(blockers, &b);
	}
	return r;
}

static void entry_fill(MntEntry *me, const struct mnt *mnt)
{
	mnt_entry__init(me);
	me->fstype = mnt->kind->code;
	me->mnt_id = mnt->id;
	me->root_dev = KDEV(mnt->major, mnt->minor);
	me->parent_mnt_id = mnt->parent_id;
	me->flags = mnt->flags;
	if (mnt->shared)
		me->flags |= MS_SHARED;
	if (mnt->master)
		me->flags |= MS_SLAVE;
	if (mnt->unbindable)
		me->flags |= MS_UNBINDABLE;
	me->root = (char *)mnt->root;
	me->mountpoint = (char *)mnt->point;
	me->source = (char *)mnt->source;
	me->options = (char *)mnt->options;
	me->has_shared_id = true;
	me->shared_id = mnt->shared;
	me->has_master_id = true;
	me->master_id = mnt->master;
	me->has_sb_flags = true;
	me->sb_flags = mnt->sb_flags;
	if (mnt->ext_key) {
		me->has_ext_mount = me->ext_mount = true;
		me->ext_key = (char *)mnt->ext_key;
	}
	me->has_deleted = me->deleted = mnt->deleted;
	me->removed = mnt->removed;
	me->has_outer_shared = me->outer_shared = mnt->outer_shared;
	if (!*mnt->kind->name)
		me->fsname = (char *)mnt->fsname;
	me->has_locked = me->locked = mnt->locked;
	me->has_outside = true;
	me->outside = mnt->outside;
}

/* Close after writing: the first error counts. */
int mounts_image_done(struct image_out *o, int r, struct err *e)
{
	struct err ignored = { 0 };

	if (!r)
		return image_out_close(o, e);
	image_out_close(o, &ignored);
	return r;
}

static int image_write(struct model *m, const struct mnt_tree *t, struct err *e)
{
	struct image_out *o = NULL;
	int r = image_create(m->dir, IMG_MNTS, m->root->ns[NS_MNT]->id, &o, e);

	if (r)
		return r;
	/* Newest first: the order that other tools write and expect. */
	for (size_t i = t->n; !r && i-- > 0;) {
		MntEntry me;

		entry_fill(&me, t->v[i]);
		r = image_put(o, &me.base, e);
	}
	return mounts_image_done(o, r, e);
}

/* Of several that show the whole of a filesystem one is enough. */
static bool is_first(const struct mnt_tree *t, const struct mnt *mnt)
{
	for (size_t i = 0; t->v[i] != mnt; i++)
		if (mnt_same_sb(t->v[i], mnt) && !strcmp(t->v[i]->root, "/"))
			return false;
	return true;
}

int mounts_dump(struct model *m, struct err *e)
{
	struct mounts_state *s;
	int r;

	if (!model_has_own_ns(m, NS_MNT))
		return 0;
	r = state_read(m, &s, e); /* again: frozen now, it no longer changes */
	for (size_t i = 0; !r && i < s->tree.n; i++)
		if (block(m, s, s->tree.v[i], e))
			return -e->code;
	for (size_t i = 0; !r && i < s->tree.n; i++)
		if (!s->tree.v[i]->outside)
			r = mnt_options_inward(m, s->tree.v[i], e);
	if (!r)
		r = image_write(m, &s->tree, e);
	for (size_t i = 0; !r && i < s->tree.n; i++) {
		const struct mnt *mnt = s->tree.v[i];

		if (mnt->kind->content && !mnt->outside && !mnt->ext_key &&
		    !strcmp(mnt->root, "/") && is_first(&s->tree, mnt))
			r = mount_content_dump(m, &s->tree, mnt, m->root->host, e);
	}
	return r ? err_in(e, "mount tree") : 0;
}

int mounts_id_of(struct model *m, struct task *t, int fd)
{
	struct mounts_state *s = m->mnt_state;
	struct err e = { 0 };
	struct statx sx;

	if (!model_has_own_ns(m, NS_MNT))
		return -1;
	/* Asked before mounts_dump() and wrong: that will say why. */
	if (!s && state_read(m, &s, &e))
		return -1;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) || !(sx.stx_mask & STATX_MNT_ID))
		return -1;
	return mnt_tree_by_id(&s->tree, (uint32_t)sx.stx_mnt_id) ? (int)sx.stx_mnt_id : -1;
}
