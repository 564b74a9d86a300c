// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Queues of unix sockets. Streams show all they hold to one MSG_PEEK. Datagrams
 * are walked with SO_PEEK_OFF, which is put back; between the two calls a death
 * of ours would leave it set, seen only by a program that peeks itself.
 */
#include "fd/sk_queue.h"

#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fd/sk_opts.h"

#ifndef SO_PEEK_OFF
#define SO_PEEK_OFF 42
#endif
#define PACKET_MAX (4 * 1024 * 1024)

struct peek {
	struct fd_dump *d;
	struct file_obj *f;
	const struct fd_look *l;
	const char *from;
	size_t from_len;
	size_t packets, bytes;
	char *buf;
};

static int put(struct peek *p, const void *data, size_t n, struct err *e)
{
	SkPacketEntry pe = SK_PACKET_ENTRY__INIT;
	int r = 0;

	if (!p->d->sk_queues)
		r = image_create(p->d->m->dir, IMG_SK_QUEUES, 0, &p->d->sk_queues, e);
	pe.id_for = p->f->id;
	pe.length = (uint32_t)n;
	if (!r)
		r = image_put(p->d->sk_queues, &pe.base, e);
	if (!r && n)
		r = image_put_raw(p->d->sk_queues, data, n, e);
	p->packets++;
	p->bytes += n;
	return r;
}

static int refuse_control(const struct peek *p, struct err *e)
{
	int cred = 0;

	sk_get(p->l->copy, SOL_SOCKET, SO_PASSCRED, &cred);
	if (cred)
		fd_refuse(p->l, e, "data with the sender's credentials waits in it (SO_PASSCRED)");
	else
		fd_refuse(p->l, e, "descriptors wait in it (SCM_RIGHTS): not supported yet");
	return err_hint(e, "try again when the program has received them");
}

static int peek_stream(struct peek *p, size_t want, struct err *e)
{
	struct iovec iov = { pool_alloc(p->d->m->pool, want), want };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = recvmsg(p->l->copy, &mh, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0)
		return err_sys(e, "recvmsg", "pid %d, fd %d: MSG_PEEK", p->l->t->host, p->l->fd);
	/* Told by the kernel when there is no room for what comes beside the data. */
	if (mh.msg_flags & MSG_CTRUNC)
		return refuse_control(p, e);
	if ((size_t)n != want)
		return fd_refuse(p->l, e, "its queue shows %zd of %zu bytes (out-of-band data?)", n,
				 want);
	return put(p, iov.iov_base, want, e);
}

/* 1: a packet was there, 0: the end. */
static int peek_packet(struct peek *p, int type, size_t want, struct err *e)
{
	struct sockaddr_un un;
	struct iovec iov = { p->buf, PACKET_MAX };
	struct msghdr mh = {
		.msg_name = &un, .msg_namelen = sizeof(un), .msg_iov = &iov, .msg_iovlen = 1
	};
	ssize_t n = recvmsg(p->l->copy, &mh, MSG_PEEK | MSG_DONTWAIT);
	size_t name;
	int r;

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0)
		return err_sys(e, "recvmsg", "pid %d, fd %d: MSG_PEEK", p->l->t->host, p->l->fd);
	if (!n && type == SOCK_SEQPACKET)
		return 0;
	if (mh.msg_flags & MSG_CTRUNC)
		return refuse_control(p, e);
	if (mh.msg_flags & MSG_TRUNC)
		return fd_refuse(p->l, e, "a packet of more than %d bytes waits in it", PACKET_MAX);
	name = mh.msg_namelen > offsetof(struct sockaddr_un, sun_path) ?
		       mh.msg_namelen - offsetof(struct sockaddr_un, sun_path) :
		       0;
	if (type == SOCK_DGRAM && name &&
	    (name != p->from_len || memcmp(un.sun_path, p->from, name)))
		return fd_refuse(
			p->l, e,
			"a datagram from the bound socket %s%.*s waits in it: not supported yet",
			un.sun_path[0] ? "" : "@",
			(int)(un.sun_path[0] ? strnlen(un.sun_path, name) : name - 1),
			un.sun_path[0] ? un.sun_path : un.sun_path + 1);
	r = put(p, p->buf, (size_t)n, e);
	return r ? r : 1;
}

static int peek_packets(struct peek *p, int type, size_t want, struct err *e)
{
	int r;

	p->buf = mmap(NULL, PACKET_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->buf == MAP_FAILED)
		return err_sys(e, "mmap", "room for a packet");
	do
		r = peek_packet(p, type, want, e);
	while (r > 0);
	munmap(p->buf, PACKET_MAX);
	return r;
}

int sk_queue_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, int type,
		  const char *from, size_t from_len, size_t *ret_packets, struct err *e)
{
	struct pollfd pf = { .fd = l->copy, .events = POLLIN };
	struct peek p = { .d = d, .f = f, .l = l, .from = from, .from_len = from_len };
	int off = -1, zero = 0, bytes = 0, r = 0;
	bool move;

	*ret_packets = 0;
	if (poll(&pf, 1, 0) < 0 || ioctl(l->copy, FIONREAD, &bytes))
		return err_sys(e, "poll", "pid %d, fd %d (%s)", l->t->host, l->fd, l->link);
	if (pf.revents & POLLERR) {
		fd_refuse(l, e, "an error waits in it to be seen");
		return err_hint(e, "try again when the program has seen it");
	}
	if (!(pf.revents & POLLIN) || (type != SOCK_DGRAM && !bytes))
		return 0;
	if (sk_get(l->copy, SOL_SOCKET, SO_PEEK_OFF, &off))
		return err_sys(e, "getsockopt", "pid %d, fd %d: SO_PEEK_OFF", l->t->host, l->fd);
	move = type != SOCK_STREAM || off >= 0;
	if (move && setsockopt(l->copy, SOL_SOCKET, SO_PEEK_OFF, &zero, sizeof(zero)))
		return err_sys(e, "setsockopt", "pid %d, fd %d: SO_PEEK_OFF", l->t->host, l->fd);
	if (type == SOCK_STREAM)
		r = peek_stream(&p, (size_t)bytes, e);
	else
		r = peek_packets(&p, type, (size_t)bytes, e);
	if (move && setsockopt(l->copy, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)) && !r)
		r = err_sys(e, "setsockopt", "pid %d, fd %d: SO_PEEK_OFF", l->t->host, l->fd);
	*ret_packets = p.packets;
	return r;
}

int sk_queue_read(struct fd_restore *r, struct sk_queue *(*queue_of)(struct file_obj *f),
		  struct err *e)
{
	struct image_in *in;
	SkPacketEntry *pe;
	int ret;

	if (!image_exists(r->m->dir, IMG_SK_QUEUES, 0))
		return 0;
	ret = image_open(r->m->dir, IMG_SK_QUEUES, 0, &in, e);
	if (ret)
		return ret;
	while ((ret = image_get(in, &sk_packet_entry__descriptor, &pe, e)) > 0) {
		struct file_obj *f = model_file_by_id(r->m, pe->id_for);
		struct sk_queue *q = f ? queue_of(f) : NULL;
		struct sk_packet p = { .len = pe->length };
		void *data;

		if (!q)
			ret = image_bad(in, e, "file %u is no socket that queues data", pe->id_for);
		else if (pe->length > image_left(in))
			ret = image_bad(in, e, "%u bytes of data are not there", pe->length);
		else if (pe->n_scm)
			ret = err_set(
				e, ERR_UNSUPPORTED, EOPNOTSUPP, "restore", "sk-queues.img",
				"descriptors wait in a socket (SCM_RIGHTS): not supported yet");
		else
			ret = 0;
		if (ret)
			break;
		p.data = data = pool_alloc(r->m->pool, pe->length);
		if (pe->length && (ret = image_get_raw(in, data, pe->length, e)))
			break;
		pool_push(r->m->pool, q->v, q->n, p);
		q->bytes += pe->length;
	}
	image_in_close(in);
	return ret;
}

int sk_queue_send(int fd, const struct sk_queue *q, const char *what, struct err *e)
{
	if (q->n)
		sk_make_room(fd, q->bytes);
	for (size_t i = 0; i < q->n; i++) {
		const char *data = q->v[i].data;
		size_t at = 0;

		do {
			ssize_t n =
				send(fd, data + at, q->v[i].len - at, MSG_DONTWAIT | MSG_NOSIGNAL);

			if (n < 0)
				return err_sys(e, "send", "%s: the data that waited in it", what);
			at += (size_t)n;
		} while (at < q->v[i].len);
	}
	return 0;
}
