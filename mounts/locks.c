/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which mounts are locked in a user namespace (mount_namespaces(7)): those that
 * were there when its mount namespace was made. The kernel does not show it,
 * but a locked mount cannot be unmounted: EINVAL comes before EBUSY. The try is
 * harmless, because MNT_EXPIRE never takes a mount that somebody holds, and we
 * hold it.
 *
 * Runs in: a helper inside the mount namespace.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/nshelper.h"
#include "mounts/mounts-internal.h"

static int try_all(void *arg, void *ret, struct err *e)
{
	struct mnt_tree *t = arg;
	bool any = false;

	for (size_t i = 0; i < t->n; i++) {
		struct mnt *m = t->v[i];
		_cleanup_close_ int hold = -EBADF;

		m->locked = true;
		if (m == t->root || !mnt_is_visible(t, m))
			continue;
		hold = open(m->point, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (hold < 0)
			return err_sys(e, "open", "mount %s", m->point);
		m->locked = umount2(m->point, MNT_EXPIRE | UMOUNT_NOFOLLOW) && errno == EINVAL;
		any |= m->locked;
	}
	/* What cannot be reached was most likely there before, if anything was. */
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i] != t->root && !mnt_is_visible(t, t->v[i]))
			t->v[i]->locked = any;
	return 0;
}

int mnt_tree_find_locks(struct mnt_tree *t, pid_t pid, struct err *e)
{
	return ns_helper_call(pid, CLONE_NEWNS, try_all, t, NULL, e);
}
