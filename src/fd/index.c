// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which descriptors share a description. kcmp(2) answers with an order, so the
 * descriptions of one inode are kept sorted by it and searched in halves: ten
 * calls among a thousand. The hash in front keeps inodes apart; those that all
 * anonymous kinds share are split further by the link's text and by what never
 * changes of a description.
 */
#include <linux/kcmp.h>

#include "base/proc.h"
#include "fd/file_kind.h"

#define BUCKETS 4096

struct family {
	struct family *next;
	uint64_t dev, ino, key;
	struct file_obj **v; /* by kcmp's order */
	size_t n;
};

struct file_index {
	struct family *buckets[BUCKETS];
	/* where the last search ended: the place of a description that was not found */
	struct family *fam;
	size_t at;
};

int fd_kcmp(pid_t p1, int fd1, pid_t p2, int fd2)
{
	return proc_kcmp(p1, p2, KCMP_FILE, (unsigned long)fd1, (unsigned long)fd2);
}

/* Only what fcntl cannot change: another process may share the description and still run. */
static uint64_t look_key(const struct fd_look *l)
{
	const unsigned settable = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME;
	uint64_t key = (l->info.flags & ~settable) ^ (uint64_t)l->info.mnt_id << 32;

	if (l->link[0] != '/') {
		for (const char *p = l->link; *p; p++)
			key = (key ^ (unsigned char)*p) * 0x100000001b3ull;
	}
	return key;
}

static size_t bucket_of(uint64_t dev, uint64_t ino)
{
	uint64_t h = (ino ^ dev << 32 ^ dev) * 0x9e3779b97f4a7c15ull;

	return (size_t)(h >> 52);
}

static struct family *family_get(struct fd_dump *d, const struct fd_look *l)
{
	uint64_t key = look_key(l);
	struct family **head, *f;

	if (!d->index)
		d->index = pool_alloc(d->m->pool, sizeof(*d->index));
	head = &d->index->buckets[bucket_of(l->st.st_dev, l->st.st_ino)];
	for (f = *head; f; f = f->next)
		if (f->ino == l->st.st_ino && f->dev == l->st.st_dev && f->key == key)
			return f;
	f = pool_alloc(d->m->pool, sizeof(*f));
	f->dev = l->st.st_dev;
	f->ino = l->st.st_ino;
	f->key = key;
	f->next = *head;
	*head = f;
	return f;
}

/* The place of @l's description in @fam: *ret_found when it is there already. */
static size_t family_place(struct family *fam, pid_t tid, int fd, bool *ret_found, int *ret_err)
{
	size_t lo = 0, hi = fam->n;

	*ret_found = false;
	*ret_err = 0;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		struct file_obj *f = fam->v[mid];
		int c = fd_kcmp(tid, fd, fd_task_tid(f->owner), f->owner_fd);

		if (c == 0) {
			*ret_found = true;
			return mid;
		}
		if (c != 1 && c != 2) {
			*ret_err = c < 0 ? c : -EINVAL;
			return lo;
		}
		if (c == 1)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

struct file_obj *file_index_find(struct fd_dump *d, const struct fd_look *l, int *ret_err)
{
	struct family *fam = family_get(d, l);
	bool found;
	size_t at = family_place(fam, d->tid, l->fd, &found, ret_err);

	d->index->fam = fam;
	d->index->at = at;
	return found ? fam->v[at] : NULL;
}

void file_index_add(struct fd_dump *d, struct file_obj *f)
{
	struct family *fam = d->index->fam;
	size_t at = d->index->at;

	pool_push(d->m->pool, fam->v, fam->n, f);
	memmove(&fam->v[at + 1], &fam->v[at], (fam->n - 1 - at) * sizeof(*fam->v));
	fam->v[at] = f;
}

int file_index_visit(struct fd_dump *d, uint64_t dev, uint64_t ino,
		     int (*fn)(struct file_obj *f, void *ctx), void *ctx)
{
	struct family *fam = d->index ? d->index->buckets[bucket_of(dev, ino)] : NULL;

	for (; fam; fam = fam->next) {
		if (fam->ino != ino || fam->dev != dev)
			continue;
		for (size_t i = 0; i < fam->n; i++) {
			int r = fn(fam->v[i], ctx);

			if (r)
				return r;
		}
	}
	return 0;
}
