// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The journal's file: a header, then records one after the other, mapped
 * shared. The address space for the largest journal is mapped at once, so that
 * records keep their addresses while the file grows under them.
 *
 * Who made it lives as long as somebody holds the lock (flock(2)): it belongs
 * to the open file, which worker, parent and guard share by fork, and the
 * kernel drops it when the last of them is gone. Unlike a pid with a start
 * time that is true across pid namespaces and reboots, and it also keeps two
 * recoveries apart.
 */
#define LOG_MODULE "journal"
#include "base/journal.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"

#define JOURNAL_MAGIC 0x6e6a736973617473ull /* "stasisjn" */
#define JOURNAL_VERSION 1u
#define JOURNAL_MAX (64u << 20)
#define JOURNAL_FIRST (8u << 10)

/* Stored: fields are only ever appended, header_size tells which are there. */
struct journal_header {
	uint64_t magic; /* written last */
	uint32_t version;
	uint32_t header_size;
	uint64_t used;	  /* bytes of the file that hold whole records, with this header */
	char boot_id[40]; /* as text */
	uint64_t pid_ns;  /* inode */
	uint64_t made;	  /* seconds since the epoch */
	int32_t subject, maker, worker, watcher;
	char what[16];
};

struct journal {
	int fd;
	bool owned; /* we hold the lock */
	bool foreign, other_boot;
	uint64_t size;		  /* of the file, as far as allocated */
	struct journal_header *h; /* the mapping */
	pthread_mutex_t lock;	  /* adding */
	char path[256];
};

static uint64_t record_size(uint64_t len)
{
	return (sizeof(struct journal_entry) + len + 7) & ~7ull;
}

static void journal_free(struct journal *j)
{
	int saved = errno;

	if (j->h)
		munmap(j->h, JOURNAL_MAX);
	if (j->fd >= 0)
		close(j->fd);
	free(j);
	errno = saved;
}

static void journal_freep(struct journal **j)
{
	if (*j)
		journal_free(*j);
}

static struct journal *journal_alloc(void)
{
	struct journal *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->fd = -EBADF;
	pthread_mutex_init(&j->lock, NULL);
	return j;
}

static int read_boot_id(char buf[static 40])
{
	ssize_t n;

	memset(buf, 0, 40);
	n = read_text_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", buf, 40);
	return n < 0 ? (int)n : 0;
}

static uint64_t pid_ns(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) ? 0 : st.st_ino;
}

/* The directory is the boundary of trust: only we may have written what is in it. */
static int dir_check(const char *dir, struct err *e)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return err_sys(e, "open", "%s", dir);
	if (st.st_uid == geteuid() && !(st.st_mode & 022))
		return 0;
	err_set(e, ERR_SYSTEM, EPERM, "use", dir, "others can write there (owner %u, mode %03o)",
		st.st_uid, st.st_mode & 07777);
	return err_hint(e, "chown root %s && chmod 700 %s", dir, dir);
}

static int dir_make(const char *dir, struct err *e)
{
	if (!mkdir(dir, 0700) || errno == EEXIST)
		return dir_check(dir, e);
	err_sys(e, "mkdir", "%s", dir);
	return err_hint(e,
			"what must be undone should stasis die is noted there: run as root, with a "
			"place where that directory can be made");
}

/*
 * Space that is really there: a store into a hole of a full filesystem would be
 * a SIGBUS. Written, as fallocate(2) makes removing the file cost 50 us on ext4.
 */
static int journal_grow(struct journal *j, uint64_t need, struct err *e)
{
	static const char zeros[4096];
	uint64_t size = j->size ? j->size : JOURNAL_FIRST;

	if (need <= j->size)
		return 0;
	if (need > JOURNAL_MAX)
		return err_set(e, ERR_SYSTEM, EFBIG, "write", j->path, "it would exceed %u MiB",
			       JOURNAL_MAX >> 20);
	while (size < need)
		size *= 2;
	for (; j->size < size; j->size += sizeof(zeros)) {
		int r = pwrite_all(j->fd, zeros, sizeof(zeros), (off_t)j->size);

		if (r) {
			errno = -r;
			return err_sys(e, "write", "%s", j->path);
		}
	}
	return 0;
}

static int journal_map(struct journal *j, struct err *e)
{
	void *p = mmap(NULL, JOURNAL_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, j->fd,
		       0);

	if (p == MAP_FAILED)
		return err_sys(e, "mmap", "%s", j->path);
	j->h = p;
	return 0;
}

/* Locked before anybody can take it for a dead one's: a recover that was quicker has unlinked it. */
static int file_make(struct journal *j, const char *dir, const char *what, pid_t pid, struct err *e)
{
	struct stat st;

	for (int i = 0; i < 1000; i++) {
		char suffix[16] = "";

		if (i)
			snprintf(suffix, sizeof(suffix), "-%d", i);
		if ((size_t)snprintf(j->path, sizeof(j->path), "%s/%s-%d-%d%s", dir, what, pid,
				     getpid(), suffix) >= sizeof(j->path)) {
			errno = ENAMETOOLONG;
			return err_sys(e, "open", "%s", dir);
		}
		j->fd = open(j->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (j->fd < 0 && errno == EEXIST)
			continue;
		if (j->fd < 0 || flock(j->fd, LOCK_EX) || fstat(j->fd, &st))
			return err_sys(e, "open", "%s", j->path);
		if (st.st_nlink)
			return 0;
		close(take_fd(j->fd));
	}
	errno = EEXIST;
	return err_sys(e, "open", "%s", j->path);
}

static int header_init(struct journal *j, const char *what, pid_t pid, struct err *e)
{
	struct journal_header *h = j->h;
	int r = read_boot_id(h->boot_id);

	if (r) {
		errno = -r;
		return err_sys(e, "read", "/proc/sys/kernel/random/boot_id");
	}
	h->version = JOURNAL_VERSION;
	h->header_size = sizeof(*h);
	h->used = sizeof(*h);
	h->pid_ns = pid_ns();
	h->made = (uint64_t)time(NULL);
	h->subject = pid;
	h->maker = getpid();
	snprintf(h->what, sizeof(h->what), "%s", what);
	__atomic_store_n(&h->magic, JOURNAL_MAGIC, __ATOMIC_RELEASE);
	return 0;
}

int journal_create(struct journal **ret, const char *dir, const char *what, pid_t pid,
		   struct err *e)
{
	_cleanup_(journal_freep) struct journal *j = journal_alloc();
	int r;

	if (!j) {
		errno = ENOMEM;
		return err_sys(e, "allocate", "a journal");
	}
	if (!dir)
		dir = JOURNAL_DIR;
	r = dir_make(dir, e);
	if (!r)
		r = file_make(j, dir, what, pid, e);
	if (!r)
		r = journal_grow(j, JOURNAL_FIRST, e);
	if (!r)
		r = journal_map(j, e);
	if (!r)
		r = header_init(j, what, pid, e);
	if (r) {
		if (j->fd >= 0)
			unlink(j->path);
		return err_in(e, "journal of undos");
	}
	j->owned = true;
	*ret = take_ptr(j);
	return 0;
}

static int alien(struct err *e, const char *path, const char *why)
{
	err_set(e, ERR_SYSTEM, ENODATA, "read the journal", path, "%s", why);
	return err_hint(e, "if no version of stasis has written it, remove it");
}

/* The file may be anything: nothing is believed before it has been compared with the file's size. */
static int records_check(const struct journal *j, uint64_t size, struct err *e)
{
	const struct journal_header *h = j->h;
	uint64_t at = h->header_size;

	if (h->used < h->header_size || h->used > size)
		return alien(e, j->path, "it is truncated");
	while (at < h->used) {
		const struct journal_entry *je = (const void *)((const char *)h + at);

		if (h->used - at < sizeof(*je) || je->len > h->used - at - sizeof(*je) ||
		    record_size(je->len) > h->used - at)
			return alien(e, j->path, "a record reaches beyond the end");
		if (je->kind == UNDO_NONE || je->kind >= UNDO_KINDS)
			return alien(e, j->path,
				     "it has a record of a kind that this version does not know");
		at += record_size(je->len);
	}
	return 0;
}

static int file_check(struct journal *j, uint64_t *size, struct err *e)
{
	struct stat st;

	if (fstat(j->fd, &st))
		return err_sys(e, "fstat", "%s", j->path);
	/* Another recovery was quicker. */
	if (!st.st_nlink) {
		errno = ENOENT;
		return err_sys(e, "open", "%s", j->path);
	}
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
		return alien(e, j->path, "it is no file that only we can write");
	*size = (uint64_t)st.st_size;
	return 0;
}

static int header_check(struct journal *j, uint64_t size, struct err *e)
{
	const struct journal_header *h = j->h;
	char boot[40];

	/* The magic comes last: a maker killed before that has changed nothing yet. */
	if (!size || (size >= sizeof(*h) && !h->magic))
		return j->owned ? -ESTALE : -EBUSY;
	if (size < sizeof(*h) || h->magic != JOURNAL_MAGIC)
		return alien(e, j->path, "it is not a journal of stasis");
	if (h->version != JOURNAL_VERSION || h->header_size < sizeof(*h) || h->header_size % 8 ||
	    h->header_size > size)
		return alien(e, j->path, "another version of stasis wrote it");
	if (!memchr(h->what, 0, sizeof(h->what)) || !memchr(h->boot_id, 0, sizeof(h->boot_id)))
		return alien(e, j->path, "its header is damaged");
	j->other_boot = read_boot_id(boot) || strcmp(boot, h->boot_id);
	j->foreign = !j->other_boot && h->pid_ns != pid_ns();
	return 0;
}

int journal_load(struct journal **ret, const char *path, struct err *e)
{
	_cleanup_(journal_freep) struct journal *j = journal_alloc();
	uint64_t size = 0;
	int r;

	if (!j || (size_t)snprintf(j->path, sizeof(j->path), "%s", path) >= sizeof(j->path)) {
		errno = j ? ENAMETOOLONG : ENOMEM;
		return err_sys(e, "open", "%s", path);
	}
	j->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (j->fd < 0)
		return err_sys(e, "open", "%s", path);
	j->owned = !flock(j->fd, LOCK_EX | LOCK_NB);
	r = file_check(j, &size, e);
	if (r)
		return r;
	if (size > JOURNAL_MAX)
		return alien(e, path, "it is too large");
	r = journal_map(j, e);
	if (!r)
		r = header_check(j, size, e);
	/* A living owner's may change under our eyes. */
	if (!r && j->owned)
		r = records_check(j, size, e);
	/* While we hold the lock: whoever makes a file of this name looks whether it is still there. */
	if (r == -ESTALE)
		unlink(path);
	if (r)
		return r;
	j->size = size;
	*ret = take_ptr(j);
	return 0;
}

static struct journal_entry *next_entry(const struct journal *j, uint64_t *at)
{
	struct journal_entry *je = (void *)((char *)j->h + *at);

	if (*at >= __atomic_load_n(&j->h->used, __ATOMIC_ACQUIRE))
		return NULL;
	*at += record_size(je->len);
	return je;
}

static bool is_open(const struct journal_entry *je)
{
	return je->kind != UNDO_NONE && !__atomic_load_n(&je->done, __ATOMIC_ACQUIRE);
}

size_t journal_entries(struct journal *j, uint32_t kind, struct journal_entry ***ret)
{
	uint64_t at = j->h->header_size;
	struct journal_entry *je, **v = NULL;
	size_t n = 0, room = 0;

	while ((je = next_entry(j, &at))) {
		if (!is_open(je) || (kind != UNDO_NONE && je->kind != kind))
			continue;
		if (n == room) {
			struct journal_entry **more;

			room = room ? 2 * room : 64;
			more = realloc(v, room * sizeof(*v));
			if (!more)
				break;
			v = more;
		}
		v[n++] = je;
	}
	*ret = v;
	return n;
}

void journal_close(struct journal *j)
{
	struct journal_entry **open_ones = NULL;

	if (!j)
		return;
	if (j->owned && !journal_entries(j, UNDO_NONE, &open_ones))
		unlink(j->path);
	free(open_ones);
	journal_free(j);
}

const char *journal_path(const struct journal *j)
{
	return j->path;
}

int journal_fd(const struct journal *j)
{
	return j->fd;
}

void journal_describe(const struct journal *j, char *buf, size_t size)
{
	snprintf(buf, size, "%s of pid %d by pid %d%s", j->h->what, j->h->subject, j->h->maker,
		 j->other_boot ? " before the machine was started" : "");
}

int journal_reserve(struct journal *j, size_t bytes, struct err *e)
{
	int r;

	pthread_mutex_lock(&j->lock);
	/* Each record may need up to 7 bytes to end on a multiple of 8: a page more is enough for what is reserved. */
	r = bytes > JOURNAL_MAX ? journal_grow(j, JOURNAL_MAX + 1ull, e) :
				  journal_grow(j, j->h->used + bytes + bytes / 8 + 4096, e);
	pthread_mutex_unlock(&j->lock);
	return r;
}

int journal_add(struct journal *j, uint32_t kind, const void *data, size_t len,
		struct journal_entry **ret, struct err *e)
{
	struct journal_entry *je;
	uint64_t at;
	int r;

	if (len > JOURNAL_MAX)
		return err_set(e, ERR_SYSTEM, EFBIG, "write", j->path, "a record of %zu bytes",
			       len);
	pthread_mutex_lock(&j->lock);
	at = j->h->used;
	r = journal_grow(j, at + record_size(len), e);
	if (!r) {
		je = (void *)((char *)j->h + at);
		je->kind = kind;
		je->len = (uint32_t)len;
		je->done = je->pad = 0;
		memcpy(je->data, data, len);
		__atomic_store_n(&j->h->used, at + record_size(len), __ATOMIC_RELEASE);
		if (ret)
			*ret = je;
	}
	pthread_mutex_unlock(&j->lock);
	return r;
}

static int undo_run(struct journal *j, const struct undo_kind *kind, uint32_t id,
		    struct journal_entry **v, size_t n, struct err *e)
{
	int r;

	if (j->other_boot && kind && !kind->lasting) {
		log_debug("%zu records \"%s\" are from before the machine was started", n,
			  kind->name);
		r = 0;
	} else if (!kind) {
		r = err_set(e, ERR_GENERAL, EINVAL, "undo", j->path,
			    "nobody knows records of kind %u", id);
	} else {
		log_debug("undoing %zu of \"%s\"", n, kind->name);
		r = kind->undo(j, v, n, e);
		if (r)
			err_in(e, "undo \"%s\"", kind->name);
	}
	for (size_t i = 0; i < n && !r; i++)
		journal_done(v[i]);
	return r;
}

static const struct undo_kind *kind_find(const struct undo_kind *const *kinds, uint32_t id)
{
	for (; *kinds; kinds++)
		if ((*kinds)->id == id)
			return *kinds;
	return NULL;
}

int journal_undo(struct journal *j, const struct undo_kind *const *kinds, struct err *e)
{
	_cleanup_free_ struct journal_entry **v = NULL;
	size_t n = journal_entries(j, UNDO_NONE, &v);
	int first = 0;

	for (size_t i = 0; i < n / 2; i++) {
		struct journal_entry *je = v[i];

		v[i] = v[n - 1 - i];
		v[n - 1 - i] = je;
	}
	for (size_t at = 0, end; at < n; at = end) {
		const struct undo_kind *kind = kind_find(kinds, v[at]->kind);
		struct err late = { 0 };
		int r;

		for (end = at; end < n && v[end]->kind == v[at]->kind;)
			end++;
		r = undo_run(j, kind, v[at]->kind, v + at, end - at, first ? &late : e);
		if (first && r)
			log_warn("%s %s: %s", late.op, late.object, late.why);
		if (!first)
			first = r;
		if (r && (!kind || kind->blocks))
			break;
	}
	return first;
}

void journal_forget(struct journal *j)
{
	uint64_t at = j->h->header_size;
	struct journal_entry *je;

	while ((je = next_entry(j, &at)))
		journal_done(je);
}

bool journal_owner_alive(const struct journal *j)
{
	return !j->owned;
}

bool journal_is_foreign(const struct journal *j)
{
	return j->foreign;
}

void journal_set_owners(struct journal *j, pid_t worker, pid_t watcher)
{
	j->h->worker = worker;
	j->h->watcher = watcher;
}
