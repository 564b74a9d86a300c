// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * File locks, restore side: each is taken again by the process that had it,
 * through the same descriptor, among its last words: all descriptors are in
 * place by then, and no later close can drop a record lock. Nobody waits: a
 * lock that somebody else holds ends the restore, and the holder is named.
 *
 * Runs in: the coordinator; the calls themselves in the restored tasks.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "fd/lock.h"
#include "parasite/stub.h"

struct wanted_lock {
	FileLockEntry *e;
	struct task *t;
	struct file_obj *f;
	const struct prog *p;
	size_t call;
};

struct lock_restore {
	struct wanted_lock *v;
	size_t n;
};

static struct file_obj *descriptor_of(const struct task *t, int fd)
{
	for (size_t lo = 0, hi = t->n_fds; lo < hi;) {
		size_t mid = (lo + hi) / 2;

		if (t->fds[mid].fd == fd)
			return t->fds[mid].file;
		if (t->fds[mid].fd < fd)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static int add(struct fd_restore *r, FileLockEntry *le, struct image_in *in, struct err *e)
{
	struct wanted_lock w = { .e = le };

	if (le->flag != LOCK_FLAG_POSIX && le->flag != LOCK_FLAG_FLOCK &&
	    le->flag != LOCK_FLAG_OFD && le->flag != LOCK_FLAG_LEASE)
		return image_bad(in, e, "%u is no kind of file lock", le->flag);
	if (le->type != F_RDLCK && le->type != F_WRLCK)
		return image_bad(in, e, "%u is neither a read nor a write lock", le->type);
	if (le->start < 0 || le->len < 0 || le->start > INT64_MAX - le->len)
		return image_bad(in, e, "a file lock at %lld, %lld bytes long",
				 (long long)le->start, (long long)le->len);
	w.t = model_task_by_pid(r->m, le->pid);
	if (!w.t || w.t->state == TASK_ZOMBIE)
		return image_bad(in, e, "a file lock of process %d, which there is not", le->pid);
	w.f = descriptor_of(w.t, le->fd);
	if (!w.f)
		return image_bad(in, e,
				 "a file lock on descriptor %d of process %d, which has none",
				 le->fd, le->pid);
	pool_push(r->m->pool, r->locks->v, r->locks->n, w);
	return 0;
}

int locks_read(struct fd_restore *r, struct err *e)
{
	struct image_in *in;
	FileLockEntry *le;
	int ret;

	if (!image_exists(r->m->dir, IMG_FILE_LOCKS, 0))
		return 0;
	r->locks = pool_alloc(r->m->pool, sizeof(*r->locks));
	ret = image_open(r->m->dir, IMG_FILE_LOCKS, 0, &in, e);
	if (ret)
		return ret;
	while ((ret = image_get(in, &file_lock_entry__descriptor, &le, e)) > 0) {
		ret = add(r, le, in, e);
		if (ret)
			break;
	}
	image_in_close(in);
	return ret;
}

static size_t record_call(struct prog *p, const FileLockEntry *le, int cmd)
{
	struct flock *fl = prog_alloc(p, sizeof(*fl));

	fl->l_type = (short)le->type;
	fl->l_whence = SEEK_SET;
	fl->l_start = le->start;
	fl->l_len = le->len;
	return prog_call(p, "take a record lock", SYS_fcntl | SV_IGN, (uint64_t)le->fd,
			 (uint64_t)cmd, (uint64_t)fl);
}

void locks_calls(struct fd_restore *r, struct task *t, struct prog *p)
{
	for (size_t i = 0; r->locks && i < r->locks->n; i++) {
		struct wanted_lock *w = &r->locks->v[i];
		const FileLockEntry *le = w->e;

		if (w->t != t)
			continue;
		w->p = p;
		switch (le->flag) {
		case LOCK_FLAG_POSIX:
			w->call = record_call(p, le, F_SETLK);
			break;
		case LOCK_FLAG_OFD:
			w->call = record_call(p, le, F_OFD_SETLK);
			break;
		case LOCK_FLAG_LEASE:
			w->call = prog_call(p, "take a lease", SYS_fcntl | SV_IGN, (uint64_t)le->fd,
					    F_SETLEASE, le->type);
			break;
		default: /* a flock: add() has seen to it */
			w->call = prog_call(p, "take a lock", SYS_flock | SV_IGN, (uint64_t)le->fd,
					    (le->type == F_WRLCK ? LOCK_EX : LOCK_SH) | LOCK_NB);
		}
	}
}

bool locks_lease_on(const struct fd_restore *r, const struct file_obj *f)
{
	for (size_t i = 0; r->locks && i < r->locks->n; i++)
		if (r->locks->v[i].f == f && r->locks->v[i].e->flag == LOCK_FLAG_LEASE)
			return true;
	return false;
}

static bool is_of_tree(const struct model *m, pid_t host)
{
	for (size_t i = 0; i < m->n_tasks; i++)
		if (m->tasks[i]->stub && m->tasks[i]->stub->host == host)
			return true;
	return false;
}

static void name_process(pid_t pid, char *buf, size_t size)
{
	char path[40], comm[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	n = read_text_at(AT_FDCWD, path, comm, sizeof(comm));
	if (n > 0)
		comm[strcspn(comm, "\n")] = 0;
	snprintf(buf, size, "pid %d (%s)", pid, n > 0 ? comm : "?");
}

static bool overlaps(const FileLockEntry *le, const struct lock_line *k)
{
	return (!k->len || le->start < k->start + k->len) &&
	       (!le->len || k->start < le->start + le->len);
}

static bool collides(const FileLockEntry *le, const struct lock_line *k)
{
	bool records = le->flag == LOCK_FLAG_POSIX || le->flag == LOCK_FLAG_OFD;

	if (le->type == F_RDLCK && k->type == F_RDLCK)
		return false;
	if (records)
		return (k->flag == LOCK_FLAG_POSIX || k->flag == LOCK_FLAG_OFD) && overlaps(le, k);
	return k->flag == le->flag;
}

/* Whether the descriptor shows a lock that collides; a lease collides with any other open file. */
static bool shows_lock(int proc, const char *pid, const char *fd, const FileLockEntry *le)
{
	_cleanup_free_ char *text = NULL;
	char path[600];

	if (le->flag == LOCK_FLAG_LEASE)
		return true;
	snprintf(path, sizeof(path), "%s/fdinfo/%s", pid, fd);
	if (read_text_alloc(proc, path, &text) <= 0)
		return false;
	for (const char *p = fd_info_line(text, "lock"); p; p = lock_line_next(p)) {
		struct lock_line k;

		if (!lock_line_parse(p, &k) && collides(le, &k))
			return true;
	}
	return false;
}

static bool holds(int proc, const char *pid, const FileLockEntry *le, const struct stat *st)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *de;
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/fd", pid);
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	while (dir && (de = readdir(dir))) {
		struct stat s;

		if (!fstatat(fd, de->d_name, &s, 0) && s.st_ino == st->st_ino &&
		    s.st_dev == st->st_dev && shows_lock(proc, pid, de->d_name, le))
			return true;
	}
	return false;
}

/*
 * By descriptors: /proc/locks tells who set a lock, who may be gone, while
 * others hold it with the open file that they inherited.
 */
static bool find_holder(const struct model *m, const FileLockEntry *le, const struct stat *st,
			char *buf, size_t size)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc");
	struct dirent *de;

	while (dir && (de = readdir(dir))) {
		pid_t pid = (pid_t)atoi(de->d_name);

		if (pid <= 0 || pid == getpid() || is_of_tree(m, pid) ||
		    !holds(dirfd(dir), de->d_name, le, st))
			continue;
		name_process(pid, buf, size);
		return true;
	}
	return false;
}

static int not_taken(struct fd_restore *r, const struct wanted_lock *w, int code, struct err *e)
{
	const FileLockEntry *le = w->e;
	const char *path = w->f->entry->reg ? w->f->entry->reg->name : NULL;
	char object[sizeof(e->object)], what[64], who[96], kind[48];
	struct stat st;
	bool known;

	snprintf(what, sizeof(what), "pid %d, fd %d", le->pid, le->fd);
	snprintf(object, sizeof(object), "%.200s (%s)",
		 path ? path : file_type_name(w->f->entry->type), what);
	lock_name(le->flag, le->type, kind, sizeof(kind));
	if (code != EAGAIN && code != EACCES) {
		errno = code;
		return err_sys(e, "lock", "%s: %s", object, kind);
	}
	known = !fstat(w->f->fd, &st) && find_holder(r->m, le, &st, who, sizeof(who));
	err_set(e, ERR_CONFLICT, EBUSY, "lock", object, "its %s cannot be taken again: %s %s", kind,
		known ? who : "another process",
		le->flag == LOCK_FLAG_LEASE ? "has the file open" : "holds a lock on it");
	return err_hint(e, "end that process or let it give the file up, then restore again");
}

int locks_taken(struct fd_restore *r, struct err *e)
{
	for (size_t i = 0; r->locks && i < r->locks->n; i++) {
		const struct wanted_lock *w = &r->locks->v[i];
		int64_t res = w->p ? prog_res(w->p, w->call) : 0;

		if (res < 0)
			return not_taken(r, w, (int)-res, e);
	}
	return 0;
}
