// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pairs, listeners and connections of which somebody else than the maker is to
 * be seen as the creator. The maker has made and bound the sockets; here those
 * pairs are made, and each such listener has its connections made anew: a
 * client sees who called listen last before it connected, an accepted socket
 * who connected.
 */
#include <stdlib.h>

#include "fd/unix.h"

/* One connection of a listener. */
struct conn {
	struct file_obj *accepted; /* NULL: it waits */
	int client;		   /* ours on it */
	const struct unix_cred *listens, *connects;
	uint32_t place; /* of one that waits */
};

struct conns {
	struct conn *v;
	size_t n;
};

static int cmp_pairs(const void *a, const void *b)
{
	const struct file_obj *x = *(struct file_obj *const *)a, *y = *(struct file_obj *const *)b;

	return unix_cred_cmp(unix_kid((struct file_obj *)x)->cred,
			     unix_kid((struct file_obj *)y)->cred);
}

/* @n ends whose creator is the same. */
static int make_pairs(struct fd_restore *r, struct file_obj **v, size_t n, struct err *e)
{
	int types[UNIX_AS_MAX], fds[UNIX_AS_MAX][2], ret;

	for (size_t i = 0; i < n; i++)
		types[i] = (int)v[i]->entry->usk->type;
	ret = unix_as_pairs(r, unix_kid(v[0])->cred, types, n, fds, e);
	if (ret)
		return ret;
	for (size_t i = 0; i < n; i++) {
		struct unix_kid *k = unix_kid(v[i]);

		v[i]->fd = fds[i][0];
		*(k->peer ? &k->peer->fd : &fd_work(v[i])->kid_fd[0]) = fds[i][1];
	}
	return 0;
}

static int all_pairs(struct fd_restore *r, struct err *e)
{
	struct unix_restore *ur = r->unixes;
	struct file_obj **v = NULL;
	size_t n = 0, end;
	int ret = 0;

	for (size_t i = 0; i < ur->n; i++) {
		const struct unix_kid *k = unix_kid(ur->v[i]);

		if (k->role == UNIX_PAIR && k->first && k->by_others)
			pool_push(r->m->pool, v, n, ur->v[i]);
	}
	if (n)
		qsort(v, n, sizeof(*v), cmp_pairs);
	for (size_t i = 0; i < n && !ret; i = end) {
		for (end = i + 1; end < n && end - i < UNIX_AS_MAX; end++)
			if (cmp_pairs(&v[i], &v[end]))
				break;
		ret = make_pairs(r, v + i, end - i, e);
	}
	return ret;
}

static int cmp_conns(const void *a, const void *b)
{
	const struct conn *x = a, *y = b;
	int d;

	/* Those that wait come last, in their order. */
	if (!x->accepted || !y->accepted) {
		if (x->accepted || y->accepted)
			return x->accepted ? -1 : 1;
		return x->place < y->place ? -1 : x->place > y->place;
	}
	d = unix_cred_cmp(x->listens, y->listens);
	return d ? d : unix_cred_cmp(x->connects, y->connects);
}

/* @ls: a listener; of one that is gone, the first connection that it had. */
static void conns_of(struct fd_restore *r, struct file_obj *ls, struct conns *ret)
{
	struct unix_restore *ur = r->unixes;
	const struct unix_cred *own = unix_kid(ls)->role == UNIX_ALONE ? unix_kid(ls)->cred : NULL;

	for (size_t i = 0; i < ur->n; i++) {
		struct file_obj *f = ur->v[i];
		struct unix_kid *k = unix_kid(f);
		struct conn c = { .listens = unix_cred_or_maker(r, own) };

		if (k->role == UNIX_ACCEPTED && (k->listener == ls || k->gone == ls)) {
			c.accepted = f;
			c.client = k->peer ? k->peer->fd : fd_work(f)->kid_fd[0];
			c.connects = unix_cred_or_maker(r, k->cred);
			if (k->peer)
				c.listens = unix_cred_or_maker(r, unix_kid(k->peer)->cred);
		} else if (k->role == UNIX_PENDING && k->listener == ls) {
			c.client = f->fd;
			c.place = f->entry->usk->place;
			c.listens = unix_cred_or_maker(r, k->cred);
			c.connects = unix_cred_or_maker(r, k->waits_as);
		} else {
			continue;
		}
		pool_push(r->m->pool, ret->v, ret->n, c);
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), cmp_conns);
}

/* How many from @from on are alike, and can be made together. */
static size_t alike(const struct conns *cs, size_t from)
{
	const struct conn *c = &cs->v[from];
	size_t n = 1;

	while (from + n < cs->n && n < UNIX_AS_MAX && !c->accepted == !cs->v[from + n].accepted &&
	       !unix_cred_cmp(c->listens, cs->v[from + n].listens) &&
	       !unix_cred_cmp(c->connects, cs->v[from + n].connects))
		n++;
	return n;
}

static int accept_all(struct conn *v, size_t n, int ls, struct err *e)
{
	for (size_t i = 0; i < n && v[i].accepted; i++) {
		v[i].accepted->fd = accept4(ls, NULL, NULL, SOCK_CLOEXEC);
		if (v[i].accepted->fd < 0)
			return err_sys(e, "accept", "a unix connection");
	}
	return 0;
}

static int make_conns(struct fd_restore *r, struct file_obj *f, int ls, struct err *e)
{
	const struct unix_cred *now = NULL;
	struct conns cs = { 0 };
	int clients[UNIX_AS_MAX], ret = 0;
	size_t n;

	conns_of(r, f, &cs);
	for (size_t i = 0; i < cs.n && !ret; i += n) {
		struct conn *c = &cs.v[i];

		n = alike(&cs, i);
		for (size_t k = 0; k < n; k++)
			clients[k] = c[k].client;
		/* Room for those that wait before, and these. */
		if (!now || unix_cred_cmp(now, c->listens))
			ret = unix_as_listen(r, c->listens, ls, (int)cs.n + UNIX_AS_MAX, e);
		now = c->listens;
		if (!ret)
			ret = unix_as_connect(r, c->connects, clients, n, f, ls, e);
		if (!ret)
			ret = accept_all(c, n, ls, e);
	}
	return ret;
}

int unix_creds_make(struct fd_restore *r, struct err *e)
{
	struct unix_restore *ur = r->unixes;
	int ret = all_pairs(r, e);

	for (size_t i = 0; i < ur->n && !ret; i++) {
		struct file_obj *f = ur->v[i];
		struct unix_kid *k = unix_kid(f);

		if (!k->by_others || k->role == UNIX_PAIR)
			continue;
		if (k->role == UNIX_ALONE) {
			ret = make_conns(r, f, f->fd, e);
			if (!ret && f->entry->usk->state == TCP_LISTEN)
				ret = unix_as_listen(r, unix_cred_or_maker(r, k->cred), f->fd,
						     (int)f->entry->usk->backlog, e);
		} else if (k->gone == f) {
			int *ls = &fd_work(f)->kid_fd[1];

			ret = make_conns(r, f, *ls, e);
			cleanup_close(ls);
			*ls = -EBADF;
		}
	}
	return ret;
}
