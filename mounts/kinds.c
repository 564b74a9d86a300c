/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kinds of filesystems, by what a rebuilt tree can do about an instance that is
 * mounted nowhere else. Every other filesystem (on disks, overlays, network)
 * must be mounted outside of the tree; then it is bound from there.
 */
#include <string.h>

#include "base/cleanup.h"
#include "mounts/mounts-internal.h"

static const struct mount_kind kinds[] = {
	/* One instance per namespace: a new one in the new namespace is the same. */
	{ .name = "proc", .code = FSTYPE__PROC, .fresh = true },
	{ .name = "sysfs", .code = FSTYPE__SYSFS, .fresh = true },
	{ .name = "mqueue", .code = FSTYPE__MQUEUE, .fresh = true },
	/* One instance per machine. */
	{ .name = "devtmpfs", .code = FSTYPE__DEVTMPFS, .fresh = true },
	{ .name = "securityfs", .code = FSTYPE__SECURITYFS, .fresh = true },
	{ .name = "debugfs", .code = FSTYPE__DEBUGFS, .fresh = true },
	{ .name = "tracefs", .code = FSTYPE__TRACEFS, .fresh = true },
	{ .name = "pstore", .code = FSTYPE__PSTORE, .fresh = true },
	{ .name = "fusectl", .code = FSTYPE__FUSECTL, .fresh = true },
	/* Terminals in it belong to the descriptors that hold them. */
	{ .name = "devpts", .code = FSTYPE__DEVPTS, .fresh = true },
	{ .name = "tmpfs", .code = FSTYPE__TMPFS, .fresh = true, .content = true },
	/* Its directories lie outside. */
	{ .name = "overlay", .code = FSTYPE__OVERLAYFS, .fresh = true, .layers = true },
	/* Only as the copy of one outside. */
	{ .name = "cgroup", .code = FSTYPE__CGROUP },
	{ .name = "cgroup2", .code = FSTYPE__CGROUP2 },
	{ .name = "binfmt_misc", .code = FSTYPE__BINFMT_MISC },
	{ .name = "autofs", .code = FSTYPE__AUTOFS },
	{ .name = "fuse", .code = FSTYPE__FUSE },
	{ .name = "aufs", .code = FSTYPE__AUFS },
	{ .name = "simfs", .code = FSTYPE__SIMFS },
};

/* Of whatever name: taken at its mounter's word. */
static const struct mount_kind enabled = { .name = "", .code = FSTYPE__AUTO, .fresh = true };
static const struct mount_kind other = { .name = "", .code = FSTYPE__UNSUPPORTED };

const struct mount_kind *mount_kind_get(const char *fsname)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(fsname, kinds[i].name))
			return &kinds[i];
	return &other;
}

const struct mount_kind *mount_kind_enabled(void)
{
	return &enabled;
}

const struct mount_kind *mount_kind_by_code(Fstype code)
{
	if (code == enabled.code)
		return &enabled;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].code == code)
			return &kinds[i];
	return NULL;
}

void mounts_kinds(kind_fn *fn, void *ctx)
{
	const char *hint = "mount the filesystem outside of the tree too";

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		fn(ctx, kinds[i].name,
		   kinds[i].fresh ? NULL : "only when it is mounted outside of the tree too", hint);
	fn(ctx, "any other filesystem", "only when it is mounted outside of the tree too", hint);
}
