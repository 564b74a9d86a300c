// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * eventfd(2): a counter, read from fdinfo. Semaphores are told by a bit that
 * the access mode leaves free: an eventfd is always O_RDWR (2), so that flags
 * with both low bits set say EFD_SEMAPHORE (1).
 */
#include <stdio.h>
#include <sys/eventfd.h>

#include "fd/kinds.h"

static bool eventfd_is(const struct fd_look *l)
{
	return !strcmp(l->link, "anon_inode:[eventfd]");
}

static int eventfd_check(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	const char *count = fd_info_line(l->info.text, "eventfd-count");

	if (!count)
		return fd_refuse(l, e, "the kernel does not show its counter");
	/* Since 6.5. */
	if (!fd_info_line(l->info.text, "eventfd-semaphore"))
		return fd_refuse(l, e, "this kernel does not show whether it is a semaphore");
	if (strtoull(count, NULL, 16) == UINT64_MAX)
		return fd_refuse(l, e, "its counter has overflowed");
	return 0;
}

static int eventfd_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l,
			struct err *e)
{
	EventfdFileEntry *ee;
	int r = eventfd_check(d, l, e);

	if (r)
		return r;
	ee = pool_msg(d->m->pool, EventfdFileEntry, eventfd_file_entry__init);
	file_entry_new(d, f, FD_TYPES__EVENTFD)->efd = ee;
	ee->id = f->id;
	ee->flags = l->info.flags;
	if (atoi(fd_info_line(l->info.text, "eventfd-semaphore")))
		ee->flags |= EFD_SEMAPHORE;
	ee->counter = strtoull(fd_info_line(l->info.text, "eventfd-count"), NULL, 16);
	return fown_dump(d, l, &ee->fown, e);
}

static int eventfd_read_entry(struct fd_restore *r, struct file_obj *f, struct image_in *in,
			      struct err *e)
{
	if (f->entry->efd->counter == UINT64_MAX)
		return image_bad(in, e, "file %u: the counter of an eventfd is out of range",
				 f->id);
	return 0;
}

static int eventfd_open(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	const EventfdFileEntry *ee = f->entry->efd;
	bool semaphore = (ee->flags & O_ACCMODE) == (O_RDWR | EFD_SEMAPHORE);

	f->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | (semaphore ? EFD_SEMAPHORE : 0));
	if (f->fd < 0)
		return err_sys(e, "eventfd2", "file %u", f->id);
	if (ee->counter && write(f->fd, &ee->counter, sizeof(ee->counter)) < 0)
		return err_sys(e, "write", "eventfd, file %u", f->id);
	return fd_set_flags(f->fd, ee->flags, "eventfd", e);
}

const struct file_kind file_kind_eventfd = {
	.name = "eventfd",
	.type = FD_TYPES__EVENTFD,
	.is = eventfd_is,
	.check = eventfd_check,
	.dump = eventfd_dump,
	FILE_KIND_ENTRY(efd, EventfdFileEntry),
	.read = eventfd_read_entry,
	.open = eventfd_open,
};
