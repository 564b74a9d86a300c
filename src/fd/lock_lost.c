// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Locks that no descriptor shows: the description that holds one lives on in a
 * mapping, or in a message that nobody has received. fdinfo knows nothing of
 * them, /proc/locks does. Reading that waits for an RCU grace period (fs/locks.c
 * takes a per-cpu semaphore for writing): a thread does it, while the preflight
 * looks at all else.
 *
 * Runs in: the coordinator; read_locks() in a thread that makes system calls only.
 */
#define LOG_MODULE "fd"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/proc.h"
#include "fd/lock.h"

#define LOCKS_MAX (1024 * 1024)

struct lock_scan {
	pthread_t thread;
	ssize_t n; /* bytes read, or negative */
	char text[LOCKS_MAX];
};

static void *read_locks(void *arg)
{
	struct lock_scan *s = arg;
	int fd = open("/proc/locks", O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	s->n = fd < 0 ? -1 : 0;
	while (fd >= 0 && s->n < LOCKS_MAX - 1 &&
	       (n = read(fd, s->text + s->n, (size_t)(LOCKS_MAX - 1 - s->n))) > 0)
		s->n += n;
	cleanup_close(&fd);
	return NULL;
}

void locks_scan_begin(struct model *m)
{
	struct fd_dump *d = fd_dump_state(m);
	sigset_t all, old;

	if (d->lock_scan)
		return;
	d->lock_scan = calloc(1, sizeof(*d->lock_scan));
	if (!d->lock_scan)
		return;
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	if (pthread_create(&d->lock_scan->thread, NULL, read_locks, d->lock_scan)) {
		free(d->lock_scan);
		d->lock_scan = NULL;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* One line: what is compared is the text "fe:00:4711" of device and inode. */
struct suspect {
	char class[16], file[64];
	long long pid;
	const char *line;
};

static bool parse(const char *line, struct suspect *s)
{
	/* The number at its start changes from one look to the next. */
	s->line = strchr(line, ':') ? strchr(line, ':') + 1 : line;
	s->line += strspn(s->line, " ");
	return sscanf(line, "%*d: %15s %*s %*s %lld %63s", s->class, &s->pid, s->file) == 3 &&
	       strcmp(s->class, "POSIX");
}

static bool shows(const char *text, const struct suspect *s)
{
	for (const char *p = fd_info_line(text, "lock"); p; p = lock_line_next(p)) {
		struct suspect other;

		if (parse(p, &other) && !strcmp(other.class, s->class) &&
		    !strcmp(other.file, s->file))
			return true;
	}
	return false;
}

/* Whether a descriptor of @pid shows such a lock. */
static bool shown_by(pid_t pid, const struct suspect *s)
{
	_cleanup_free_ int *fds = NULL;
	struct err ignored = { 0 };
	size_t n = 0;
	bool found = false;

	if (proc_list(pid, "fdinfo", &fds, &n, &ignored))
		n = 0;
	err_clear(&ignored);
	for (size_t i = 0; i < n && !found; i++) {
		_cleanup_free_ char *text = NULL;
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fds[i]);
		found = read_text_alloc(AT_FDCWD, path, &text) > 0 && shows(text, s);
	}
	return found;
}

static bool shown_by_anybody(const struct suspect *s)
{
	_cleanup_closedir_ DIR *proc = opendir("/proc");
	struct dirent *de;

	while (proc && (de = readdir(proc)))
		if (atoi(de->d_name) > 0 && shown_by(atoi(de->d_name), s))
			return true;
	return false;
}

/* "55d0-55d1 r--s 00000000 fe:00 4711 /path" against "fe:00:4711" */
static bool is_mapped(const struct task *t, const struct suspect *s)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	char path[40], dev[32], file[64];
	unsigned long long ino;

	snprintf(path, sizeof(path), "/proc/%d/maps", t->host);
	f = fopen(path, "re");
	while (f && getline(&line, &size, f) > 0) {
		if (sscanf(line, "%*s %*s %*s %31s %llu", dev, &ino) != 2)
			continue;
		snprintf(file, sizeof(file), "%s:%llu", dev, ino);
		if (!strcmp(file, s->file))
			return true;
	}
	return false;
}

/* The tree's: it was set there, or by somebody who is gone (or unknown) on a file that is mapped there. */
static bool concerns(const struct model *m, const struct suspect *s)
{
	for (size_t i = 0; i < m->n_tasks; i++)
		if (m->tasks[i]->host == s->pid)
			return true;
	if (s->pid > 0 && proc_is_alive((pid_t)s->pid))
		return false;
	for (size_t i = 0; i < m->n_tasks; i++)
		if (m->tasks[i]->state != TASK_ZOMBIE && is_mapped(m->tasks[i], s))
			return true;
	return false;
}

static void check_line(const struct model *m, const char *line, struct err_list *blockers)
{
	struct err e = { 0 };
	struct suspect s;

	if (!parse(line, &s) || !concerns(m, &s))
		return;
	for (size_t i = 0; i < m->n_tasks; i++)
		if (m->tasks[i]->state != TASK_ZOMBIE && shown_by(m->tasks[i]->host, &s))
			return;
	if (shown_by_anybody(&s))
		return;
	/* As every JVM does with its performance data, to tell others that it lives. */
	for (size_t i = 0; i < m->n_tasks; i++)
		if (m->tasks[i]->state != TASK_ZOMBIE && is_mapped(m->tasks[i], &s)) {
			log_warn("pid %d: a mapping alone holds a lock (%s); it will be free "
				 "after a restore",
				 m->tasks[i]->host, s.line);
			return;
		}
	err_set(&e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", "file lock",
		"one is held without a descriptor, by a message on its way (%s)", s.line);
	err_hint(&e, "let the program give up the lock, or keep its descriptor open");
	err_list_add(blockers, &e);
}

void locks_scan_end(struct model *m, struct err_list *blockers)
{
	struct fd_dump *d = fd_dump_state(m);
	struct lock_scan *s = d->lock_scan;
	char *rest = NULL;

	if (!s)
		return;
	d->lock_scan = NULL;
	pthread_join(s->thread, NULL);
	/* A second line of a number shows who waits for it: "->". */
	for (char *line = s->n > 0 ? strtok_r(s->text, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		if (!strstr(line, "->"))
			check_line(m, line, blockers);
	free(s);
}
