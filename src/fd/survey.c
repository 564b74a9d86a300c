// SPDX-License-Identifier: GPL-2.0-or-later
/* See survey.h. */
#include "fd/survey.h"
#include "fd/tty.h"

#include <dirent.h>
#include <stdio.h>

struct held {
	uint64_t ino;
	int bits;
};

struct survey {
	struct held *v;
	size_t n;
	struct err failed; /* why it is not whole */
};

static int cmp_held(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static void failed(struct survey *s, const char *op, const char *path)
{
	/* A task or descriptor that is gone meanwhile holds nothing. */
	if (errno != ENOENT && errno != ESRCH)
		err_sys(&s->failed, op, "%s", path);
}

static int pipe_bits(struct survey *s, int info_dir, const char *num)
{
	struct fd_info info;
	char text[1024];
	ssize_t n = read_text_at(info_dir, num, text, sizeof(text));

	if (n <= 0 || fd_info_parse(text, &info)) {
		errno = n < 0 ? -(int)n : ENOENT;
		failed(s, "read", "fdinfo of a pipe");
		return 0;
	}
	switch (info.flags & O_ACCMODE) {
	case O_RDONLY:
		return SURVEY_READS;
	case O_WRONLY:
		return SURVEY_WRITES;
	default:
		return SURVEY_READS | SURVEY_WRITES;
	}
}

/* The inode in a link such as "pipe:[123]"; 0 when it is something else. */
static uint64_t ino_of(const char *link, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(link, prefix, n) ? 0 : strtoull(link + n, NULL, 10);
}

/* Among inode numbers, a terminal's index. */
#define TTY_KEY (1ull << 63)

static uint64_t tty_key(int info_dir, const char *num)
{
	char text[1024];
	const char *index;

	if (read_text_at(info_dir, num, text, sizeof(text)) <= 0)
		return 0;
	index = fd_info_line(text, "tty-index");
	return index ? TTY_KEY | strtoull(index, NULL, 10) : 0;
}

static void add_task(struct fd_dump *d, struct survey *s, const struct task *t)
{
	_cleanup_closedir_ DIR *dir = NULL;
	_cleanup_close_ int info = -EBADF;
	struct dirent *de;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", fd_task_tid(t));
	info = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/fd", fd_task_tid(t));
	if (info >= 0)
		dir = opendir(path);
	if (!dir) {
		failed(s, "open", path);
		return;
	}
	while ((de = readdir(dir))) {
		char link[64];
		ssize_t n = readlinkat(dirfd(dir), de->d_name, link, sizeof(link) - 1);
		struct held h = { 0 };

		if (n <= 0)
			continue;
		link[n] = 0;
		h.ino = ino_of(link, "socket:[");
		h.bits = SURVEY_HELD;
		if (!h.ino) {
			h.ino = ino_of(link, "pipe:[");
			h.bits = h.ino ? pipe_bits(s, info, de->d_name) : 0;
		}
		if (!h.ino && strlen(link) >= 5 && !strcmp(link + strlen(link) - 5, "/ptmx")) {
			h.ino = tty_key(info, de->d_name);
			h.bits = SURVEY_MASTER;
		}
		if (h.ino)
			pool_push(d->m->pool, s->v, s->n, h);
	}
}

static struct survey *get(struct fd_dump *d)
{
	struct survey *s = d->survey;
	size_t to = 0;

	if (s)
		return s;
	s = d->survey = pool_alloc(d->m->pool, sizeof(*s));
	for (size_t i = 0; i < d->m->n_tasks; i++)
		if (d->m->tasks[i]->state != TASK_ZOMBIE)
			add_task(d, s, d->m->tasks[i]);
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), cmp_held);
	for (size_t i = 0; i < s->n; i++) {
		if (to && s->v[to - 1].ino == s->v[i].ino)
			s->v[to - 1].bits |= s->v[i].bits;
		else
			s->v[to++] = s->v[i];
	}
	s->n = to;
	return s;
}

int survey_failed(struct fd_dump *d, struct err *e)
{
	if (!d->survey || !d->survey->failed.code)
		return 0;
	*e = d->survey->failed;
	return -e->code;
}

static int bits_of(struct fd_dump *d, uint64_t ino)
{
	struct survey *s = get(d);
	struct held key = { .ino = ino }, *h;

	h = s->n ? bsearch(&key, s->v, s->n, sizeof(*s->v), cmp_held) : NULL;
	return h ? h->bits : 0;
}

int survey_pipe(struct fd_dump *d, uint64_t ino)
{
	return bits_of(d, ino);
}

bool survey_socket(struct fd_dump *d, uint64_t ino)
{
	return bits_of(d, ino) != 0;
}

struct wanted {
	const char *link;
	int end; /* of a pipe: SURVEY_READS or SURVEY_WRITES; or, without link: */
	struct fd_dump *d;
	dev_t rdev;
	uint64_t dev;
};

static bool is_wanted(const struct wanted *w, int dir, const char *num)
{
	char link[64];
	struct stat st;
	ssize_t n;

	if (!w->link)
		return !fstatat(dir, num, &st, 0) && S_ISCHR(st.st_mode) && st.st_rdev == w->rdev &&
		       (!w->dev || st.st_dev == w->dev);
	n = readlinkat(dir, num, link, sizeof(link) - 1);
	if (n <= 0)
		return false;
	link[n] = 0;
	return !strcmp(link, w->link);
}

static bool is_end(const struct wanted *w, const char *pid, const char *num)
{
	struct survey none = { 0 };
	char path[300];

	snprintf(path, sizeof(path), "/proc/%s/fdinfo/%.16s", pid, num);
	return !w->end || pipe_bits(&none, AT_FDCWD, path) & w->end;
}

static bool holds(const char *pid, const struct wanted *w)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *de;
	char path[300];

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && (de = readdir(dir)))
		if (de->d_name[0] != '.' && is_wanted(w, dirfd(dir), de->d_name) &&
		    is_end(w, pid, de->d_name))
			return true;
	return false;
}

static bool in_tree(struct fd_dump *d, pid_t host)
{
	for (size_t i = 0; d && i < d->m->n_tasks; i++)
		if (d->m->tasks[i]->host == host)
			return true;
	return false;
}

static bool find_holder(const struct wanted *w, char *buf, size_t size)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc");
	struct dirent *de;

	while (dir && (de = readdir(dir))) {
		char path[300], comm[64];
		ssize_t n;

		if (de->d_name[0] < '0' || de->d_name[0] > '9' || atoi(de->d_name) == getpid() ||
		    in_tree(w->d, atoi(de->d_name)) || !holds(de->d_name, w))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", de->d_name);
		n = read_text_at(AT_FDCWD, path, comm, sizeof(comm));
		if (n > 0)
			comm[strcspn(comm, "\n")] = 0;
		snprintf(buf, size, "pid %s (%s)", de->d_name, n > 0 ? comm : "?");
		return true;
	}
	return false;
}

bool survey_who(uint64_t ino, char *buf, size_t size)
{
	char want[64];

	snprintf(want, sizeof(want), "socket:[%llu]", (unsigned long long)ino);
	return find_holder(&(struct wanted){ .link = want }, buf, size);
}

bool survey_pipe_outside(struct fd_dump *d, uint64_t ino)
{
	char want[64], who[96];

	snprintf(want, sizeof(want), "pipe:[%llu]", (unsigned long long)ino);
	return find_holder(&(struct wanted){ .link = want, .d = d }, who, sizeof(who));
}

bool survey_pipe_holder(struct fd_dump *d, uint64_t ino, int end, char *buf, size_t size)
{
	char want[64];

	snprintf(want, sizeof(want), "pipe:[%llu]", (unsigned long long)ino);
	return find_holder(&(struct wanted){ .link = want, .end = end, .d = d }, buf, size);
}

bool survey_tty_master(struct fd_dump *d, unsigned index)
{
	return bits_of(d, TTY_KEY | index) & SURVEY_MASTER;
}

bool survey_tty_outside(struct fd_dump *d, unsigned index, uint64_t dev, char *buf, size_t size)
{
	struct wanted w = { .d = d,
			    .rdev = makedev(PTS_MAJOR + index / 256, index % 256),
			    .dev = dev };

	return find_holder(&w, buf, size);
}
