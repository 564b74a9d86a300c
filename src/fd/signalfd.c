// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * signalfd(2): a mask, read from fdinfo. What it delivers belongs to whoever
 * reads or watches it, so there is nothing else to it. An epoll watches the
 * signals of the process that added it: see epoll_build().
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

#include "fd/kinds.h"

static bool signalfd_is(const struct fd_look *l)
{
	return !strcmp(l->link, "anon_inode:[signalfd]");
}

static int signalfd_check(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	if (!fd_info_line(l->info.text, "sigmask"))
		return fd_refuse(l, e, "the kernel does not show its mask");
	return 0;
}

static int signalfd_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l,
			 struct err *e)
{
	SignalfdEntry *se;
	int r = signalfd_check(d, l, e);

	if (r)
		return r;
	se = pool_msg(d->m->pool, SignalfdEntry, signalfd_entry__init);
	file_entry_new(d, f, FD_TYPES__SIGNALFD)->sgfd = se;
	se->id = f->id;
	se->flags = l->info.flags;
	se->sigmask = strtoull(fd_info_line(l->info.text, "sigmask"), NULL, 16);
	return fown_dump(d, l, &se->fown, e);
}

static int signalfd_read(struct fd_restore *r, struct file_obj *f, struct image_in *in,
			 struct err *e)
{
	return 0; /* any mask and any flags are good */
}

static int signalfd_open(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	const SignalfdEntry *se = f->entry->sgfd;

	/* Not the C library's: its sigset_t is larger than the kernel's. */
	f->fd = (int)syscall(SYS_signalfd4, -1, &se->sigmask, sizeof(se->sigmask), SFD_CLOEXEC);
	if (f->fd < 0)
		return err_sys(e, "signalfd4", "file %u", f->id);
	return fd_set_flags(f->fd, se->flags, "signalfd", e);
}

const struct file_kind file_kind_signalfd = {
	.name = "signalfd",
	.type = FD_TYPES__SIGNALFD,
	.is = signalfd_is,
	.check = signalfd_check,
	.dump = signalfd_dump,
	FILE_KIND_ENTRY(sgfd, SignalfdEntry),
	.read = signalfd_read,
	.open = signalfd_open,
};
