// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading framed images. The file's own length is the only size that is
 * believed: every length found inside is compared with what is left. A message
 * may neither nest deeper nor grow larger in memory than its kind can need.
 */
#include <endian.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "image/image-internal.h"

/* Nesting that a message of a recursive kind (cgroup directories) may have. */
#define DEPTH_MAX 64
/*
 * Memory that a message may take, for each of its bytes and besides: an empty
 * submessage of two bytes becomes a struct of some hundred.
 */
#define UNPACK_FACTOR 64
#define UNPACK_BASE (1u << 20)

struct image_in {
	struct image_dir *dir;
	struct image_file *file;
	uint64_t pos, entry;			   /* next byte; start of the entry read last */
	const ProtobufCMessageDescriptor *checked; /* last kind looked at, */
	bool recursive;				   /* and whether it nests itself */
};

int image_bad(const struct image_in *in, struct err *e, const char *why, ...)
{
	char text[sizeof(e->why)], object[sizeof(e->object)];
	va_list ap;

	va_start(ap, why);
	vsnprintf(text, sizeof(text), why, ap);
	va_end(ap);
	snprintf(object, sizeof(object), "%s, entry at byte %llu", in->file->name,
		 (unsigned long long)in->entry);
	return err_set(e, ERR_IMAGE, EINVAL, "read", object, "%s", text);
}

uint64_t image_left(const struct image_in *in)
{
	return in->file->size - in->pos;
}

uint64_t image_tell(const struct image_in *in)
{
	return in->pos;
}

int image_seek(struct image_in *in, uint64_t pos, struct err *e)
{
	if (pos > in->file->size)
		return image_bad(in, e, "truncated: the file ends at byte %llu, %llu is asked for",
				 (unsigned long long)in->file->size, (unsigned long long)pos);
	in->pos = pos;
	return 0;
}

/* @n bytes at the cursor, known to be there. */
static int in_bytes(struct image_in *in, void *buf, size_t n, struct err *e)
{
	int r;

	if (in->file->data) {
		memcpy(buf, in->file->data + in->pos, n);
	} else {
		r = pread_all(in->file->fd, buf, n, (off_t)in->pos);
		if (r) {
			errno = -r;
			return image_err_sys(in->dir, "read", in->file->name, e);
		}
	}
	in->pos += n;
	return 0;
}

static int in_le32(struct image_in *in, uint32_t *ret, struct err *e)
{
	uint32_t v;
	int r = in_bytes(in, &v, sizeof(v), e);

	if (!r)
		*ret = le32toh(v);
	return r;
}

static int check_magics(struct image_in *in, const struct image_type *t, struct err *e)
{
	uint32_t first, common = t->service ? IMG_SERVICE_MAGIC : IMG_COMMON_MAGIC;
	uint64_t at = 0;
	int r;

	if (!t->magic)
		return 0;
	if (in->file->size < 4)
		return image_err(e, in->file->name, "truncated at byte %llu, within its magic",
				 (unsigned long long)in->file->size);
	r = in_le32(in, &first, e);
	if (r)
		return r;
	/* Version 1.0 has no first word. */
	if (!t->bare && first == common) {
		at = in->pos;
		if (image_left(in) < 4)
			return image_err(e, in->file->name,
					 "truncated at byte %llu, within its magic",
					 (unsigned long long)in->file->size);
		r = in_le32(in, &first, e);
		if (r)
			return r;
	}
	if (first != t->magic)
		return image_err(e, in->file->name,
				 "at byte %llu: magic 0x%08x where 0x%08x belongs",
				 (unsigned long long)at, first, t->magic);
	return 0;
}

int image_open(struct image_dir *d, enum image_id id, unsigned long num, struct image_in **ret,
	       struct err *e)
{
	const struct image_type *t = image_type(id);
	char name[IMAGE_NAME_MAX];
	struct image_file *f;
	struct image_in *in;
	int r;

	if (!t)
		return err_set(e, ERR_GENERAL, EINVAL, "read from", d->path,
			       "no such kind of image");
	image_name(id, num, name, sizeof(name));
	r = image_file_open(d, name, &f, e);
	if (r)
		return r;
	in = pool_alloc(d->pool, sizeof(*in));
	in->dir = d;
	in->file = f;
	r = check_magics(in, t, e);
	if (r)
		return r;
	in->entry = in->pos;
	*ret = in;
	return 0;
}

void image_in_close(struct image_in *in)
{
	/* Content and descriptor stay with the directory, the object in its pool. */
}

int image_in_fd(struct image_in *in, struct err *e)
{
	struct image_file *f = in->file;

	if (f->fd < 0) {
		f->fd = openat(in->dir->fd, f->name,
			       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (f->fd < 0)
			return image_err_sys(in->dir, "open", f->name, e);
	}
	return f->fd;
}

/* Whether a message of this kind can hold another of its kind. */
static bool desc_recurses(const ProtobufCMessageDescriptor *desc, int depth)
{
	if (depth > DEPTH_MAX / 4)
		return true;
	for (unsigned i = 0; i < desc->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &desc->fields[i];

		if (f->type == PROTOBUF_C_TYPE_MESSAGE && desc_recurses(f->descriptor, depth + 1))
			return true;
	}
	return false;
}

static bool get_varint(const unsigned char **p, const unsigned char *end, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
		unsigned char b = *(*p)++;

		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

/*
 * The library unpacks nested messages by recursion without a limit; this walk
 * over the wire format finds those that would exhaust the stack.
 */
static bool depth_ok(const ProtobufCMessageDescriptor *desc, const unsigned char *p, size_t len,
		     int depth)
{
	const unsigned char *end = p + len;

	if (depth > DEPTH_MAX)
		return false;
	while (p < end) {
		const ProtobufCFieldDescriptor *f;
		uint64_t tag, n = 0;

		if (!get_varint(&p, end, &tag))
			return true; /* malformed: the unpacker says so */
		switch (tag & 7) {
		case 0:
			if (!get_varint(&p, end, &n))
				return true;
			continue;
		case 1:
			n = 8;
			break;
		case 5:
			n = 4;
			break;
		case 2:
			if (!get_varint(&p, end, &n))
				return true;
			break;
		default:
			return true;
		}
		if (n > (size_t)(end - p))
			return true;
		f = (tag & 7) == 2 ?
			    protobuf_c_message_descriptor_get_field(desc, (unsigned)(tag >> 3)) :
			    NULL;
		if (f && f->type == PROTOBUF_C_TYPE_MESSAGE &&
		    !depth_ok(f->descriptor, p, (size_t)n, depth + 1))
			return false;
		p += n;
	}
	return true;
}

/* The pool's allocator with a limit: beyond it the unpacker gives up. */
struct budget {
	ProtobufCAllocator pb;
	struct pool *pool;
	uint64_t left;
};

static void *budget_alloc(void *data, size_t size)
{
	struct budget *b = data;

	if (size > b->left)
		return NULL;
	b->left -= size;
	return pool_alloc(b->pool, size);
}

static void budget_free(void *data, void *p)
{
}

static int unpack(struct image_in *in, const ProtobufCMessageDescriptor *desc,
		  const unsigned char *data, size_t len, void *ret_msg, struct err *e)
{
	struct budget b = { .pool = in->dir->pool,
			    .left = UNPACK_BASE + UNPACK_FACTOR * (uint64_t)len };
	ProtobufCMessage *msg;

	b.pb = (ProtobufCAllocator){ budget_alloc, budget_free, &b };
	if (in->checked != desc) {
		in->checked = desc;
		in->recursive = desc_recurses(desc, 0);
	}
	if (in->recursive && !depth_ok(desc, data, len, 0))
		return image_bad(in, e, "a %s that nests deeper than %d levels", desc->name,
				 DEPTH_MAX);
	msg = protobuf_c_message_unpack(desc, &b.pb, len, data);
	if (!msg)
		return image_bad(in, e, "its %zu bytes are no valid %s", len, desc->name);
	*(ProtobufCMessage **)ret_msg = msg;
	return 0;
}

/* 1 and its length when there is another entry, all of whose bytes are there. */
static int entry_head(struct image_in *in, const ProtobufCMessageDescriptor *desc, uint32_t *len,
		      struct err *e)
{
	int r;

	in->entry = in->pos;
	if (!image_left(in))
		return 0;
	if (image_left(in) < 4)
		return image_bad(in, e, "truncated: %llu bytes where the length of a %s belongs",
				 (unsigned long long)image_left(in), desc->name);
	r = in_le32(in, len, e);
	if (r)
		return r;
	if (*len > image_left(in))
		return image_bad(in, e, "truncated: a %s of %u bytes, %llu are left", desc->name,
				 *len, (unsigned long long)image_left(in));
	if (*len > IMAGE_MSG_MAX)
		return image_bad(in, e, "a %s of %u bytes is too long", desc->name, *len);
	return 1;
}

int image_get(struct image_in *in, const ProtobufCMessageDescriptor *desc, void *ret_msg,
	      struct err *e)
{
	_cleanup_free_ unsigned char *copy = NULL;
	const unsigned char *data;
	uint32_t len = 0;
	int r = entry_head(in, desc, &len, e);

	if (r != 1)
		return r;
	if (in->file->data) {
		data = in->file->data + in->pos;
		in->pos += len;
	} else {
		copy = malloc((size_t)len + 1);
		if (!copy) {
			errno = ENOMEM;
			return image_err_sys(in->dir, "read", in->file->name, e);
		}
		r = in_bytes(in, copy, len, e);
		if (r)
			return r;
		data = copy;
	}
	r = unpack(in, desc, data, len, ret_msg, e);
	return r ? r : 1;
}

int image_get_raw(struct image_in *in, void *buf, size_t n, struct err *e)
{
	if (n > image_left(in))
		return image_bad(in, e, "truncated: %zu bytes of data belong to it, %llu are left",
				 n, (unsigned long long)image_left(in));
	return in_bytes(in, buf, n, e);
}

int image_get_one(struct image_dir *d, enum image_id id, unsigned long num,
		  const ProtobufCMessageDescriptor *desc, void *ret_msg, struct err *e)
{
	struct image_in *in;
	void *msg;
	int r = image_open(d, id, num, &in, e);

	if (r)
		return r;
	r = image_get(in, desc, &msg, e);
	if (r < 0)
		return r;
	if (!r)
		return image_bad(in, e, "the file ends where its %s belongs", desc->name);
	if (image_left(in))
		return image_err(e, in->file->name, "at byte %llu: more bytes than its one %s",
				 (unsigned long long)in->pos, desc->name);
	*(void **)ret_msg = msg;
	return 0;
}
