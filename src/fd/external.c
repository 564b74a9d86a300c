// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files that the caller answers for: --external file[MOUNT:INODE] leaves one
 * out of the images but for its descriptors, --inherit-fd gives a descriptor of
 * the caller's for it, or for any file by its path. Such a descriptor is shared
 * with the caller, position and flags and all.
 */
#include <stdio.h>

#include "fd/external.h"
#include "model/options.h"

bool external_is(struct fd_dump *d, const struct fd_look *l)
{
	struct fd_info info = { .mnt_id = l->info.mnt_id };
	struct err ignored = { 0 };
	char key[64];

	if (l->fd < 0 || !d->m->opt || !d->m->opt->n_externals)
		return false;
	/* The preflight does without fdinfo where it can. */
	if (!l->info.text && fd_look_info(d, l->fd, &info, &ignored))
		return false;
	external_key(key, sizeof(key), info.mnt_id, l->st.st_ino);
	return options_external(d->m->opt, key);
}

int external_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, struct err *e)
{
	RegFileEntry *re = pool_msg(d->m->pool, RegFileEntry, reg_file_entry__init);
	char key[64];

	external_key(key, sizeof(key), l->info.mnt_id, l->st.st_ino);
	file_entry_new(d, f, FD_TYPES__REG)->reg = re;
	re->id = f->id;
	re->flags = l->info.flags;
	re->pos = l->info.pos;
	re->name = pool_strdup(d->m->pool, key);
	re->has_ext = re->ext = 1;
	return fown_dump(d, l, &re->fown, e);
}

/* By its whole path, or without the first slash, as others write it. */
static int given(struct fd_restore *r, const RegFileEntry *re)
{
	int fd = options_inherit_fd(r->m->opt, re->name);

	if (fd < 0 && re->name[0] == '/')
		fd = options_inherit_fd(r->m->opt, re->name + 1);
	return fd;
}

int external_read(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	const RegFileEntry *re = f->entry->reg;

	if (given(r, re) >= 0)
		return 0;
	err_set(e, ERR_USAGE, EINVAL, "restore", re->name,
		"the file was left to the caller, and none is given for it");
	return err_hint(e, "use --inherit-fd fd[N]:%s", re->name);
}

int external_open(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	int fd = given(r, f->entry->reg);

	if (fd < 0)
		return 1;
	f->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (f->fd < 0)
		return err_sys(e, "fcntl", "descriptor %d for %s", fd, f->entry->reg->name);
	return 0;
}
