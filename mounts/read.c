/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a mount namespace from outside by listmount and statmount (Linux
 * 6.15), which show all of it: also what is mounted over, whatever the root of
 * the reader. Where they are missing /proc/PID/mountinfo must do.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/abi.h"
#include "base/cleanup.h"
#include "base/probe.h"
#include "mounts/mounts-internal.h"
#define LOG_MODULE "mounts"
#include "base/log.h"

#define WANTED                                                                                     \
	(STATMOUNT_SB_BASIC | STATMOUNT_MNT_BASIC | STATMOUNT_MNT_ROOT | STATMOUNT_MNT_POINT |     \
	 STATMOUNT_FS_TYPE | STATMOUNT_MNT_OPTS | STATMOUNT_FS_SUBTYPE | STATMOUNT_SB_SOURCE)
#define CHUNK 512

union answer {
	struct statmount s;
	char room[3 * 4096 + 8192];
};

static int sys_statmount(uint64_t id, uint64_t ns, uint64_t mask, union answer *a)
{
	struct mnt_id_req req = { MNT_ID_REQ_SIZE_VER1, 0, id, mask, ns };

	return (int)syscall(SYS_statmount, &req, a, sizeof(*a), 0);
}

static ssize_t sys_listmount(uint64_t id, uint64_t ns, uint64_t last, uint64_t *ids, size_t n)
{
	struct mnt_id_req req = { MNT_ID_REQ_SIZE_VER1, 0, id, last, ns };

	return syscall(SYS_listmount, &req, ids, n, 0);
}

static int ns_id(pid_t pid, uint64_t *ret, struct err *e)
{
	char path[48] = "/proc/self/ns/mnt";
	__u64 id;
	int fd, r = 0;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open", "%s", path);
	if (ioctl(fd, NS_GET_MNTNS_ID, &id))
		r = err_sys(e, "ioctl NS_GET_MNTNS_ID", "%s", path);
	else
		*ret = id;
	close(fd);
	return r;
}

/*
 * The hidden root filesystem under everything: the mount that is its own parent.
 * The kernel answers nothing at all about a namespace whose root was not born
 * before all others in it.
 */
static int hidden_root(uint64_t ns, uint64_t *ret, struct err *e)
{
	union answer a;
	uint64_t id;

	if (sys_listmount(LSMT_ROOT, ns, 0, &id, 1) <= 0) {
		if (!errno || errno == ENOENT)
			return err_set(e, ERR_UNSUPPORTED, ENOTSUP, "read", "mount namespace",
				       "it has no root mount: that was taken away lazily");
		return err_sys(e, "listmount", "root of the mount namespace");
	}
	for (;;) {
		if (sys_statmount(id, ns, STATMOUNT_MNT_BASIC, &a))
			return err_sys(e, "statmount", "mount %llu", (unsigned long long)id);
		if (a.s.mnt_parent_id == id)
			break;
		id = a.s.mnt_parent_id;
	}
	*ret = id;
	return 0;
}

static const struct {
	uint32_t attr, flag;
} attr_flags[] = {
	{ MOUNT_ATTR_RDONLY, MS_RDONLY },	  { MOUNT_ATTR_NOSUID, MS_NOSUID },
	{ MOUNT_ATTR_NODEV, MS_NODEV },		  { MOUNT_ATTR_NOEXEC, MS_NOEXEC },
	{ MOUNT_ATTR_NODIRATIME, MS_NODIRATIME }, { MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW },
};

static uint32_t flags_of_attr(uint64_t attr)
{
	uint32_t flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(attr_flags); i++)
		if (attr & attr_flags[i].attr)
			flags |= attr_flags[i].flag;
	switch (attr & MOUNT_ATTR__ATIME) {
	case MOUNT_ATTR_NOATIME:
		return flags | MS_NOATIME;
	case MOUNT_ATTR_STRICTATIME:
		return flags | MS_STRICTATIME;
	default:
		return flags | MS_RELATIME;
	}
}

static const char *text(struct pool *pool, const union answer *a, uint64_t bit, uint32_t off)
{
	return a->s.mask & bit ? pool_strdup(pool, a->s.str + off) : "";
}

static void fill(struct pool *pool, struct mnt *m, const union answer *a)
{
	const struct statmount *s = &a->s;
	const char *sub = text(pool, a, STATMOUNT_FS_SUBTYPE, s->fs_subtype);

	m->unique = s->mnt_id;
	m->parent_unique = s->mnt_parent_id;
	m->id = s->mnt_id_old;
	m->parent_id = s->mnt_parent_id_old;
	m->major = s->sb_dev_major;
	m->minor = s->sb_dev_minor;
	m->flags = flags_of_attr(s->mnt_attr);
	m->sb_flags = s->sb_flags & SB_FLAGS;
	m->shared = (uint32_t)s->mnt_peer_group;
	m->master = (uint32_t)s->mnt_master;
	m->unbindable = s->mnt_propagation & MS_UNBINDABLE;
	m->idmapped = s->mnt_attr & MOUNT_ATTR_IDMAP;
	m->root = text(pool, a, STATMOUNT_MNT_ROOT, s->mnt_root);
	m->point = text(pool, a, STATMOUNT_MNT_POINT, s->mnt_point);
	m->fsname = text(pool, a, STATMOUNT_FS_TYPE, s->fs_type);
	if (*sub)
		m->fsname = pool_printf(pool, "%s.%s", m->fsname, sub);
	m->source = text(pool, a, STATMOUNT_SB_SOURCE, s->sb_source);
	m->options = text(pool, a, STATMOUNT_MNT_OPTS, s->mnt_opts);
	m->kind = mount_kind_get(m->fsname);
}

int mnt_tree_read_statmount(struct pool *pool, pid_t pid, struct mnt_tree *ret, struct err *e)
{
	struct mnt_tree t = { 0 };
	uint64_t ns = 0, top = 0, last = 0, ids[CHUNK];
	union answer a;
	ssize_t n;
	int r = ns_id(pid, &ns, e);

	if (!r)
		r = hidden_root(ns, &top, e);
	if (r)
		return r;
	do {
		n = sys_listmount(top, ns, last, ids, CHUNK);
		if (n < 0)
			return err_sys(e, "listmount", "mount namespace");
		for (ssize_t i = 0; i < n; i++) {
			if (sys_statmount(ids[i], ns, WANTED, &a))
				return err_sys(e, "statmount", "mount %llu",
					       (unsigned long long)ids[i]);
			fill(pool, mnt_tree_add(pool, &t), &a);
		}
		if (n)
			last = ids[n - 1];
	} while (n == CHUNK);
	r = mnt_tree_link(&t, e);
	if (!r)
		*ret = t;
	return r;
}

/* Sources and options were added kernel by kernel; without them mountinfo knows more. */
static bool statmount_tells_all(void)
{
	const uint64_t need = WANTED | STATMOUNT_SUPPORTED_MASK;
	union answer a;
	uint64_t id;

	return probe_ok("statmount") && probe_ok("listmount") && probe_ok("mntns_id") &&
	       sys_listmount(LSMT_ROOT, 0, 0, &id, 1) == 1 &&
	       !sys_statmount(id, 0, STATMOUNT_SUPPORTED_MASK, &a) &&
	       (a.s.mask & STATMOUNT_SUPPORTED_MASK) && (a.s.supported_mask & need) == need;
}

int mnt_tree_read(struct pool *pool, pid_t pid, struct mnt_tree *ret, struct err *e)
{
	int r;

	if (statmount_tells_all())
		r = mnt_tree_read_statmount(pool, pid, ret, e);
	else
		r = -ENOTSUP;
	if (r == -ENOTSUP) {
		err_clear(e);
		r = mnt_tree_read_mountinfo(pool, pid, ret, e);
	}
	for (size_t i = 0; !r && i < ret->n; i++)
		ret->v[i]->stands = true;
	if (r)
		return pid ? err_in(e, "mounts of pid %d", pid) : err_in(e, "our own mounts");
	log_debug("%zu mounts in the namespace of %d", ret->n, pid);
	return 0;
}
