/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What pipes and FIFOs share: the object behind several descriptions, its size
 * and its data. Private to src/fd.
 */
#ifndef STASIS_PIPE_DATA_H
#define STASIS_PIPE_DATA_H

#include "fd/file_kind.h"

/* Dump. */
struct pipe_dumped {
	uint64_t dev, ino;
	uint32_t id; /* in the images */
	bool fifo;
	bool no_readers, no_writers;	  /* as the kernel sees it, the whole machine's */
	struct file_obj *reader, *writer; /* of the tree, any */
};

/* The object of the description at hand; new ones get a number. */
int pipe_seen(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, bool fifo,
	      struct pipe_dumped **ret, struct err *e);
/* Contents of all pipes or all FIFOs into @img. */
int pipe_dump_data(struct fd_dump *d, bool fifo, enum image_id img, struct err *e);

/* Restore. */
struct pipe_chunk {
	const void *data;
	uint32_t bytes;
};

struct pipe_obj {
	uint32_t id;
	bool fifo;
	uint32_t size;		   /* 0: the kernel's default */
	struct pipe_chunk *chunks; /* more than one: packets */
	size_t n_chunks;
	struct file_obj **ends;
	size_t n_ends;
};

int pipe_add_end(struct fd_restore *r, struct file_obj *f, uint32_t id, bool fifo,
		 struct image_in *in, struct err *e);
int pipe_read_data(struct fd_restore *r, bool fifo, enum image_id img, struct err *e);
/* Visit all wanted objects of a sort. */
int pipe_each(struct fd_restore *r, bool fifo,
	      int (*fn)(struct fd_restore *r, struct pipe_obj *p, struct err *e), struct err *e);
/* Size and data through @fd, a writing end that does not block. */
int pipe_fill(const struct pipe_obj *p, int fd, const char *what, struct err *e);

#endif
