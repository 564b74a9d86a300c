/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which mounts are locked in a user namespace (mount_namespaces(7)): those that
 * were there when its mount namespace was made. The kernel does not show it,
 * but a locked mount cannot be unmounted: EINVAL comes before EBUSY. The try is
 * harmless, because MNT_EXPIRE never takes a mount that somebody holds, and we
 * hold it.
 *
 * What other mounts hide is tried in a copy of the namespace, in which those are
 * taken away one by one.
 *
 * Runs in: a helper inside the user and mount namespaces.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/nshelper.h"
#include "mounts/mounts-internal.h"

struct locks {
	struct mnt_tree *tree;
	size_t n;
};

static int try_one(const struct mnt *m, bool *ret, struct err *e)
{
	_cleanup_close_ int hold = open(m->point, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (hold < 0)
		return err_sys(e, "open", "mount %s", m->point);
	*ret = umount2(m->point, MNT_EXPIRE | UMOUNT_NOFOLLOW) && errno == EINVAL;
	return 0;
}

static bool has_children(const struct mnt *m)
{
	for (const struct mnt *c = m->child; c; c = c->sibling)
		if (c->stands)
			return true;
	return false;
}

/* From the leaves: what is behind a locked mount was there before that. */
static int peel(const struct locks *l, bool *locked, bool *tried, bool *ret_progress, struct err *e)
{
	struct mnt_tree *t = l->tree;

	for (size_t i = 0; i < l->n; i++) {
		struct mnt *m = t->v[i];

		if (tried[i] || m == t->root || has_children(m) || !mnt_is_visible(t, m))
			continue;
		if (try_one(m, &locked[i], e))
			return -e->code;
		tried[i] = *ret_progress = true;
		if (locked[i])
			continue;
		if (umount2(m->point, MNT_DETACH | UMOUNT_NOFOLLOW))
			return err_sys(e, "umount2", "a copy of %s", m->point);
		m->stands = false; /* of our copy: we are another process */
	}
	return 0;
}

static int try_all(void *arg, void *ret, struct err *e)
{
	const struct locks *l = arg;
	struct mnt_tree *t = l->tree;
	bool *tried = calloc(l->n + 1, sizeof(*tried)); /* goes with this process */
	bool progress = tried;

	memset(ret, 1, l->n * sizeof(bool));
	if (!tried || unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return err_sys(e, "unshare", "a copy of the tree's mounts");
	while (progress) {
		progress = false;
		if (peel(l, ret, tried, &progress, e))
			return -e->code;
	}
	/* The others bear locked ones, so that they cannot be taken away to look behind them. */
	for (size_t i = 0; i < l->n; i++)
		if (!tried[i] && t->v[i] != t->root && mnt_is_visible(t, t->v[i]) &&
		    try_one(t->v[i], (bool *)ret + i, e))
			return -e->code;
	return 0;
}

int mnt_tree_find_locks(struct mnt_tree *t, pid_t pid, struct err *e)
{
	struct locks l = { .tree = t, .n = t->n };
	_cleanup_free_ bool *locked = calloc(t->n + 1, sizeof(*locked));
	int r;

	if (!locked)
		return err_set(e, ERR_SYSTEM, ENOMEM, "read", "mount tree", "out of memory");
	r = ns_helper_run(pid, CLONE_NEWNS | CLONE_NEWUSER, try_all, &l, locked,
			  t->n * sizeof(*locked), e);
	for (size_t i = 0; !r && i < t->n; i++)
		t->v[i]->locked = locked[i];
	return r;
}
