// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken images, by the thousand and reproducibly.
 *
 *   fuzz_image make DIR [SEED]     writes a checkpoint with every kind of image,
 *                                  filled with arbitrary values, by our own writer
 *   fuzz_image run DIR N [SEED]    mutates files of DIR in a scratch copy and
 *                                  reads them, N times; DIR may be any checkpoint
 *
 * Reading may refuse with an error that says something, and nothing else: no
 * crash, no sanitizer report, no error without a text. Built with ASan and
 * UBSan by run.sh.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "image/image-internal.h"
#include "image/schemas.h"

static uint64_t rng_state = 1;

static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state * 0x2545f4914f6cdd1dULL;
}

static size_t below(size_t n)
{
	return n ? (size_t)(rng() >> 11) % n : 0;
}

static void die(const char *what, const struct err *e)
{
	char text[sizeof(*e) + 64] = "";

	if (e)
		err_format(e, text, sizeof(text));
	fprintf(stderr, "fuzz_image: %s %s\n", what, text);
	exit(1);
}

/* ---- make ---- */

static ProtobufCMessage *any_message(struct pool *p, const ProtobufCMessageDescriptor *desc,
				     int depth);

/* Small numbers mostly: some are the lengths of bytes that have to follow. */
static uint64_t any_number(void)
{
	return below(4) ? below(200) : below(3) ? rng() & 0xffff : rng() >> below(64);
}

static void any_value(struct pool *p, const ProtobufCFieldDescriptor *f, void *at, int depth)
{
	static const char words[] = "/proc/self/fd/socket:[4711] pipe memfd:name deleted";
	const ProtobufCEnumDescriptor *en = f->descriptor;
	size_t len = below(sizeof(words) - 1);

	switch (f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		*(ProtobufCMessage **)at = any_message(p, f->descriptor, depth + 1);
		break;
	case PROTOBUF_C_TYPE_STRING:
		*(char **)at = pool_printf(p, "%.*s", (int)len, words);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		*(ProtobufCBinaryData *)at =
			(ProtobufCBinaryData){ len, pool_dup(p, words, sizeof(words)) };
		break;
	case PROTOBUF_C_TYPE_ENUM:
		*(int *)at = en->values[below(en->n_values)].value;
		break;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)at = (protobuf_c_boolean)below(2);
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		*(uint64_t *)at = any_number();
		break;
	default:
		*(uint32_t *)at = (uint32_t)any_number();
	}
}

static size_t value_size(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
	case PROTOBUF_C_TYPE_STRING:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return 8;
	default:
		return 4;
	}
}

static ProtobufCMessage *any_message(struct pool *p, const ProtobufCMessageDescriptor *desc,
				     int depth)
{
	char *msg = pool_alloc(p, desc->sizeof_message);

	desc->message_init((ProtobufCMessage *)msg);
	for (unsigned i = 0; i < desc->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &desc->fields[i];
		size_t n, size = value_size(f);
		char *array;

		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			n = depth > 4 ? 0 : below(4);
			array = pool_alloc(p, n * size + 1);
			for (size_t k = 0; k < n; k++)
				any_value(p, f, array + k * size, depth);
			*(size_t *)(msg + f->quantifier_offset) = n;
			*(char **)(msg + f->offset) = array;
		} else if (f->label == PROTOBUF_C_LABEL_REQUIRED || (depth < 5 && below(3))) {
			any_value(p, f, msg + f->offset, depth);
			if (f->label == PROTOBUF_C_LABEL_OPTIONAL && f->quantifier_offset)
				*(protobuf_c_boolean *)(msg + f->quantifier_offset) = 1;
		}
	}
	return (ProtobufCMessage *)msg;
}

/* One with little behind it. */
static ProtobufCMessage *any_entry(struct pool *p, const ProtobufCMessageDescriptor *desc)
{
	ProtobufCMessage *msg;

	do {
		msg = any_message(p, desc, 0);
	} while (image_extra(msg) > 1000);
	return msg;
}

static void put_entry(struct image_out *o, struct pool *p, const ProtobufCMessageDescriptor *desc)
{
	static const char zeros[1024];
	ProtobufCMessage *msg = any_entry(p, desc);
	struct err e = { 0 };

	if (desc == &ipc_msg_entry__descriptor)
		((IpcMsgEntry *)msg)->qnum = (uint32_t)below(3);
	if (desc == &ghost_file_entry__descriptor)
		((GhostFileEntry *)msg)->has_chunks = ((GhostFileEntry *)msg)->chunks = 1;
	if (image_put(o, msg, &e) || image_put_raw(o, zeros, (size_t)image_extra(msg), &e))
		die("make:", &e);
	if (desc == &ipc_msg_entry__descriptor)
		for (uint32_t i = 0; i < ((IpcMsgEntry *)msg)->qnum; i++)
			put_entry(o, p, &ipc_msg__descriptor);
}

static void make_pages(struct image_dir *d, enum image_id id)
{
	static const unsigned char page[65536];
	struct err e = { 0 };
	struct image_pages *pg;
	uint64_t at = 0x10000, n;

	if (image_pages_create(d, id, 1, &pg, &e))
		die("make:", &e);
	for (int i = 0; i < 3; i++, at += 1 << 20) {
		n = 1 + below(3);
		if (pwrite_all(image_pages_fd(pg), page, n * page_size(),
			       (off_t)image_pages_tell(pg)) ||
		    image_pages_run(pg, at, n, &e))
			die("make:", &e);
	}
	if (image_pages_close(pg, &e))
		die("make:", &e);
}

static void make(const char *path)
{
	struct pool *p = pool_new();
	struct err e = { 0 };
	struct image_dir *d;
	struct image_out *o;

	mkdir(path, 0700);
	if (image_dir_create(&d, path, p, &e))
		die("make:", &e);
	for (int i = 0; i < IMG_ID_COUNT; i++) {
		enum image_id id = (enum image_id)i;
		size_t n = 1 + below(4);

		if (id == IMG_PAGEMAP || id == IMG_SHMEM_PAGEMAP) {
			make_pages(d, id);
			continue;
		}
		if (!image_message(id, true) || id == IMG_PAGES_OLD || id == IMG_SHM_PAGES_OLD)
			continue;
		if (image_create(d, id, 1, &o, &e))
			die("make:", &e);
		for (size_t k = 0; k < n; k++)
			put_entry(o, p, image_message(id, !k));
		if (image_out_close(o, &e))
			die("make:", &e);
	}
	if (image_dir_commit(d, false, &e))
		die("make:", &e);
	image_dir_free(d);
	pool_free(p);
}

/* ---- run ---- */

struct seed {
	char name[256];
	unsigned char *data;
	size_t size;
};

struct seeds {
	struct seed *v;
	size_t n;
};

static void load(struct seeds *s, const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	struct dirent *ent;

	if (!dir)
		die(path, NULL);
	while ((ent = readdir(dir))) {
		ssize_t n;
		char *text;

		if (!image_name_parse(ent->d_name, NULL, NULL))
			continue;
		n = read_text_alloc(dirfd(dir), ent->d_name, &text);
		if (n < 0)
			die(ent->d_name, NULL);
		s->v = reallocarray(s->v, s->n + 1, sizeof(*s->v));
		if (!s->v)
			abort();
		snprintf(s->v[s->n].name, sizeof(s->v[s->n].name), "%s", ent->d_name);
		s->v[s->n].data = (unsigned char *)text;
		s->v[s->n++].size = (size_t)n;
	}
	if (!s->n)
		die("no images in", NULL);
}

static void spill(int dir, const char *name, const void *data, size_t n)
{
	_cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write_all(fd, data, n))
		die(name, NULL);
}

/* One of the ways in which a file goes wrong. @buf has room for twice @n and 64 more. */
static size_t mutate_once(unsigned char *buf, size_t n, const struct seed *other)
{
	static const uint32_t lengths[] = { 0,	    1,		4,	    0x7f,      0x80,
					    0xffff, 0x7fffffff, 0x80000000, 0xffffffff };
	/* Seldom in the magics, where every change ends alike. */
	size_t at = n > 12 && below(8) ? 8 + below(n - 8) : below(n), k;

	switch (below(8)) {
	case 0: /* cut */
		return at;
	case 1: /* one bit */
		if (n)
			buf[at] ^= (unsigned char)(1 << below(8));
		return n;
	case 2: /* one byte */
		if (n)
			buf[at] = (unsigned char)rng();
		return n;
	case 3: /* a word that may be a length */
		if (n >= 4)
			memcpy(buf + (at > n - 4 ? n - 4 : at),
			       &lengths[below(ARRAY_SIZE(lengths))], 4);
		return n;
	case 4: /* a varint that never ends */
		k = below(n - at < 12 ? n - at : 12);
		memset(buf + at, 0xff, k);
		return n;
	case 5: /* a piece gone */
		k = below(n - at);
		memmove(buf + at, buf + at + k, n - at - k);
		return n - k;
	case 6: /* a piece twice */
		k = below(n - at < 64 ? n - at : 64);
		memmove(buf + at + k, buf + at, n - at);
		return n + k;
	default: /* a piece of another file */
		k = below(other->size < n - at ? other->size : n - at);
		memcpy(buf + at, other->data + below(other->size - k), k);
		return n;
	}
}

static size_t mutate(unsigned char *buf, size_t n, const struct seeds *s)
{
	for (size_t times = 1 + below(4), limit = n + 64; times; times--) {
		n = mutate_once(buf, n, &s->v[below(s->n)]);
		if (n > limit)
			break;
	}
	return n;
}

static int look(void *ctx, struct image_in *in, const struct image_entry *entry, struct err *e)
{
	unsigned char *sum = ctx, buf[512];
	uint64_t left = entry->extra;
	size_t n = protobuf_c_message_get_packed_size(entry->msg);
	_cleanup_free_ unsigned char *packed = malloc(n + 1);

	/* Touch all of it: what was unpacked wrongly shows when it is packed. */
	if (packed && protobuf_c_message_pack(entry->msg, packed) != n)
		die("a message changes its size", NULL);
	while (left) {
		size_t part = left < sizeof(buf) ? (size_t)left : sizeof(buf);
		int r = image_get_raw(in, buf, part, e);

		if (r)
			return r;
		*sum ^= buf[part - 1];
		left -= part;
	}
	return 0;
}

static void check(const char *name, int r, const struct err *e)
{
	if (r < 0 &&
	    (!e->code || !e->op[0] || !e->why[0] || e->class == ERR_NONE || e->class == ERR_USAGE))
		die("an error that says nothing, reading", NULL);
	if (r > 0)
		die(name, NULL);
}

/* Everything that can be read of one file. Whether all was well. */
static bool read_back(const char *path, const char *name)
{
	bool good = false;
	struct pool *p = pool_new();
	struct err e = { 0 };
	struct image_dir *d;
	struct page_runs runs;
	unsigned char sum = 0;
	enum image_id id;
	unsigned long num;
	int r = image_dir_open(&d, path, p, NULL, &e);

	check(name, r, &e);
	if (!r) {
		image_name_parse(name, &id, &num);
		err_clear(&e);
		r = image_type(id)->magic && id != IMG_MANIFEST ?
			    image_walk(d, id, num, look, &sum, &e) :
			    0;
		check(name, r, &e);
		good = !r;
		if (id == IMG_PAGEMAP || id == IMG_SHMEM_PAGEMAP) {
			err_clear(&e);
			r = image_pages_read(d, id, num, &runs, &e);
			check(name, r, &e);
			good = good && !r;
		}
		check(name, image_dir_verified(d, &e), &e);
		image_dir_free(d);
	}
	pool_free(p);
	return good;
}

static void put_all(int dir, const struct seeds *s)
{
	for (size_t k = 0; k < s->n; k++)
		spill(dir, s->v[k].name, s->v[k].data, s->v[k].size);
}

static void run(const char *from, unsigned long times)
{
	unsigned long refused = 0;
	/* In memory: rewriting files on a disk waits for it. */
	char scratch[] = "/dev/shm/stasis-fuzz-XXXXXX";
	unsigned char *buf = NULL;
	struct seeds s = { 0 };
	int dir;

	load(&s, from);
	if (!mkdtemp(scratch))
		die(scratch, NULL);
	dir = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put_all(dir, &s);
	for (size_t k = 0; k < s.n; k++)
		if (!read_back(scratch, s.v[k].name))
			die("not even readable as it is:", NULL);
	for (unsigned long i = 0; i < times; i++) {
		const struct seed *victim = &s.v[below(s.n)];
		/* With the manifest nearly every change is seen at open: mostly without. */
		bool sealed = !strcmp(victim->name, "manifest.img") || !below(16);
		size_t n;

		for (size_t k = 0; k < s.n && sealed; k++)
			if (!strcmp(s.v[k].name, "manifest.img"))
				spill(dir, s.v[k].name, s.v[k].data, s.v[k].size);
		if (!sealed)
			unlinkat(dir, "manifest.img", 0);
		buf = realloc(buf, 2 * victim->size + 512);
		if (!buf)
			abort();
		memcpy(buf, victim->data, victim->size);
		n = mutate(buf, victim->size, &s);
		spill(dir, victim->name, buf, n);
		refused += !read_back(scratch, victim->name);
		spill(dir, victim->name, victim->data, victim->size);
	}
	for (size_t k = 0; k < s.n; k++) {
		unlinkat(dir, s.v[k].name, 0);
		free(s.v[k].data);
	}
	free(s.v);
	free(buf);
	close(dir);
	rmdir(scratch);
	printf("%lu broken images read, %lu of them refused\n", times, refused);
}

int main(int argc, char **argv)
{
	bool making = argc > 2 && !strcmp(argv[1], "make");
	int at = making ? 3 : 4;

	if (!making && (argc < 4 || strcmp(argv[1], "run"))) {
		fprintf(stderr, "usage: fuzz_image make DIR [SEED] | run DIR N [SEED]\n");
		return 2;
	}
	if (argc > at)
		rng_state = strtoull(argv[at], NULL, 0) * 2 + 1;
	if (making)
		make(argv[2]);
	else
		run(argv[2], strtoul(argv[3], NULL, 0));
	return 0;
}
