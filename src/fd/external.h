/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that the caller answers for. Private to src/fd. */
#ifndef STASIS_EXTERNAL_H
#define STASIS_EXTERNAL_H

#include <stdio.h>

#include "fd/file_kind.h"

/* Both numbers in hexadecimal: the mount's id as fdinfo shows it (there decimal), the inode's. */
static inline void external_key(char *buf, size_t size, int mnt_id, uint64_t ino)
{
	snprintf(buf, size, "file[%x:%llx]", (unsigned)mnt_id, (unsigned long long)ino);
}

/* Whether --external names the descriptor's file. */
bool external_is(struct fd_dump *d, const struct fd_look *l);
int external_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, struct err *e);
/* An entry that says so: the caller must give a descriptor for it. */
int external_read(struct fd_restore *r, struct file_obj *f, struct err *e);
/* 0: taken from the caller; 1: nothing is given for this file. */
int external_open(struct fd_restore *r, struct file_obj *f, struct err *e);

#endif
