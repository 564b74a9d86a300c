// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Writing framed images. Each image is collected in memory and goes out with
 * one open, write and close; long ones are written by the megabyte. The
 * checksum for the manifest is made of the bytes on their way.
 */
#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "image/image-internal.h"

#define OUT_FIRST 1024
#define OUT_FLUSH (1u << 20)

struct image_out {
	struct image_dir *dir;
	char name[IMAGE_NAME_MAX];
	struct image_file *file; /* once the file exists */
	int fd;
	unsigned char *buf;
	size_t used, room;
	uint64_t written;
	struct hash_stream *hash; /* once something was flushed */
	bool bypassed;
};

static int out_nomem(struct image_out *o, struct err *e)
{
	errno = ENOMEM;
	return image_err_sys(o->dir, "write", o->name, e);
}

static int out_reserve(struct image_out *o, size_t n, struct err *e)
{
	size_t room = o->room ? o->room : OUT_FIRST;
	unsigned char *buf;

	if (o->room - o->used >= n)
		return 0;
	if (n > SIZE_MAX / 4)
		return out_nomem(o, e);
	while (room - o->used < n)
		room *= 2;
	buf = realloc(o->buf, room);
	if (!buf)
		return out_nomem(o, e);
	o->buf = buf;
	o->room = room;
	return 0;
}

static void put_le32(struct image_out *o, uint32_t v)
{
	v = htole32(v);
	memcpy(o->buf + o->used, &v, sizeof(v));
	o->used += sizeof(v);
}

static void put_magics(struct image_out *o, const struct image_type *t)
{
	if (!t->magic)
		return;
	if (!t->bare)
		put_le32(o, t->service ? IMG_SERVICE_MAGIC : IMG_COMMON_MAGIC);
	put_le32(o, t->magic);
}

int image_create(struct image_dir *d, enum image_id id, unsigned long num, struct image_out **ret,
		 struct err *e)
{
	const struct image_type *t = image_type(id);
	struct image_out *o;
	int r;

	if (!t || !d->writing)
		return err_set(e, ERR_GENERAL, EINVAL, "write to", d->path, "not open for writing");
	o = calloc(1, sizeof(*o));
	if (!o) {
		errno = ENOMEM;
		return image_err_sys(d, "write", t->pattern, e);
	}
	o->dir = d;
	o->fd = -EBADF;
	image_name(id, num, o->name, sizeof(o->name));
	r = out_reserve(o, 8, e);
	if (r) {
		free(o);
		return r;
	}
	put_magics(o, t);
	*ret = o;
	return 0;
}

static int out_flush(struct image_out *o, struct err *e)
{
	int r;

	if (o->fd < 0) {
		r = image_file_create(o->dir, o->name, &o->file, &o->fd, e);
		if (r)
			return r;
	}
	r = aside_write_all(o->fd, o->buf, o->used);
	if (r) {
		errno = -r;
		return image_err_sys(o->dir, "write", o->name, e);
	}
	o->written += o->used;
	return 0;
}

/* Out with the buffer, hashed as a part of the stream. */
static int out_drain(struct image_out *o, struct err *e)
{
	int r = out_flush(o, e);

	if (r)
		return r;
	if (!o->hash)
		o->hash = hash_stream_new();
	hash_stream_add(o->hash, o->buf, o->used);
	o->used = 0;
	return 0;
}

int image_put(struct image_out *o, const ProtobufCMessage *msg, struct err *e)
{
	size_t len = protobuf_c_message_get_packed_size(msg);
	int r;

	if (len > IMAGE_MSG_MAX)
		return err_set(e, ERR_UNSUPPORTED, EFBIG, "write", o->name,
			       "a %s of %zu bytes is longer than any reader takes",
			       msg->descriptor->name, len);
	r = out_reserve(o, len + 4, e);
	if (r)
		return r;
	put_le32(o, (uint32_t)len);
	o->used += protobuf_c_message_pack(msg, o->buf + o->used);
	return o->used >= OUT_FLUSH ? out_drain(o, e) : 0;
}

int image_put_raw(struct image_out *o, const void *data, size_t n, struct err *e)
{
	const char *p = data;

	while (n) {
		size_t part = n < OUT_FLUSH ? n : OUT_FLUSH;
		int r = out_reserve(o, part, e);

		if (r)
			return r;
		memcpy(o->buf + o->used, p, part);
		o->used += part;
		p += part;
		n -= part;
		if (o->used >= OUT_FLUSH)
			r = out_drain(o, e);
		if (r)
			return r;
	}
	return 0;
}

int image_out_fd(struct image_out *o, struct err *e)
{
	int r = out_flush(o, e);

	if (r)
		return r;
	o->used = 0;
	o->bypassed = true;
	return o->fd;
}

/* Somebody else wrote through the descriptor: look at what is there now. */
static int account_bypassed(struct image_out *o, struct err *e)
{
	struct image_file *f = o->file;
	struct hasher *h;
	struct stat st;
	int r;

	if (fstat(o->fd, &st))
		return image_err_sys(o->dir, "stat", o->name, e);
	f->size = (uint64_t)st.st_size;
	h = f->size > IMAGE_HASH_INLINE ? image_dir_hasher(o->dir) : NULL;
	f->job = h ? hasher_add(h, o->fd) : NULL;
	if (f->job) {
		hasher_advance(h, f->job, f->size, true);
		return 0;
	}
	r = hash_fd(o->fd, f->size, &f->hash);
	if (r) {
		errno = -r;
		return image_err_sys(o->dir, "read back", o->name, e);
	}
	f->hashed = true;
	return 0;
}

static int out_finish(struct image_out *o, struct err *e)
{
	int r;

	if (o->bypassed) {
		r = account_bypassed(o, e);
	} else if (o->hash) {
		r = out_drain(o, e);
		if (!r) {
			o->file->hash = hash_stream_end(take_ptr(o->hash));
			o->file->size = o->written;
			o->file->hashed = true;
		}
	} else {
		r = out_flush(o, e);
		if (!r) {
			o->file->hash = hash_bytes(o->buf, o->used);
			o->file->size = o->used;
			o->file->hashed = true;
		}
	}
	if (r)
		return r;
	/* Network filesystems report lack of space only here. */
	if (aside_close(take_fd(o->fd)))
		return image_err_sys(o->dir, "close", o->name, e);
	return 0;
}

void image_out_abort(struct image_out *o)
{
	if (!o)
		return;
	aside_close(take_fd(o->fd));
	if (o->hash)
		hash_stream_end(o->hash);
	free(o->buf);
	free(o);
}

int image_out_close(struct image_out *o, struct err *e)
{
	int r;

	if (!o)
		return 0;
	r = out_finish(o, e);
	image_out_abort(o);
	return r;
}

int image_out_end(struct image_out *o, int r, struct err *e)
{
	if (!r)
		return image_out_close(o, e);
	image_out_abort(o);
	return r;
}

int image_put_one(struct image_dir *d, enum image_id id, unsigned long num,
		  const ProtobufCMessage *msg, struct err *e)
{
	struct image_out *o;
	int r = image_create(d, id, num, &o, e);

	if (r)
		return r;
	r = image_put(o, msg, e);
	return image_out_end(o, r, e);
}

int image_put_at(int dirfd, enum image_id id, unsigned long num, const ProtobufCMessage *msg,
		 struct err *e)
{
	size_t len = protobuf_c_message_get_packed_size(msg);
	struct image_out o = { .room = len + 12 };
	_cleanup_free_ unsigned char *buf = malloc(o.room);
	_cleanup_close_ int fd = -EBADF;
	int r;

	image_name(id, num, o.name, sizeof(o.name));
	if (!buf) {
		errno = ENOMEM;
		return err_sys(e, "write", "%s", o.name);
	}
	o.buf = buf;
	put_magics(&o, image_type(id));
	put_le32(&o, (uint32_t)len);
	o.used += protobuf_c_message_pack(msg, buf + o.used);
	fd = openat(dirfd, o.name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, "create", "%s", o.name);
	r = write_all(fd, buf, o.used);
	if (r) {
		errno = -r;
		return err_sys(e, "write", "%s", o.name);
	}
	return 0;
}
