// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System V message queues (ipcns-msg-*.img): queues with their ids, and their
 * messages in order. Messages are read by MSG_COPY, which leaves them there.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "image/image.h"
#include "nsops/ipc-internal.h"

#ifndef MSG_COPY
#define MSG_COPY 040000 /* linux/msg.h */
#endif

/* struct msgbuf: a long, then the text. */
struct message {
	long type;
	char text[];
};

static size_t padded(size_t bytes)
{
	return (bytes + 7) / 8 * 8;
}

static int message_dump(struct image_out *o, int id, size_t nth, struct message *buf, size_t cap,
			struct err *e)
{
	IpcMsg im = IPC_MSG__INIT;
	ssize_t n = msgrcv(id, buf, cap, (long)nth, MSG_COPY | IPC_NOWAIT);
	int r;

	/* Longer than the sysctl allows by now: it cannot be read whole. */
	if (n < 0 && errno == EINVAL) {
		char object[48];

		snprintf(object, sizeof(object), "message queue %d", id);
		err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", object,
			"message %zu is longer than the sysctl kernel.msgmax allows", nth);
		return err_hint(e, "raise the sysctl in the IPC namespace of the tree");
	}
	if (n < 0)
		return err_sys(e, "msgrcv", "message queue %d, message %zu", id, nth);
	im.mtype = (uint64_t)buf->type;
	im.msize = (uint32_t)n;
	memset(buf->text + n, 0, padded((size_t)n) - (size_t)n);
	r = image_put(o, &im.base, e);
	return r ? r : image_put_raw(o, buf->text, padded((size_t)n), e);
}

static int queue_dump(struct model *m, struct image_out *o, int id, const struct msqid_ds *ds,
		      struct err *e)
{
	IpcMsgEntry me = IPC_MSG_ENTRY__INIT;
	_cleanup_free_ struct message *buf = NULL;
	size_t cap = ds->__msg_cbytes;
	int r = ipc_desc_fill(m, &me.desc, &ds->msg_perm, id, e);

	if (r)
		return r;
	me.qbytes = (uint32_t)ds->msg_qbytes;
	me.qnum = (uint32_t)ds->msg_qnum;
	/* 0: nobody ever did; without: somebody who is not of the tree any more. */
	me.stasis_lspid = ipc_pid_inward(m, ds->msg_lspid);
	me.has_stasis_lspid = me.stasis_lspid || !ds->msg_stime;
	me.stasis_lrpid = ipc_pid_inward(m, ds->msg_lrpid);
	me.has_stasis_lrpid = me.stasis_lrpid || !ds->msg_rtime;
	buf = malloc(sizeof(*buf) + cap + 8);
	if (!buf)
		return err_sys(e, "allocate", "a buffer for messages");
	r = image_put(o, &me.base, e);
	for (size_t i = 0; !r && i < ds->msg_qnum; i++)
		r = message_dump(o, id, i, buf, cap, e);
	return r;
}

static int msg_dump(struct model *m, const struct ns *ns, struct err *e)
{
	struct msginfo info;
	struct image_out *o = NULL;
	int r = 0, max = msgctl(0, MSG_INFO, (struct msqid_ds *)&info);

	if (max < 0)
		return err_sys(e, "msgctl", "MSG_INFO");
	for (int i = 0; !r && i <= max; i++) {
		struct msqid_ds ds;
		int id = msgctl(i, MSG_STAT, &ds);

		if (id < 0)
			continue;
		if (!o)
			r = image_create(m->dir, IMG_IPCNS_MSG, ns->id, &o, e);
		if (!r)
			r = queue_dump(m, o, id, &ds, e);
	}
	return image_out_end(o, r, e);
}

static int message_read(struct model *m, struct ipc_queue *q, struct image_in *in, struct err *e)
{
	struct ipc_message msg;
	size_t size;
	int r = image_get(in, &ipc_msg__descriptor, &msg.e, e);

	if (r < 0)
		return r;
	if (!r)
		return image_bad(in, e, "message queue %u: messages are missing", q->e->desc->id);
	size = padded(msg.e->msize);
	if (msg.e->mtype < 1 || msg.e->mtype > LONG_MAX || msg.e->msize > INT_MAX ||
	    image_left(in) < size)
		return image_bad(in, e, "message queue %u: type or size of a message",
				 q->e->desc->id);
	msg.data = pool_alloc(m->pool, size + 1);
	r = size ? image_get_raw(in, msg.data, size, e) : 0;
	if (r)
		return r;
	pool_push(m->pool, q->v, q->n, msg);
	return 0;
}

static int msg_read(struct model *m, const struct ns *ns, struct ipc_state *s, struct err *e)
{
	struct ipc_queue q = { 0 };
	struct image_in *in;
	int r;

	if (!image_exists(m->dir, IMG_IPCNS_MSG, ns->id))
		return 0;
	r = image_open(m->dir, IMG_IPCNS_MSG, ns->id, &in, e);
	if (r)
		return r;
	while ((r = image_get(in, &ipc_msg_entry__descriptor, &q.e, e)) > 0) {
		q.v = NULL;
		q.n = 0;
		r = ipc_desc_check(q.e->desc, "ipcns-msg image", e);
		for (uint32_t i = 0; !r && i < q.e->qnum; i++)
			r = message_read(m, &q, in, e);
		if (r)
			break;
		pool_push(m->pool, s->queues, s->n_queues, q);
	}
	image_in_close(in);
	return r;
}

struct fill {
	const struct ipc_queue *q;
	size_t n;
	long unused; /* a type that no message has */
};

static int fill_inside(void *arg, void *ret, struct err *e)
{
	const struct fill *f = arg;

	for (size_t i = 0; i < f->n; i++) {
		const struct ipc_message *msg = &f->q->v[i];
		_cleanup_free_ struct message *buf = malloc(sizeof(*buf) + msg->e->msize + 1);

		if (!buf)
			return err_sys(e, "allocate", "a message");
		buf->type = (long)msg->e->mtype;
		memcpy(buf->text, msg->data, msg->e->msize);
		if (msgsnd((int)f->q->e->desc->id, buf, msg->e->msize, IPC_NOWAIT))
			return err_sys(e, "msgsnd", "message queue %u, message %zu",
				       f->q->e->desc->id, i);
	}
	return 0;
}

static long unused_type(const struct ipc_queue *q)
{
	for (long type = 1;; type++) {
		size_t i = 0;

		while (i < q->n && q->v[i].e->mtype != (uint64_t)type)
			i++;
		if (i == q->n)
			return type;
	}
}

static int run_one(struct maker *mk, struct task *t, struct prog *p, struct err *e)
{
	int r = mk->run(mk, t ? t : mk->m->root, p, e);

	prog_free(p);
	return r;
}

static int send(struct maker *mk, const struct ipc_queue *q, struct task *t, long type,
		const void *text, size_t n, struct err *e)
{
	struct prog p;
	struct message *buf;

	prog_init(&p, mk->p->arena);
	buf = prog_alloc(&p, sizeof(*buf) + n);
	buf->type = type;
	memcpy(buf->text, text, n);
	prog_call(&p, "message: send", SYS_msgsnd, q->e->desc->id, (uintptr_t)buf, n, IPC_NOWAIT);
	return run_one(mk, t, &p, e);
}

static int receive(struct maker *mk, const struct ipc_queue *q, struct task *t, long type,
		   struct err *e)
{
	struct prog p;

	prog_init(&p, mk->p->arena);
	prog_call(&p, "message: receive", SYS_msgrcv, q->e->desc->id,
		  (uintptr_t)prog_alloc(&p, sizeof(struct message)), 0, (uint64_t)type, IPC_NOWAIT);
	return run_one(mk, t, &p, e);
}

/*
 * The queue remembers who sent and who received last. A message more, sent by
 * the one and received by the other, makes it so; where nobody ever received,
 * the last message is left for its sender.
 */
static int queue_fill(struct maker *mk, const struct ipc_queue *q, struct err *e)
{
	const IpcMsgEntry *me = q->e;
	bool untouched = me->has_stasis_lrpid && !me->stasis_lrpid;
	struct task *sender = ipc_task(mk->m, me->stasis_lspid);
	struct fill f = { q, q->n, unused_type(q) };
	int r;

	if (untouched && sender && f.n)
		f.n--;
	r = ipc_inside(mk->m, fill_inside, &f, NULL, e);
	if (!r && f.n < q->n) {
		const struct ipc_message *last = &q->v[f.n];

		return send(mk, q, sender, (long)last->e->mtype, last->data, last->e->msize, e);
	}
	if (r || untouched)
		return r;
	r = send(mk, q, sender, f.unused, "", 0, e);
	return r ? r : receive(mk, q, ipc_task(mk->m, me->stasis_lrpid), f.unused, e);
}

static int owner_inside(void *arg, void *ret, struct err *e)
{
	const IpcMsgEntry *me = ((struct fill *)arg)->q->e;
	struct msqid_ds ds = { .msg_qbytes = me->qbytes };

	ds.msg_perm.uid = me->desc->uid;
	ds.msg_perm.gid = me->desc->gid;
	ds.msg_perm.mode = (unsigned short)(me->desc->mode & 0777);
	return msgctl((int)me->desc->id, IPC_SET, &ds) ?
		       err_sys(e, "msgctl", "message queue %u: IPC_SET", me->desc->id) :
		       0;
}

static int queue_make(struct maker *mk, const struct ipc_queue *q, struct err *e)
{
	struct ipc_new n = {
		.what = "message queue",
		.next_id = "msg_next_id",
		.desc = q->e->desc,
		.nr = SYS_msgget,
		.args = { q->e->desc->key, IPC_CREAT | IPC_EXCL | 0600 },
	};
	struct fill f = { .q = q };
	int r = ipc_create(mk, &n, e);

	if (!r)
		r = queue_fill(mk, q, e);
	/* Its size at last: the limit of the moment was a high one. */
	if (!r)
		r = ipc_inside(mk->m, owner_inside, &f, NULL, e);
	return r ? err_in(e, "message queue %u", q->e->desc->id) : 0;
}

static int msg_make(struct maker *mk, struct ipc_state *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->n_queues; i++)
		r = queue_make(mk, &s->queues[i], e);
	return r;
}

const struct ipc_kind ipc_kind_msg = {
	.name = "System V message queues",
	.dump = msg_dump,
	.read = msg_read,
	.make = msg_make,
};
