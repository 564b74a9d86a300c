// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shared anonymous objects on restore. The coordinator makes one by mmap(2),
 * fills it, and opens its own map_files entry: that descriptor, mapped by the
 * tasks, is the same kind of object with the same name as the original.
 */
#define LOG_MODULE "mem"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/watchdog.h"
#include "mem/mem-internal.h"

/* Between two looks whether to give up. */
#define STEP (64ull << 20)

static int fill(struct shmem_obj *o, char *map, const struct page_run *run, int fd, struct err *e)
{
	uint64_t len = run->pages * page_size();

	for (uint64_t done = 0; done < len;) {
		uint64_t n = len - done < STEP ? len - done : STEP;
		char *to = map + run->vaddr + done;
		int r;

		/* Only faster; without space, pread says so. */
		(void)madvise(to, n, MADV_POPULATE_WRITE);
		r = pread_all(fd, to, n, (off_t)(run->offset + done));
		if (r) {
			errno = -r;
			return err_sys(e, "read", "pages of shared memory object %lu", o->shmid);
		}
		done += n;
		r = cancel_check(e);
		if (r)
			return r;
	}
	return 0;
}

static int make(struct shmem_obj *o, char *map, const struct page_runs *runs, struct err *e)
{
	char path[64];
	int r;

	for (size_t i = 0; i < runs->n; i++) {
		r = fill(o, map, &runs->v[i], runs->fd, e);
		if (r)
			return r;
	}
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (uint64_t)map,
		 (uint64_t)map + o->size);
	o->fd = open(path, O_RDWR | O_CLOEXEC);
	if (o->fd < 0)
		return err_sys(e, "open", "%s, shared memory object %lu", path, o->shmid);
	return 0;
}

/* What somebody else makes is filled through windows: it may be larger than our address space. */
static int fill_file(struct shmem_obj *o, const struct page_run *run, int fd, struct err *e)
{
	uint64_t len = run->pages * page_size();

	for (uint64_t done = 0; done < len;) {
		uint64_t n = len - done < STEP ? len - done : STEP;
		struct page_run part = {
			.pages = n / page_size(),
			.offset = run->offset + done,
		};
		char *map = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, o->fd,
				 (off_t)(run->vaddr + done));
		int r;

		if (map == MAP_FAILED)
			return err_sys(e, "mmap", "shared memory object %lu", o->shmid);
		r = fill(o, map, &part, fd, e);
		munmap(map, n);
		if (r)
			return r;
		done += n;
	}
	return 0;
}

static int make_file(struct model *m, struct shmem_obj *o, const struct page_runs *runs,
		     struct err *e)
{
	int r = o->sysv && !runs->n ? 0 : o->make(m, o, &o->fd, e);

	for (size_t i = 0; !r && i < runs->n; i++)
		r = fill_file(o, &runs->v[i], runs->fd, e);
	return r;
}

static int check_object(struct shmem_obj *o, const struct page_runs *runs, struct err *e)
{
	char name[48];

	snprintf(name, sizeof(name), "pagemap-shmem-%lu.img", o->shmid);
	if (!o->make)
		o->size = page_up(o->size);
	for (size_t i = 0; i < runs->n; i++) {
		const struct page_run *r = &runs->v[i];

		if (r->in_parent)
			return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "restore", name,
				       "pages are in a parent checkpoint");
		if (r->pages > (uint64_t)INT64_MAX / page_size() ||
		    r->vaddr > INT64_MAX - r->pages * page_size())
			return err_set(e, ERR_IMAGE, EINVAL, "read", name, "%lu pages at byte %#lx",
				       r->pages, r->vaddr);
		if (o->make && r->vaddr + r->pages * page_size() > page_up(o->size))
			return err_set(e, ERR_IMAGE, EINVAL, "read", name,
				       "%lu pages at byte %#lx, but it has %lu bytes", r->pages,
				       r->vaddr, o->size);
		if (!o->make && o->size < r->vaddr + r->pages * page_size())
			o->size = r->vaddr + r->pages * page_size();
	}
	return 0;
}

static int open_one(struct model *m, struct shmem_obj *o, struct err *e)
{
	struct page_runs runs = { 0 };
	char *map;
	int r = 0;

	if (image_exists(m->dir, IMG_SHMEM_PAGEMAP, o->shmid))
		r = image_pages_read(m->dir, IMG_SHMEM_PAGEMAP, o->shmid, &runs, e);
	if (!r)
		r = check_object(o, &runs, e);
	if (r)
		return r;
	if (o->make)
		return make_file(m, o, &runs, e);
	/* A reservation larger than the machine was made with MAP_NORESERVE. */
	map = mmap(NULL, o->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		map = mmap(NULL, o->size, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return err_sys(e, "mmap", "shared memory object %lu of %lu bytes", o->shmid,
			       o->size);
	r = make(o, map, &runs, e);
	munmap(map, o->size);
	if (!r)
		log_debug("shared memory object %lu: %lu bytes", o->shmid, o->size);
	return r;
}

int mem_open(struct model *m, const struct mem_file_ops *ops, int root_fd, struct err *e)
{
	for (size_t i = 0; i < m->n_shmems; i++) {
		int r = open_one(m, m->shmems[i], e);

		if (r)
			return err_in(e, "shared memory");
	}
	return 0;
}
