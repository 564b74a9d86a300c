// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * POSIX message queues (ipcns-mqueue-*.img, an image of ours): queues of an own
 * IPC namespace with their messages. The namespace's filesystem exists whether
 * anybody mounted it or not; a mount of our own, attached nowhere, lists it.
 *
 * Runs in: helpers inside the namespace.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "image/image.h"
#include "model/ids.h"
#include "nsops/ipc-internal.h"

/* include/linux/ipc_namespace.h: HARD_MSGMAX, HARD_MSGSIZEMAX */
#define MAXMSG_MAX 65536
#define MSGSIZE_MAX (16u << 20)

static size_t padded(size_t bytes)
{
	return (bytes + 7) / 8 * 8;
}

/* The filesystem of the namespace that we are in; -ENODEV: this kernel has none. */
static int fs_open(int *ret, struct err *e)
{
	_cleanup_close_ int fs = fsopen("mqueue", FSOPEN_CLOEXEC);
	_cleanup_close_ int mnt = -EBADF;

	if (fs < 0 && errno == ENODEV)
		return -ENODEV;
	if (fs >= 0 && !fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (mnt < 0)
		return err_sys(e, "mount", "mqueue, to list message queues");
	*ret = openat(mnt, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? err_sys(e, "open", "mqueue, to list message queues") : 0;
}

static int refuse(const char *name, struct err *e, const char *why, const char *hint)
{
	char object[300];

	snprintf(object, sizeof(object), "POSIX message queue /%s", name);
	err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", object, "%s", why);
	return err_hint(e, "%s", hint);
}

/* "QSIZE:0 NOTIFY:0 SIGNO:0 NOTIFY_PID:0" (man 7 mq_overview) */
static int queue_status(int dir, const char *name, uint64_t *ret_bytes, struct err *e)
{
	unsigned long long bytes;
	char text[128];
	int kind, sig, pid;

	if (read_text_at(dir, name, text, sizeof(text)) <= 0 ||
	    sscanf(text, "QSIZE:%llu NOTIFY:%d SIGNO:%d NOTIFY_PID:%d", &bytes, &kind, &sig,
		   &pid) != 4)
		return err_sys(e, "read", "POSIX message queue /%s", name);
	*ret_bytes = bytes;
	if (!pid)
		return 0;
	return refuse(name, e,
		      "a process waits to be notified (mq_notify) with a value that the kernel "
		      "shows to nobody",
		      "let the program cancel it by mq_notify(queue, NULL) before the checkpoint");
}

static int queue_open(int dir, const char *name, int *ret_fd, struct mq_attr *ret, struct err *e)
{
	*ret_fd = openat(dir, name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (*ret_fd < 0)
		return err_sys(e, "open", "POSIX message queue /%s", name);
	return mq_getattr(*ret_fd, ret) ? err_sys(e, "mq_getattr", "/%s", name) : 0;
}

/* Calls @fn for every queue. */
static int each_queue(struct err *e, void *ctx,
		      int (*fn)(void *ctx, int dir, const char *name, struct err *e))
{
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *de;
	int dir = -EBADF, r = fs_open(&dir, e);

	if (r)
		return r == -ENODEV ? 0 : r;
	d = fdopendir(dir);
	if (!d) {
		close(dir);
		return err_sys(e, "open", "mqueue, to list message queues");
	}
	while (!r && (de = readdir(d)))
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
			r = fn(ctx, dirfd(d), de->d_name, e);
	return r;
}

static int queue_check(void *ctx, int dir, const char *name, struct err *e)
{
	struct err_list *blockers = ctx;
	uint64_t bytes;

	/* One that went away meanwhile is no blocker either. */
	if (queue_status(dir, name, &bytes, e) == -EOPNOTSUPP)
		err_list_add(blockers, e);
	err_clear(e);
	return 0;
}

static int mqueue_check(struct model *m, struct err_list *blockers, struct err *e)
{
	return each_queue(e, blockers, queue_check);
}

struct dump {
	struct model *m;
	const struct ns *ns;
	struct image_out *o;
};

static int messages_dump(struct dump *d, int fd, const char *name, const struct mq_attr *attr,
			 uint64_t bytes, struct err *e)
{
	const struct mq_saved *s;
	const char *data;
	int r = mq_save(d->m, d->ns->holder->host, fd, name, attr, bytes, &s, e);

	if (r)
		return r;
	data = mq_saved_data(s);
	for (uint32_t i = 0; !r && i < s->n; i++) {
		MqueueMsg mm = MQUEUE_MSG__INIT;
		char zero[8] = { 0 };

		mm.prio = s->v[i].prio;
		mm.size = s->v[i].len;
		r = image_put(d->o, &mm.base, e);
		if (!r)
			r = image_put_raw(d->o, data, mm.size, e);
		if (!r)
			r = image_put_raw(d->o, zero, padded(mm.size) - mm.size, e);
		data += mm.size;
	}
	return r;
}

static int queue_dump(void *ctx, int dir, const char *name, struct err *e)
{
	struct dump *d = ctx;
	MqueueEntry me = MQUEUE_ENTRY__INIT;
	_cleanup_close_ int fd = -EBADF;
	struct mq_attr attr;
	struct stat st;
	uint64_t bytes;
	int r = queue_status(dir, name, &bytes, e);

	if (!r)
		r = queue_open(dir, name, &fd, &attr, e);
	if (r)
		return r;
	if (fstat(fd, &st))
		return err_sys(e, "fstat", "POSIX message queue /%s", name);
	me.name = (char *)name;
	if (!model_uid_in(d->m, st.st_uid, &me.uid) || !model_gid_in(d->m, st.st_gid, &me.gid))
		return refuse(name, e, "its owner has no number in the tree's user namespace",
			      "give it to a user of the tree (fchown)");
	me.mode = st.st_mode & 07777;
	me.maxmsg = (uint32_t)attr.mq_maxmsg;
	me.msgsize = (uint32_t)attr.mq_msgsize;
	me.qnum = (uint32_t)attr.mq_curmsgs;
	if (!d->o)
		r = image_create(d->m->dir, IMG_IPCNS_MQUEUE, d->ns->id, &d->o, e);
	if (!r)
		r = image_put(d->o, &me.base, e);
	return r || !me.qnum ? r : messages_dump(d, fd, name, &attr, bytes, e);
}

static int mqueue_dump(struct model *m, const struct ns *ns, struct err *e)
{
	struct dump d = { m, ns, NULL };
	int r = each_queue(e, &d, queue_dump);

	if (!d.o)
		return r;
	if (r) {
		image_out_close(d.o, NULL);
		return r;
	}
	return image_out_close(d.o, e);
}

static int message_read(struct model *m, struct ipc_mqueue *q, struct image_in *in, struct err *e)
{
	struct ipc_mq_message msg;
	size_t size;
	int r = image_get(in, &mqueue_msg__descriptor, &msg.e, e);

	if (r < 0)
		return r;
	if (!r)
		return image_bad(in, e, "message queue /%s: messages are missing", q->e->name);
	size = padded(msg.e->size);
	if (msg.e->size > q->e->msgsize || msg.e->prio >= sysconf(_SC_MQ_PRIO_MAX) ||
	    image_left(in) < size)
		return image_bad(in, e, "message queue /%s: size or priority of a message",
				 q->e->name);
	msg.data = pool_alloc(m->pool, size + 1);
	r = size ? image_get_raw(in, msg.data, size, e) : 0;
	if (r)
		return r;
	pool_push(m->pool, q->v, q->n, msg);
	return 0;
}

static int queue_read(struct model *m, struct ipc_mqueue *q, struct image_in *in, struct err *e)
{
	const MqueueEntry *me = q->e;
	size_t n = strlen(me->name);
	int r = 0;

	if (!n || n > NAME_MAX || strchr(me->name, '/') || !strcmp(me->name, ".") ||
	    !strcmp(me->name, ".."))
		return image_bad(in, e, "\"%.80s\" is no name of a message queue", me->name);
	if (!me->maxmsg || me->maxmsg > MAXMSG_MAX || !me->msgsize || me->msgsize > MSGSIZE_MAX ||
	    me->qnum > me->maxmsg || me->mode & ~07777u)
		return image_bad(in, e, "message queue /%s: size or mode out of range", me->name);
	for (uint32_t i = 0; !r && i < me->qnum; i++)
		r = message_read(m, q, in, e);
	return r;
}

static int mqueue_read(struct model *m, const struct ns *ns, struct ipc_state *s, struct err *e)
{
	struct ipc_mqueue q = { 0 };
	struct image_in *in;
	int r;

	if (!image_exists(m->dir, IMG_IPCNS_MQUEUE, ns->id))
		return 0;
	r = image_open(m->dir, IMG_IPCNS_MQUEUE, ns->id, &in, e);
	if (r)
		return r;
	while ((r = image_get(in, &mqueue_entry__descriptor, &q.e, e)) > 0) {
		q.v = NULL;
		q.n = 0;
		r = queue_read(m, &q, in, e);
		if (r)
			break;
		pool_push(m->pool, s->mqueues, s->n_mqueues, q);
	}
	image_in_close(in);
	return r;
}

/*
 * The queue counts against its maker's limit (RLIMIT_MSGQUEUE), so its owner
 * makes it. We are a process that ends soon.
 */
static int become(const MqueueEntry *me, struct err *e)
{
	umask(0);
	if (syscall(SYS_setresgid, -1, me->gid, -1) || syscall(SYS_setresuid, me->uid, me->uid, 0))
		return err_sys(e, "setresuid", "owner %u:%u of message queue /%s", me->uid, me->gid,
			       me->name);
	return 0;
}

static int make_inside(void *arg, void *ret, struct err *e)
{
	const struct ipc_mqueue *q = arg;
	struct mq_attr attr = { .mq_maxmsg = q->e->maxmsg, .mq_msgsize = q->e->msgsize };
	_cleanup_close_ int fd = -EBADF;
	int r = become(q->e, e);

	if (r)
		return r;
	fd = (int)syscall(SYS_mq_open, q->e->name,
			  O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK | O_CLOEXEC, q->e->mode, &attr);
	if (fd < 0) {
		err_sys(e, "mq_open", "message queue /%s", q->e->name);
		if (e->code == EMFILE)
			err_hint(e, "raise the limit on bytes in message queues: ulimit -q");
		return -e->code;
	}
	for (size_t i = 0; i < q->n; i++)
		if (mq_send(fd, (const char *)q->v[i].data, q->v[i].e->size, q->v[i].e->prio))
			return err_sys(e, "mq_send", "message queue /%s, message %zu", q->e->name,
				       i);
	return 0;
}

static int mqueue_make(struct maker *mk, struct ipc_state *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->n_mqueues; i++)
		r = ipc_inside(mk->m, make_inside, &s->mqueues[i], NULL, e);
	return r;
}

const struct ipc_kind ipc_kind_mqueue = {
	.name = "POSIX message queues",
	.check = mqueue_check,
	.dump = mqueue_dump,
	.read = mqueue_read,
	.make = mqueue_make,
};
