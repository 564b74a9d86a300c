/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that lost the name they were opened by, but live on under another one.
 * Private to src/fd.
 */
#ifndef STASIS_LINK_H
#define STASIS_LINK_H

#include "fd/file_kind.h"

/* Another name of the removed @path, in the same directory; in the pool, NULL when there is none. */
const char *link_find_other(struct fd_dump *d, const struct stat *st, const char *path);
/* Give the file behind @fd a name beside @path for the time until the restore; ties @f to it. */
int link_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, const char *path,
	      const char *who, struct err *e);

/* An entry of remap-fpath.img: @f is to be found by the name of file @id. */
int link_remap(struct fd_restore *r, struct file_obj *f, uint32_t id, struct image_in *in,
	       struct err *e);
/* The name that @f is opened by, when that is not what it was opened by before. */
bool link_is(struct file_obj *f);
/*
 * A description under the name that is gone: made for a moment, if it is free.
 * -errno without an error object when it could not be opened.
 */
int link_open(struct fd_restore *r, struct file_obj *f, int flags, struct err *e);

#endif
