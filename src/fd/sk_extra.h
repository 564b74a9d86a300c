/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Socket options without a field of their own in the images. Private to src/fd. */
#ifndef STASIS_SK_EXTRA_H
#define STASIS_SK_EXTRA_H

#include "fd/sk_opts.h"

int sk_extra_dump(struct fd_dump *d, const struct fd_look *l, const struct sk_look *s,
		  SkOptsEntry *so, struct err *e);
int sk_extra_read(const SkOptsEntry *so, const struct file_obj *f, struct image_in *in,
		  struct err *e);
int sk_extra_restore(int fd, const SkOptsEntry *so, const char *what, struct err *e);

#endif
