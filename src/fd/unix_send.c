// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Unix sockets, restore side: what waited in them is sent again, datagrams by a
 * socket with the name of who sent them: one of the tree's where there is one,
 * else one made for a moment. A name that was a path is then bound in a
 * filesystem of its own, where nothing of that name can be in the way.
 */
#include <linux/sockios.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "base/nshelper.h"
#include "fd/unix.h"

#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0) /* linux/un.h: O_PATH descriptor of the bound file */
#endif

/* Somebody who sent, and is no more. Without a name: any. */
struct unix_sender {
	ProtobufCBinaryData name;
	bool bound;
	int fd;
};

static bool same_name(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
	size_t n = a->len, m = b->len;

	/* Of a path the terminator counts or not. */
	if (unix_is_path(a))
		n = strnlen((const char *)a->data, n);
	if (unix_is_path(b))
		m = strnlen((const char *)b->data, m);
	return n == m && !memcmp(a->data, b->data, n);
}

/* The socket of the tree that can have sent @p to @f; NULL: none. */
static struct file_obj *live_sender(const struct unix_restore *ur, struct file_obj *f,
				    const struct sk_packet *p)
{
	struct unix_kid *k = unix_kid(f);

	if (k->role != UNIX_ALONE &&
	    (!p->e->has_from || !k->peer || same_name(&p->e->from, &k->peer->entry->usk->name)))
		return k->peer;
	for (size_t i = 0; p->e->has_from && i < ur->n; i++) {
		const UnixSkEntry *ue = ur->v[i]->entry->usk;

		if (ue->type == SOCK_DGRAM && same_name(&ue->name, &p->e->from))
			return ur->v[i];
	}
	return NULL;
}

static struct unix_sender *sender_of(const struct unix_restore *ur, const struct sk_packet *p)
{
	for (size_t i = 0; i < ur->n_senders; i++)
		if (ur->senders[i]->name.len == (p->e->has_from ? p->e->from.len : 0) &&
		    !memcmp(ur->senders[i]->name.data, p->e->from.data, ur->senders[i]->name.len))
			return ur->senders[i];
	return NULL;
}

void unix_senders_want(struct fd_restore *r, struct maker *mk)
{
	struct unix_restore *ur = r->unixes;

	for (size_t i = 0; i < ur->n; i++) {
		struct unix_kid *k = unix_kid(ur->v[i]);

		for (size_t n = 0; n < k->queue.n; n++) {
			const struct sk_packet *p = &k->queue.v[n];
			struct unix_sender *s;

			if (ur->v[i]->entry->usk->type != SOCK_DGRAM || k->role != UNIX_ALONE ||
			    live_sender(ur, ur->v[i], p) || sender_of(ur, p))
				continue;
			s = pool_alloc(r->m->pool, sizeof(*s));
			s->fd = -EBADF;
			if (p->e->has_from)
				s->name = p->e->from;
			maker_want(mk,
				   prog_call(mk->p, "make a unix socket that sent", SYS_socket,
					     AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0),
				   &s->fd);
			pool_push(r->m->pool, ur->senders, ur->n_senders, s);
		}
	}
}

struct private_bind {
	int fd;
	struct sockaddr_un un;
	socklen_t len;
};

/* Every directory of the name, below a fresh filesystem. */
static void make_dirs(char *path)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = 0;
		mkdir(path, 0700);
		*p = '/';
	}
}

/* Runs in: a helper that shares our memory and descriptors, but not our root directory. */
static int bind_private(void *arg, void *ret, struct err *e)
{
	struct private_bind *b = arg;
	char path[sizeof(b->un.sun_path) + 1];
	int fs, mnt = -EBADF, r = 0;

	if (unshare(CLONE_FS))
		return err_sys(e, "unshare", "directories of the helper");
	fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (fs >= 0 && !fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (mnt < 0 || fchdir(mnt) || chroot("."))
		r = err_sys(e, "fsmount", "a filesystem for the name of a unix socket");
	snprintf(path, sizeof(path), "%.*s", (int)sizeof(b->un.sun_path), b->un.sun_path);
	if (!r)
		make_dirs(path);
	if (!r && bind(b->fd, (struct sockaddr *)&b->un, b->len))
		r = err_sys(e, "bind", "unix socket %s", path);
	cleanup_close(&fs);
	cleanup_close(&mnt);
	return r;
}

static int sender_bind(struct unix_sender *s, struct err *e)
{
	struct private_bind b = { .fd = s->fd, .un.sun_family = AF_UNIX };
	char what[UNIX_TEXT];
	int r;

	if (!s->name.len || s->bound)
		return 0;
	s->bound = true;
	memcpy(b.un.sun_path, s->name.data, s->name.len);
	b.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + s->name.len);
	if (unix_is_path(&s->name))
		return ns_helper_call(0, 0, bind_private, &b, NULL, e);
	if (!bind(s->fd, (struct sockaddr *)&b.un, b.len))
		return 0;
	unix_text(s->name.data, s->name.len, 0, what, sizeof(what));
	r = err_sys(e, "bind", "%s, who sent a datagram that waits", what);
	if (r == -EADDRINUSE)
		err_class_set(e, ERR_CONFLICT);
	return r;
}

/* How to reach a bound socket, whatever became of its name. @ret_fd keeps a path alive. */
static int address_of(const struct file_obj *f, struct sockaddr_un *un, socklen_t *ret_len,
		      int *ret_fd, const char *what, struct err *e)
{
	const UnixSkEntry *ue = f->entry->usk;

	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!unix_is_path(&ue->name)) {
		memcpy(un->sun_path, ue->name.data, ue->name.len);
		*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + ue->name.len);
		return 0;
	}
	*ret_fd = ioctl(f->fd, SIOCUNIXFILE);
	if (*ret_fd < 0)
		return err_sys(e, "ioctl", "%s: SIOCUNIXFILE", what);
	snprintf(un->sun_path, sizeof(un->sun_path), "/proc/self/fd/%d", *ret_fd);
	*ret_len = sizeof(*un);
	return 0;
}

static int send_one(struct fd_restore *r, struct file_obj *f, const struct sk_packet *p,
		    const char *what, struct err *e)
{
	struct unix_restore *ur = r->unixes;
	struct file_obj *live = live_sender(ur, f, p);
	int from = live ? live->fd : fd_work(f)->kid_fd[0];
	_cleanup_close_ int path = -EBADF;
	struct sockaddr_un un;
	socklen_t len = 0;
	char byte;
	int ret = 0;

	if (unix_kid(f)->role == UNIX_ALONE) {
		struct unix_sender *s = live ? NULL : sender_of(ur, p);

		if (s) {
			from = s->fd;
			ret = sender_bind(s, e);
		}
		if (!ret)
			ret = address_of(f, &un, &len, &path, what, e);
		if (ret)
			return ret;
	}
	/* For all that may be sent through it. */
	sk_make_room(from, ur->bytes);
	ret = sk_packet_send(r, from, p, len ? &un : NULL, len, what, e);
	if (!ret && p->e->has_oob && p->e->oob == SK_OOB_MARK &&
	    recv(f->fd, &byte, 1, MSG_OOB) != 1)
		ret = err_sys(e, "recv", "%s: out-of-band data", what);
	return ret;
}

int unix_send_queue(struct fd_restore *r, struct file_obj *f, const char *what, struct err *e)
{
	struct unix_kid *k = unix_kid(f);
	int ret = 0;

	for (size_t i = 0; i < k->queue.n && !ret; i++)
		ret = send_one(r, f, &k->queue.v[i], what, e);
	return ret;
}

void unix_senders_done(struct fd_restore *r)
{
	struct unix_restore *ur = r->unixes;

	for (size_t i = 0; i < ur->n_senders; i++)
		cleanup_close(&ur->senders[i]->fd);
	ur->n_senders = 0;
}

/* Datagram sockets choose their peer last: whoever has one takes nothing from others. */
int unix_connect_dgram(struct fd_restore *r, struct file_obj *f, const char *what, struct err *e)
{
	struct unix_kid *k = unix_kid(f);
	_cleanup_close_ int path = -EBADF;
	struct sockaddr_un un;
	socklen_t len;
	int ret;

	if (k->role != UNIX_ALONE || !k->peer)
		return 0;
	ret = address_of(k->peer, &un, &len, &path, what, e);
	if (ret)
		return ret;
	return connect(f->fd, (struct sockaddr *)&un, len) ? err_sys(e, "connect", "%s", what) : 0;
}
