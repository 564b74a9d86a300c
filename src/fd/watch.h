/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What inotify watches: inodes, of which the kernel shows number, device and,
 * where the filesystem can, a file handle. Found again as a name in the tree.
 * Private to src/fd.
 */
#ifndef STASIS_WATCH_H
#define STASIS_WATCH_H

#include "fd/file_kind.h"

#define WATCH_HANDLE_MAX 128 /* bytes: MAX_HANDLE_SZ */

struct watch_target {
	uint64_t ino;
	uint32_t dev; /* as the kernel numbers it inside: major << 20 | minor */
	uint32_t handle_type, handle_len;
	unsigned char handle[WATCH_HANDLE_MAX];
};

struct watch_found {
	const char *path; /* inside the tree's root */
	int deleted_fd;	  /* instead of a name that is gone: O_PATH, the caller's; else -EBADF */
	const char *link; /* then: what /proc shows */
};

/* "inotify wd:1 ino:2 sdev:fe00000 mask:2 ignored_mask:0 fhandle-bytes:8 ...": 1; 0: another line; negative. */
int watch_parse_line(const char *line, InotifyWdEntry *ret, struct watch_target *ret_target);
/* The name of @w; refuses when there is none. @d remembers names that were found. */
int watch_find(struct fd_dump *d, const struct fd_look *l, const struct watch_target *w,
	       struct watch_found *ret, struct err *e);

/* scan.c of watches: the name by looking at every directory, NULL when there is none. */
struct watch_mount {
	uint32_t dev;
	const char *path;
};
const char *watch_scan(struct fd_dump *d, const char *top, const struct watch_target *w);
/* Whether the file behind the O_PATH descriptor @fd is the target: asked of an inotify of our own. */
bool watch_is(const struct watch_target *w, int fd);

#endif
