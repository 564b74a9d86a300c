// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The dump side's frame: every descriptor of every task, the description behind
 * it found or made, each kind asked for its message, and the images written.
 */
#define LOG_MODULE "fd"
#include <stdio.h>
#include <sys/syscall.h>

#include "base/abi.h"
#include "base/log.h"
#include "base/proc.h"
#include "fd/lock.h"
#include "fd/sk_opts.h"
#include "parasite/remote.h"

/* Files known by name alone: mappings, cwd, root, exe. */
struct named {
	struct named *next;
	uint64_t dev, ino;
	unsigned flags;
	struct file_obj *f;
	char link[];
};

#define NAME_BUCKETS 1024

struct name_index {
	struct named *buckets[NAME_BUCKETS];
};

struct fd_dump *fd_dump_state(struct model *m)
{
	struct fd_dump *d = m->fd_state;

	if (d)
		return d;
	d = pool_alloc(m->pool, sizeof(*d));
	d->m = m;
	d->pidfd = d->fd_dir = d->info_dir = d->root_fd = -EBADF;
	m->fd_state = d;
	return d;
}

void fd_set_mount_id_fn(struct model *m, int (*fn)(struct model *m, struct task *t, int fd))
{
	fd_dump_state(m)->mount_id = fn;
}

/* A leader that has exited keeps its entry in /proc, but not its descriptors. */
pid_t fd_task_tid(const struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		const struct thread *th = &t->threads[i];

		if ((!i && t->leader_dead) || (th->rt && th->rt->exited))
			continue;
		if (th->host)
			return th->host;
	}
	return t->host;
}

int fd_dump_copy(struct file_obj *f, struct err *e)
{
	pid_t tid = fd_task_tid(f->owner);
	int pidfd, fd, saved;

	pidfd = (int)syscall(SYS_pidfd_open, tid, tid == f->owner->host ? 0 : PIDFD_THREAD);
	if (pidfd < 0)
		return err_sys(e, "pidfd_open", "pid %d", tid);
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, f->owner_fd, 0);
	saved = errno;
	close(pidfd);
	errno = saved;
	if (fd < 0)
		return err_sys(e, "pidfd_getfd", "pid %d, fd %d", tid, f->owner_fd);
	return fd;
}

FileEntry *file_entry_new(struct fd_dump *d, struct file_obj *f, FdTypes type)
{
	f->entry = pool_msg(d->m->pool, FileEntry, file_entry__init);
	f->entry->type = type;
	f->entry->id = f->id;
	return f->entry;
}

static struct task_fd *fd_of(struct task *t, int fd, size_t *cursor)
{
	while (*cursor < t->n_fds && t->fds[*cursor].fd < fd)
		(*cursor)++;
	return *cursor < t->n_fds && t->fds[*cursor].fd == fd ? &t->fds[*cursor] : NULL;
}

static int dump_new(struct fd_dump *d, struct fd_look *l, struct file_obj **ret, struct err *e)
{
	const struct file_kind *k = file_kind_of(l);
	struct file_obj *f;
	int r;

	if (!k)
		return file_refuse_unknown(l, e);
	f = model_file_new(d->m);
	f->kind = k;
	f->st = l->st;
	f->owner = l->t;
	f->owner_fd = l->fd;
	r = k->dump(d, f, l, e);
	if (r)
		return r;
	file_index_add(d, f);
	*ret = f;
	return 0;
}

static int dump_one(struct fd_dump *d, struct fd_look *l, int fd, struct task_fd *ret,
		    struct err *e)
{
	int r = fd_look(d, fd, FD_COPY, l, e);

	if (r == 1) {
		errno = ENOENT;
		return err_sys(e, "readlink", "pid %d, fd %d of a stopped task", d->t->host, fd);
	}
	if (r)
		return r;
	ret->file = file_index_find(d, l, &r);
	if (r) {
		errno = -r;
		err_sys(e, "kcmp", "pid %d, fd %d", d->t->host, fd);
	} else if (!ret->file) {
		r = dump_new(d, l, &ret->file, e);
	}
	fd_look_close(l);
	return r;
}

/* What a child has by fork was not looked at again, but may be locked by the child. */
static int dump_locks(struct fd_dump *d, struct fd_look *l, int fd, struct file_obj *f,
		      struct err *e)
{
	l->t = d->t;
	l->fd = fd;
	l->st = f->st;
	return locks_dump(d, l, f, e);
}

int fd_dump_held(struct fd_dump *d, int fd, struct file_obj **ret, struct err *e)
{
	struct fd_look *l = pool_alloc(d->m->pool, sizeof(*l));
	struct task_fd tf = { .fd = fd };
	int r;

	if (!d->self) {
		d->self = pool_alloc(d->m->pool, sizeof(*d->self));
		d->self->host = getpid();
	}
	/* Whoever turns out to be seen here first is asked for a copy later. */
	pool_push(d->m->pool, d->held, d->n_held, fd);
	r = fd_name_root(d, e);
	if (!r)
		r = fd_look_task(d, d->self, true, e);
	if (!r)
		r = fd_look_info(d, fd, &l->info, e);
	if (!r)
		r = dump_one(d, l, fd, &tf, e);
	/* A task that has it shows its locks, and comes first. */
	if (!r && l->info.lock)
		r = dump_locks(d, l, fd, tf.file, e);
	fd_look_done(d);
	if (r)
		return r;
	*ret = tf.file;
	if (tf.file->owner != d->self || tf.file->owner_fd != fd) {
		close(fd);
		d->n_held--;
	}
	return 0;
}

static void close_held(struct fd_dump *d)
{
	for (size_t i = 0; i < d->n_held; i++)
		close(d->held[i]);
	d->n_held = 0;
}

/* cwd and root, unless somebody else took care of them. */
static int dump_dir(struct fd_dump *d, struct task *t, const char *what, struct file_obj **ret,
		    struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	char path[64], link[FD_LINK_MAX];
	int r;

	if (*ret)
		return 0;
	r = proc_readlink(d->tid, what, link, sizeof(link), e);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/%s", d->tid, what);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open", "%s", path);
	return fd_dump_file(d->m, t, fd, link, 0, ret, e);
}

int fd_dump_task(struct model *m, struct task *t, struct err *e)
{
	struct fd_dump *d = fd_dump_state(m);
	struct fd_look *l = pool_alloc(m->pool, sizeof(*l));
	size_t n = 0, cursor = 0;
	int *fds = NULL, r;

	if (t->state == TASK_ZOMBIE)
		return 0;
	r = fd_name_root(d, e);
	if (!r)
		r = fd_look_task(d, t, true, e);
	if (!r)
		r = fd_list(d, &fds, &n, e);
	if (r)
		goto out;
	t->fds = pool_alloc(m->pool, n * sizeof(*t->fds));
	for (size_t i = 0; i < n && !r; i++) {
		struct task_fd *tf = &t->fds[i], *same;

		r = fd_look_info(d, fds[i], &l->info, e);
		if (r == 1) {
			errno = ENOENT;
			r = err_sys(e, "open", "/proc/%d/fdinfo/%d of a stopped task", t->host,
				    fds[i]);
		}
		if (r)
			break;
		tf->fd = fds[i];
		tf->cloexec = l->info.cloexec;
		/* Most of a child's descriptors came by fork, under the same numbers. */
		same = t->parent ? fd_of(t->parent, fds[i], &cursor) : NULL;
		if (same && fd_kcmp(d->tid, fds[i], fd_task_tid(t->parent), fds[i]) == 0)
			tf->file = same->file;
		else
			r = dump_one(d, l, fds[i], tf, e);
		if (!r)
			t->n_fds = i + 1;
		if (!r && l->info.lock)
			r = dump_locks(d, l, fds[i], tf->file, e);
	}
	if (!r)
		r = dump_dir(d, t, "cwd", &t->cwd, e);
	if (!r)
		r = dump_dir(d, t, "root", &t->root, e);
	log_debug("pid %d: %zu descriptors", t->host, t->n_fds);
out:
	fd_look_done(d);
	return r ? err_in(e, "descriptors of pid %d", t->host) : 0;
}

static struct named **named_slot(struct fd_dump *d, const struct stat *st)
{
	uint64_t h = (st->st_ino ^ (uint64_t)st->st_dev << 32) * 0x9e3779b97f4a7c15ull;

	if (!d->names)
		d->names = pool_alloc(d->m->pool, sizeof(*d->names));
	return &d->names->buckets[h >> 54];
}

int fd_dump_file(struct model *m, struct task *t, int fd, const char *name, unsigned flags,
		 struct file_obj **ret, struct err *e)
{
	struct fd_dump *d = fd_dump_state(m);
	struct named **slot, *nm;
	struct fd_look *l;
	struct file_obj *f;
	struct stat st;
	int r;

	if (fstat(fd, &st))
		return err_sys(e, "fstat", "pid %d, file %s", t->host, name);
	slot = named_slot(d, &st);
	for (nm = *slot; nm; nm = nm->next) {
		if (nm->ino != st.st_ino || nm->dev != st.st_dev || nm->flags != flags ||
		    strcmp(nm->link, name))
			continue;
		*ret = nm->f;
		return 0;
	}
	l = pool_alloc(m->pool, sizeof(*l));
	*l = (struct fd_look){ .t = t, .fd = -1, .copy = fd, .st = st };
	l->info.flags = flags;
	snprintf(l->link, sizeof(l->link), "%s", name);
	r = fd_name_root(d, e);
	if (r)
		return r;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISCHR(st.st_mode))
		return fd_refuse(l, e, "not a regular file, directory or device");
	f = model_file_new(m);
	f->kind = file_kind_of(l);
	f->st = st;
	f->owner = t;
	f->owner_fd = -1;
	if (f->kind && f->kind->open_map && f->kind->type != FD_TYPES__REG) {
		r = f->kind->dump(d, f, l, e);
	} else {
		f->kind = file_kind_by_type(FD_TYPES__REG);
		r = reg_entry_dump(d, f, l, e);
	}
	if (r)
		return r;
	nm = pool_alloc(m->pool, sizeof(*nm) + strlen(name) + 1);
	*nm = (struct named){
		.next = *slot, .dev = st.st_dev, .ino = st.st_ino, .flags = flags, .f = f
	};
	strcpy(nm->link, name);
	*slot = nm;
	*ret = f;
	return 0;
}

static int write_files(struct model *m, struct err *e)
{
	struct image_out *o;
	int r = image_create(m->dir, IMG_FILES, 0, &o, e);

	if (r)
		return r;
	for (size_t i = 0; i < m->n_files && !r; i++)
		r = image_put(o, &m->files[i]->entry->base, e);
	return image_out_end(o, r, e);
}

static int write_fdinfo(struct model *m, struct task *t, uint32_t id, struct err *e)
{
	struct image_out *o;
	int r = image_create(m->dir, IMG_FDINFO, id, &o, e);

	if (r)
		return r;
	for (size_t i = 0; i < t->n_fds && !r; i++) {
		FdinfoEntry fe = FDINFO_ENTRY__INIT;

		fe.id = t->fds[i].file->id;
		fe.flags = t->fds[i].cloexec ? FD_CLOEXEC : 0;
		fe.type = t->fds[i].file->entry->type;
		fe.fd = (uint32_t)t->fds[i].fd;
		r = image_put(o, &fe.base, e);
	}
	return image_out_end(o, r, e);
}

static int write_tables(struct model *m, struct err *e)
{
	uint32_t *done = pool_alloc(m->pool, (m->n_tasks + 1) * sizeof(*done));
	uint32_t highest = 0;
	size_t n = 0;

	for (size_t i = 0; i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];
		uint32_t id = t->ids ? t->ids->files_id : (uint32_t)t->pid;
		size_t k = n;
		int r;

		if (t->state == TASK_ZOMBIE)
			continue;
		/* Numbers are given in order: only a shared table brings an old one back. */
		if (id <= highest)
			for (k = 0; k < n && done[k] != id; k++)
				;
		if (k < n)
			continue;
		done[n++] = id;
		highest = id > highest ? id : highest;
		r = write_fdinfo(m, t, id, e);
		if (r)
			return r;
	}
	return 0;
}

int fd_dump_finish(struct model *m, struct err *e)
{
	struct fd_dump *d = fd_dump_state(m);
	int r = 0;

	for (size_t i = 0; file_kinds[i] && !r; i++)
		if (file_kinds[i]->dump_more)
			r = file_kinds[i]->dump_more(d, e);
	for (size_t i = 0; file_kinds[i] && !r; i++)
		if (file_kinds[i]->dump_end)
			r = file_kinds[i]->dump_end(d, e);
	if (!r)
		r = ghost_dump_end(d, e);
	if (!r)
		r = locks_dump_end(d, e);
	if (!r && d->sk_queues)
		r = image_out_close(take_ptr(d->sk_queues), e);
	if (!r)
		r = write_files(m, e);
	if (!r)
		r = write_tables(m, e);
	sk_fresh_close(d);
	close_held(d);
	cleanup_close(&d->root_fd);
	d->root_fd = -EBADF;
	return r;
}

int fd_dump_fs(struct model *m, struct task *t, struct err *e)
{
	static const char *const names[] = { "cwd", "root" };
	struct file_obj **objs[] = { &t->cwd, &t->root };

	for (int i = 0; i < 2; i++) {
		_cleanup_close_ int fd = -EBADF;
		char path[64], name[4096];
		int r = proc_readlink(t->host, names[i], name, sizeof(name), e);

		if (r)
			return r;
		snprintf(path, sizeof(path), "/proc/%d/%s", t->host, names[i]);
		fd = open(path, O_PATH | O_CLOEXEC);
		if (fd < 0)
			return err_sys(e, "open", "%s", path);
		r = fd_dump_file(m, t, fd, name, 0, objs[i], e);
		if (r)
			return err_in(e, "%s of pid %d", names[i], t->host);
	}
	return 0;
}
