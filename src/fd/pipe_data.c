// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Contents of pipes and FIFOs. The dump duplicates a pipe's buffers into a pipe
 * of ours by tee(2), which consumes nothing, and reads that one.
 */
#define LOG_MODULE "fd"
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "fd/pipe_data.h"

#define PIPE_SIZE_MAX (1u << 31) /* F_SETPIPE_SZ takes no more */
#define INVENTED_IDS 0x80000000u

struct pipe_dump {
	struct pipe_dumped **v;
	size_t n;
	uint32_t invented;
};

/*
 * The image's number is the inode's, as everybody writes it; FIFOs of two
 * filesystems may share one.
 */
static uint32_t number(struct pipe_dump *pd, uint64_t ino)
{
	bool taken = !ino || ino >= INVENTED_IDS;

	for (size_t i = 0; i < pd->n && !taken; i++)
		taken = pd->v[i]->id == ino;
	return taken ? INVENTED_IDS + pd->invented++ : (uint32_t)ino;
}

static struct pipe_dumped *get(struct fd_dump *d, const struct stat *st, bool fifo)
{
	struct pipe_dump *pd = d->pipes;
	struct pipe_dumped *p;

	if (!pd)
		pd = d->pipes = pool_alloc(d->m->pool, sizeof(*pd));
	/* Both ends of a pipe come close together. */
	for (size_t i = pd->n; i > 0; i--)
		if (pd->v[i - 1]->ino == st->st_ino && pd->v[i - 1]->dev == st->st_dev)
			return pd->v[i - 1];
	p = pool_alloc(d->m->pool, sizeof(*p));
	p->dev = st->st_dev;
	p->ino = st->st_ino;
	p->fifo = fifo;
	p->id = number(pd, st->st_ino);
	pool_push(d->m->pool, pd->v, pd->n, p);
	return p;
}

int pipe_seen(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, bool fifo,
	      struct pipe_dumped **ret, struct err *e)
{
	struct pollfd pf = { .fd = l->copy, .events = POLLIN | POLLOUT };
	struct pipe_dumped *p = get(d, &l->st, fifo);
	int mode = (int)(l->info.flags & O_ACCMODE);

	*ret = p;
	if (poll(&pf, 1, 0) < 0)
		return err_sys(e, "poll", "pid %d, fd %d (%s)", l->t->host, l->fd, l->link);
	if (mode != O_WRONLY) {
		p->reader = f;
		p->no_writers |= (pf.revents & POLLHUP) != 0;
	}
	if (mode != O_RDONLY) {
		p->writer = f;
		p->no_readers |= (pf.revents & POLLERR) != 0;
	}
	return 0;
}

/* The other end is somebody else's: a restore gets the pipe from its caller (--inherit-fd). */
static void note_outside(const struct pipe_dumped *p, struct file_obj *f, const char *end)
{
	f->entry->pipe->has_stasis_outside = f->entry->pipe->stasis_outside = 1;
	log_warn("pid %d, fd %d: the %s end of pipe:[%u] is held outside the tree; a restore needs "
		 "--inherit-fd fd[N]:pipe:[%u]",
		 f->owner->pid, f->owner_fd, end, p->id, p->id);
}

static int put_chunk(struct image_out *o, const struct pipe_dumped *p, uint32_t size,
		     const void *data, uint32_t bytes, struct err *e)
{
	PipeDataEntry pe = PIPE_DATA_ENTRY__INIT;
	int r;

	pe.pipe_id = p->id;
	pe.bytes = bytes;
	pe.has_size = 1;
	pe.size = size;
	r = image_put(o, &pe.base, e);
	return r || !bytes ? r : image_put_raw(o, data, bytes, e);
}

/*
 * What the copy holds. A read ends early only where a packet does (pipe(7),
 * O_DIRECT): such data is stored packet by packet.
 */
static int put_copied(struct fd_dump *d, struct image_out *o, const struct pipe_dumped *p,
		      uint32_t size, int copy, uint32_t bytes, struct err *e)
{
	char *buf = pool_alloc(d->m->pool, bytes);
	uint32_t at = 0;

	while (at < bytes) {
		ssize_t n = read(copy, buf + at, bytes - at);
		int r;

		if (n <= 0) {
			if (!n)
				errno = EIO;
			return err_sys(e, "read", "copy of pipe:[%llu]",
				       (unsigned long long)p->ino);
		}
		r = put_chunk(o, p, size, buf + at, (uint32_t)n, e);
		if (r)
			return r;
		at += (uint32_t)n;
	}
	return 0;
}

static int copy_data(struct fd_dump *d, struct image_out *o, const struct pipe_dumped *p, int fd,
		     uint32_t size, int bytes, struct err *e)
{
	_cleanup_close_ int rd = -EBADF, wr = -EBADF, own = -EBADF;
	char what[64], path[40];
	ssize_t n;
	int v[2];

	snprintf(what, sizeof(what), "pipe:[%llu]", (unsigned long long)p->ino);
	if (!p->reader) {
		/* Nobody can read it any more, but by a new opening; so do we. */
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		own = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (own < 0)
			return err_sys(e, "open", "%s", what);
		fd = own;
	}
	if (pipe2(v, O_CLOEXEC | O_NONBLOCK))
		return err_sys(e, "pipe2", "a copy of %s", what);
	rd = v[0];
	wr = v[1];
	if (fcntl(wr, F_SETPIPE_SZ, (int)size) < 0) {
		err_sys(e, "fcntl", "F_SETPIPE_SZ %u for a copy of %s", size, what);
		return err_hint(e, "raise the sysctl fs.pipe-max-size");
	}
	n = tee(fd, wr, (size_t)bytes, SPLICE_F_NONBLOCK);
	if (n < 0)
		return err_sys(e, "tee", "%s", what);
	if (n != bytes)
		return err_set(e, ERR_GENERAL, EIO, "tee", what, "%zd of %d bytes came over", n,
			       bytes);
	return put_copied(d, o, p, size, rd, (uint32_t)bytes, e);
}

static int dump_data(struct fd_dump *d, struct image_out *o, const struct pipe_dumped *p,
		     struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	int size, bytes = 0;

	bool given = !p->fifo && !p->reader && !p->no_readers;

	if (given)
		note_outside(p, p->writer, "reading");
	if (!p->fifo && !p->writer && !p->no_writers)
		note_outside(p, p->reader, "writing");
	fd = fd_dump_copy(p->reader ? p->reader : p->writer, e);
	if (fd < 0)
		return fd;
	size = fcntl(fd, F_GETPIPE_SZ);
	if (size < 0 || ioctl(fd, FIONREAD, &bytes))
		return err_sys(e, "fcntl", "pipe:[%llu]", (unsigned long long)p->ino);
	/* What was given to somebody else is not ours any more. */
	if (!bytes || given)
		return put_chunk(o, p, (uint32_t)size, NULL, 0, e);
	return copy_data(d, o, p, fd, (uint32_t)size, bytes, e);
}

int pipe_dump_data(struct fd_dump *d, bool fifo, enum image_id img, struct err *e)
{
	struct image_out *o = NULL;
	int r = 0;

	for (size_t i = 0; d->pipes && i < d->pipes->n && !r; i++) {
		const struct pipe_dumped *p = d->pipes->v[i];

		if (p->fifo != fifo)
			continue;
		if (!o)
			r = image_create(d->m->dir, img, 0, &o, e);
		if (!r)
			r = dump_data(d, o, p, e);
	}
	return image_out_end(o, r, e);
}

struct pipe_restore {
	struct pipe_obj **v;
	size_t n;
};

static struct pipe_obj *find(struct fd_restore *r, uint32_t id, bool fifo)
{
	for (size_t i = r->pipes ? r->pipes->n : 0; i > 0; i--)
		if (r->pipes->v[i - 1]->id == id && r->pipes->v[i - 1]->fifo == fifo)
			return r->pipes->v[i - 1];
	return NULL;
}

int pipe_add_end(struct fd_restore *r, struct file_obj *f, uint32_t id, bool fifo,
		 struct image_in *in, struct err *e)
{
	struct pipe_obj *p = find(r, id, fifo);

	if (!r->pipes)
		r->pipes = pool_alloc(r->m->pool, sizeof(*r->pipes));
	if (!p) {
		p = pool_alloc(r->m->pool, sizeof(*p));
		p->id = id;
		p->fifo = fifo;
		pool_push(r->m->pool, r->pipes->v, r->pipes->n, p);
	}
	pool_push(r->m->pool, p->ends, p->n_ends, f);
	return 0;
}

int pipe_read_data(struct fd_restore *r, bool fifo, enum image_id img, struct err *e)
{
	struct image_in *in;
	PipeDataEntry *pe;
	int ret;

	if (!r->pipes || !image_exists(r->m->dir, img, 0))
		return 0;
	ret = image_open(r->m->dir, img, 0, &in, e);
	if (ret)
		return ret;
	while ((ret = image_get(in, &pipe_data_entry__descriptor, &pe, e)) > 0) {
		struct pipe_obj *p = find(r, pe->pipe_id, fifo);
		struct pipe_chunk c = { .bytes = pe->bytes };
		void *data;

		if (pe->bytes > image_left(in)) {
			ret = image_bad(in, e, "%u bytes of data are not there", pe->bytes);
			break;
		}
		if (pe->has_size && (pe->size > PIPE_SIZE_MAX || pe->bytes > pe->size)) {
			ret = image_bad(in, e, "size %u is impossible", pe->size);
			break;
		}
		c.data = data = pool_alloc(r->m->pool, pe->bytes);
		ret = pe->bytes ? image_get_raw(in, data, pe->bytes, e) : 0;
		if (ret)
			break;
		if (!p) {
			ret = image_bad(in, e, "no descriptor belongs to pipe %u", pe->pipe_id);
			break;
		}
		if (pe->has_size)
			p->size = pe->size;
		if (pe->bytes)
			pool_push(r->m->pool, p->chunks, p->n_chunks, c);
	}
	image_in_close(in);
	return ret;
}

int pipe_each(struct fd_restore *r, bool fifo,
	      int (*fn)(struct fd_restore *r, struct pipe_obj *p, struct err *e), struct err *e)
{
	for (size_t i = 0; r->pipes && i < r->pipes->n; i++) {
		struct pipe_obj *p = r->pipes->v[i];
		bool wanted = false;
		int ret;

		for (size_t k = 0; k < p->n_ends; k++)
			wanted |= fd_work(p->ends[k])->wanted;
		if (!wanted || p->fifo != fifo)
			continue;
		ret = fn(r, p, e);
		if (ret)
			return ret;
	}
	return 0;
}

int pipe_fill(const struct pipe_obj *p, int fd, const char *what, struct err *e)
{
	if (p->size && fcntl(fd, F_SETPIPE_SZ, (int)p->size) < 0) {
		err_sys(e, "fcntl", "%s: F_SETPIPE_SZ %u", what, p->size);
		return err_hint(e, "raise the sysctl fs.pipe-max-size");
	}
	if (fcntl(fd, F_SETFL, O_NONBLOCK | (p->n_chunks > 1 ? O_DIRECT : 0)))
		return err_sys(e, "fcntl", "%s: F_SETFL", what);
	for (size_t i = 0; i < p->n_chunks; i++) {
		ssize_t n = write(fd, p->chunks[i].data, p->chunks[i].bytes);

		if (n < 0)
			return err_sys(e, "write", "%s", what);
		if (n != (ssize_t)p->chunks[i].bytes)
			return err_set(e, ERR_SYSTEM, EIO, "write", what, "it took %zd of %u bytes",
				       n, p->chunks[i].bytes);
	}
	return 0;
}
