// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the engine needs to know of a task's address space: a `syscall`
 * instruction to make calls with, an instruction that can jump to itself to
 * wait at, and where there is room for the arena.
 *
 * No text of a task is ever written. The vDSO holds both instructions on the
 * kernels seen; without it (static programs, restored ones with another vDSO)
 * any mapped code will do, aligned or not.
 */
#include "parasite/remote-internal.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/abi.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"

#define USER_TOP 0x7ffffffff000ull
#define VDSO_MAX (4 * 4096)
#define CHUNK (64 * 1024)

int task_memory_read(pid_t pid, uint64_t at, void *buf, size_t n)
{
	struct iovec l = { buf, n }, f = { (void *)at, n };

	return process_vm_readv(pid, &l, 1, &f, 1, 0) == (ssize_t)n ? 0 : -EFAULT;
}

struct line {
	uint64_t start, end;
	char perms[5];
	const char *name; /* to the line's end, not terminated by itself */
};

/* Visit the mappings of /proc/PID/maps; a non-zero answer of @see ends it and is returned. */
static int maps_walk(pid_t pid, int (*see)(const struct line *l, void *ctx), void *ctx,
		     struct err *e)
{
	_cleanup_free_ char *text = NULL;
	char path[40], *next;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	n = read_text_alloc(AT_FDCWD, path, &text);
	if (n < 0) {
		errno = (int)-n;
		return err_sys(e, "read", "%s", path);
	}
	for (char *p = text; *p; p = next) {
		struct line l = { 0 };
		int at = 0, ret;

		next = strchrnul(p, '\n');
		if (*next)
			*next++ = '\0';
		if (sscanf(p, "%lx-%lx %4s %*s %*s %*s %n", &l.start, &l.end, l.perms, &at) < 3)
			continue;
		l.name = at ? p + at : "";
		if (l.start >= USER_TOP)
			continue;
		ret = see(&l, ctx);
		if (ret)
			return ret;
	}
	return 0;
}

struct text_search {
	struct task_priv *t;
	unsigned char *buf;
	bool writable; /* look at those too: second pass */
};

static bool text_complete(const struct task_priv *t)
{
	return t->gadget && t->spin;
}

static void text_take(struct task_priv *t, uint64_t at, const unsigned char *buf, size_t n)
{
	ssize_t off;

	if (!t->gadget && (off = text_gadget(buf, n)) >= 0)
		t->gadget = at + (uint64_t)off;
	if (!t->spin && (off = text_spin(buf, n, &t->spin_flags)) >= 0)
		t->spin = at + (uint64_t)off;
}

static int text_see(const struct line *l, void *ctx)
{
	struct text_search *s = ctx;

	if (l->perms[2] != 'x' || l->perms[0] != 'r' || (l->perms[1] == 'w') != s->writable)
		return 0;
	for (uint64_t at = l->start; at < l->end; at += CHUNK) {
		size_t n = l->end - at < CHUNK ? l->end - at : CHUNK;

		/* What lies behind a file's end can't be read. */
		if (task_memory_read(task_mm_pid(s->t), at, s->buf, n))
			break;
		text_take(s->t, at, s->buf, n);
		if (text_complete(s->t))
			return 1;
	}
	return 0;
}

/* The vDSO's address as the kernel told the program; it may have been moved or unmapped since, so what is read is checked. */
static uint64_t vdso_of(pid_t pid)
{
	uint64_t v[128];
	char path[40];
	ssize_t n;
	_cleanup_close_ int fd = -EBADF;

	snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, v, sizeof(v));
	for (ssize_t i = 0; i + 1 < n / 8; i += 2) {
		if (v[i] == AT_SYSINFO_EHDR)
			return v[i + 1];
	}
	return 0;
}

/* Our own vDSO is the same image: search it once, in memory, and ask the task only whether it has those bytes there. */
static bool text_like_ours(struct task_priv *t, uint64_t vdso)
{
	static size_t len;
	static ssize_t gadget, spin;
	static uint64_t flags;
	const unsigned char *own = (const unsigned char *)getauxval(AT_SYSINFO_EHDR);
	unsigned char g[2], s[2];
	struct iovec l[2] = { { g, 2 }, { s, 2 } }, f[2];

	if (!own || !vdso)
		return false;
	if (!len) {
		unsigned char resident;

		/* Its mapping's end: the first page that is not there. */
		while (len < VDSO_MAX && !mincore((void *)(own + len), 1, &resident))
			len += page_size();
		gadget = text_gadget(own, len);
		spin = text_spin(own, len, &flags);
	}
	if (gadget < 0 || spin < 0)
		return false;
	f[0] = (struct iovec){ (void *)(vdso + (uint64_t)gadget), 2 };
	f[1] = (struct iovec){ (void *)(vdso + (uint64_t)spin), 2 };
	if (process_vm_readv(task_mm_pid(t), l, 2, f, 2, 0) != 4 || memcmp(g, own + gadget, 2) ||
	    memcmp(s, own + spin, 2))
		return false;
	t->gadget = vdso + (uint64_t)gadget;
	t->spin = vdso + (uint64_t)spin;
	t->spin_flags = flags;
	return true;
}

int text_find(struct remote *r, struct task_priv *t, struct err *e)
{
	struct text_search s = { .t = t };
	_cleanup_free_ unsigned char *buf = NULL;

	if (text_like_ours(t, vdso_of(task_mm_pid(t))))
		return 0;
	buf = malloc(CHUNK);
	if (!buf)
		return err_sys(e, "malloc", "text of pid %d", t->pub.pid);
	s.buf = buf;
	t->gadget = t->spin = 0;
	for (int pass = 0; pass < 2 && !text_complete(t); pass++) {
		int ret;

		s.writable = pass;
		ret = maps_walk(task_mm_pid(t), text_see, &s, e);
		if (ret < 0)
			return ret;
	}
	if (!text_complete(t)) {
		err_set(e, ERR_UNSUPPORTED, ENOTSUP, "enter", "process",
			"pid %d has no mapped code with a %s in it", t->pub.pid,
			t->gadget ? "short jump that could wait" : "system call instruction");
		return err_hint(e, "let the program keep its vDSO or its C library mapped");
	}
	return 0;
}

struct range_list {
	uint64_t (*v)[2];
	size_t n, cap;
	int failed;
};

static int range_see(const struct line *l, void *ctx)
{
	struct range_list *list = ctx;

	if (list->n == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 1024;
		void *v = realloc(list->v, cap * sizeof(*list->v));

		if (!v)
			return -ENOMEM;
		list->v = v;
		list->cap = cap;
	}
	list->v[list->n][0] = l->start;
	list->v[list->n++][1] = l->end;
	return 0;
}

/* Exact and slower: the widest hole common to everybody. */
static uint64_t hole_of_all(struct remote *r, size_t need, struct err *e)
{
	struct range_list list = { 0 };
	uint64_t at = 0;
	int ret = 0;

	for (size_t k = 0; k < r->n && !ret; k++)
		ret = maps_walk(task_mm_pid(r->tasks[k]), range_see, &list, e);
	if (!ret) {
		at = arena_find_hole((const uint64_t(*)[2])list.v, list.n, need);
		if (!at) {
			err_set(e, ERR_UNSUPPORTED, ENOMEM, "enter", "process",
				"the tasks leave no %zu bytes of address space free", need);
			err_hint(e, "let the program unmap what it does not use");
		}
	} else if (ret == -ENOMEM) {
		err_sys(e, "malloc", "mappings of all tasks");
	}
	free(list.v);
	return at;
}

struct overlap {
	uint64_t start, end;
};

static int overlap_see(const struct line *l, void *ctx)
{
	const struct overlap *o = ctx;

	return l->start < o->end && l->end > o->start;
}

/* One ioctl where the kernel has it. 1 free, 0 not, or -errno. */
static int range_is_free(pid_t pid, uint64_t start, uint64_t end, struct err *e)
{
	struct procmap_query q = {
		.size = sizeof(q),
		.query_flags = PROCMAP_QUERY_COVERING_OR_NEXT_VMA,
		.query_addr = start,
	};
	struct overlap o = { start, end };
	_cleanup_close_ int fd = -EBADF;
	char path[40];
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open", "%s", path);
	if (!ioctl(fd, PROCMAP_QUERY, &q))
		return q.vma_start >= end;
	if (errno == ENOENT)
		return 1;
	ret = maps_walk(pid, overlap_see, &o, e);
	return ret < 0 ? ret : !ret;
}

static int arenas_at(struct remote *r, uint64_t at, struct err *e)
{
	for (size_t k = 0; k < r->n; k++) {
		struct task_priv *t = r->tasks[k];
		int ret;

		if (t->pub.no_parasite)
			continue;
		t->arena_at = at;
		at += t->arena_len;
		ret = range_is_free(task_mm_pid(t), t->arena_at, at, e);
		if (ret <= 0)
			return ret;
	}
	return 1;
}

/*
 * Each task's arena gets a place of its own, free in that task and in us. The
 * middle of our own widest hole is free nearly everywhere; only when it is not
 * are all mappings looked at.
 */
int arenas_place(struct remote *r, size_t data_size, size_t data_thread, struct err *e)
{
	size_t total = 0;
	uint64_t at;
	int ret;

	for (size_t k = 0; k < r->n; k++) {
		struct task_priv *t = r->tasks[k];

		t->arena_len = page_up(2 * page_size() + data_size +
				       t->pub.n_threads * (SV_SLOT + 64 + data_thread));
		total += t->arena_len;
	}
	at = arena_find_hole(NULL, 0, total);
	ret = at ? arenas_at(r, at, e) : 0;
	if (ret)
		return ret < 0 ? ret : 0;
	at = hole_of_all(r, total, e);
	if (!at)
		return -e->code;
	ret = arenas_at(r, at, e);
	if (!ret)
		return err_set(e, ERR_GENERAL, EAGAIN, "enter", "process",
			       "mappings changed while the tasks were held");
	return ret < 0 ? ret : 0;
}

struct arena_look {
	uint64_t at, len;
};

/* Our place and kind, whole or its first part; a mapping of the task's own there would have stopped us. */
static int arena_see(const struct line *l, void *ctx)
{
	const struct arena_look *a = ctx;

	return l->start == a->at && l->end <= a->at + a->len && l->perms[3] == 's' &&
	       !strncmp(l->name, "/dev/zero", 9);
}

int arena_is_mapped(pid_t pid, uint64_t at, uint64_t len, struct err *e)
{
	struct arena_look a = { at, len };

	return at ? maps_walk(pid, arena_see, &a, e) : 0;
}
