// SPDX-License-Identifier: GPL-2.0-or-later
/* See survey.h. */
#include "fd/survey.h"
#include "fd/tty.h"

#include <dirent.h>
#include <stdio.h>

struct survey {
	uint64_t *v; /* inodes, and keys of terminals */
	size_t n;
	struct err failed; /* why it is not whole */
};

static int cmp_held(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void failed(struct survey *s, const char *op, const char *path)
{
	/* A task or descriptor that is gone meanwhile holds nothing. */
	if (errno != ENOENT && errno != ESRCH)
		err_sys(&s->failed, op, "%s", path);
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
		uint64_t held;

		if (n <= 0)
			continue;
		link[n] = 0;
		held = ino_of(link, "socket:[");
		if (!held && strlen(link) >= 5 && !strcmp(link + strlen(link) - 5, "/ptmx"))
			held = tty_key(info, de->d_name);
		if (held)
			pool_push(d->m->pool, s->v, s->n, held);
	}
}

static struct survey *get(struct fd_dump *d)
{
	struct survey *s = d->survey;

	if (s)
		return s;
	s = d->survey = pool_alloc(d->m->pool, sizeof(*s));
	for (size_t i = 0; i < d->m->n_tasks; i++)
		if (d->m->tasks[i]->state != TASK_ZOMBIE)
			add_task(d, s, d->m->tasks[i]);
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), cmp_held);
	return s;
}

int survey_failed(struct fd_dump *d, struct err *e)
{
	if (!d->survey || !d->survey->failed.code)
		return 0;
	*e = d->survey->failed;
	return -e->code;
}

static bool is_held(struct fd_dump *d, uint64_t key)
{
	struct survey *s = get(d);

	return s->n && bsearch(&key, s->v, s->n, sizeof(*s->v), cmp_held);
}

bool survey_socket(struct fd_dump *d, uint64_t ino)
{
	return is_held(d, ino);
}

struct wanted {
	const char *link; /* or: */
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

static bool holds(const char *pid, const struct wanted *w)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *de;
	char path[300];

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && (de = readdir(dir)))
		if (de->d_name[0] != '.' && is_wanted(w, dirfd(dir), de->d_name))
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

bool survey_tty_master(struct fd_dump *d, unsigned index)
{
	return is_held(d, TTY_KEY | index);
}

bool survey_tty_outside(struct fd_dump *d, unsigned index, uint64_t dev, char *buf, size_t size)
{
	struct wanted w = { .d = d,
			    .rdev = makedev(PTS_MAJOR + index / 256, index % 256),
			    .dev = dev };

	return find_holder(&w, buf, size);
}
