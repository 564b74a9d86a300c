// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Before anything is frozen: every descriptor that could not be dumped. The
 * task runs meanwhile, so what vanishes under our hands is no error, and what
 * changes every moment (queues) is left for the dump itself.
 */
#include "base/io.h"
#include "fd/kinds.h"
#include "fd/lock.h"
#include "fd/survey.h"

/*
 * Inodes that anybody on the machine holds a lock on: only those need a closer
 * look. Opening /proc/locks waits for an RCU grace period (fs/locks.c takes a
 * per-cpu semaphore for writing), which is many fdinfo files' worth.
 */
#define FDINFO_BEFORE_LOCKS 500
struct locked {
	uint64_t *v;
	size_t n;
};

/* "1: FLOCK  ADVISORY  WRITE 12 fe:00:4711 0 EOF" (man 5 proc, /proc/locks) */
static void read_locks(struct fd_dump *d)
{
	_cleanup_free_ char *text = NULL;
	struct locked *k = d->locked = pool_alloc(d->m->pool, sizeof(*d->locked));

	if (read_text_alloc(AT_FDCWD, "/proc/locks", &text) <= 0)
		return;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		/* The inode is behind the second colon of the part with two. */
		char *dev = strstr(line, ":"), *ino;

		dev = dev ? strstr(dev + 1, ":") : NULL;
		ino = dev ? strstr(dev + 1, ":") : NULL;
		if (ino)
			pool_push(d->m->pool, k->v, k->n, strtoull(ino + 1, NULL, 10));
	}
}

static bool is_locked(struct fd_dump *d, uint64_t ino)
{
	if (d->plain_seen++ < FDINFO_BEFORE_LOCKS)
		return true;
	if (!d->locked)
		read_locks(d);
	for (size_t i = 0; i < d->locked->n; i++)
		if (d->locked->v[i] == ino)
			return true;
	return false;
}

/* Links already complained about in this task: one line for stdin, stdout and stderr. */
struct seen {
	char **v;
	size_t n;
};

static bool seen_before(struct fd_dump *d, struct seen *s, const char *link)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i], link))
			return true;
	pool_push(d->m->pool, s->v, s->n, pool_strdup(d->m->pool, link));
	return false;
}

static int check_looked(struct fd_dump *d, struct fd_look *l, struct err *e)
{
	const struct file_kind *k;

	if (l->info.lock) {
		int r = locks_check(d, l, e);

		if (r)
			return r;
	}
	k = file_kind_of(l);
	if (!k)
		return file_refuse_unknown(l, e);
	if (!k->check)
		return 0;
	if (k->check_copy && l->copy < 0) {
		int r = fd_look(d, l->fd, FD_COPY, l, e);

		if (r)
			return r == 1 ? 0 : r;
		/* Another descriptor by now: it came too late to be looked at. */
		if (file_kind_of(l) != k)
			return 0;
	}
	return k->check(d, l, e);
}

static int check_one(struct fd_dump *d, struct fd_look *l, int fd, struct err *e)
{
	int r = fd_look(d, fd, FD_COPY_SOCKETS, l, e);

	/* fdinfo costs as much as all else together: plain files do without. */
	memset(&l->info, 0, sizeof(l->info));
	if (!r && (!S_ISREG(l->st.st_mode) || is_locked(d, l->st.st_ino)))
		r = fd_look_info(d, fd, &l->info, e);
	if (r) {
		fd_look_close(l);
		return r == 1 ? 0 : r;
	}
	r = check_looked(d, l, e);
	fd_look_close(l);
	return r;
}

int fd_check_link(struct model *m, struct task *t, const char *link, struct err *e)
{
	struct fd_dump *d = fd_dump_state(m);
	_cleanup_close_ int fd = open(link, O_PATH | O_CLOEXEC);
	struct fd_look *l;
	ssize_t n;

	/* What is gone, or may not be looked at, is for the dump to say. */
	if (fd < 0)
		return 0;
	l = pool_alloc(m->pool, sizeof(*l));
	*l = (struct fd_look){ .t = t, .fd = -1, .copy = fd };
	n = readlink(link, l->link, sizeof(l->link) - 1);
	if (n < 0 || fstat(fd, &l->st))
		return 0;
	l->link[n] = 0;
	if (file_kind_of(l) != &file_kind_reg)
		return 0;
	return fd_name_root(d, e) ? -e->code : file_kind_reg.check(d, l, e);
}

int fd_preflight(struct model *m, struct task *t, struct err_list *blockers, struct err *e)
{
	struct fd_dump *d = fd_dump_state(m);
	struct fd_look *l = pool_alloc(m->pool, sizeof(*l));
	struct seen seen = { 0 };
	int *fds = NULL, r;
	size_t n = 0;

	if (t->state == TASK_ZOMBIE)
		return 0;
	r = fd_name_root(d, e);
	if (!r)
		r = fd_look_task(d, t, true, e);
	if (!r)
		r = fd_list(d, &fds, &n, e);
	if (!r)
		r = tty_check_session(d, t, e);
	if (r == -EOPNOTSUPP) {
		err_list_add(blockers, e);
		err_clear(e);
		r = 0;
	}
	for (size_t i = 0; i < n && !r; i++) {
		/* What came by fork was looked at in the parent. */
		if (t->parent && fd_kcmp(d->tid, fds[i], fd_task_tid(t->parent), fds[i]) == 0)
			continue;
		r = check_one(d, l, fds[i], e);
		if (r == -EOPNOTSUPP) {
			if (!seen_before(d, &seen, l->link))
				err_list_add(blockers, e);
			err_clear(e);
			r = 0;
		}
	}
	if (!r)
		r = survey_failed(d, e);
	fd_look_done(d);
	/* The root may be another one when the real thing begins. */
	cleanup_close(&d->root_fd);
	d->root_fd = -EBADF;
	if (r == -ESRCH || r == -ENOENT) {
		err_clear(e);
		return 0;
	}
	return r ? err_in(e, "descriptors of pid %d", t->host) : 0;
}
