// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Unix sockets, dump side: names, peers, queues. Connections must have both
 * ends in the tree; connections that nobody accepted yet must
 * have sent nothing. What waits is looked at when all tasks were seen.
 */
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "fd/kinds.h"
#include "fd/survey.h"
#include "fd/unix.h"
#include "fd/unix_diag.h"

#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0) /* linux/un.h: O_PATH descriptor of the bound file */
#endif

struct dumped {
	uint32_t ino;
	struct file_obj *f;
	struct unix_sock *s;
	bool queued;
};

struct unix_dump {
	struct unix_table before, now; /* while the tree ran; when it stood still */
	bool has_before, has_now;
	struct dumped *v;
	size_t n;
};

static bool unix_is(const struct fd_look *l)
{
	return l->family == AF_UNIX;
}

void unix_text(const void *name, size_t len, uint32_t ino, char *buf, size_t size)
{
	const char *s = name;

	if (!len)
		snprintf(buf, size, "unix socket (inode %u)", ino);
	else if (s[0])
		snprintf(buf, size, "unix socket %.*s", (int)strnlen(s, len), s);
	else
		snprintf(buf, size, "unix socket @%.*s", (int)len - 1, s + 1);
}

static void sock_text(const struct unix_sock *s, char *buf, size_t size)
{
	unix_text(s->name, s->name_len, s->ino, buf, size);
}

static struct unix_dump *state(struct fd_dump *d)
{
	if (!d->unixes)
		d->unixes = pool_alloc(d->m->pool, sizeof(*d->unixes));
	return d->unixes;
}

static int refuse_peer(const struct fd_look *l, const struct unix_table *t,
		       const struct unix_sock *s, struct err *e)
{
	const struct unix_sock *p = unix_table_find(t, s->peer);
	char mine[UNIX_TEXT], theirs[UNIX_TEXT] = "a socket", who[96] = "another process";

	sock_text(s, mine, sizeof(mine));
	if (p)
		sock_text(p, theirs, sizeof(theirs));
	survey_who(s->peer, who, sizeof(who));
	fd_refuse(l, e, "%.100s is connected to %.100s of %s, outside the tree", mine, theirs, who);
	return err_hint(e, "close the connection, end that process, or take it into the tree "
			   "(ss -xp shows who has it)");
}

static int check_sort(const struct fd_look *l, const struct sk_look *s, struct err *e)
{
	if (s->type != SOCK_STREAM && s->type != SOCK_DGRAM && s->type != SOCK_SEQPACKET)
		return fd_refuse(l, e, "unix sockets of type %d are not supported", s->type);
	return 0;
}

static int unix_check(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	struct unix_dump *ud = state(d);
	const struct unix_sock *s;
	struct sk_look sl;
	char who[96];
	int r = sk_look(l, &sl, e);

	if (!r)
		r = check_sort(l, &sl, e);
	if (!r)
		r = sk_check_ns(d, l, &sl, e);
	if (!r && !ud->has_before) {
		ud->has_before = true;
		r = unix_table_read(d, &ud->before, e);
	}
	if (r)
		return r;
	/* Newer than the table: it was not there a moment ago, so the dump itself will look. */
	s = unix_table_find(&ud->before, (uint32_t)l->st.st_ino);
	if (!s || !s->peer || survey_socket(d, s->peer) || unix_is_client(d, s->ino))
		return 0;
	/* In flight, or in a listener's queue: received in a moment, or the dump will say. */
	if (!unix_table_find(&ud->before, s->peer) || !survey_who(s->peer, who, sizeof(who)))
		return 0;
	return refuse_peer(l, &ud->before, s, e);
}

/* The directory that makes the relative @name mean @path; NULL when it cannot be told. */
static char *name_dir(struct fd_dump *d, const char *path, const char *name)
{
	size_t n, m;
	char *dir;

	while (name[0] == '.' && name[1] == '/') {
		name += 2;
		name += strspn(name, "/");
	}
	n = strlen(path);
	m = strlen(name);
	if (m + 1 > n || strcmp(path + n - m, name) || path[n - m - 1] != '/')
		return NULL;
	dir = pool_strdup(d->m->pool, path);
	dir[n - m - 1 ? n - m - 1 : 1] = 0;
	return dir;
}

/* Whether an absolute name means the file that the socket is bound to. */
static bool means(const struct fd_dump *d, const char *name, const struct stat *st)
{
	_cleanup_close_ int fd = open_in_root(d->root_fd, name, O_PATH | O_NOFOLLOW, 0);
	struct stat s;

	return fd >= 0 && !fstat(fd, &s) && s.st_ino == st->st_ino && s.st_dev == st->st_dev;
}

static int dump_path(struct fd_dump *d, const struct fd_look *l, UnixSkEntry *ue, struct err *e)
{
	_cleanup_close_ int fd = ioctl(l->copy, SIOCUNIXFILE);
	char link[FD_LINK_MAX], name[UNIX_PATH_MAX + 1], self[40];
	struct fd_name nm;
	struct stat st;
	ssize_t n;
	int r, mnt;

	if (fd < 0 || fstat(fd, &st))
		return err_sys(e, "ioctl", "pid %d, fd %d: SIOCUNIXFILE", l->t->host, l->fd);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	n = readlink(self, link, sizeof(link) - 1);
	if (n < 0)
		return err_sys(e, "readlink", "%s", self);
	link[n] = 0;
	snprintf(name, sizeof(name), "%.*s", (int)ue->name.len, (const char *)ue->name.data);
	r = fd_name_find(d, &st, link, name, &nm, e);
	if (r)
		return r;
	if (nm.deleted)
		ue->has_deleted = ue->deleted = 1;
	if (name[0] != '/') {
		ue->name_dir = name_dir(d, nm.path, name);
		if (!ue->name_dir)
			return fd_refuse(
				l, e, "it is bound to the relative name %s, which leads to %.100s",
				name, nm.path);
	} else if (!nm.deleted && !means(d, name, &st)) {
		return fd_refuse(l, e, "its name %s leads elsewhere now; it is bound to %.100s",
				 name, nm.path);
	}
	ue->file_perms = pool_msg(d->m->pool, FilePermsEntry, file_perms_entry__init);
	ue->file_perms->mode = st.st_mode;
	ue->file_perms->uid = st.st_uid;
	ue->file_perms->gid = st.st_gid;
	mnt = fd_name_mount(d, l->t, nm.deleted ? NULL : nm.path, fd);
	if (mnt >= 0) {
		ue->has_mnt_id = 1;
		ue->mnt_id = mnt;
	}
	return 0;
}

static void fill_entry(struct fd_dump *d, const struct fd_look *l, const struct unix_sock *s,
		       UnixSkEntry *ue)
{
	size_t n = s->name_len;

	ue->ino = s->ino;
	ue->type = s->type;
	ue->state = s->state;
	/* connect(2) to a datagram socket marks that one as connected too: say what it is itself. */
	if (!unix_is_stream(s->type))
		ue->state = s->has_peer ? TCP_ESTABLISHED : TCP_CLOSE;
	ue->flags = l->info.flags;
	ue->uflags = 0;
	ue->backlog = s->state == TCP_LISTEN ? s->wqueue : 0;
	ue->peer = s->peer;
	/* The kernel counts the terminator of a path to its length. */
	if (n && s->name[0])
		n = strnlen(s->name, n);
	ue->name.data = pool_dup(d->m->pool, s->name ? s->name : "", n);
	ue->name.len = n;
	if (s->shutdown) {
		ue->has_shutdown = 1;
		ue->shutdown = (SkShutdown)(s->shutdown & 3);
	}
	ue->has_ns_id = 1;
	ue->ns_id = sk_ns_id(d);
}

static int look_queue(const struct fd_look *l, struct dumped *x, UnixSkEntry *ue, struct err *e)
{
	bool reset;
	int r;

	if (x->s->state == TCP_LISTEN)
		return 0;
	r = sk_queue_look(l, x->s->type, x->s->shutdown, &x->queued, &reset, e);
	ue->has_reset = ue->reset = !r && reset;
	return r;
}

static int unix_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, struct err *e)
{
	UnixSkEntry *ue = pool_msg(d->m->pool, UnixSkEntry, unix_sk_entry__init);
	struct unix_dump *ud = state(d);
	struct dumped dd = { (uint32_t)l->st.st_ino, f, NULL, false };
	bool client = unix_is_client(d, dd.ino);
	struct sk_look sl;
	int r = sk_look(l, &sl, e);

	if (!r)
		r = check_sort(l, &sl, e);
	if (!r)
		r = sk_check_ns(d, l, &sl, e);
	if (!r && !ud->has_now) {
		ud->has_now = true;
		r = unix_table_read(d, &ud->now, e);
	}
	if (r)
		return r;
	dd.s = unix_table_find(&ud->now, dd.ino);
	if (!dd.s)
		return fd_refuse(l, e,
				 "the socket belongs to another network namespace than the tree");
	if (client)
		dd.s = unix_client_alone(d, dd.s);
	file_entry_new(d, f, FD_TYPES__UNIXSK)->usk = ue;
	ue->id = f->id;
	fill_entry(d, l, dd.s, ue);
	if (unix_is_path(&ue->name))
		r = dump_path(d, l, ue, e);
	if (!r)
		r = sk_opts_dump(d, l, &sl, &ue->opts, e);
	if (!r)
		r = fown_dump(d, l, &ue->fown, e);
	if (!r && !client)
		r = unix_cred_dump(d, l, ue, e);
	if (!r)
		r = client ? unix_client_answer(d, f, e) : look_queue(l, &dd, ue, e);
	if (!r)
		pool_push(d->m->pool, ud->v, ud->n, dd);
	return r;
}

static int cmp_dumped(const void *a, const void *b)
{
	const struct dumped *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static struct dumped *find(struct unix_dump *ud, uint32_t ino)
{
	struct dumped key = { .ino = ino };

	return ud->n ? bsearch(&key, ud->v, ud->n, sizeof(*ud->v), cmp_dumped) : NULL;
}

/* For messages: where it was seen first. */
static void look_of(const struct file_obj *f, struct fd_look *l)
{
	memset(l, 0, offsetof(struct fd_look, link));
	l->t = f->owner;
	l->fd = f->owner_fd;
	l->copy = -EBADF;
	snprintf(l->link, sizeof(l->link), "socket:[%u]", f->entry->usk->ino);
}

/* The name of a connection's server end: whoever listens under it must be of the tree, or gone. */
static int check_listener(struct unix_dump *ud, const struct dumped *x, const struct fd_look *l,
			  struct err *e)
{
	char text[UNIX_TEXT], who[96] = "another process";

	for (size_t i = 0; x->s->name_len && i < ud->now.n; i++) {
		const struct unix_sock *s = &ud->now.v[i];

		if (s->state != TCP_LISTEN || s->name_len != x->s->name_len ||
		    memcmp(s->name, x->s->name, s->name_len) || find(ud, s->ino))
			continue;
		sock_text(s, text, sizeof(text));
		survey_who(s->ino, who, sizeof(who));
		/* A path may be anybody's of the same name, elsewhere. */
		if (x->s->name[0] && x->f->entry->usk->has_deleted && x->f->entry->usk->deleted)
			continue;
		return fd_refuse(l, e, "its listening %.100s is held by %s, outside the tree", text,
				 who);
	}
	return 0;
}

static int check_one(struct fd_dump *d, struct unix_dump *ud, const struct dumped *x, struct err *e)
{
	struct fd_look *l = pool_alloc(d->m->pool, sizeof(*l));
	const struct dumped *p = x->s->peer ? find(ud, x->s->peer) : NULL;
	char text[UNIX_TEXT];

	look_of(x->f, l);
	if (x->s->peer && !p)
		return refuse_peer(l, &ud->now, x->s, e);
	if (unix_is_stream(x->s->type)) {
		if (x->s->state != TCP_ESTABLISHED)
			return 0;
		/* A peer that was closed has shut us down; one without a file waits in a queue. */
		if (x->f->entry->usk->has_listener)
			return 0;
		if (!x->s->peer && (x->s->shutdown & 3) != 3)
			return fd_refuse(l, e, "its connection has not been accepted yet");
		return check_listener(ud, x, l, e);
	}
	if (!x->s->peer || p->s->peer == x->ino)
		return 0;
	/* A peer that does not look back: found again by its name. */
	sock_text(p->s, text, sizeof(text));
	if (!p->s->name_len)
		return fd_refuse(
			l, e, "it is connected to the %s, which is nameless and has another peer",
			text);
	return 0;
}

static int refuse_pending(const struct dumped *x, const char *why, struct err *e)
{
	struct fd_look l;
	char text[UNIX_TEXT];

	look_of(x->f, &l);
	sock_text(x->s, text, sizeof(text));
	fd_refuse(&l, e, "of the %u connections to listening %.100s that wait to be accepted, %s",
		  x->s->rqueue, text, why);
	return err_hint(e, "try again when the server has accepted them");
}

/* What a client has sent lies out of reach until the server accepts: only that it is there can be seen. */
static int link_client(const struct dumped *x, struct dumped *client, uint32_t place, struct err *e)
{
	UnixSkEntry *ue = client->f->entry->usk;
	_cleanup_close_ int fd = fd_dump_copy(client->f, e);
	int sent;

	if (fd < 0)
		return fd;
	if (ioctl(fd, SIOCOUTQ, &sent))
		return err_sys(e, "ioctl", "pid %d, fd %d: SIOCOUTQ", client->f->owner->host,
			       client->f->owner_fd);
	if (sent)
		return refuse_pending(x, "one has sent data already", e);
	ue->has_listener = ue->has_place = 1;
	ue->listener = x->ino;
	ue->place = place;
	return 0;
}

static int link_pending(struct unix_dump *ud, const struct dumped *x, struct err *e)
{
	int r = 0;

	if (x->s->state != TCP_LISTEN)
		return 0;
	if (x->s->n_pending != x->s->rqueue)
		return refuse_pending(x, "not all are shown by the kernel", e);
	for (size_t i = 0; i < x->s->n_pending && !r; i++) {
		struct dumped *client = x->s->pending[i] ? find(ud, x->s->pending[i]) : NULL;

		if (!x->s->pending[i])
			return refuse_pending(x, "one was closed by its client", e);
		if (!client)
			return refuse_pending(x, "one is from outside the tree", e);
		r = link_client(x, client, (uint32_t)i, e);
	}
	return r;
}

/* Who holds the other end, when that has SO_PASSCRED: its data bears credentials, wherever it goes. */
static const struct task *hidden_sender(const struct fd_dump *d, const struct unix_sock *s)
{
	const struct unix_dump *ud = d->unixes;

	for (size_t i = 0; s->peer && i < ud->n; i++) {
		const struct file_obj *f = ud->v[i].f;

		if (ud->v[i].ino == s->peer)
			return f->entry->usk->opts->so_passcred && f->owner != d->self ? f->owner :
											 NULL;
	}
	return NULL;
}

/* What waits may hold further sockets, which then come to the end of the list. */
static int unix_dump_more(struct fd_dump *d, struct err *e)
{
	struct unix_dump *ud = d->unixes;
	int r = 0;

	for (size_t i = 0; ud && i < ud->n && !r; i++) {
		struct file_obj *f = ud->v[i].f;
		const struct unix_sock *s = ud->v[i].s;
		struct fd_look *l;

		if (!ud->v[i].queued)
			continue;
		l = pool_alloc(d->m->pool, sizeof(*l));
		look_of(f, l);
		l->copy = fd_dump_copy(f, e);
		if (l->copy < 0)
			return l->copy;
		r = sk_queue_dump(d, f, l, s->type, s->shutdown, hidden_sender(d, s), e);
		fd_look_close(l);
	}
	return r;
}

static int unix_dump_end(struct fd_dump *d, struct err *e)
{
	struct unix_dump *ud = d->unixes;
	int r = 0;

	if (!ud || !ud->n)
		return 0;
	qsort(ud->v, ud->n, sizeof(*ud->v), cmp_dumped);
	for (size_t i = 0; i < ud->n && !r; i++)
		r = link_pending(ud, &ud->v[i], e);
	for (size_t i = 0; i < ud->n && !r; i++)
		r = check_one(d, ud, &ud->v[i], e);
	return r;
}

const struct file_kind file_kind_unix = {
	.name = "unix socket, unconnected, bound, listening, or connected within the tree",
	.type = FD_TYPES__UNIXSK,
	.is = unix_is,
	.check_copy = true,
	.check = unix_check,
	.dump = unix_dump,
	.dump_more = unix_dump_more,
	.dump_end = unix_dump_end,
	FILE_KIND_ENTRY(usk, UnixSkEntry),
	.read = unix_read,
	.read_end = unix_read_end,
	.open_all = unix_open_all,
	.made = unix_made,
};
