// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The manifest: every file of a checkpoint with its size and checksum, and
 * what the target must have. It is framed like any other image; behind its one
 * message stands the XXH3-64 of all bytes before, so that a damaged manifest
 * is seen as such and not as damage of the files it lists.
 */
#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/aside.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "image/image-internal.h"
#include "image/schemas.h"

#define MANIFEST_NAME "manifest.img"
#define MANIFEST_VERSION 1
#define HEAD 12 /* two magics and the size of the message */
#define TAIL 8	/* checksum */

/* Every word that a manifest of this version may say about the target. */
static const char *const known_needs[] = {
	"x86-64", /* machine */
	"ia32",	  /* 32-bit tasks */
};

static void put_le32(unsigned char *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

int manifest_write(struct image_dir *d, struct err *e)
{
	ManifestEntry m = MANIFEST_ENTRY__INIT;
	_cleanup_free_ ManifestFile *files = calloc(d->n_files + 1, sizeof(*files));
	_cleanup_free_ ManifestFile **list = calloc(d->n_files + 1, sizeof(*list));
	_cleanup_free_ unsigned char *buf = NULL;
	uint64_t hash;
	size_t len;
	int r;

	if (!files || !list) {
		errno = ENOMEM;
		return image_err_sys(d, "write", MANIFEST_NAME, e);
	}
	m.version = MANIFEST_VERSION;
	m.program = (char *)"stasis";
	for (size_t i = 0; i < d->n_files; i++) {
		manifest_file__init(&files[i]);
		files[i].name = (char *)d->files[i]->name;
		files[i].size = d->files[i]->size;
		files[i].xxh3 = d->files[i]->hash;
		list[i] = &files[i];
	}
	m.n_files = d->n_files;
	m.files = list;
	m.n_needs = d->n_needs;
	m.needs = (char **)d->needs;

	len = manifest_entry__get_packed_size(&m);
	buf = malloc(HEAD + len + TAIL);
	if (!buf) {
		errno = ENOMEM;
		return image_err_sys(d, "write", MANIFEST_NAME, e);
	}
	put_le32(buf, IMG_COMMON_MAGIC);
	put_le32(buf + 4, image_type(IMG_MANIFEST)->magic);
	put_le32(buf + 8, (uint32_t)len);
	manifest_entry__pack(&m, buf + HEAD);
	hash = htole64(hash_bytes(buf, HEAD + len));
	memcpy(buf + HEAD + len, &hash, TAIL);
	r = aside_pwrite_all(d->marker, buf, HEAD + len + TAIL, 0);
	if (r) {
		errno = -r;
		return image_err_sys(d, "write", MANIFEST_NAME, e);
	}
	return 0;
}

static uint32_t get_le32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static int manifest_parse(struct image_dir *d, const struct image_file *f, ManifestEntry **ret,
			  struct err *e)
{
	uint64_t hash;
	size_t len;

	if (!f->size) {
		err_set(e, ERR_IMAGE, EINVAL, "read", d->path,
			"this checkpoint was never finished (%s is empty)", MANIFEST_NAME);
		return err_hint(e, "the checkpoint was interrupted: take another one");
	}
	if (!f->data || f->size < HEAD + TAIL)
		return image_err(e, f->name, "truncated at byte %llu", (unsigned long long)f->size);
	if (get_le32(f->data) != IMG_COMMON_MAGIC ||
	    get_le32(f->data + 4) != image_type(IMG_MANIFEST)->magic)
		return image_err(e, f->name, "at byte 0: this is not the start of a manifest");
	len = get_le32(f->data + 8);
	if (len != f->size - HEAD - TAIL)
		return image_err(e, f->name, "at byte 8: a message of %zu bytes in a file of %llu",
				 len, (unsigned long long)f->size);
	memcpy(&hash, f->data + HEAD + len, TAIL);
	if (le64toh(hash) != hash_bytes(f->data, HEAD + len))
		return image_err(e, f->name, "its content does not have the checksum at byte %zu",
				 HEAD + len);
	*ret = manifest_entry__unpack(pool_allocator(d->pool), len, f->data + HEAD);
	if (!*ret)
		return image_err(e, f->name, "at byte %d: not a valid manifest_entry", HEAD);
	if ((*ret)->version != MANIFEST_VERSION) {
		err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "read", f->name,
			"manifest version %u, this program knows %d", (*ret)->version,
			MANIFEST_VERSION);
		return err_hint(e, "restore with the program that wrote it, %s", (*ret)->program);
	}
	return 0;
}

static int needs_check(struct image_dir *d, const ManifestEntry *m, struct err *e)
{
	for (size_t i = 0; i < m->n_needs; i++) {
		size_t k = 0;

		while (k < ARRAY_SIZE(known_needs) && strcmp(known_needs[k], m->needs[i]))
			k++;
		if (k == ARRAY_SIZE(known_needs)) {
			err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "use the checkpoint in", d->path,
				"it needs '%s', which this program does not know", m->needs[i]);
			return err_hint(e, "restore with the program that wrote it, %s",
					m->program);
		}
	}
	d->needs = (const char **)m->needs;
	d->n_needs = m->n_needs;
	return 0;
}

static int file_cmp(const void *a, const void *b)
{
	return strcmp((*(struct image_file *const *)a)->name,
		      (*(struct image_file *const *)b)->name);
}

static bool is_plain_name(const char *name)
{
	return *name && strlen(name) < IMAGE_NAME_MAX && name[0] != '.' && !strchr(name, '/') &&
	       strcmp(name, MANIFEST_NAME);
}

static int list_files(struct image_dir *d, const ManifestEntry *m, struct err *e)
{
	struct image_file **list = pool_alloc(d->pool, (m->n_files + 1) * sizeof(*list));

	for (size_t i = 0; i < m->n_files; i++) {
		const ManifestFile *mf = m->files[i];

		if (!is_plain_name(mf->name))
			return image_err(e, MANIFEST_NAME,
					 "file %zu of its list has no acceptable name", i);
		list[i] = pool_alloc(d->pool, sizeof(**list));
		list[i]->name = mf->name;
		list[i]->size = mf->size;
		list[i]->hash = mf->xxh3;
		list[i]->fd = -EBADF;
	}
	qsort(list, m->n_files, sizeof(*list), file_cmp);
	for (size_t i = 1; i < m->n_files; i++)
		if (!strcmp(list[i - 1]->name, list[i]->name))
			return image_err(e, MANIFEST_NAME, "it lists %s twice", list[i]->name);
	d->files = list;
	d->n_files = m->n_files;
	return 0;
}

static int file_verify(struct image_dir *d, struct image_file *f, struct err *e)
{
	struct hasher *h;
	uint64_t hash;
	int r = image_file_load(d, f, &f->size, e);

	if (r)
		return r;
	if (f->data) {
		hash = hash_bytes(f->data, f->size);
	} else {
		h = f->size > IMAGE_HASH_INLINE ? image_dir_hasher(d) : NULL;
		f->job = h ? hasher_add(h, f->fd) : NULL;
		if (f->job) {
			hasher_advance(h, f->job, f->size, true);
			return 0;
		}
		r = hash_fd(f->fd, f->size, &hash);
		if (r) {
			errno = -r;
			return image_err_sys(d, "read", f->name, e);
		}
	}
	if (hash != f->hash)
		return image_err(e, f->name,
				 "its content is not what the manifest says (%llu bytes)",
				 (unsigned long long)f->size);
	return 0;
}

int manifest_read(struct image_dir *d, struct err *e)
{
	struct image_file f = { .name = MANIFEST_NAME, .fd = -EBADF };
	ManifestEntry *m = NULL;
	int r = image_file_load(d, &f, NULL, e);

	if (r)
		return r;
	r = manifest_parse(d, &f, &m, e);
	cleanup_close(&f.fd);
	if (!r)
		r = needs_check(d, m, e);
	if (!r)
		r = list_files(d, m, e);
	for (size_t i = 0; !r && i < d->n_files; i++) {
		r = file_verify(d, d->files[i], e);
		if (r == -ENOENT)
			err_hint(e, "the manifest lists this file: the checkpoint is incomplete");
	}
	return r;
}
