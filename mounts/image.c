/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the mountpoints image: every string and number in it is checked here
 * before anything else looks at it.
 */
#include <string.h>
#include <sys/stat.h>

#include "image/image.h"
#include "mounts/mounts-internal.h"

/* The kernel's own limit of mounts in a namespace (fs.mount-max). */
#define MOUNTS_MAX 100000
/* mount(2) takes one page of options. */
#define OPTIONS_MAX 4095

#define NSEC 1000000000u

/* Of images without our own mark: what is known to be the tree's own by its kind. */
static bool guess_outside(struct model *m, const struct mnt *mnt)
{
	switch (mnt->kind->code) {
	case FSTYPE__TMPFS:
		return !image_exists(m->dir, IMG_TMPFS_DEV, mnt->major << 20 | mnt->minor);
	case FSTYPE__PROC:
		return !model_has_own_ns(m, NS_PID);
	case FSTYPE__SYSFS:
		return !model_has_own_ns(m, NS_NET);
	case FSTYPE__MQUEUE:
		return !model_has_own_ns(m, NS_IPC);
	case FSTYPE__DEVPTS:
		return false;
	default:
		return true; /* one per machine, or nothing that could be made */
	}
}

static void entry_take(struct model *m, struct mnt *mnt, const MntEntry *me)
{
	mnt->id = me->mnt_id;
	mnt->parent_id = me->parent_mnt_id;
	mnt->major = me->root_dev >> 20;
	mnt->minor = me->root_dev & 0xfffff;
	mnt->flags = me->flags & MOUNT_FLAGS;
	mnt->sb_flags = me->has_sb_flags ? me->sb_flags & SB_FLAGS : 0;
	mnt->shared = me->has_shared_id ? me->shared_id : 0;
	mnt->master = me->has_master_id ? me->master_id : 0;
	mnt->unbindable = me->flags & MS_UNBINDABLE;
	mnt->root = me->root;
	mnt->point = me->mountpoint;
	mnt->source = me->source;
	mnt->options = me->options;
	mnt->fsname = me->fsname ? me->fsname : "";
	mnt->kind = mount_kind_by_code(me->fstype);
	if (mnt->kind)
		mnt->fsname = mnt->kind->name;
	else
		mnt->kind = mount_kind_get("");
	if (me->has_ext_mount && me->ext_mount)
		mnt->ext_key = me->ext_key ? me->ext_key : me->mountpoint;
	mnt->deleted = me->has_deleted && me->deleted;
	mnt->removed = mnt->deleted ? me->removed : NULL;
	mnt->outer_shared = me->has_outer_shared && me->outer_shared;
	if (mnt->kind == mount_kind_enabled())
		mnt->fsname = me->fsname ? me->fsname : "";
	mnt->locked = me->has_locked && me->locked;
	mnt->outside = me->has_outside ? me->outside : guess_outside(m, mnt);
}

static int entry_check(const struct image_in *in, const MntEntry *me, struct err *e)
{
	if (!mnt_path_is_plain(me->mountpoint))
		return image_bad(in, e, "mount point \"%.100s\" is not a plain absolute path",
				 me->mountpoint);
	if (!mnt_path_is_plain(me->root))
		return image_bad(in, e,
				 "root \"%.100s\" of mount %.100s is not a plain absolute path",
				 me->root, me->mountpoint);
	if (strlen(me->options) > OPTIONS_MAX || strlen(me->source) > OPTIONS_MAX)
		return image_bad(in, e, "options or source of mount %.100s are too long",
				 me->mountpoint);
	if (me->removed &&
	    (me->removed->atime_nsec >= NSEC || me->removed->mtime_nsec >= NSEC || !me->root[1] ||
	     (!S_ISREG(me->removed->mode) && !S_ISDIR(me->removed->mode))))
		return image_bad(in, e, "the removed object of mount %.100s makes no sense",
				 me->mountpoint);
	return 0;
}

int mounts_read(struct model *m, struct err *e)
{
	struct mounts_state *s;
	struct image_in *in = NULL;
	MntEntry *me;
	int r;

	m->mnt_state = NULL;
	if (!model_has_own_ns(m, NS_MNT))
		return 0;
	s = pool_alloc(m->pool, sizeof(*s));
	r = image_open(m->dir, IMG_MNTS, m->root->ns[NS_MNT]->id, &in, e);
	if (r)
		return r;
	while ((r = image_get(in, &mnt_entry__descriptor, &me, e)) > 0) {
		if (s->tree.n >= MOUNTS_MAX)
			r = image_bad(in, e, "more than %d mounts", MOUNTS_MAX);
		else
			r = entry_check(in, me, e);
		if (r)
			break;
		entry_take(m, mnt_tree_add(m->pool, &s->tree), me);
	}
	image_in_close(in);
	if (!r)
		r = mnt_tree_link(&s->tree, e);
	if (!r && m->opt)
		r = mnt_opt_skip(m->opt, &s->tree, e);
	if (r)
		return err_in(e, "mount tree");
	m->mnt_state = s;
	return 0;
}
