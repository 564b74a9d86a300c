/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of src/image: the directory object, its files, and what the writer,
 * the reader, the page store and the manifest share.
 */
#ifndef STASIS_IMAGE_INTERNAL_H
#define STASIS_IMAGE_INTERNAL_H

#include <pthread.h>

#include "base/err.h"
#include "base/pool.h"
#include "image/image.h"

#define IMG_COMMON_MAGIC 0x54564319u
#define IMG_SERVICE_MAGIC 0x55105940u

/* One message may be this long. */
#define IMAGE_MSG_MAX (256u << 20)
/* Framed and other images up to these sizes are read into memory; longer ones are streamed. */
#define IMAGE_LOAD_MAX (64u << 20)
#define IMAGE_RAW_LOAD_MAX (1u << 20)
/* Files up to this size are hashed on the spot, larger ones by the hasher's thread. */
#define IMAGE_HASH_INLINE (4u << 20)

struct image_type {
	const char *pattern;
	uint32_t magic; /* 0: raw */
	bool service;	/* first word is IMG_SERVICE */
	bool bare;	/* no first word */
};
const struct image_type *image_type(enum image_id id);

/* A file of the directory: written by us, or (reading) opened or listed in the manifest. */
struct image_file {
	const char *name; /* in the pool */
	uint64_t size;
	uint64_t hash; /* XXH3-64 */
	bool hashed;
	struct hash_job *job; /* pending in the hasher */
	unsigned char *data;  /* reading: content, when loaded */
	int fd;		      /* reading: of streamed files, else -EBADF */
};

struct image_dir {
	int fd;
	char *path;
	struct pool *pool;
	bool writing, foreign;
	int marker;		   /* writing: manifest.img, empty until commit */
	pthread_mutex_t lock;	   /* files, n_files, next_pages */
	struct image_file **files; /* reading with a manifest: sorted by name */
	size_t n_files;
	uint32_t next_pages;
	struct hasher *hasher;
	const char **needs;
	size_t n_needs;
};

/* Error about a file of @d as such (open, write): "PATH/NAME". */
int image_err_sys(const struct image_dir *d, const char *op, const char *name, struct err *e);
/* Error about content: ERR_IMAGE. */
int image_err(struct err *e, const char *name, const char *why, ...)
	__attribute__((format(printf, 3, 4)));

/* Writing: a new file, remembered for the manifest and for discard. */
struct image_file *image_dir_add(struct image_dir *d, const char *name);
int image_file_create(struct image_dir *d, const char *name, struct image_file **ret, int *ret_fd,
		      struct err *e);
/* Reading: NULL with a filled error when it is missing or wrong. */
struct image_file *image_file_find(struct image_dir *d, const char *name);
int image_file_open(struct image_dir *d, const char *name, struct image_file **ret, struct err *e);
/* Open, check the type and size (@expected, or NULL), load or keep the descriptor. */
int image_file_load(struct image_dir *d, struct image_file *f, const uint64_t *expected,
		    struct err *e);

/* Go on reading at @pos, not beyond the file's end. */
int image_seek(struct image_in *in, uint64_t pos, struct err *e);

/*
 * walk.c: the message that an image's first or further entries are (NULL: none),
 * and how many bytes belong behind one. A ghost file's content is not counted.
 */
const ProtobufCMessageDescriptor *image_message(enum image_id id, bool first);
uint64_t image_extra(const ProtobufCMessage *msg);

/* manifest.c: the last file. */
int manifest_write(struct image_dir *d, struct err *e);
/* Fills files and verifies them; -ENOENT (error filled) when there is none. */
int manifest_read(struct image_dir *d, struct err *e);

/* hash.c */
uint64_t hash_bytes(const void *data, size_t n);
struct hash_stream;
struct hash_stream *hash_stream_new(void);
void hash_stream_add(struct hash_stream *s, const void *data, size_t n);
uint64_t hash_stream_end(struct hash_stream *s); /* frees */
/* A whole file by its descriptor; 0 or -errno. */
int hash_fd(int fd, uint64_t size, uint64_t *ret);

/*
 * The hasher: a thread that reads large files behind their writer. A job owns
 * a duplicate of its descriptor. hasher_free() ends the thread, whatever is
 * left to do.
 */
struct hasher;
struct hash_job;
struct hasher *hasher_new(void);
void hasher_free(struct hasher *h);
/* NULL when out of descriptors (errno set). */
struct hash_job *hasher_add(struct hasher *h, int fd);
/* Bytes below @upto are final; @last: there will be no more. */
void hasher_advance(struct hasher *h, struct hash_job *j, uint64_t upto, bool last);
/* Wait for the end; 0 or -errno of reading. */
int hasher_wait(struct hasher *h, struct hash_job *j, uint64_t *ret);
/* The directory's hasher, made when first needed. */
struct hasher *image_dir_hasher(struct image_dir *d);

#endif
