// SPDX-License-Identifier: GPL-2.0-or-later
/* Restoring what waits in unix sockets: read from the image, sent again; see sk_peek.c. */
#include "fd/sk_queue.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/proc.h"
#include "fd/sk_opts.h"
#include "parasite/stub.h"

#define RIGHTS_MAX 253 /* SCM_MAX_FD */

static int read_rights(struct fd_restore *r, const SkPacketEntry *pe, struct sk_packet *p,
		       struct image_in *in, struct err *e)
{
	for (size_t i = 0; i < pe->n_scm; i++) {
		const ScmEntry *scm = pe->scm[i];

		if (scm->type != SCM_RIGHTS)
			return image_bad(in, e, "file %u: data of type %u waits beside the data",
					 pe->id_for, scm->type);
		for (size_t k = 0; k < scm->n_rights; k++) {
			struct file_obj *f = model_file_by_id(r->m, scm->rights[k]);

			if (!f)
				return image_bad(in, e,
						 "file %u: file %u waits in it, which is "
						 "not there",
						 pe->id_for, scm->rights[k]);
			fd_work(f)->wanted = true;
			pool_push(r->m->pool, p->rights, p->n_rights, f);
		}
	}
	if (p->n_rights > RIGHTS_MAX)
		return image_bad(in, e, "file %u: %zu descriptors wait in one message", pe->id_for,
				 p->n_rights);
	return 0;
}

static int read_packet(struct fd_restore *r, const SkPacketEntry *pe, struct sk_queue *q,
		       struct image_in *in, struct err *e)
{
	struct sk_packet p = { .e = pe };
	void *data;
	int ret;

	if (!q)
		return image_bad(in, e, "file %u is no socket that queues data", pe->id_for);
	if (pe->length > image_left(in))
		return image_bad(in, e, "%u bytes of data are not there", pe->length);
	if (pe->has_from &&
	    (!pe->from.len || pe->from.len > sizeof(((struct sockaddr_un *)0)->sun_path)))
		return image_bad(in, e, "file %u: a sender's name of %zu bytes", pe->id_for,
				 pe->from.len);
	if (pe->has_oob && pe->oob > SK_OOB_MARK)
		return image_bad(in, e, "file %u: out-of-band data of sort %u", pe->id_for,
				 pe->oob);
	if (pe->has_oob && pe->length != (pe->oob == SK_OOB_BYTE))
		return image_bad(in, e, "file %u: %u bytes of out-of-band data", pe->id_for,
				 pe->length);
	if (pe->has_pid && !model_task_by_pid(r->m, (pid_t)pe->pid))
		return image_bad(in, e, "file %u: the sender, pid %u, is not there", pe->id_for,
				 pe->pid);
	ret = read_rights(r, pe, &p, in, e);
	if (ret)
		return ret;
	p.data = data = pool_alloc(r->m->pool, pe->length + 1);
	if (pe->length) {
		ret = image_get_raw(in, data, pe->length, e);
		if (ret)
			return ret;
	}
	pool_push(r->m->pool, q->v, q->n, p);
	q->bytes += pe->length;
	return 0;
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

		ret = read_packet(r, pe, f ? queue_of(f) : NULL, in, e);
		if (ret)
			break;
	}
	image_in_close(in);
	return ret;
}

struct control {
	size_t len;
	/* A struct cmsghdr in it would be one with a flexible end: not for clang. */
	_Alignas(struct cmsghdr) char buf[CMSG_SPACE(RIGHTS_MAX * sizeof(int)) +
					  CMSG_SPACE(sizeof(struct ucred))];
};

static void add(struct control *c, int type, const void *data, size_t n)
{
	struct cmsghdr *cm = (struct cmsghdr *)(c->buf + c->len);

	memset(cm, 0, CMSG_SPACE(n));
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = type;
	cm->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(cm), data, n);
	c->len += CMSG_SPACE(n);
}

/* How we see the stub that has number @pid inside, below the one that we see as @top; 0: not there. */
static pid_t seen_as(pid_t top, pid_t pid)
{
	_cleanup_free_ pid_t *kids = NULL;
	struct proc_status s = { 0 };
	struct err ignored = { 0 };
	pid_t found = 0;
	size_t n = 0;

	if (!proc_status_read(top, top, &s, &ignored) && s.nspid_n > 0 &&
	    s.nspid[s.nspid_n - 1] == pid)
		found = top;
	proc_status_free(&s);
	if (!found && proc_children(top, &kids, &n, &ignored))
		n = 0;
	for (size_t i = 0; i < n && !found; i++)
		found = seen_as(kids[i], pid);
	err_clear(&ignored);
	return found;
}

static int add_cred(struct fd_restore *r, const struct sk_packet *p, struct control *c,
		    const char *what, struct err *e)
{
	struct ucred cred = { (pid_t)p->e->pid, p->e->uid, p->e->gid };

	if (model_has_own_ns(r->m, NS_PID))
		cred.pid = seen_as(r->m->root->stub->host, cred.pid);
	if (!cred.pid)
		return err_set(e, ERR_GENERAL, ESRCH, "send", what,
			       "pid %u, whose credentials wait in it, is not there", p->e->pid);
	add(c, SCM_CREDENTIALS, &cred, sizeof(cred));
	return 0;
}

static int fill_control(struct fd_restore *r, const struct sk_packet *p, struct control *c,
			const char *what, struct err *e)
{
	int fds[RIGHTS_MAX], ret;

	if (p->e->has_pid) {
		ret = add_cred(r, p, c, what, e);
		if (ret)
			return ret;
	}
	for (size_t i = 0; i < p->n_rights; i++) {
		fds[i] = p->rights[i]->fd;
		if (fds[i] < 0)
			return file_bad(p->rights[i], e, "it is in flight, and was not made");
	}
	if (p->n_rights)
		add(c, SCM_RIGHTS, fds, p->n_rights * sizeof(int));
	return 0;
}

int sk_packet_send(struct fd_restore *r, int fd, const struct sk_packet *p, const void *to,
		   size_t to_len, const char *what, struct err *e)
{
	struct control c = { .len = 0 };
	int ret = fill_control(r, p, &c, what, e);
	size_t at = 0, len = p->e->length;
	const char *data = p->data;
	bool mark = p->e->has_oob && p->e->oob == SK_OOB_MARK;
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (p->e->has_oob && p->e->oob ? MSG_OOB : 0);

	if (ret)
		return ret;
	if (mark) {
		data = "";
		len = 1;
	}
	do {
		struct iovec iov = { (char *)data + at, len - at };
		struct msghdr mh = { .msg_name = (void *)to,
				     .msg_namelen = (socklen_t)to_len,
				     .msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = c.len ? c.buf : NULL,
				     .msg_controllen = c.len };
		ssize_t n = sendmsg(fd, &mh, flags);

		if (n < 0)
			return err_sys(e, "send", "%s: the data that waited in it", what);
		at += (size_t)n;
		/* Descriptors are handed over with the first bytes. */
		c.len = 0;
	} while (at < len);
	return 0;
}
