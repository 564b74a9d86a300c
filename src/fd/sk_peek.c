// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Looking at what waits in unix sockets. A plain stream shows all it holds to
 * one MSG_PEEK. Everything else is walked with SO_PEEK_OFF, which is put back;
 * between the two calls a death of ours would leave it set, seen only by a
 * program that peeks itself.
 *
 * A peek hands out descriptors that wait: they are ours for the time of the
 * dump, and on the same descriptions.
 */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/proc.h"
#include "fd/sk_opts.h"
#include "fd/sk_queue.h"

#ifndef SO_PEEK_OFF
#define SO_PEEK_OFF 42
#endif
#ifndef SIOCATMARK
#define SIOCATMARK 0x8905
#endif
#define SCM_PIDFD_ 4 /* linux/socket.h (6.5) */
#define PACKET_MAX (4 * 1024 * 1024)
#define PACKETS_MAX 1000000
#define RIGHTS_MAX 253 /* SCM_MAX_FD */

struct peek {
	struct fd_dump *d;
	struct file_obj *f;
	const struct fd_look *l;
	int type;
	bool creds;	     /* SO_PASSCRED */
	char *buf, *nowhere; /* memory that nothing can be put into */
	size_t size;
	/* the last one */
	ssize_t n;
	bool truncated;
	struct sockaddr_un from;
	size_t from_len; /* of its path */
	struct ucred cred;
	int fds[RIGHTS_MAX];
	size_t n_fds;
	bool rights_seen; /* in this step */
	const struct task *by;
	size_t n_put;
};

static void drop(struct peek *p)
{
	for (size_t i = 0; i < p->n_fds; i++)
		close(p->fds[i]);
	p->n_fds = 0;
}

static void take_control(struct peek *p, struct msghdr *mh)
{
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(mh); cm; cm = CMSG_NXTHDR(mh, cm)) {
		size_t len = cm->cmsg_len - CMSG_LEN(0);

		if (cm->cmsg_level != SOL_SOCKET)
			continue;
		if (cm->cmsg_type == SCM_CREDENTIALS && len >= sizeof(p->cred)) {
			memcpy(&p->cred, CMSG_DATA(cm), sizeof(p->cred));
		} else if (cm->cmsg_type == SCM_RIGHTS) {
			p->n_fds = len / sizeof(int);
			memcpy(p->fds, CMSG_DATA(cm), p->n_fds * sizeof(int));
		} else if (cm->cmsg_type == SCM_PIDFD_) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm), sizeof(fd));
			cleanup_close(&fd);
		}
	}
}

static int set_off(const struct peek *p, int off, struct err *e)
{
	if (!setsockopt(p->l->copy, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)))
		return 0;
	return err_sys(e, "setsockopt", "pid %d, fd %d: SO_PEEK_OFF", p->l->t->host, p->l->fd);
}

/* One look, at most @size bytes. p->n is -1 when nothing is there. */
static int look(struct peek *p, size_t size, struct err *e)
{
	union {
		char buf[CMSG_SPACE(RIGHTS_MAX * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred)) +
			 CMSG_SPACE(sizeof(int)) + 512];
		struct cmsghdr align;
	} control;
	struct iovec iov = { p->buf, size };
	struct msghdr mh = { .msg_name = &p->from,
			     .msg_namelen = sizeof(p->from),
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control) };

	drop(p);
	p->cred = (struct ucred){ 0 };
	p->n = recvmsg(p->l->copy, &mh, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (p->n < 0) {
		p->from_len = 0;
		return errno == EAGAIN ? 0 :
					 err_sys(e, "recvmsg", "pid %d, fd %d: MSG_PEEK",
						 p->l->t->host, p->l->fd);
	}
	take_control(p, &mh);
	p->from_len = mh.msg_namelen > offsetof(struct sockaddr_un, sun_path) ?
			      mh.msg_namelen - offsetof(struct sockaddr_un, sun_path) :
			      0;
	p->truncated = mh.msg_flags & MSG_TRUNC;
	if (mh.msg_flags & MSG_CTRUNC)
		return fd_refuse(p->l, e,
				 "descriptors wait in it, more than may be opened here at once");
	return 0;
}

/*
 * The kernel shows credentials to a socket with SO_PASSCRED only, and to set
 * that would be seen, should we die: taken is who holds the sending end.
 */
static int put_hidden_cred(const struct peek *p, SkPacketEntry *pe, struct err *e)
{
	struct proc_status st;
	int r;

	if (!p->by || p->by->state == TASK_ZOMBIE)
		return 0;
	r = proc_status_read(p->by->host, p->by->host, &st, e);
	if (r)
		return r;
	pe->has_pid = pe->has_uid = pe->has_gid = 1;
	pe->pid = (uint32_t)p->by->pid;
	pe->uid = st.uid[0];
	pe->gid = st.gid[0];
	proc_status_free(&st);
	return 0;
}

/* What the images call the sender, who must be there to be named again. */
static int put_cred(const struct peek *p, SkPacketEntry *pe, struct err *e)
{
	struct model *m = p->d->m;

	if (!p->creds)
		return put_hidden_cred(p, pe, e);
	/* Sent before anybody asked for them: shown as nobody's. */
	if (!p->cred.pid)
		return 0;
	for (size_t i = 0; i < m->n_tasks; i++) {
		if (m->tasks[i]->host != p->cred.pid)
			continue;
		pe->has_pid = pe->has_uid = pe->has_gid = 1;
		pe->pid = (uint32_t)m->tasks[i]->pid;
		pe->uid = p->cred.uid;
		pe->gid = p->cred.gid;
		return 0;
	}
	fd_refuse(p->l, e, "data waits in it with the credentials of process %d, %s", p->cred.pid,
		  "which is not part of the tree (any more)");
	return err_hint(e, "try again when the program has received it");
}

static int put_rights(struct peek *p, SkPacketEntry *pe, struct err *e)
{
	struct pool *pool = p->d->m->pool;
	ScmEntry *scm = pool_msg(pool, ScmEntry, scm_entry__init);

	if (!p->n_fds)
		return 0;
	scm->type = SCM_RIGHTS;
	scm->rights = pool_alloc(pool, p->n_fds * sizeof(*scm->rights));
	for (size_t i = 0; i < p->n_fds; i++) {
		struct file_obj *f;
		int r = fd_dump_held(p->d, p->fds[i], &f, e);

		/* Kept open by whoever needs it. */
		p->fds[i] = -EBADF;
		if (r)
			return err_in(e, "descriptors in flight, pid %d, fd %d", p->l->t->host,
				      p->l->fd);
		scm->rights[scm->n_rights++] = f->id;
	}
	p->n_fds = 0;
	pool_push(pool, pe->scm, pe->n_scm, scm);
	return 0;
}

/* The last look's bytes from @at on. */
static int put(struct peek *p, size_t at, size_t n, int oob, bool beside, struct err *e)
{
	SkPacketEntry pe = SK_PACKET_ENTRY__INIT;
	struct fd_dump *d = p->d;
	int r = 0;

	p->n_put++;
	if (!d->sk_queues)
		r = image_create(d->m->dir, IMG_SK_QUEUES, 0, &d->sk_queues, e);
	if (p->from.sun_family == AF_INET6 &&
	    IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)&p->from)->sin6_addr))
		return fd_refuse(p->l, e, "a datagram from an address of one link waits in it");
	pe.id_for = p->f->id;
	pe.length = (uint32_t)n;
	pe.has_oob = oob != 0;
	pe.oob = (uint32_t)oob;
	if (p->type == SOCK_DGRAM && p->from_len) {
		pe.has_from = 1;
		pe.from.data = (uint8_t *)p->from.sun_path;
		pe.from.len = p->from_len;
	}
	if (!r)
		r = put_cred(p, &pe, e);
	if (!r && beside)
		r = put_rights(p, &pe, e);
	if (!r)
		r = image_put(d->sk_queues, &pe.base, e);
	if (!r && n)
		r = image_put_raw(d->sk_queues, p->buf + at, n, e);
	return r;
}

/*
 * A read ends with the bytes that descriptors came with, and may begin before
 * them. The kernel copies piece by piece and takes back the piece that does not
 * fit into our memory: with the last byte out of it, what comes is all before.
 */
static int first_with_rights(struct peek *p, int at, size_t n, size_t *ret, struct err *e)
{
	struct iovec iov[2] = { { p->buf, n - 1 }, { p->nowhere, 1 } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t before;
	int r = set_off(p, at, e);

	if (r)
		return r;
	before = recvmsg(p->l->copy, &mh, MSG_PEEK | MSG_DONTWAIT);
	if (before < 0 && errno != EFAULT)
		return err_sys(e, "recvmsg", "pid %d, fd %d: MSG_PEEK", p->l->t->host, p->l->fd);
	*ret = before > 0 ? (size_t)before : 0;
	/* The whole again, for what follows. */
	r = set_off(p, at, e);
	return r ? r : look(p, n, e);
}

/* A byte sent with MSG_OOB that has not been read. */
static int urgent(struct peek *p, char *ret, bool *ret_inline, struct err *e)
{
	int in = 0;

	sk_get(p->l->copy, SOL_SOCKET, SO_OOBINLINE, &in);
	*ret_inline = in;
	if (!in && recv(p->l->copy, ret, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) != 1)
		return err_sys(e, "recv", "pid %d, fd %d: MSG_OOB", p->l->t->host, p->l->fd);
	return 0;
}

static int put_urgent(struct peek *p, char byte, struct err *e)
{
	char *buf = p->buf;
	int r;

	p->buf = &byte;
	r = put(p, 0, 1, SK_OOB_BYTE, false, e);
	p->buf = buf;
	return r;
}

/*
 * Reading stops at the mark of out-of-band data. The byte itself is passed over
 * when it is next, unless it is to be read in line; seen when it is further on.
 */
static int peek_urgent(struct peek *p, size_t want, struct err *e)
{
	bool in_line;
	int mark = 0, r;
	size_t at = 0;
	char byte = 0;

	if (p->creds)
		return fd_refuse(p->l, e,
				 "out-of-band data waits in it, with credentials (SO_PASSCRED)");
	r = urgent(p, &byte, &in_line, e);
	if (!r && ioctl(p->l->copy, SIOCATMARK, &mark))
		r = err_sys(e, "ioctl", "pid %d, fd %d: SIOCATMARK", p->l->t->host, p->l->fd);
	if (!r && !mark) {
		r = set_off(p, 0, e);
		if (!r)
			r = look(p, want, e);
		if (!r && p->n > 0) {
			at = (size_t)p->n;
			r = put(p, 0, at, 0, false, e);
		}
	}
	if (!r && p->n_fds)
		r = fd_refuse(p->l, e, "out-of-band data waits in it, and descriptors");
	if (!r)
		r = set_off(p, (int)at, e);
	if (!r)
		r = look(p, want, e);
	if (r)
		return r;
	if (p->n_fds)
		return fd_refuse(p->l, e, "out-of-band data waits in it, and descriptors");
	if (in_line && p->n > 0)
		byte = p->buf[0];
	r = put_urgent(p, byte, e);
	if (r || p->n < 1)
		return r;
	/* Not passed over: it is the first of these. */
	at = !mark || in_line;
	return (size_t)p->n > at ? put(p, at, (size_t)p->n - at, 0, false, e) : 0;
}

static int peek_stream(struct peek *p, size_t want, struct err *e)
{
	size_t at = 0, start;
	int r = 0;

	while (at < want && !r) {
		r = set_off(p, (int)at, e);
		if (!r)
			r = look(p, want - at, e);
		if (r)
			break;
		if (p->n <= 0)
			return fd_refuse(p->l, e, "its queue shows %zu of %zu bytes", at, want);
		start = 0;
		p->rights_seen = p->n_fds;
		if (p->n_fds)
			r = first_with_rights(p, (int)at, (size_t)p->n, &start, e);
		if (!r && start)
			r = put(p, 0, start, 0, false, e);
		if (!r)
			r = put(p, start, (size_t)p->n - start, 0, true, e);
		/* Ended early for nothing else: at the mark of what was out of band. */
		if (!r && !start && !p->creds && !p->rights_seen && at + (size_t)p->n < want)
			r = put(p, 0, 0, SK_OOB_MARK, false, e);
		at += (size_t)p->n;
	}
	return r;
}

static int peek_packets(struct peek *p, size_t want, int shut, struct err *e)
{
	size_t seen = 0;
	int r = set_off(p, 0, e);

	for (size_t i = 0; !r; i++) {
		r = look(p, p->size, e);
		if (r || p->n < 0)
			break;
		/* The end of the connection, which reads like an empty packet. */
		if (!p->n && p->type == SOCK_SEQPACKET && shut & 1 && seen >= want)
			break;
		if (p->truncated)
			return fd_refuse(p->l, e, "a packet of more than %d bytes waits in it",
					 PACKET_MAX);
		if (i > PACKETS_MAX)
			return fd_refuse(p->l, e, "more than %d packets wait in it", PACKETS_MAX);
		seen += (size_t)p->n;
		r = put(p, 0, (size_t)p->n, 0, true, e);
	}
	return r;
}

static int sizes(const struct fd_look *l, int *ret_events, int *ret_bytes, struct err *e)
{
	struct pollfd pf = { .fd = l->copy, .events = POLLIN | POLLPRI };

	if (poll(&pf, 1, 0) < 0 || ioctl(l->copy, FIONREAD, ret_bytes))
		return err_sys(e, "poll", "pid %d, fd %d (%s)", l->t->host, l->fd, l->link);
	*ret_events = pf.revents;
	return 0;
}

int sk_queue_look(const struct fd_look *l, int type, int shut, bool *ret_any, bool *ret_reset,
		  struct err *e)
{
	int events, bytes, r = sizes(l, &events, &bytes, e);

	if (r)
		return r;
	/* The only error that is left in a connection: its other end was closed with data unread. */
	*ret_reset = events & POLLERR;
	if (*ret_reset && type == SOCK_DGRAM) {
		fd_refuse(l, e, "an error waits in it to be seen");
		return err_hint(e, "try again when the program has seen it");
	}
	*ret_any = events & (POLLIN | POLLPRI);
	if (type == SOCK_STREAM || (type == SOCK_SEQPACKET && shut & 1))
		*ret_any = bytes > 0;
	return 0;
}

static int walk(struct peek *p, size_t bytes, int events, int shut, struct err *e)
{
	int old = -1, r;

	if (sk_get(p->l->copy, SOL_SOCKET, SO_PEEK_OFF, &old))
		return err_sys(e, "getsockopt", "pid %d, fd %d: SO_PEEK_OFF", p->l->t->host,
			       p->l->fd);
	if (p->type != SOCK_STREAM)
		r = peek_packets(p, bytes, shut, e);
	else if (events & POLLPRI)
		r = peek_urgent(p, bytes, e);
	else
		r = peek_stream(p, bytes, e);
	if (r) {
		struct err late = { 0 };

		set_off(p, old, &late);
		return r;
	}
	return set_off(p, old, e);
}

int sk_queue_dump_any(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, int type,
		      int shut, const struct task *by, bool *ret_any, struct err *e)
{
	struct peek *p = pool_alloc(d->m->pool, sizeof(*p));
	int events, bytes, cred = 0, r = sizes(l, &events, &bytes, e);

	if (r)
		return r;
	*p = (struct peek){ .d = d, .f = f, .l = l, .type = type, .by = by };
	sk_get(l->copy, SOL_SOCKET, SO_PASSCRED, &cred);
	p->creds = cred;
	p->size = type == SOCK_STREAM ? (size_t)bytes + 1 : PACKET_MAX;
	p->buf = mmap(NULL, p->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->buf == MAP_FAILED)
		return err_sys(e, "mmap", "room for what waits in a socket");
	p->nowhere =
		mmap(NULL, (size_t)getpagesize(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->nowhere == MAP_FAILED)
		r = err_sys(e, "mmap", "a page");
	else
		r = walk(p, (size_t)bytes, events, shut, e);
	*ret_any = p->n_put > 0;
	drop(p);
	munmap(p->nowhere, (size_t)getpagesize());
	munmap(p->buf, p->size);
	return r;
}

int sk_queue_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, int type,
		  int shut, const struct task *by, struct err *e)
{
	bool any;

	return sk_queue_dump_any(d, f, l, type, shut, by, &any, e);
}
