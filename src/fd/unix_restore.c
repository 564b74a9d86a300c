// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Unix sockets, restore side: reading, finding out what each socket is among
 * the others, and finishing them after the maker ran (unix_make.c): data, shut
 * down directions, options, permissions of bound files.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fd/inet.h"
#include "fd/unix.h"

bool unix_same_name(const UnixSkEntry *a, const UnixSkEntry *b)
{
	bool da = a->has_deleted && a->deleted, db = b->has_deleted && b->deleted;

	return a->name.len == b->name.len && !memcmp(a->name.data, b->name.data, a->name.len) &&
	       da == db && !strcmp(a->name_dir ? a->name_dir : "", b->name_dir ? b->name_dir : "");
}

static int read_name(UnixSkEntry *ue, struct image_in *in, struct err *e)
{
	if (unix_is_path(&ue->name)) {
		/* Some write the terminator too. */
		while (ue->name.len && !ue->name.data[ue->name.len - 1])
			ue->name.len--;
		if (memchr(ue->name.data, 0, ue->name.len))
			return image_bad(in, e, "file %u: a zero byte in the socket's path",
					 ue->id);
	}
	if (ue->name.len > UNIX_PATH_MAX)
		return image_bad(in, e, "file %u: the socket's name is too long", ue->id);
	if (ue->name_dir && (ue->name_dir[0] != '/' || strlen(ue->name_dir) >= PATH_MAX))
		return image_bad(in, e, "file %u: the socket's directory is not absolute", ue->id);
	if (unix_is_path(&ue->name) && ue->name.data[0] != '/' && !ue->name_dir)
		return image_bad(in, e, "file %u: a relative name without its directory", ue->id);
	return 0;
}

int unix_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e)
{
	UnixSkEntry *ue = f->entry->usk;
	char text[UNIX_TEXT];

	if (ue->type != SOCK_STREAM && ue->type != SOCK_DGRAM && ue->type != SOCK_SEQPACKET)
		return image_bad(in, e, "file %u: unix sockets of type %u do not exist", f->id,
				 ue->type);
	if (ue->state != TCP_ESTABLISHED && ue->state != TCP_CLOSE && ue->state != TCP_LISTEN)
		return image_bad(in, e, "file %u: unix sockets have no state %u", f->id, ue->state);
	if (ue->backlog > INT32_MAX || (ue->has_shutdown && (unsigned)ue->shutdown > 3))
		return image_bad(in, e, "file %u: backlog or shutdown out of range", f->id);
	if (ue->uflags) {
		unix_text(ue->name.data, ue->name.len, ue->ino, text, sizeof(text));
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "restore", text,
			       "its other end is outside the checkpoint (uflags 0x%x)", ue->uflags);
	}
	if (ue->state == TCP_LISTEN && !ue->name.len)
		return image_bad(in, e, "file %u: a listener without a name", f->id);
	fd_work(f)->kid = pool_alloc(r->m->pool, sizeof(struct unix_kid));
	if (!r->unixes)
		r->unixes = pool_alloc(r->m->pool, sizeof(*r->unixes));
	pool_push(r->m->pool, r->unixes->v, r->unixes->n, f);
	if (unix_cred_read(r, f, in, e) || read_name(ue, in, e))
		return -e->code;
	return sk_opts_read(ue->opts, f, in, e);
}

static int cmp_ino(const void *a, const void *b)
{
	const struct file_obj *x = *(struct file_obj *const *)a, *y = *(struct file_obj *const *)b;

	return x->entry->usk->ino < y->entry->usk->ino ? -1 :
							 x->entry->usk->ino > y->entry->usk->ino;
}

static struct file_obj *by_ino(const struct unix_restore *ur, uint32_t ino)
{
	size_t lo = 0, hi = ur->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (ur->v[mid]->entry->usk->ino == ino)
			return ur->v[mid];
		if (ur->v[mid]->entry->usk->ino < ino)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static struct file_obj *listener_of(const struct unix_restore *ur, const struct file_obj *f)
{
	for (size_t i = 0; f && f->entry->usk->name.len && i < ur->n; i++) {
		const UnixSkEntry *ue = ur->v[i]->entry->usk;

		if (ue->state == TCP_LISTEN && ue->type == f->entry->usk->type &&
		    unix_same_name(ue, f->entry->usk))
			return ur->v[i];
	}
	return NULL;
}

/* Which end of a connection was made by accept: the one that has a listener's name. */
static void assign_ends(const struct unix_restore *ur, struct file_obj *a, struct file_obj *b)
{
	struct file_obj *la = listener_of(ur, a), *lb = listener_of(ur, b);
	bool na = a->entry->usk->name.len, nb = b && b->entry->usk->name.len;
	struct file_obj *server;

	if (!na && !nb) {
		unix_kid(a)->role = UNIX_PAIR;
		unix_kid(a)->first = true;
		if (b)
			unix_kid(b)->role = UNIX_PAIR;
		return;
	}
	if (la || lb)
		server = la ? a : b;
	else if (na && nb)
		/* accept makes its socket last. */
		server = a->entry->usk->ino > b->entry->usk->ino ? a : b;
	else
		server = na ? a : b;
	unix_kid(server)->role = UNIX_ACCEPTED;
	unix_kid(server)->listener = server == a ? la : lb;
	if (b)
		unix_kid(server == a ? b : a)->role = UNIX_CLIENT;
}

static int assign_pending(const struct unix_restore *ur, struct file_obj *f, struct err *e)
{
	const UnixSkEntry *ue = f->entry->usk;
	struct file_obj *ls = by_ino(ur, ue->listener);

	if (!ls || ls->entry->usk->state != TCP_LISTEN || ls->entry->usk->type != ue->type ||
	    ue->state != TCP_ESTABLISHED || ue->peer)
		return file_bad(f, e, "it waits for inode %u, which is no listener for it",
				ue->listener);
	unix_kid(f)->role = UNIX_PENDING;
	unix_kid(f)->listener = ls;
	return 0;
}

static int assign(const struct model *m, const struct unix_restore *ur, struct file_obj *f,
		  struct err *e)
{
	const UnixSkEntry *ue = f->entry->usk;
	struct unix_kid *k = unix_kid(f);
	struct file_obj *p = ue->peer ? by_ino(ur, ue->peer) : NULL;
	bool mutual = p && p->entry->usk->peer == ue->ino && p != f;

	if (ue->peer && !p)
		return file_bad(f, e, "its peer, inode %u, is not there", ue->peer);
	if (p && p->entry->usk->type != ue->type)
		return file_bad(f, e, "its peer, file %u, is of another type", p->id);
	if (ue->peer && unix_is_stream(ue->type) && !mutual)
		return file_bad(f, e, "its peer, file %u, is connected to another one", p->id);
	if (k->peer || k->first)
		return 0; /* the other end came first */
	if (mutual) {
		k->peer = p;
		unix_kid(p)->peer = f;
	}
	if (ue->has_listener)
		return assign_pending(ur, f, e);
	if (unix_is_stream(ue->type)) {
		if (ue->state == TCP_ESTABLISHED)
			assign_ends(ur, f, p);
		else if (p)
			return file_bad(f, e, "a peer without a connection");
		return 0;
	}
	/* Two names found each other by connect; so do they again, when their data has been sent. */
	if (mutual && f->entry->usk->name.len && p->entry->usk->name.len)
		return 0;
	/* Others write the kernel's state, which says no more than that somebody is connected to it. */
	if (mutual || (ue->state == TCP_ESTABLISHED && !p && !(m->foreign && ue->name.len))) {
		k->role = UNIX_PAIR;
		k->first = true;
		if (p)
			unix_kid(p)->role = UNIX_PAIR;
		return 0;
	}
	if (p && !p->entry->usk->name.len)
		return file_bad(f, e, "its peer, file %u, has no name to connect to", p->id);
	k->peer = p;
	return 0;
}

static struct sk_queue *queue_of(struct file_obj *f)
{
	return f->entry->type == FD_TYPES__UNIXSK ? &unix_kid(f)->queue : inet_queue(f);
}

int unix_read_end(struct fd_restore *r, struct err *e)
{
	struct unix_restore *ur = r->unixes;
	int ret;

	if (!ur)
		return sk_queue_read(r, queue_of, e);
	qsort(ur->v, ur->n, sizeof(*ur->v), cmp_ino);
	for (size_t i = 1; i < ur->n; i++)
		if (!cmp_ino(&ur->v[i - 1], &ur->v[i]))
			return file_bad(ur->v[i], e, "two sockets have inode %u",
					ur->v[i]->entry->usk->ino);
	for (size_t i = 0; i < ur->n; i++) {
		ret = assign(r->m, ur, ur->v[i], e);
		if (ret)
			return ret;
	}
	unix_cred_plan(r);
	ret = sk_queue_read(r, queue_of, e);
	for (size_t i = 0; i < ur->n && !ret; i++) {
		struct unix_kid *k = unix_kid(ur->v[i]);
		const UnixSkEntry *ue = ur->v[i]->entry->usk;

		ur->bytes += k->queue.bytes;
		if (ue->has_reset && ue->reset && (k->peer || k->role == UNIX_ALONE))
			return file_bad(ur->v[i], e, "an error of a connection whose end is there");
		if (k->queue.n && k->role == UNIX_PENDING)
			ret = file_bad(ur->v[i], e, "data from a server that has not accepted");
		if (!k->queue.n || k->role != UNIX_ALONE)
			continue;
		if (unix_is_stream(ue->type) || !ue->name.len)
			ret = file_bad(ur->v[i], e,
				       "data waits in a socket that nothing could reach");
	}
	return ret;
}

static int shut(struct fd_restore *r, struct file_obj *f, const char *what, struct err *e)
{
	const UnixSkEntry *ue = f->entry->usk;

	/* The end that was closed before the checkpoint goes now; what it leaves unread makes the error. */
	if (ue->has_reset && ue->reset && send(f->fd, "", 1, MSG_NOSIGNAL) != 1)
		return err_sys(e, "send", "%s: to be left unread", what);
	cleanup_close(&fd_work(f)->kid_fd[0]);
	fd_work(f)->kid_fd[0] = -EBADF;
	if (!ue->has_shutdown || ue->shutdown == SK_SHUTDOWN__NONE)
		return 0;
	if (shutdown(f->fd, (int)ue->shutdown - 1))
		return err_sys(e, "shutdown", "%s", what);
	return 0;
}

static int settle(struct fd_restore *r, struct file_obj *f, const char *what, struct err *e)
{
	const UnixSkEntry *ue = f->entry->usk;
	int ret = sk_opts_restore(f->fd, ue->opts, what, e);

	return ret ? ret : fd_set_flags(f->fd, ue->flags, what, e);
}

static int permissions(struct fd_restore *r, struct file_obj *f, const char *what, struct err *e)
{
	const UnixSkEntry *ue = f->entry->usk;
	_cleanup_close_ int fd = -EBADF;
	char path[PATH_MAX + UNIX_PATH_MAX + 2], self[40];

	if (!unix_is_path(&ue->name) || !ue->file_perms || (ue->has_deleted && ue->deleted))
		return 0;
	/* Those of an accepted end are its listener's, but for one that is gone. */
	if (unix_kid(f)->role == UNIX_ACCEPTED && unix_kid(f)->listener)
		return 0;
	unix_path(ue, path, sizeof(path));
	fd = open_in_root(r->root_fd, path, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0) {
		errno = -fd;
		return err_sys(e, "open", "%s", what);
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (fchownat(fd, "", ue->file_perms->uid, ue->file_perms->gid, AT_EMPTY_PATH))
		return err_sys(e, "chown", "%s", what);
	if (chmod(self, ue->file_perms->mode & 07777))
		return err_sys(e, "chmod", "%s", what);
	return 0;
}

int unix_made(struct fd_restore *r, struct err *e)
{
	static int (*const steps[])(struct fd_restore * r, struct file_obj * f, const char *what,
				    struct err *e) = {
		unix_send_queue, unix_connect_dgram, shut, settle, permissions,
	};
	struct unix_restore *ur = r->unixes;
	char what[UNIX_TEXT];
	int ret = ur ? unix_creds_make(r, e) : 0;

	for (size_t s = 0; ur && s < ARRAY_SIZE(steps); s++) {
		for (size_t i = 0; i < ur->n && !ret; i++) {
			const UnixSkEntry *ue = ur->v[i]->entry->usk;

			unix_text(ue->name.data, ue->name.len, ue->ino, what, sizeof(what));
			ret = steps[s](r, ur->v[i], what, e);
		}
	}
	if (ur)
		unix_senders_done(r);
	return ret;
}
