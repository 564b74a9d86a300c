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

#include "base/cleanup.h"
#include "image/image.h"
#include "mounts/mounts-internal.h"

/* root_dev as the kernel has it inside: 20 bits of minor number. */
#define KDEV(major, minor) ((major) << 20 | (minor))

static void outside_mark(struct mnt_tree *tree, const struct mnt_tree *ours)
{
	for (size_t i = 0; i < tree->n; i++)
		for (size_t k = 0; k < ours->n && !tree->v[i]->outside; k++)
			tree->v[i]->outside = mnt_same_sb(tree->v[i], ours->v[k]);
}

static int state_read(struct model *m, struct mounts_state **ret, struct err *e)
{
	struct mounts_state *s = pool_alloc(m->pool, sizeof(*s));
	int r = mnt_tree_read(m->pool, m->root->host, &s->tree, e);

	if (!r)
		r = mnt_tree_read(m->pool, 0, &s->ours, e);
	if (r)
		return r;
	outside_mark(&s->tree, &s->ours);
	m->mnt_state = s;
	*ret = s;
	return 0;
}

static bool is_deleted(const struct mnt *mnt)
{
	size_t n = strlen(mnt->root), d = strlen("//deleted");

	return n > d && !strcmp(mnt->root + n - d, "//deleted");
}

static bool has_group(const struct mnt_tree *t, uint32_t group)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i]->shared == group)
			return true;
	return false;
}

/* It receives from the very mount of ours that it is a copy of: so will a new copy. */
static bool receives_from_ours(const struct mounts_state *s, const struct mnt *mnt)
{
	for (size_t i = 0; i < s->ours.n; i++) {
		const struct mnt *o = s->ours.v[i];

		if (o->shared == mnt->master && !mnt->shared && mnt_same_sb(o, mnt) &&
		    !strcmp(o->point, mnt->point) && !strcmp(o->root, mnt->root))
			return true;
	}
	return false;
}

/* The mount that shows the whole of a filesystem and can be reached. */
static const struct mnt *whole_of(const struct mnt_tree *t, const struct mnt *mnt)
{
	for (size_t i = 0; i < t->n; i++)
		if (mnt_same_sb(t->v[i], mnt) && !strcmp(t->v[i]->root, "/") &&
		    mnt_is_visible(t, t->v[i]))
			return t->v[i];
	return NULL;
}

/* Why @mnt cannot be rebuilt, or NULL. */
static const char *blocker(const struct mounts_state *s, const struct mnt *mnt, const char **hint)
{
	const struct mnt *ours = s->ours.root, *root = s->tree.root;
	const struct mnt *whole = whole_of(&s->tree, mnt);
	bool outer = mnt_is_outer_slave(&s->tree, mnt);

	*hint = NULL;
	if (mnt == root && (!mnt_same_sb(mnt, ours) || strcmp(mnt->root, ours->root)))
		return "the tree's root filesystem is not this machine's: other roots are not "
		       "supported yet";
	if (mnt->parent == root && !*mnt->rel)
		return "it hides the root of the tree";
	if (!mnt_path_is_plain(mnt->point))
		return "its mount point has no usable name";
	if (is_deleted(mnt))
		return "the directory or file that it shows was removed";
	if (mnt->idmapped)
		return "idmapped mounts are not supported yet";
	if (mnt->shared && has_group(&s->ours, mnt->shared))
		return "it is shared with mounts outside of the tree";
	if (outer && !receives_from_ours(s, mnt))
		return "it receives mounts from outside of the tree, and not from our mount there";
	if ((mnt->shared || (mnt->master && !outer) || mnt->unbindable) &&
	    !mnt_is_visible(&s->tree, mnt))
		return "it has propagation of its own and is hidden by another mount";
	if (mnt->outside)
		return NULL;
	*hint = "unmount it, or mount the filesystem outside of the tree too";
	if (!mnt->kind->fresh)
		return "this kind of filesystem cannot be made again, and it is mounted nowhere outside";
	if (!whole)
		return "no mount shows its filesystem whole and unhidden";
	if (mnt->kind->content && mnt != whole)
		return "several mounts of one filesystem of the tree's own are not supported yet";
	*hint = NULL;
	if (mnt->kind->content && mnt->unbindable)
		return "an unbindable filesystem with content cannot be read apart from what is "
		       "mounted on it";
	return NULL;
}

static bool block(const struct mounts_state *s, const struct mnt *mnt, struct err *e)
{
	const char *hint, *why = blocker(s, mnt, &hint);
	char obj[320];

	if (!why)
		return false;
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

		if (block(s, s->tree.v[i], &b))
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
	if (mnt->kind->code == FSTYPE__UNSUPPORTED)
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

int mounts_dump(struct model *m, struct err *e)
{
	struct mounts_state *s;
	int r;

	if (!model_has_own_ns(m, NS_MNT))
		return 0;
	r = state_read(m, &s, e); /* again: frozen now, it no longer changes */
	for (size_t i = 0; !r && i < s->tree.n; i++)
		if (block(s, s->tree.v[i], e))
			return -e->code;
	if (!r && model_has_own_ns(m, NS_USER))
		r = mnt_tree_find_locks(&s->tree, m->root->host, e);
	for (size_t i = 0; !r && i < s->tree.n; i++)
		if (!s->tree.v[i]->outside)
			r = mnt_options_inward(m, s->tree.v[i], e);
	if (!r)
		r = image_write(m, &s->tree, e);
	for (size_t i = 0; !r && i < s->tree.n; i++) {
		const struct mnt *mnt = s->tree.v[i];

		if (mnt->kind->content && !mnt->outside && !strcmp(mnt->root, "/"))
			r = mount_content_dump(m, mnt, m->root->host, e);
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
