// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pipes: both ends with their flags, ends that are missing, size and data
 * (pipe_data.c). Several descriptions of one end come by opening /proc/PID/fd.
 */
#include <stdio.h>

#include "fd/kinds.h"
#include "fd/pipe_data.h"
#include "model/options.h"

static bool pipe_is(const struct fd_look *l)
{
	return !strncmp(l->link, "pipe:[", 6);
}

static int pipe_check(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	if (l->info.flags & O_PATH)
		return fd_refuse(l, e, "a pipe opened with O_PATH is not supported");
	return 0;
}

static int pipe_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, struct err *e)
{
	PipeEntry *pe = pool_msg(d->m->pool, PipeEntry, pipe_entry__init);
	struct pipe_dumped *p;
	int r = pipe_check(d, l, e);

	if (r)
		return r;
	r = pipe_seen(d, f, l, false, &p, e);
	if (r)
		return r;
	file_entry_new(d, f, FD_TYPES__PIPE)->pipe = pe;
	pe->id = f->id;
	pe->pipe_id = p->id;
	pe->flags = l->info.flags;
	if (l->st.st_uid || l->st.st_gid) {
		pe->has_uid = pe->has_gid = 1;
		pe->uid = l->st.st_uid;
		pe->gid = l->st.st_gid;
	}
	return fown_dump(d, l, &pe->fown, e);
}

static int pipe_dump_end(struct fd_dump *d, struct err *e)
{
	return pipe_dump_data(d, false, IMG_PIPES_DATA, e);
}

static int pipe_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e)
{
	const PipeEntry *pe = f->entry->pipe;

	if ((pe->flags & O_ACCMODE) == O_ACCMODE || pe->flags & O_PATH)
		return image_bad(in, e, "pipe %u: flags 0%o are impossible", pe->pipe_id,
				 pe->flags);
	return pipe_add_end(r, f, pe->pipe_id, false, in, e);
}

/* The caller's descriptor for the pipe, or -EBADF. */
static int inherited(struct fd_restore *r, const struct pipe_obj *p)
{
	char key[32];

	snprintf(key, sizeof(key), "pipe:[%u]", p->id);
	return options_inherit_fd(r->m->opt, key);
}

static int check_outside(struct fd_restore *r, struct pipe_obj *p, struct err *e)
{
	char what[32];
	int fd = inherited(r, p);
	struct stat st;

	snprintf(what, sizeof(what), "pipe:[%u]", p->id);
	if (fd >= 0 && (fstat(fd, &st) || !S_ISFIFO(st.st_mode)))
		return err_set(e, ERR_USAGE, EINVAL, "inherit", what, "descriptor %d is not a pipe",
			       fd);
	for (size_t i = 0; i < p->n_ends && fd < 0; i++) {
		if (!p->ends[i]->entry->pipe->stasis_outside)
			continue;
		err_set(e, ERR_USAGE, EINVAL, "restore", what,
			"its other end was outside the tree, and no pipe is given for it");
		return err_hint(e, "use --inherit-fd fd[N]:%s, N being an open pipe of the caller",
				what);
	}
	return 0;
}

static int pipe_read_end(struct fd_restore *r, struct err *e)
{
	int ret = pipe_read_data(r, false, IMG_PIPES_DATA, e);

	if (ret || !r->pipes)
		return ret;
	return pipe_each(r, false, check_outside, e);
}

/* The first description of an end is pipe2's own, further ones are openings of it. */
static int open_end(struct file_obj *f, int own[4], struct err *e)
{
	const PipeEntry *pe = f->entry->pipe;
	int mode = (int)(pe->flags & O_ACCMODE), side = mode == O_WRONLY ? 1 : 0;
	char path[40], what[32];

	snprintf(what, sizeof(what), "pipe %u", pe->pipe_id);
	if (mode != O_RDWR && own[side] >= 0) {
		f->fd = take_fd(own[side]);
	} else {
		/* Either side's link opens the pipe in any mode. */
		snprintf(path, sizeof(path), "/proc/self/fd/%d", own[2 + side]);
		f->fd = open(path, mode | O_NONBLOCK | O_CLOEXEC);
		if (f->fd < 0)
			return err_sys(e, "open", "%s", what);
	}
	if (pe->has_uid && fchown(f->fd, pe->uid, pe->has_gid ? pe->gid : 0))
		return err_sys(e, "chown", "%s", what);
	return fd_set_flags(f->fd, pe->flags, what, e);
}

/* The caller's pipe: each end is an opening of its own, so the caller's flags stay. */
static int take_over(struct pipe_obj *p, int given, const char *what, struct err *e)
{
	int own[4] = { -EBADF, -EBADF, given, given }, ret = 0;
	_cleanup_close_ int both = -EBADF;
	char path[40];

	if (p->n_chunks) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", given);
		both = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (both < 0)
			return err_sys(e, "open", "%s", what);
		ret = pipe_fill(p, both, what, e);
	}
	for (size_t i = 0; i < p->n_ends && !ret; i++)
		ret = open_end(p->ends[i], own, e);
	return ret;
}

static int make(struct fd_restore *r, struct pipe_obj *p, struct err *e)
{
	int own[4] = { -EBADF, -EBADF, -EBADF, -EBADF }, ret;
	int given = inherited(r, p);
	char what[32];

	snprintf(what, sizeof(what), "pipe %u", p->id);
	if (given >= 0)
		return take_over(p, given, what, e);
	if (pipe2(own, O_CLOEXEC))
		return err_sys(e, "pipe2", "%s", what);
	/* The numbers stay usable for opening further descriptions when the ends are taken. */
	own[2] = own[0];
	own[3] = own[1];
	ret = pipe_fill(p, own[1], what, e);
	for (size_t i = 0; i < p->n_ends && !ret; i++)
		ret = open_end(p->ends[i], own, e);
	/* What nobody took is a missing end. */
	cleanup_close(&own[0]);
	cleanup_close(&own[1]);
	return ret;
}

static int pipe_open_all(struct fd_restore *r, struct maker *mk, struct err *e)
{
	return pipe_each(r, false, make, e);
}

const struct file_kind file_kind_pipe = {
	.name = "pipe",
	.type = FD_TYPES__PIPE,
	.is = pipe_is,
	.check_copy = true,
	.check = pipe_check,
	.dump = pipe_dump,
	.dump_end = pipe_dump_end,
	FILE_KIND_ENTRY(pipe, PipeEntry),
	.read = pipe_read,
	.read_end = pipe_read_end,
	.open_all = pipe_open_all,
};
