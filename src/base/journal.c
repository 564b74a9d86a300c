/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal's file: a header and records, appended. The whole possible range
 * is mapped at once and the file grows below it, so pointers stay valid.
 *
 * Reading one back (recover) trusts nothing: sizes are checked before a record
 * is handed out.
 */
#define LOG_MODULE "journal"
#include "base/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/proc.h"

#define JOURNAL_DIR "/run/stasis"
#define JOURNAL_MAGIC 0x316c6e6a73617473ull
#define JOURNAL_MAX (64ul << 20)
#define JOURNAL_STEP (64ul << 10)

struct owner {
	int32_t pid;
	uint32_t pad;
	uint64_t starttime;	/* a pid alone may be somebody else's by now */
};

struct header {
	uint64_t magic;
	uint64_t used;		/* bytes of the file that hold whole records, header included */
	struct owner owners[2];
	int32_t subject;
	char what[12];
};

struct journal {
	struct header *h;
	size_t size;		/* of the file */
	int fd;
	char path[PATH_MAX];
};

const char *journal_default_dir(void)
{
	return JOURNAL_DIR;
}

const char *journal_path(const struct journal *j)
{
	return j->path;
}

static int map(struct journal *j, struct err *e)
{
	void *p = mmap(NULL, JOURNAL_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, j->fd, 0);

	if (p == MAP_FAILED)
		return err_sys(e, "mmap", "%s", j->path);
	j->h = p;
	return 0;
}

static int grow(struct journal *j, size_t need, struct err *e)
{
	size_t size = (need + JOURNAL_STEP - 1) / JOURNAL_STEP * JOURNAL_STEP;

	if (size <= j->size)
		return 0;
	if (size > JOURNAL_MAX)
		return err_set(e, ERR_SYSTEM, EFBIG, "extend the journal", j->path,
			       "more than %lu bytes of undo records", JOURNAL_MAX);
	/* Allocated, not sparse: a full filesystem must show here, not as SIGBUS at a store. */
	if (fallocate(j->fd, 0, j->size, size - j->size) && ftruncate(j->fd, size))
		return err_sys(e, "extend the journal", "%s", j->path);
	j->size = size;
	return 0;
}

static int dir_make(const char *dir, struct err *e)
{
	if (!mkdir(dir, 0700) || errno == EEXIST)
		return 0;
	err_sys(e, "make the journal's directory", "%s", dir);
	return err_hint(e, "undo records must be kept where they outlive this program; make %s "
			   "writable",
			dir);
}

int journal_create(struct journal **ret, const char *dir, const char *what, pid_t pid, struct err *e)
{
	struct journal *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return err_set(e, ERR_SYSTEM, ENOMEM, "make the journal", what, "out of memory");
	j->fd = -EBADF;
	dir = dir ? dir : JOURNAL_DIR;
	r = dir_make(dir, e);
	if (!r) {
		snprintf(j->path, sizeof(j->path), "%s/%s-%d-%d.journal", dir, what, pid, getpid());
		j->fd = open(j->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (j->fd < 0)
			r = err_sys(e, "make the journal", "%s", j->path);
	}
	if (!r)
		r = grow(j, sizeof(struct header), e);
	if (!r)
		r = map(j, e);
	if (r) {
		journal_close(j);
		return r;
	}
	j->h->used = sizeof(struct header);
	j->h->subject = pid;
	snprintf(j->h->what, sizeof(j->h->what), "%s", what);
	journal_set_owners(j, getpid(), 0);
	j->h->magic = JOURNAL_MAGIC;
	*ret = j;
	return 0;
}

/* The record at @at when it lies whole inside @end. */
static struct journal_entry *entry_at(const struct journal *j, size_t at, size_t end)
{
	struct journal_entry *je = (void *)((char *)j->h + at);

	if (at + sizeof(*je) > end || je->len > end - at - sizeof(*je))
		return NULL;
	return je;
}

static size_t entry_size(size_t len)
{
	return (sizeof(struct journal_entry) + len + 7) & ~(size_t)7;
}

int journal_load(struct journal **ret, const char *path, struct err *e)
{
	struct journal *j = calloc(1, sizeof(*j));
	struct stat st;
	int r = 0;

	if (!j)
		return err_set(e, ERR_SYSTEM, ENOMEM, "read the journal", path, "out of memory");
	snprintf(j->path, sizeof(j->path), "%s", path);
	j->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (j->fd < 0 || fstat(j->fd, &st)) {
		r = err_sys(e, "open", "%s", path);
	} else if (!S_ISREG(st.st_mode) || (size_t)st.st_size < sizeof(struct header) ||
		   (size_t)st.st_size > JOURNAL_MAX) {
		r = err_set(e, ERR_GENERAL, ENODATA, "read the journal", path, "it is not one of ours");
	} else {
		j->size = st.st_size;
		r = map(j, e);
	}
	if (!r && (j->h->magic != JOURNAL_MAGIC || j->h->used > j->size ||
		   j->h->used < sizeof(struct header)))
		r = err_set(e, ERR_GENERAL, ENODATA, "read the journal", path, "it is not one of ours");
	for (size_t at = sizeof(struct header); !r && at < j->h->used;) {
		struct journal_entry *je = entry_at(j, at, j->h->used);

		if (!je || je->kind >= UNDO_KINDS)
			r = err_set(e, ERR_GENERAL, ENODATA, "read the journal", path,
				    "malformed record at byte %zu", at);
		else
			at += entry_size(je->len);
	}
	if (r) {
		/* Somebody else's file is not ours to remove. */
		j->path[0] = '\0';
		journal_close(j);
		return r;
	}
	*ret = j;
	return 0;
}

static bool nothing_left(const struct journal *j)
{
	for (size_t at = sizeof(struct header); at < j->h->used;) {
		const struct journal_entry *je = (const void *)((const char *)j->h + at);

		if (je->kind && !je->done)
			return false;
		at += entry_size(je->len);
	}
	return true;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	if (j->h) {
		if (j->path[0] && nothing_left(j))
			unlink(j->path);
		munmap(j->h, JOURNAL_MAX);
	}
	if (j->fd >= 0)
		close(j->fd);
	free(j);
}

void journal_abandon(struct journal *j)
{
	j->path[0] = '\0';
	journal_close(j);
}

int journal_reserve(struct journal *j, size_t bytes, struct err *e)
{
	return grow(j, j->h->used + bytes, e);
}

int journal_add(struct journal *j, uint32_t kind, const void *data, size_t len,
		struct journal_entry **ret, struct err *e)
{
	struct journal_entry *je;
	int r = grow(j, j->h->used + entry_size(len), e);

	if (r)
		return r;
	je = (void *)((char *)j->h + j->h->used);
	je->kind = UNDO_NONE;
	je->done = 0;
	je->len = len;
	memcpy(je->data, data, len);
	/* The length first becomes reachable, then the record valid. */
	__atomic_store_n(&j->h->used, j->h->used + entry_size(len), __ATOMIC_RELEASE);
	__atomic_store_n(&je->kind, kind, __ATOMIC_RELEASE);
	if (ret)
		*ret = je;
	return 0;
}

size_t journal_entries(struct journal *j, uint32_t kind, struct journal_entry ***ret)
{
	struct journal_entry **v = NULL;
	size_t n = 0, cap = 0;

	for (size_t at = sizeof(struct header); at < j->h->used;) {
		struct journal_entry *je = (void *)((char *)j->h + at);

		at += entry_size(je->len);
		if (je->kind != kind || je->done)
			continue;
		if (n == cap) {
			cap = cap ? cap * 2 : 64;
			v = realloc(v, cap * sizeof(*v));
			if (!v)
				abort();
		}
		v[n++] = je;
	}
	*ret = v;
	return n;
}

void journal_forget(struct journal *j)
{
	for (size_t at = sizeof(struct header); at < j->h->used;) {
		struct journal_entry *je = (void *)((char *)j->h + at);

		journal_done(je);
		at += entry_size(je->len);
	}
}

/* Undone records of all kinds, newest first. */
static size_t newest_first(struct journal *j, struct journal_entry ***ret)
{
	struct journal_entry **v = NULL;
	size_t n = 0, cap = 0;

	for (size_t at = sizeof(struct header); at < j->h->used;) {
		struct journal_entry *je = (void *)((char *)j->h + at);

		at += entry_size(je->len);
		if (!je->kind || je->done)
			continue;
		if (n == cap) {
			cap = cap ? cap * 2 : 64;
			v = realloc(v, cap * sizeof(*v));
			if (!v)
				abort();
		}
		v[n++] = je;
	}
	for (size_t i = 0; i < n / 2; i++) {
		struct journal_entry *t = v[i];

		v[i] = v[n - 1 - i];
		v[n - 1 - i] = t;
	}
	*ret = v;
	return n;
}

static const struct undo_kind *find(const struct undo_kind *const *kinds, uint32_t id)
{
	for (; *kinds; kinds++)
		if ((*kinds)->id == id)
			return *kinds;
	return NULL;
}

int journal_undo(struct journal *j, const struct undo_kind *const *kinds, struct err *e)
{
	_cleanup_free_ struct journal_entry **v = NULL;
	size_t n = newest_first(j, &v);
	int first = 0;

	for (size_t i = 0, end; i < n; i = end) {
		const struct undo_kind *k = find(kinds, v[i]->kind);
		struct err one = { 0 };
		int r;

		for (end = i; end < n && v[end]->kind == v[i]->kind; end++)
			;
		if (!k)
			continue;
		r = k->undo(j, v + i, end - i, &one);
		log_info("undo: %zu x %s: %s", end - i, k->name, r ? one.why : "done");
		/* One that fails must not keep the others from being undone. */
		if (r && !first) {
			*e = one;
			first = r;
		}
		for (size_t x = i; !r && x < end; x++)
			journal_done(v[x]);
	}
	return first;
}

static uint64_t starttime_of(pid_t pid)
{
	struct proc_stat st;
	struct err e = { 0 };

	return pid > 0 && !proc_stat_read(pid, &st, &e) && st.state != 'Z' ? st.starttime : 0;
}

void journal_set_owners(struct journal *j, pid_t worker, pid_t watcher)
{
	j->h->owners[0] = (struct owner){ .pid = worker, .starttime = starttime_of(worker) };
	j->h->owners[1] = (struct owner){ .pid = watcher, .starttime = starttime_of(watcher) };
}

int journal_owner_alive(const struct journal *j)
{
	for (int i = 0; i < 2; i++) {
		const struct owner *o = &j->h->owners[i];

		if (o->pid && o->starttime && starttime_of(o->pid) == o->starttime)
			return 1;
	}
	return 0;
}
