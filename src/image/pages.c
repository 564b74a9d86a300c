// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The page store: runs of pages in pagemap-*.img, their bytes one after the
 * other in pages-N.img. The bytes are written by whoever has them straight
 * into the file. The checksum is made of what passes through their hands
 * (image_pages_data), else by the hasher behind their backs.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "image/image-internal.h"
#include "image/schemas.h"

/* pagemap_entry.flags */
#define PE_PARENT 1u
#define PE_LAZY 2u
#define PE_PRESENT 4u
#define PE_ALL (PE_PARENT | PE_LAZY | PE_PRESENT)

struct image_pages {
	struct image_dir *dir;
	struct image_out *map;
	struct image_file *file;
	int fd;
	uint64_t tell;
	struct hash_stream *hash; /* of the bytes given by image_pages_data() */
	uint64_t hashed;
};

int image_pages_create(struct image_dir *d, enum image_id pagemap_id, unsigned long num,
		       struct image_pages **ret, struct err *e)
{
	PagemapHead head = PAGEMAP_HEAD__INIT;
	struct image_pages *p = pool_alloc(d->pool, sizeof(*p));
	char name[IMAGE_NAME_MAX];
	int r;

	pthread_mutex_lock(&d->lock);
	head.pages_id = d->next_pages++;
	pthread_mutex_unlock(&d->lock);
	p->dir = d;
	p->fd = -EBADF;
	r = image_create(d, pagemap_id, num, &p->map, e);
	if (r)
		return r;
	r = image_put(p->map, &head.base, e);
	image_name(IMG_PAGES, head.pages_id, name, sizeof(name));
	if (!r)
		r = image_file_create(d, name, &p->file, &p->fd, e);
	if (r) {
		image_out_abort(p->map);
		return r;
	}
	*ret = p;
	return 0;
}

int image_pages_fd(struct image_pages *p)
{
	return p->fd;
}

uint64_t image_pages_tell(const struct image_pages *p)
{
	return p->tell;
}

int image_pages_run(struct image_pages *p, uint64_t vaddr, uint64_t n, struct err *e)
{
	PagemapEntry pe = PAGEMAP_ENTRY__INIT;

	pe.vaddr = vaddr;
	/* Readers of older versions know the 32-bit field only. */
	pe.compat_nr_pages = n <= UINT32_MAX ? (uint32_t)n : 0;
	pe.has_nr_pages = true;
	pe.nr_pages = n;
	pe.has_flags = true;
	pe.flags = PE_PRESENT;
	p->tell += n * page_size();
	return image_put(p->map, &pe.base, e);
}

void image_pages_data(struct image_pages *p, const void *data, size_t n)
{
	if (!p->hash)
		p->hash = hash_stream_new();
	hash_stream_add(p->hash, data, n);
	p->hashed += n;
}

static void hash_drop(struct image_pages *p)
{
	if (p->hash)
		hash_stream_end(take_ptr(p->hash));
}

/* By the hasher's thread, when that is worth it and possible. */
static bool hash_later(struct image_pages *p)
{
	struct hasher *h = p->tell > IMAGE_HASH_INLINE ? image_dir_hasher(p->dir) : NULL;

	p->file->job = h ? hasher_add(h, p->fd) : NULL;
	if (p->file->job)
		hasher_advance(h, p->file->job, p->tell, true);
	return p->file->job;
}

/* The checksum of what was written, now or by the hasher. */
static int pages_account(struct image_pages *p, struct err *e)
{
	struct image_file *f = p->file;
	struct stat st;
	int r;

	if (fstat(p->fd, &st))
		return image_err_sys(p->dir, "stat", f->name, e);
	if ((uint64_t)st.st_size != p->tell)
		return err_set(e, ERR_SYSTEM, EIO, "write", f->name,
			       "%llu bytes of pages were noted, the file has %llu",
			       (unsigned long long)p->tell, (unsigned long long)st.st_size);
	f->size = p->tell;
	if (p->hash && p->hashed == p->tell) {
		f->hash = hash_stream_end(take_ptr(p->hash));
		f->hashed = true;
		return 0;
	}
	if (hash_later(p))
		return 0;
	r = hash_fd(p->fd, f->size, &f->hash);
	if (r) {
		errno = -r;
		return image_err_sys(p->dir, "read back", f->name, e);
	}
	f->hashed = true;
	return 0;
}

int image_pages_close(struct image_pages *p, struct err *e)
{
	int r;

	if (!p)
		return 0;
	r = pages_account(p, e);
	hash_drop(p);
	if (r) {
		image_out_abort(take_ptr(p->map));
		aside_close(take_fd(p->fd));
		return r;
	}
	r = image_out_close(take_ptr(p->map), e);
	if (aside_close(take_fd(p->fd)) && !r)
		return image_err_sys(p->dir, "close", p->file->name, e);
	return r;
}

void image_pages_abort(struct image_pages *p)
{
	if (!p)
		return;
	hash_drop(p);
	image_out_abort(take_ptr(p->map));
	aside_close(take_fd(p->fd));
}

struct pagemap_reader {
	struct image_in *in;
	uint64_t file_size, offset;
	bool sorted;
	struct page_runs runs;
};

static int run_add(struct image_dir *d, struct pagemap_reader *r, const PagemapEntry *pe,
		   struct err *e)
{
	uint64_t n = pe->has_nr_pages ? pe->nr_pages : pe->compat_nr_pages;
	uint32_t flags = pe->has_flags			    ? pe->flags :
			 pe->has_in_parent && pe->in_parent ? PE_PARENT :
							      PE_PRESENT;
	uint64_t size = page_size();
	struct page_run run = { .vaddr = pe->vaddr, .pages = n, .offset = r->offset };

	if (pe->vaddr % size)
		return image_bad(r->in, e, "address 0x%llx is not that of a page",
				 (unsigned long long)pe->vaddr);
	if (!n || n > (UINT64_MAX - pe->vaddr) / size)
		return image_bad(r->in, e, "%llu pages at 0x%llx", (unsigned long long)n,
				 (unsigned long long)pe->vaddr);
	if (flags & ~PE_ALL)
		return image_bad(r->in, e, "unknown flags 0x%x", flags);
	if (flags & PE_PARENT) {
		err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "restore", "memory from incremental images",
			"%llu pages at 0x%llx are in the parent checkpoint", (unsigned long long)n,
			(unsigned long long)pe->vaddr);
		return err_hint(e, "take a full checkpoint, without a parent directory");
	}
	if (!(flags & PE_PRESENT)) {
		err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "restore",
			"memory left behind for lazy transfer",
			"%llu pages at 0x%llx are not in the images", (unsigned long long)n,
			(unsigned long long)pe->vaddr);
		return err_hint(e, "take a checkpoint without lazy pages");
	}
	if (n > (r->file_size - r->offset) / size)
		return image_bad(
			r->in, e,
			"%llu pages at 0x%llx belong at byte %llu of a pages file of %llu bytes",
			(unsigned long long)n, (unsigned long long)pe->vaddr,
			(unsigned long long)r->offset, (unsigned long long)r->file_size);
	r->offset += n * size;
	if (r->runs.n) {
		const struct page_run *last = &r->runs.v[r->runs.n - 1];

		r->sorted &= last->vaddr + last->pages * size <= run.vaddr;
	}
	pool_push(d->pool, r->runs.v, r->runs.n, run);
	return 0;
}

static int run_cmp(const void *a, const void *b)
{
	const struct page_run *x = a, *y = b;

	return (x->vaddr > y->vaddr) - (x->vaddr < y->vaddr);
}

static int runs_check(struct pagemap_reader *r, struct err *e)
{
	if (r->sorted)
		return 0;
	qsort(r->runs.v, r->runs.n, sizeof(*r->runs.v), run_cmp);
	for (size_t i = 1; i < r->runs.n; i++) {
		const struct page_run *a = &r->runs.v[i - 1], *b = &r->runs.v[i];

		if (a->vaddr + a->pages * page_size() > b->vaddr)
			return image_bad(r->in, e, "the pages at 0x%llx and 0x%llx overlap",
					 (unsigned long long)a->vaddr,
					 (unsigned long long)b->vaddr);
	}
	return 0;
}

static int pages_file_open(struct image_dir *d, uint32_t id, struct pagemap_reader *r,
			   struct err *e)
{
	struct image_in *pages;
	int ret = image_open(d, IMG_PAGES, id, &pages, e);

	if (ret)
		return ret;
	r->file_size = image_left(pages);
	ret = image_in_fd(pages, e);
	if (ret < 0)
		return ret;
	r->runs.fd = ret;
	return 0;
}

int image_pages_read(struct image_dir *d, enum image_id pagemap_id, unsigned long num,
		     struct page_runs *ret, struct err *e)
{
	struct pagemap_reader r = { .sorted = true, .runs.fd = -EBADF };
	PagemapHead *head;
	PagemapEntry *pe;
	int got;

	got = image_open(d, pagemap_id, num, &r.in, e);
	if (got)
		return got;
	got = image_get(r.in, &pagemap_head__descriptor, &head, e);
	if (!got)
		return image_bad(r.in, e, "the file ends where its pagemap_head belongs");
	if (got > 0)
		got = pages_file_open(d, head->pages_id, &r, e);
	if (got < 0)
		return got;
	while ((got = image_get(r.in, &pagemap_entry__descriptor, &pe, e)) > 0) {
		got = run_add(d, &r, pe, e);
		if (got)
			return got;
	}
	if (!got)
		got = runs_check(&r, e);
	if (got)
		return got;
	*ret = r.runs;
	return 0;
}
