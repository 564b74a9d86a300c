// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Named pipes. The message only ties the description to its pipe; name and
 * flags are in a REG entry of its own, as everybody writes it. Other processes
 * may hold the FIFO too: its name is where both meet again.
 */
#include <stdio.h>
#include <sys/ioctl.h>

#include "fd/kinds.h"
#include "fd/pipe_data.h"

static bool fifo_is(const struct fd_look *l)
{
	return l->link[0] == '/' && S_ISFIFO(l->st.st_mode);
}

static int fifo_check(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	return file_kind_by_type(FD_TYPES__REG)->check(d, l, e);
}

static int fifo_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, struct err *e)
{
	FifoEntry *fe = pool_msg(d->m->pool, FifoEntry, fifo_entry__init);
	struct file_obj *name;
	struct pipe_dumped *p;
	int r;

	r = pipe_seen(d, f, l, true, &p, e);
	if (r)
		return r;
	name = model_file_new(d->m);
	name->kind = file_kind_by_type(FD_TYPES__REG);
	name->st = l->st;
	name->owner = l->t;
	name->owner_fd = -1;
	r = reg_entry_dump(d, name, l, e);
	if (r)
		return r;
	file_entry_new(d, f, FD_TYPES__FIFO)->fifo = fe;
	fe->id = f->id;
	fe->pipe_id = p->id;
	fe->has_regf_id = 1;
	fe->regf_id = name->id;
	return 0;
}

static int fifo_dump_end(struct fd_dump *d, struct err *e)
{
	return pipe_dump_data(d, true, IMG_FIFO_DATA, e);
}

static int fifo_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e)
{
	if (!f->entry->fifo->has_regf_id)
		return image_bad(in, e, "file %u: a FIFO without a name", f->id);
	return pipe_add_end(r, f, f->entry->fifo->pipe_id, true, in, e);
}

static int fifo_read_end(struct fd_restore *r, struct err *e)
{
	for (size_t i = 0; i < r->m->n_files; i++) {
		struct file_obj *f = r->m->files[i], *name;
		const RegFileEntry *re;

		if (f->entry->type != FD_TYPES__FIFO)
			continue;
		name = model_file_by_id(r->m, f->entry->fifo->regf_id);
		re = name ? name->entry->reg : NULL;
		if (!re || (re->has_mode && !S_ISFIFO(re->mode)))
			return file_bad(f, e, "its name, file %u, is not one of a FIFO",
					f->entry->fifo->regf_id);
		fd_work(f)->kid = name;
	}
	return pipe_read_data(r, true, IMG_FIFO_DATA, e);
}

static struct file_obj *name_obj(struct file_obj *f)
{
	return fd_work(f)->kid;
}

static const RegFileEntry *name_of(struct file_obj *f)
{
	return name_obj(f)->entry->reg;
}

static int open_end(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	const RegFileEntry *re = name_of(f);
	int ret = reg_open_flags(r, fd_work(f)->kid, (int)re->flags | O_NONBLOCK, &f->fd, e);

	return ret ? ret : fd_set_flags(f->fd, re->flags, re->name, e);
}

/*
 * One opening for both directions keeps the others from blocking and takes the
 * data. A FIFO that only waits for its first writer is opened without it: after
 * a writer has come and gone, poll(2) says POLLHUP.
 */
static int make(struct fd_restore *r, struct pipe_obj *p, struct err *e)
{
	_cleanup_close_ int both = -EBADF;
	struct file_obj *first = p->ends[0];
	const char *name = name_of(first)->name;
	bool quiet = !p->n_chunks;
	int ret = 0, bytes = 0;

	for (size_t i = 0; i < p->n_ends; i++)
		quiet &= (name_of(p->ends[i])->flags & O_ACCMODE) == O_RDONLY;
	if (!quiet) {
		ret = reg_open_flags(r, fd_work(first)->kid, O_RDWR | O_NONBLOCK, &both, e);
		if (ret)
			return ret;
		if (ioctl(both, FIONREAD, &bytes))
			return err_sys(e, "ioctl", "%s: FIONREAD", name);
		if (bytes) {
			err_set(e, ERR_CONFLICT, EBUSY, "open", name,
				"the FIFO is in use: %d bytes wait in it", bytes);
			return err_hint(e, "end the processes that hold it, or read it empty");
		}
		ret = pipe_fill(p, both, name, e);
	}
	for (size_t i = 0; i < p->n_ends && !ret; i++)
		ret = open_end(r, p->ends[i], e);
	return ret;
}

static int fifo_open_all(struct fd_restore *r, struct maker *mk, struct err *e)
{
	return pipe_each(r, true, make, e);
}

const struct file_kind file_kind_fifo = {
	.name = "FIFO",
	.type = FD_TYPES__FIFO,
	.is = fifo_is,
	.check = fifo_check,
	.dump = fifo_dump,
	.dump_end = fifo_dump_end,
	.entry_off = offsetof(FileEntry, fifo),
	.id_off = offsetof(FifoEntry, id),
	.described_by = name_obj,
	.read = fifo_read,
	.read_end = fifo_read_end,
	.open_all = fifo_open_all,
};
