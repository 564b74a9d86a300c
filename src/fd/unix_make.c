// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The maker's program for unix sockets. First all sockets and pairs, then name
 * after name: bind, listen, connect and accept everybody who belongs to it, and
 * take the name away again if it was gone at the checkpoint. Names that are gone
 * go first, as others may have them now.
 *
 * Runs in: the coordinator, which only writes the program; the root stub runs it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "fd/unix.h"

void unix_path(const UnixSkEntry *ue, char *buf, size_t size)
{
	bool absolute = ue->name.data[0] == '/';

	snprintf(buf, size, "%s%s%.*s", absolute || !ue->name_dir ? "" : ue->name_dir,
		 absolute ? "" : "/", (int)ue->name.len, (const char *)ue->name.data);
}

static bool is_deleted(const UnixSkEntry *ue)
{
	return ue->has_deleted && ue->deleted;
}

/*
 * Whether a socket is bound to the file: a datagram connect finds any, of the
 * wrong type too, and disturbs none. 0: nobody, else a negative errno.
 */
static int probe(int path_fd)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (fd < 0)
		return -errno;
	snprintf(un.sun_path, sizeof(un.sun_path), "/proc/self/fd/%d", path_fd);
	if (!connect(fd, (struct sockaddr *)&un, sizeof(un)))
		return -EADDRINUSE;
	return errno == ECONNREFUSED ? 0 : -errno;
}

/* What has the name now must be a socket that nobody holds any more. */
static int check_name(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	const UnixSkEntry *ue = f->entry->usk;
	char path[PATH_MAX + UNIX_PATH_MAX + 2];
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	if (!unix_is_path(&ue->name))
		return 0;
	unix_path(ue, path, sizeof(path));
	fd = open_in_root(r->root_fd, path, O_PATH | O_NOFOLLOW, 0);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st)) {
		errno = fd < 0 ? -fd : errno;
		return err_sys(e, "open", "unix socket %s", path);
	}
	if (!S_ISSOCK(st.st_mode)) {
		err_set(e, ERR_CONFLICT, EEXIST, "bind", path,
			"the name is taken by something else");
		return err_hint(e, "move it away");
	}
	if (probe(fd)) {
		err_set(e, ERR_CONFLICT, EADDRINUSE, "bind", path, "another process listens there");
		return err_hint(e,
				"end that process, or restore into a mount namespace of its own");
	}
	return 0;
}

static size_t add_socket(struct maker *mk, const UnixSkEntry *ue)
{
	return prog_call(mk->p, "make a unix socket", SYS_socket, AF_UNIX, ue->type | SOCK_CLOEXEC,
			 0);
}

/*
 * socketpair returns its numbers in memory, but wishes go by results: two
 * eventfds take the lowest numbers, and give them to the pair.
 */
static void add_pair(struct maker *mk, struct file_obj *f)
{
	struct unix_kid *k = unix_kid(f);
	size_t a = prog_call(mk->p, "the pair's first number", SYS_eventfd2, 0, O_CLOEXEC);
	size_t b = prog_call(mk->p, "the pair's second number", SYS_eventfd2, 0, O_CLOEXEC);

	prog_call(mk->p, "free the first number", SYS_close, 0);
	prog_ref(mk->p, a, 0);
	prog_call(mk->p, "free the second number", SYS_close, 0);
	prog_ref(mk->p, b, 0);
	prog_call(mk->p, "make a pair of unix sockets", SYS_socketpair, AF_UNIX,
		  f->entry->usk->type | SOCK_CLOEXEC, 0,
		  (uint64_t)prog_alloc(mk->p, 2 * sizeof(int)));
	k->call = a;
	maker_want(mk, a, &f->fd);
	if (k->peer) {
		unix_kid(k->peer)->call = b;
		maker_want(mk, b, &k->peer->fd);
	} else {
		maker_want(mk, b, &fd_work(f)->kid_fd[0]);
	}
}

static void add_sockets(struct maker *mk, const struct unix_restore *ur)
{
	for (size_t i = 0; i < ur->n; i++) {
		struct unix_kid *k = unix_kid(ur->v[i]);

		if (k->role == UNIX_ALONE || k->role == UNIX_CLIENT || k->role == UNIX_PENDING) {
			k->call = add_socket(mk, ur->v[i]->entry->usk);
			maker_want(mk, k->call, &ur->v[i]->fd);
		} else if (k->role == UNIX_PAIR && k->first && !k->by_others) {
			add_pair(mk, ur->v[i]);
		}
	}
}

/* One name at work. */
struct place {
	struct maker *mk;
	const UnixSkEntry *ue;
	void *addr; /* in the arena */
	socklen_t len;
	const char *path; /* in the arena, NULL for abstract names */
};

/* A call on the socket that the call @sock returned; its note is the name, for errors. */
static void on(struct place *pl, uint64_t nr, size_t sock, uint64_t a1, uint64_t a2)
{
	char what[UNIX_TEXT];

	unix_text(pl->ue->name.data, pl->ue->name.len, pl->ue->ino, what, sizeof(what));
	prog_call(pl->mk->p, pool_strdup(pl->mk->m->pool, what), nr, 0, a1, a2);
	prog_ref(pl->mk->p, sock, 0);
}

static void connect_to(struct place *pl, size_t sock)
{
	on(pl, SYS_connect, sock, (uint64_t)pl->addr, pl->len);
}

static void place_begin(struct place *pl, struct maker *mk, const UnixSkEntry *ue)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	*pl = (struct place){ .mk = mk, .ue = ue };
	memcpy(un.sun_path, ue->name.data, ue->name.len);
	pl->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + ue->name.len);
	if (unix_is_path(&ue->name)) {
		pl->len += ue->name.len < sizeof(un.sun_path);
		pl->path = prog_strdup(mk->p, pool_printf(mk->m->pool, "%.*s", (int)ue->name.len,
							  (const char *)ue->name.data));
		prog_call(mk->p, "enter the unix socket's directory", SYS_chdir,
			  (uint64_t)prog_strdup(mk->p, ue->name_dir ? ue->name_dir : "/"));
	}
	pl->addr = prog_dup(mk->p, &un, sizeof(un));
}

static void bind_here(struct place *pl, size_t sock)
{
	/* Only ever a stale socket: it was looked at a moment ago. */
	if (pl->path)
		prog_call(pl->mk->p, "remove the stale unix socket", SYS_unlink | SV_IGN,
			  (uint64_t)pl->path);
	on(pl, SYS_bind, sock, (uint64_t)pl->addr, pl->len);
}

static size_t client_of(struct place *pl, struct file_obj *f)
{
	struct unix_kid *k = unix_kid(f);
	size_t client;

	if (k->peer)
		return unix_kid(k->peer)->call;
	client = add_socket(pl->mk, f->entry->usk);
	maker_want(pl->mk, client, &fd_work(f)->kid_fd[0]);
	return client;
}

/* @others: who connects is somebody else (unix_creds.c). */
static void accept_one(struct place *pl, size_t listener, struct file_obj *f, bool others)
{
	struct unix_kid *k = unix_kid(f);
	size_t client = client_of(pl, f);

	if (others)
		return;
	connect_to(pl, client);
	k->call = prog_call(pl->mk->p, "accept the unix connection", SYS_accept4, 0, 0, 0,
			    SOCK_CLOEXEC);
	prog_ref(pl->mk->p, listener, 0);
	maker_want(pl->mk, k->call, &f->fd);
}

static void place_end(struct place *pl)
{
	if (pl->path && is_deleted(pl->ue))
		prog_call(pl->mk->p, "remove the unix socket's name", SYS_unlink,
			  (uint64_t)pl->path);
}

/* A listener that is gone: bound for as long as it takes to accept all that it had, of which @f is the first. */
static void add_accepted(struct maker *mk, const struct unix_restore *ur, struct file_obj *f)
{
	bool others = unix_kid(f)->by_others;
	const UnixSkEntry *ue = f->entry->usk;
	struct place pl;
	size_t listener;

	place_begin(&pl, mk, ue);
	listener = add_socket(mk, ue);
	bind_here(&pl, listener);
	on(&pl, SYS_listen, listener, 1, 0);
	for (size_t i = 0; i < ur->n; i++)
		if (unix_kid(ur->v[i])->gone == f)
			accept_one(&pl, listener, ur->v[i], others);
	if (others) {
		maker_want(mk, listener, &fd_work(f)->kid_fd[1]);
	} else {
		prog_call(mk->p, "close the listener for a moment", SYS_close, 0);
		prog_ref(mk->p, listener, 0);
	}
	place_end(&pl);
}

static int cmp_place(const void *a, const void *b)
{
	const struct file_obj *x = *(struct file_obj *const *)a, *y = *(struct file_obj *const *)b;
	uint32_t p = x->entry->usk->place, q = y->entry->usk->place;

	return p < q ? -1 : p > q;
}

/* Last, as those before them were accepted already; in their order. */
static void add_pending(struct place *pl, const struct unix_restore *ur, struct file_obj *ls)
{
	struct file_obj **v = NULL;
	size_t n = 0;

	for (size_t i = 0; i < ur->n; i++)
		if (unix_kid(ur->v[i])->role == UNIX_PENDING && unix_kid(ur->v[i])->listener == ls)
			pool_push(pl->mk->m->pool, v, n, ur->v[i]);
	if (!n)
		return;
	qsort(v, n, sizeof(*v), cmp_place);
	/* The queue may have been longer once: room for all, then what it was. */
	on(pl, SYS_listen, unix_kid(ls)->call, n, 0);
	for (size_t i = 0; i < n; i++)
		connect_to(pl, unix_kid(v[i])->call);
	on(pl, SYS_listen, unix_kid(ls)->call, pl->ue->backlog, 0);
}

static void add_named(struct maker *mk, const struct unix_restore *ur, struct file_obj *f)
{
	const UnixSkEntry *ue = f->entry->usk;
	struct unix_kid *k = unix_kid(f);
	struct place pl;

	place_begin(&pl, mk, ue);
	bind_here(&pl, k->call);
	if (ue->state == TCP_LISTEN)
		on(&pl, SYS_listen, k->call, ue->backlog, 0);
	for (size_t i = 0; i < ur->n; i++) {
		struct unix_kid *o = unix_kid(ur->v[i]);

		if (o->role == UNIX_ACCEPTED && o->listener == f)
			accept_one(&pl, k->call, ur->v[i], k->by_others);
	}
	if (!k->by_others)
		add_pending(&pl, ur, f);
	place_end(&pl);
}

int unix_open_all(struct fd_restore *r, struct maker *mk, struct err *e)
{
	struct unix_restore *ur = r->unixes;
	bool paths = false;

	if (!ur)
		return 0;
	ur->stubs = mk->stubs;
	for (size_t i = 0; i < ur->n; i++) {
		int ret = check_name(r, ur->v[i], e);

		if (ret)
			return ret;
		paths |= unix_is_path(&ur->v[i]->entry->usk->name);
	}
	add_sockets(mk, ur);
	unix_senders_want(r, mk);
	for (size_t i = 0; i < ur->n; i++)
		if (unix_kid(ur->v[i])->gone == ur->v[i])
			add_accepted(mk, ur, ur->v[i]);
	for (int deleted = 1; deleted >= 0; deleted--)
		for (size_t i = 0; i < ur->n; i++)
			if (ur->v[i]->entry->usk->name.len &&
			    unix_kid(ur->v[i])->role != UNIX_ACCEPTED &&
			    is_deleted(ur->v[i]->entry->usk) == deleted)
				add_named(mk, ur, ur->v[i]);
	if (paths)
		prog_call(mk->p, "back to the root directory", SYS_chdir,
			  (uint64_t)prog_strdup(mk->p, "/"));
	return 0;
}
