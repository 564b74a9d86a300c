// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * File locks, dump side: read from the "lock:" lines of fdinfo, which show a
 * process's record locks only where that process has them, and all others with
 * every holder of the description (fs/locks.c, show_fd_locks()). filelocks.img
 * names a process and a descriptor of it for each.
 *
 * Who sleeps for a lock is interrupted like in any call, and asks again.
 */
#include <stdio.h>

#include "fd/lock.h"
#include "model/options.h"

/* A description and, for record locks of processes, the process: one line each. */
struct held_lock {
	struct held_lock *next;
	struct file_obj *f;
	struct task *t; /* who takes it again */
	int fd;
	struct lock_line l;
};

#define LOCK_BUCKETS 1024

struct lock_dump {
	struct held_lock *buckets[LOCK_BUCKETS];
	struct held_lock **v; /* as found */
	size_t n;
};

static const struct {
	const char *word, *name;
	unsigned flag;
} classes[] = {
	{ "POSIX", "record lock", LOCK_FLAG_POSIX },
	{ "FLOCK", "flock", LOCK_FLAG_FLOCK },
	{ "OFDLCK", "lock of the open file", LOCK_FLAG_OFD },
	{ "LEASE", "lease", LOCK_FLAG_LEASE },
};

int lock_line_parse(const char *text, struct lock_line *ret)
{
	char class[16], mode[16], type[16], end[32];
	long long start, pid, last;
	size_t i = 0;
	char *rest;

	/* "1: FLOCK  ADVISORY  WRITE 12 fe:00:4711 0 EOF" */
	if (sscanf(text, "%*d: %15s %15s %15s %lld %*x:%*x:%*u %lld %31s", class, mode, type, &pid,
		   &start, end) != 6)
		return -EINVAL;
	while (i < ARRAY_SIZE(classes) && strcmp(class, classes[i].word))
		i++;
	if (i == ARRAY_SIZE(classes) || start < 0 || pid < -1 || pid > INT32_MAX)
		return -EINVAL;
	memset(ret, 0, sizeof(*ret));
	ret->flag = classes[i].flag;
	ret->pid = (pid_t)pid;
	ret->start = start;
	if (!strcmp(type, "READ"))
		ret->type = F_RDLCK;
	else if (!strcmp(type, "WRITE"))
		ret->type = F_WRLCK;
	else if (!strcmp(type, "UNLCK") && ret->flag == LOCK_FLAG_LEASE)
		ret->type = F_UNLCK;
	else
		return -EINVAL;
	if (ret->flag == LOCK_FLAG_LEASE)
		ret->breaking = strcmp(mode, "ACTIVE") != 0;
	else if (strcmp(mode, "ADVISORY"))
		return -EINVAL;
	if (!strcmp(end, "EOF"))
		return 0;
	last = strtoll(end, &rest, 10);
	if (*rest || last < start || last == INT64_MAX)
		return -EINVAL;
	ret->len = last - start + 1;
	return 0;
}

const char *lock_name(unsigned flag, unsigned type, char *buf, size_t size)
{
	const char *name = "lock";

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (classes[i].flag == flag)
			name = classes[i].name;
	snprintf(buf, size, "%s, %s", name, type == F_WRLCK ? "write" : "read");
	return buf;
}

const char *lock_line_next(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? fd_info_line(end + 1, "lock") : NULL;
}

/* Any open(2) for reading would break it, also one of ours; a mapping comes back as another open. */
static int check_write_lease(const struct fd_look *l, struct err *e)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	char path[40];

	if (!l->st.st_nlink)
		return fd_refuse(l, e,
				 "a write lease is held on a removed file, which must be read");
	snprintf(path, sizeof(path), "/proc/%d/maps", l->t->host);
	f = fopen(path, "re");
	while (f && getline(&line, &size, f) > 0) {
		unsigned long long ino;

		if (sscanf(line, "%*x-%*x %*s %*x %*x:%*x %llu", &ino) == 1 && ino == l->st.st_ino)
			return fd_refuse(l, e, "a write lease is held on a file that is mapped");
	}
	return 0;
}

static int check_line(const struct fd_look *l, const char *line, struct lock_line *ret,
		      struct err *e)
{
	int len = (int)strcspn(line, "\n");

	if (lock_line_parse(line, ret))
		return fd_refuse(l, e, "a file lock of an unknown kind is held through it (%.*s)",
				 len, line);
	if (ret->breaking) {
		fd_refuse(l, e, "another process waits for the lease on it to end (%.*s)", len,
			  line);
		return err_hint(e, "try again when the lease is given up");
	}
	return 0;
}

int locks_check(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	struct lock_line k;
	int r = 0;

	if (!d->m->opt->file_locks) {
		fd_refuse(l, e, "a file lock is held through it (%.*s)",
			  (int)strcspn(l->info.lock, "\n"), l->info.lock);
		return err_hint(e,
				"use --file-locks; until the restore, other processes can take it");
	}
	for (const char *p = l->info.lock; p && !r; p = lock_line_next(p)) {
		r = check_line(l, p, &k, e);
		if (!r && k.flag == LOCK_FLAG_LEASE && k.type == F_WRLCK)
			r = check_write_lease(l, e);
	}
	return r;
}

static bool same(const struct held_lock *h, const struct file_obj *f, const struct task *t,
		 const struct lock_line *k)
{
	if (h->f != f || h->l.flag != k->flag || h->l.start != k->start || h->l.len != k->len)
		return false;
	/* Of one descriptor table, whoever shows it. */
	return k->flag != LOCK_FLAG_POSIX || h->t == t ||
	       (h->t->ids && t->ids && h->t->ids->files_id == t->ids->files_id);
}

static int add(struct fd_dump *d, const struct fd_look *l, struct file_obj *f,
	       const struct lock_line *k, struct err *e)
{
	struct lock_dump *ld = d->locks;
	uint64_t hash = (f->id * 31 + (uint64_t)k->start) * 0x9e3779b97f4a7c15ull;
	struct held_lock **head = &ld->buckets[hash >> 54], *h;

	for (h = *head; h; h = h->next) {
		if (!same(h, f, l->t, k))
			continue;
		/* Who had set it sets it again: others see that pid. */
		if (h->t->host != k->pid && l->t->host == k->pid) {
			h->t = l->t;
			h->fd = l->fd;
		}
		return 0;
	}
	/* Only we have it, out of a message that nobody has received: no task could take it again. */
	if (l->t == d->self)
		return fd_refuse(l, e, "a file lock is held by a descriptor that is in flight");
	h = pool_alloc(d->m->pool, sizeof(*h));
	*h = (struct held_lock){ *head, f, l->t, l->fd, *k };
	*head = h;
	pool_push(d->m->pool, ld->v, ld->n, h);
	return 0;
}

int locks_dump(struct fd_dump *d, const struct fd_look *l, struct file_obj *f, struct err *e)
{
	int r = locks_check(d, l, e);

	if (!d->locks)
		d->locks = pool_alloc(d->m->pool, sizeof(*d->locks));
	for (const char *p = l->info.lock; p && !r; p = lock_line_next(p)) {
		struct lock_line k;

		r = check_line(l, p, &k, e);
		if (!r)
			r = add(d, l, f, &k, e);
	}
	return r;
}

int locks_dump_end(struct fd_dump *d, struct err *e)
{
	struct image_out *o;
	int r;

	if (!d->locks)
		return 0;
	r = image_create(d->m->dir, IMG_FILE_LOCKS, 0, &o, e);
	if (r)
		return r;
	for (size_t i = 0; i < d->locks->n && !r; i++) {
		const struct held_lock *h = d->locks->v[i];
		FileLockEntry le = FILE_LOCK_ENTRY__INIT;

		le.flag = h->l.flag;
		le.type = h->l.type;
		le.pid = h->t->pid;
		le.fd = h->fd;
		le.start = h->l.start;
		le.len = h->l.len;
		r = image_put(o, &le.base, e);
	}
	return image_out_end(o, r, e);
}
