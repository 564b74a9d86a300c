// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Looking at a task's descriptors from outside: /proc/PID/fd, /proc/PID/fdinfo
 * and copies by pidfd_getfd(2). A copy shares the description, so nothing is
 * ever read, written or sought through it.
 */
#include <dirent.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/abi.h"
#include "base/io.h"
#include "base/proc.h"
#include "fd/file_kind.h"

#define SETTLE_US (100 * 1000)

void fd_look_done(struct fd_dump *d)
{
	cleanup_close(&d->pidfd);
	cleanup_close(&d->fd_dir);
	cleanup_close(&d->info_dir);
	d->pidfd = d->fd_dir = d->info_dir = -EBADF;
	d->t = NULL;
}

static int open_dir(struct fd_dump *d, const char *what, int *ret, struct err *e)
{
	char path[64];

	/* The thread's own directory: that of a process whose leader has exited is empty. */
	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", d->t->host, d->tid, what);
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret < 0)
		return err_sys(e, "open", "%s", path);
	return 0;
}

int fd_look_task(struct fd_dump *d, struct task *t, bool copies, struct err *e)
{
	int r;

	fd_look_done(d);
	d->t = t;
	d->tid = fd_task_tid(t);
	r = open_dir(d, "fd", &d->fd_dir, e);
	if (!r)
		r = open_dir(d, "fdinfo", &d->info_dir, e);
	if (r)
		return r;
	if (copies) {
		d->pidfd =
			(int)syscall(SYS_pidfd_open, d->tid, d->tid == t->host ? 0 : PIDFD_THREAD);
		if (d->pidfd < 0)
			return err_sys(e, "pidfd_open", "pid %d", d->tid);
	}
	return 0;
}

static int cmp_int(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return x < y ? -1 : x > y;
}

/* Numbers of all descriptors, ascending, in the pool. */
int fd_list(struct fd_dump *d, int **ret, size_t *ret_n, struct err *e)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *de;
	int *v = NULL;
	size_t n = 0;
	int dup_fd;

	dup_fd = openat(d->fd_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dup_fd >= 0)
		dir = fdopendir(dup_fd);
	if (!dir) {
		cleanup_close(&dup_fd);
		return err_sys(e, "open", "/proc/%d/fd", d->t->host);
	}
	for (;;) {
		errno = 0;
		de = readdir(dir);
		if (!de)
			break;
		if (de->d_name[0] < '0' || de->d_name[0] > '9')
			continue;
		pool_push(d->m->pool, v, n, atoi(de->d_name));
	}
	if (errno)
		return err_sys(e, "read", "/proc/%d/fd", d->t->host);
	if (n)
		qsort(v, n, sizeof(*v), cmp_int);
	*ret = v;
	*ret_n = n;
	return 0;
}

/* The value of the line that starts with @name and a colon. */
const char *fd_info_line(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		if (!strncmp(p, name, len) && p[len] == ':') {
			p += len + 1;
			return p + strspn(p, " \t");
		}
	return NULL;
}

int fd_info_parse(const char *text, struct fd_info *ret)
{
	const char *pos = fd_info_line(text, "pos"), *flags = fd_info_line(text, "flags");
	const char *mnt = fd_info_line(text, "mnt_id");
	unsigned f;

	if (!pos || !flags)
		return -EINVAL;
	f = (unsigned)strtoul(flags, NULL, 8);
	ret->pos = (uint64_t)strtoll(pos, NULL, 10);
	ret->cloexec = f & O_CLOEXEC;
	ret->flags = f & ~(unsigned)O_CLOEXEC;
	ret->mnt_id = mnt ? atoi(mnt) : -1;
	ret->lock = fd_info_line(text, "lock");
	ret->text = text;
	return 0;
}

/* All of a file of /proc into d->text. fdinfo is made in one go: a short read is the end. */
static int read_info(struct fd_dump *d, int file)
{
	size_t at = 0;

	for (;;) {
		ssize_t n;

		if (d->text_cap - at < 2) {
			size_t cap = d->text_cap ? 2 * d->text_cap : 8192;
			char *v = pool_alloc(d->m->pool, cap);

			if (at)
				memcpy(v, d->text, at);
			d->text = v;
			d->text_cap = cap;
		}
		n = read(file, d->text + at, d->text_cap - at - 1);
		if (n < 0)
			return -errno;
		at += (size_t)n;
		d->text[at] = 0;
		if (!n || at + 1 < d->text_cap)
			return 0;
	}
}

int fd_look_info(struct fd_dump *d, int fd, struct fd_info *ret, struct err *e)
{
	_cleanup_close_ int f = -EBADF;
	char num[16];
	int r;

	snprintf(num, sizeof(num), "%d", fd);
	f = openat(d->info_dir, num, O_RDONLY | O_CLOEXEC);
	if (f < 0 && errno == ENOENT)
		return 1;
	if (f < 0)
		return err_sys(e, "open", "/proc/%d/fdinfo/%d", d->t->host, fd);
	r = read_info(d, f);
	if (r == -ENOENT)
		return 1;
	if (r) {
		errno = -r;
		return err_sys(e, "read", "/proc/%d/fdinfo/%d", d->t->host, fd);
	}
	if (fd_info_parse(d->text, ret)) {
		errno = EINVAL;
		return err_sys(e, "parse", "/proc/%d/fdinfo/%d", d->t->host, fd);
	}
	return 0;
}

/*
 * Fill @l but for info. 1: the descriptor is gone (a running task closes what
 * it likes).
 */
int fd_look(struct fd_dump *d, int fd, enum fd_copy copy, struct fd_look *l, struct err *e)
{
	char num[16];
	ssize_t n;

	l->t = d->t;
	l->fd = fd;
	l->copy = -EBADF;
	l->family = 0;
	snprintf(num, sizeof(num), "%d", fd);
	n = readlinkat(d->fd_dir, num, l->link, sizeof(l->link) - 1);
	if (n < 0 && errno == ENOENT)
		return 1;
	if (n < 0)
		return err_sys(e, "readlink", "/proc/%d/fd/%d", d->t->host, fd);
	l->link[n] = 0;
	if (copy == FD_COPY_NONE || (copy == FD_COPY_SOCKETS && strncmp(l->link, "socket:[", 8))) {
		if (!fstatat(d->fd_dir, num, &l->st, 0))
			return 0;
		return errno == ENOENT ? 1 : err_sys(e, "stat", "/proc/%d/fd/%d", d->t->host, fd);
	}
	l->copy = (int)syscall(SYS_pidfd_getfd, d->pidfd, fd, 0);
	if (l->copy < 0 && errno == EBADF)
		return 1;
	if (l->copy < 0)
		return err_sys(e, "pidfd_getfd", "pid %d, fd %d (%s)", d->t->host, fd, l->link);
	if (fstat(l->copy, &l->st)) {
		err_sys(e, "fstat", "pid %d, fd %d (%s)", d->t->host, fd, l->link);
		fd_look_close(l);
		return -e->code;
	}
	if (S_ISSOCK(l->st.st_mode)) {
		socklen_t len = sizeof(l->family);

		getsockopt(l->copy, SOL_SOCKET, SO_DOMAIN, &l->family, &len);
	}
	return 0;
}

void fd_look_close(struct fd_look *l)
{
	cleanup_close(&l->copy);
	l->copy = -EBADF;
}

void fd_settle(const struct fd_look *l)
{
	uint64_t until = now_us() + SETTLE_US;
	struct pollfd pf = { .fd = l->copy, .events = POLLIN };

	while (l->copy >= 0 && poll(&pf, 1, 0) > 0 && pf.revents & POLLIN && now_us() < until)
		usleep(2000);
}

int fd_refuse(const struct fd_look *l, struct err *e, const char *why, ...)
{
	char object[sizeof(e->object)], text[sizeof(e->why)];
	pid_t pid = l->t->host;
	va_list ap;

	va_start(ap, why);
	vsnprintf(text, sizeof(text), why, ap);
	va_end(ap);
	if (l->t->host == getpid())
		snprintf(object, sizeof(object), "a descriptor in flight (%.200s)", l->link);
	else if (l->fd >= 0)
		snprintf(object, sizeof(object), "pid %d, fd %d (%.200s)", pid, l->fd, l->link);
	else
		snprintf(object, sizeof(object), "pid %d, file %.200s", pid, l->link);
	err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", object, "%s", text);
	/* Names in the table go on with what of the kind is supported. */
	snprintf(text, sizeof(text), "%s", file_kind_name(l));
	text[strcspn(text, ",:(")] = 0;
	err_about(e, pid, text);
	/* The caller may know better. */
	return err_hint(e, l->fd >= 0 ? "let the program close it before the checkpoint" :
					"let the program leave it before the checkpoint");
}
