// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Character devices that have no state: null, zero, full, random, urandom, and
 * kmsg for who only writes to it.
 * Opening them again by name is all. Every other device is refused by name.
 */
#include <sys/sysmacros.h>

#include "fd/kinds.h"

#define MEM_MAJOR 1 /* Documentation/admin-guide/devices.txt */

static bool chardev_is(const struct fd_look *l)
{
	return S_ISCHR(l->st.st_mode) && l->link[0] == '/';
}

static bool is_stateless(const struct fd_look *l)
{
	if (major(l->st.st_rdev) != MEM_MAJOR)
		return false;
	switch (minor(l->st.st_rdev)) {
	case 11: /* kmsg: how far a reader has come is not shown */
		return (l->info.flags & O_ACCMODE) == O_WRONLY;
	case 3: /* null */
	case 5: /* zero */
	case 7: /* full */
	case 8: /* random */
	case 9: /* urandom */
		return true;
	default:
		return false;
	}
}

#define HINT_TTY "start the program with setsid and its input and output redirected"
#define HINT_DEVICE "let the program close it before the checkpoint"

static const struct device {
	unsigned major, lo, hi;
	const char *what, *hint;
} devices[] = {
	{ 1, 11, 11, "the kernel's log, open for reading",
	  "let the program close it, or open it for writing only" },
	{ 4, 0, 63, "a virtual console", HINT_TTY },
	{ 4, 64, 255, "a serial line", HINT_TTY },
	{ 5, 1, 1, "the system console", HINT_TTY },
	{ 10, 200, 200, "a TUN/TAP interface", HINT_DEVICE },
	{ 10, 229, 229, "a FUSE filesystem's server", "checkpoint what uses the filesystem alone" },
	{ 10, 232, 232, "a virtual machine (KVM)", HINT_DEVICE },
};

static int chardev_check(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	unsigned ma = major(l->st.st_rdev), mi = minor(l->st.st_rdev);

	if (is_stateless(l))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		if (devices[i].major != ma || mi < devices[i].lo || mi > devices[i].hi)
			continue;
		fd_refuse(l, e, "%s (character device %u:%u) is not supported yet", devices[i].what,
			  ma, mi);
		return err_hint(e, "%s", devices[i].hint);
	}
	return fd_refuse(l, e, "character device %u:%u is not supported", ma, mi);
}

void chardev_kinds(kind_fn *fn, void *ctx)
{
	const char *last = "";

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		/* A kind may have many numbers. */
		if (strcmp(devices[i].what, last))
			fn(ctx, devices[i].what, "not supported", devices[i].hint);
		last = devices[i].what;
	}
	fn(ctx, "any other character device", "not supported", HINT_DEVICE);
}

static int chardev_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l,
			struct err *e)
{
	int r = chardev_check(d, l, e);

	return r ? r : reg_entry_dump(d, f, l, e);
}

const struct file_kind file_kind_chardev = {
	.name = "character device: null, zero, full, random, urandom, kmsg to write to",
	.type = FD_TYPES__REG,
	.is = chardev_is,
	.check = chardev_check,
	.dump = chardev_dump,
	FILE_KIND_ENTRY(reg, RegFileEntry),
};
