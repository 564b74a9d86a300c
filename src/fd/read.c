// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The restore side's first half: files.img and the descriptor tables, checked
 * as a whole before anything is opened. Nothing in them is believed: ids must
 * be unique, types must match their messages, numbers must be in range, every
 * reference must lead somewhere.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "fd/lock.h"

struct fd_work *fd_work(struct file_obj *f)
{
	return f->priv;
}

int file_bad(const struct file_obj *f, struct err *e, const char *why, ...)
{
	char object[64], text[sizeof(e->why)];
	va_list ap;

	va_start(ap, why);
	vsnprintf(text, sizeof(text), why, ap);
	va_end(ap);
	snprintf(object, sizeof(object), "files.img, file %u (%s)", f->id,
		 file_type_name(f->entry->type));
	return err_set(e, ERR_IMAGE, EINVAL, "read", object, "%s", text);
}

static int add_file(struct fd_restore *r, FileEntry *fe, struct image_in *in, struct err *e)
{
	const struct file_kind *k = file_kind_of_entry(fe);
	struct file_obj *f;
	struct fd_work *w;
	char *msg;

	if (!fe->id)
		return image_bad(in, e, "a file without a number");
	if (!k) {
		char what[64];

		snprintf(what, sizeof(what), "file %u of type %s", fe->id,
			 file_type_name(fe->type));
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "restore", what,
			       "files of this type are not supported");
	}
	msg = *(char **)((char *)fe + k->entry_off);
	if (!msg)
		return image_bad(in, e, "file %u is said to be %s, but holds no such message",
				 fe->id, file_type_name(fe->type));
	if (*(uint32_t *)(msg + k->id_off) != fe->id)
		return image_bad(in, e, "file %u: its message says %u", fe->id,
				 *(uint32_t *)(msg + k->id_off));
	f = model_file_new(r->m);
	w = pool_alloc(r->m->pool, sizeof(*w));
	w->map_fd[0] = w->map_fd[1] = w->kid_fd[0] = w->kid_fd[1] = -EBADF;
	f->id = fe->id;
	f->kind = k;
	f->entry = fe;
	f->priv = w;
	return k->read(r, f, in, e);
}

static int cmp_file(const void *a, const void *b)
{
	const struct file_obj *x = *(struct file_obj *const *)a, *y = *(struct file_obj *const *)b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int read_files(struct fd_restore *r, struct err *e)
{
	struct model *m = r->m;
	struct image_in *in;
	FileEntry *fe;
	int ret = image_open(m->dir, IMG_FILES, 0, &in, e);

	if (ret)
		return ret;
	while ((ret = image_get(in, &file_entry__descriptor, &fe, e)) > 0) {
		ret = add_file(r, fe, in, e);
		if (ret)
			break;
	}
	image_in_close(in);
	if (ret)
		return ret;
	m->file_index = pool_dup(m->pool, m->files, m->n_files * sizeof(*m->files));
	if (m->n_files)
		qsort(m->file_index, m->n_files, sizeof(*m->file_index), cmp_file);
	for (size_t i = 1; i < m->n_files; i++)
		if (m->file_index[i]->id == m->file_index[i - 1]->id)
			return file_bad(m->file_index[i], e, "two files have this number");
	return 0;
}

static int cmp_fd(const void *a, const void *b)
{
	const struct task_fd *x = a, *y = b;

	return x->fd < y->fd ? -1 : x->fd > y->fd;
}

static int add_fd(struct fd_restore *r, struct task *t, const FdinfoEntry *fe, struct image_in *in,
		  struct err *e)
{
	struct file_obj *f = model_file_by_id(r->m, fe->id);
	struct task_fd tf;

	if (fe->fd > FD_NUMBER_MAX)
		return image_bad(in, e, "%u is no descriptor number", fe->fd);
	if (!f)
		return image_bad(in, e, "descriptor %u: there is no file %u", fe->fd, fe->id);
	if (f->entry->type != fe->type)
		return image_bad(in, e, "descriptor %u: file %u is not of type %s", fe->fd, fe->id,
				 file_type_name(fe->type));
	tf = (struct task_fd){ (int)fe->fd, fe->flags & FD_CLOEXEC, f };
	pool_push(r->m->pool, t->fds, t->n_fds, tf);
	fd_work(f)->wanted = true;
	if (!f->owner) {
		f->owner = t;
		f->owner_fd = (int)fe->fd;
	}
	return 0;
}

static int read_table(struct fd_restore *r, struct task *t, uint32_t id, struct err *e)
{
	struct image_in *in;
	FdinfoEntry *fe;
	bool sorted = true;
	int ret = image_open(r->m->dir, IMG_FDINFO, id, &in, e);

	if (ret)
		return ret;
	while ((ret = image_get(in, &fdinfo_entry__descriptor, &fe, e)) > 0) {
		ret = add_fd(r, t, fe, in, e);
		if (ret)
			break;
		sorted &= t->n_fds < 2 || t->fds[t->n_fds - 2].fd < t->fds[t->n_fds - 1].fd;
	}
	if (!ret && !sorted) {
		qsort(t->fds, t->n_fds, sizeof(*t->fds), cmp_fd);
		for (size_t i = 1; i < t->n_fds && !ret; i++)
			if (t->fds[i].fd == t->fds[i - 1].fd)
				ret = image_bad(in, e, "descriptor %d is there twice",
						t->fds[i].fd);
	}
	image_in_close(in);
	return ret;
}

static uint32_t table_id(const struct model *m, const struct task *t)
{
	/* Images of old had one file per process. */
	if (m->inventory && m->inventory->has_fdinfo_per_id && !m->inventory->fdinfo_per_id)
		return (uint32_t)t->pid;
	return t->ids ? t->ids->files_id : (uint32_t)t->pid;
}

struct table {
	uint32_t id;
	size_t nth; /* in m->tasks, where parents come first */
};

static int cmp_table(const void *a, const void *b)
{
	const struct table *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->nth < y->nth ? -1 : x->nth > y->nth;
}

/* Tasks with one table between them (CLONE_FILES) share the first one's. */
static int read_tables(struct fd_restore *r, struct err *e)
{
	struct model *m = r->m;
	struct table *v = pool_alloc(m->pool, (m->n_tasks + 1) * sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < m->n_tasks; i++)
		if (m->tasks[i]->state != TASK_ZOMBIE)
			v[n++] = (struct table){ table_id(m, m->tasks[i]), i };
	if (n)
		qsort(v, n, sizeof(*v), cmp_table);
	for (size_t i = 0; i < n; i++) {
		struct task *t = m->tasks[v[i].nth];
		int ret;

		if (i && v[i].id == v[i - 1].id) {
			t->fds = m->tasks[v[i - 1].nth]->fds;
			t->n_fds = m->tasks[v[i - 1].nth]->n_fds;
			continue;
		}
		ret = read_table(r, t, v[i].id, e);
		if (ret)
			return ret;
	}
	return 0;
}

static int link_one(struct fd_restore *r, struct task *t, const char *what, uint32_t id,
		    struct file_obj **ret, struct err *e)
{
	struct file_obj *f = model_file_by_id(r->m, id);
	char object[64];

	if (f && f->kind->open_map) {
		*ret = f;
		return 0;
	}
	snprintf(object, sizeof(object), "the %s of pid %d", what, t->pid);
	return err_set(e, ERR_IMAGE, EINVAL, "read", object,
		       "file %u is no regular file or directory", id);
}

int fd_link(struct model *m, struct err *e)
{
	struct fd_restore *r = m->fd_state;

	for (size_t i = 0; i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];
		int ret = 0;

		if (t->fs && !t->cwd)
			ret = link_one(r, t, "working directory", t->fs->cwd_id, &t->cwd, e);
		if (!ret && t->fs && !t->root)
			ret = link_one(r, t, "root directory", t->fs->root_id, &t->root, e);
		if (!ret && t->mm && !t->exe)
			ret = link_one(r, t, "program", t->mm->exe_file_id, &t->exe, e);
		if (ret)
			return ret;
	}
	return 0;
}

int fd_read(struct model *m, struct err *e)
{
	struct fd_restore *r = pool_alloc(m->pool, sizeof(*r));
	int ret;

	r->m = m;
	r->root_fd = -EBADF;
	m->fd_state = r;
	ret = read_files(r, e);
	if (!ret)
		ret = read_tables(r, e);
	if (!ret)
		ret = fd_link(m, e);
	for (size_t i = 0; file_kinds[i] && !ret; i++)
		if (file_kinds[i]->read_end)
			ret = file_kinds[i]->read_end(r, e);
	return ret ? ret : locks_read(r, e);
}
