// SPDX-License-Identifier: GPL-2.0-or-later
/* Options of sockets; see sk_opts.h, man 7 socket. */
#include "fd/sk_opts.h"

#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/time.h>

#include "base/nshelper.h"
#include "base/proc.h"
#include "fd/sk_extra.h"

#define FILTER_MAX 4096 /* BPF_MAXINSNS */

struct fresh {
	struct fresh *next;
	struct sk_look s;
	int fd;
};

int sk_get(int fd, int level, int name, int *ret)
{
	socklen_t len = sizeof(*ret);

	*ret = 0;
	return getsockopt(fd, level, name, ret, &len) ? -errno : 0;
}

static int sk_set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

int sk_look(const struct fd_look *l, struct sk_look *ret, struct err *e)
{
	ret->family = l->family;
	if (!sk_get(l->copy, SOL_SOCKET, SO_TYPE, &ret->type) &&
	    !sk_get(l->copy, SOL_SOCKET, SO_PROTOCOL, &ret->protocol))
		return 0;
	return err_sys(e, "getsockopt", "pid %d, fd %d (%s)", l->t->host, l->fd, l->link);
}

int sk_socket(struct fd_dump *d, int family, int type, int protocol, int *ret_fd, struct err *e)
{
	pid_t pid = d->m->root->host;
	uint64_t theirs, ours;
	int r = proc_ns_ino(fd_task_tid(d->m->root), "net", &theirs, e);

	if (!r)
		r = proc_ns_ino(getpid(), "net", &ours, e);
	if (r)
		return r;
	if (theirs != ours)
		return ns_helper_socket(pid, family, type, protocol, ret_fd, e);
	*ret_fd = socket(family, type | SOCK_CLOEXEC, protocol);
	return *ret_fd < 0 ? err_sys(e, "socket", "family %d", family) : 0;
}

int sk_fresh(struct fd_dump *d, const struct sk_look *s, int *ret_fd, struct err *e)
{
	struct fresh *f;
	int r;

	for (f = d->fresh; f; f = f->next)
		if (!memcmp(&f->s, s, sizeof(*s)))
			break;
	if (!f) {
		f = pool_alloc(d->m->pool, sizeof(*f));
		f->s = *s;
		r = sk_socket(d, s->family, s->type, s->protocol, &f->fd, e);
		if (r)
			return r;
		f->next = d->fresh;
		d->fresh = f;
	}
	*ret_fd = f->fd;
	return 0;
}

void sk_fresh_close(struct fd_dump *d)
{
	for (struct fresh *f = d->fresh; f; f = f->next)
		close(f->fd);
	d->fresh = NULL;
}

int sk_check_ns(struct fd_dump *d, const struct fd_look *l, const struct sk_look *s, struct err *e)
{
	uint64_t theirs = 0, ours = 0;
	socklen_t n = sizeof(theirs);
	int fd, r = sk_fresh(d, s, &fd, e);

	if (r)
		return r;
	/* Before 5.14 there is no telling; sockets rarely travel between namespaces. */
	if (getsockopt(l->copy, SOL_SOCKET, SO_NETNS_COOKIE, &theirs, &n) ||
	    getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &ours, &n) || theirs == ours)
		return 0;
	return fd_refuse(l, e, "the socket belongs to another network namespace than the tree");
}

uint32_t sk_ns_id(const struct fd_dump *d)
{
	const struct ns *ns = d->m->root->ns[NS_NET];

	return ns ? ns->id : 0;
}

/* Plain ones: field and has-field in SkOptsEntry. */
static const struct sk_int {
	int name;
	size_t off, has;
	bool is_bool, only_set; /* only_set: left out when it is 0, as everybody writes it */
	bool creds_only;	/* of families whose messages say who sent them */
} ints[] = {
#define OPT(n, field, b, s, u)                                                                     \
	{                                                                                          \
		n, offsetof(SkOptsEntry, field), offsetof(SkOptsEntry, has_##field), b, s, u       \
	}
	OPT(SO_PRIORITY, so_priority, false, false, false),
	OPT(SO_RCVLOWAT, so_rcvlowat, false, false, false),
	OPT(SO_MARK, so_mark, false, true, false),
	OPT(SO_PASSCRED, so_passcred, true, false, true),
	OPT(SO_PASSSEC, so_passsec, true, false, true),
	OPT(SO_DONTROUTE, so_dontroute, true, false, false),
	OPT(SO_NO_CHECK, so_no_check, true, false, false),
	OPT(SO_BROADCAST, so_broadcast, true, false, false),
	OPT(SO_KEEPALIVE, so_keepalive, true, false, false),
	OPT(SO_OOBINLINE, so_oobinline, false, false, false),
	OPT(SO_REUSEPORT, so_reuseport, true, false, false),
	OPT(SO_REUSEADDR, reuseaddr, true, false, false),
#undef OPT
};

static void dump_ints(const struct fd_look *l, const struct sk_look *s, SkOptsEntry *so)
{
	for (size_t i = 0; i < ARRAY_SIZE(ints); i++) {
		const struct sk_int *o = &ints[i];
		int v;

		/* Families lack some: then there is nothing to keep. */
		if ((o->creds_only && s->family != AF_UNIX && s->family != AF_NETLINK) ||
		    sk_get(l->copy, SOL_SOCKET, o->name, &v) || (o->only_set && !v))
			continue;
		*(protobuf_c_boolean *)((char *)so + o->has) = 1;
		if (o->is_bool)
			*(protobuf_c_boolean *)((char *)so + o->off) = v != 0;
		else
			*(uint32_t *)((char *)so + o->off) = (uint32_t)v;
	}
}

static int dump_filter(struct fd_dump *d, const struct fd_look *l, SkOptsEntry *so, struct err *e)
{
	socklen_t n = 0;

	/* Here the length counts instructions. */
	if (getsockopt(l->copy, SOL_SOCKET, SO_GET_FILTER, NULL, &n)) {
		if (errno == EACCES)
			return fd_refuse(l, e, "an eBPF program filters the socket: not supported");
		return errno == ENOPROTOOPT || errno == EOPNOTSUPP ?
			       0 :
			       err_sys(e, "getsockopt", "pid %d, fd %d: SO_GET_FILTER", l->t->host,
				       l->fd);
	}
	if (!n)
		return 0;
	so->so_filter = pool_alloc(d->m->pool, n * sizeof(*so->so_filter));
	so->n_so_filter = n;
	if (getsockopt(l->copy, SOL_SOCKET, SO_GET_FILTER, so->so_filter, &n))
		return err_sys(e, "getsockopt", "pid %d, fd %d: SO_GET_FILTER", l->t->host, l->fd);
	return 0;
}

static int dump_rest(struct fd_dump *d, const struct fd_look *l, const struct sk_look *s,
		     SkOptsEntry *so)
{
	struct timeval snd = { 0 }, rcv = { 0 };
	struct linger li = { 0 };
	char dev[IFNAMSIZ] = "";
	socklen_t n;
	int v;

	if (sk_get(l->copy, SOL_SOCKET, SO_SNDBUF, &v))
		return -errno;
	so->so_sndbuf = (uint32_t)v;
	if (sk_get(l->copy, SOL_SOCKET, SO_RCVBUF, &v))
		return -errno;
	so->so_rcvbuf = (uint32_t)v;
	n = sizeof(snd);
	if (getsockopt(l->copy, SOL_SOCKET, SO_SNDTIMEO, &snd, &n) ||
	    getsockopt(l->copy, SOL_SOCKET, SO_RCVTIMEO, &rcv, &n))
		return -errno;
	so->so_snd_tmo_sec = (uint64_t)snd.tv_sec;
	so->so_snd_tmo_usec = (uint64_t)snd.tv_usec;
	so->so_rcv_tmo_sec = (uint64_t)rcv.tv_sec;
	so->so_rcv_tmo_usec = (uint64_t)rcv.tv_usec;
	n = sizeof(li);
	if (!getsockopt(l->copy, SOL_SOCKET, SO_LINGER, &li, &n) && li.l_onoff) {
		so->has_so_linger = 1;
		so->so_linger = (uint32_t)li.l_linger;
	}
	n = sizeof(dev);
	if (!getsockopt(l->copy, SOL_SOCKET, SO_BINDTODEVICE, dev, &n) && n && dev[0])
		so->so_bound_dev = pool_strdup(d->m->pool, dev);
	if (!sk_get(l->copy, SOL_SOCKET, SO_BUF_LOCK, &v)) {
		so->has_so_buf_lock = 1;
		so->so_buf_lock = (uint32_t)v;
	}
	if (l->st.st_uid || l->st.st_gid) {
		so->has_uid = so->has_gid = 1;
		so->uid = l->st.st_uid;
		so->gid = l->st.st_gid;
	}
	if (s->protocol == IPPROTO_TCP && so->so_keepalive) {
		if (!sk_get(l->copy, IPPROTO_TCP, TCP_KEEPCNT, &v))
			so->has_tcp_keepcnt = 1, so->tcp_keepcnt = (uint32_t)v;
		if (!sk_get(l->copy, IPPROTO_TCP, TCP_KEEPIDLE, &v))
			so->has_tcp_keepidle = 1, so->tcp_keepidle = (uint32_t)v;
		if (!sk_get(l->copy, IPPROTO_TCP, TCP_KEEPINTVL, &v))
			so->has_tcp_keepintvl = 1, so->tcp_keepintvl = (uint32_t)v;
	}
	return 0;
}

int sk_opts_dump(struct fd_dump *d, const struct fd_look *l, const struct sk_look *s,
		 SkOptsEntry **ret, struct err *e)
{
	SkOptsEntry *so = pool_msg(d->m->pool, SkOptsEntry, sk_opts_entry__init);
	int r;

	*ret = so;
	dump_ints(l, s, so);
	if (dump_rest(d, l, s, so))
		return err_sys(e, "getsockopt", "pid %d, fd %d (%s)", l->t->host, l->fd, l->link);
	r = dump_filter(d, l, so, e);
	return r ? r : sk_extra_dump(d, l, s, so, e);
}

int sk_opts_read(const SkOptsEntry *so, const struct file_obj *f, struct image_in *in,
		 struct err *e)
{
	if (so->n_so_filter > FILTER_MAX)
		return image_bad(in, e, "file %u: a socket filter of %zu instructions", f->id,
				 so->n_so_filter);
	if (so->so_bound_dev && strlen(so->so_bound_dev) >= IFNAMSIZ)
		return image_bad(in, e, "file %u: the device's name is too long", f->id);
	return sk_extra_read(so, f, in, e);
}

static int failed(int r, const char *what, const char *option, struct err *e)
{
	errno = -r;
	return err_sys(e, "setsockopt", "%s: %s", what, option);
}

int sk_opts_before_bind(int fd, const SkOptsEntry *so, const char *what, struct err *e)
{
	int r;

	/* Set for all until all are bound: those that share a port did so one after the other. */
	r = sk_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (r)
		return failed(r, what, "SO_REUSEADDR", e);
	if (so->has_so_reuseport && so->so_reuseport) {
		r = sk_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
		if (r)
			return failed(r, what, "SO_REUSEPORT", e);
	}
	if (so->so_bound_dev && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, so->so_bound_dev,
					   (socklen_t)strlen(so->so_bound_dev)))
		return err_sys(e, "setsockopt", "%s: SO_BINDTODEVICE %s", what, so->so_bound_dev);
	return 0;
}

static int restore_ints(int fd, const SkOptsEntry *so, const char *what, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(ints); i++) {
		const struct sk_int *o = &ints[i];
		int want, is, r;
		char name[32];

		if (!*(const protobuf_c_boolean *)((const char *)so + o->has))
			continue;
		want = o->is_bool ? *(const protobuf_c_boolean *)((const char *)so + o->off) :
				    (int)*(const uint32_t *)((const char *)so + o->off);
		/* Some refuse even their default. */
		if (!sk_get(fd, SOL_SOCKET, o->name, &is) && is == want)
			continue;
		r = sk_set(fd, SOL_SOCKET, o->name, want);
		snprintf(name, sizeof(name), "option %d", o->name);
		if (r)
			return failed(r, what, name, e);
	}
	return 0;
}

/* The kernel doubles what it is given and shows the double. */
static int restore_buffer(int fd, int name, int force, uint32_t want, const char *what,
			  struct err *e)
{
	int is;

	if (!sk_get(fd, SOL_SOCKET, name, &is) && (uint32_t)is == want)
		return 0;
	if (!sk_set(fd, SOL_SOCKET, force, (int)(want / 2)) ||
	    !sk_set(fd, SOL_SOCKET, name, (int)(want / 2)))
		return 0;
	return err_sys(e, "setsockopt", "%s: buffer size %u", what, want);
}

static int restore_rest(int fd, const SkOptsEntry *so, const char *what, struct err *e)
{
	struct timeval snd = { (time_t)so->so_snd_tmo_sec, (suseconds_t)so->so_snd_tmo_usec };
	struct timeval rcv = { (time_t)so->so_rcv_tmo_sec, (suseconds_t)so->so_rcv_tmo_usec };

	if ((snd.tv_sec || snd.tv_usec) &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &snd, sizeof(snd)))
		return err_sys(e, "setsockopt", "%s: SO_SNDTIMEO", what);
	if ((rcv.tv_sec || rcv.tv_usec) &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &rcv, sizeof(rcv)))
		return err_sys(e, "setsockopt", "%s: SO_RCVTIMEO", what);
	if (so->has_so_linger) {
		struct linger li = { 1, (int)so->so_linger };

		if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &li, sizeof(li)))
			return err_sys(e, "setsockopt", "%s: SO_LINGER", what);
	}
	if ((so->has_tcp_keepcnt && sk_set(fd, IPPROTO_TCP, TCP_KEEPCNT, (int)so->tcp_keepcnt)) ||
	    (so->has_tcp_keepidle &&
	     sk_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)so->tcp_keepidle)) ||
	    (so->has_tcp_keepintvl &&
	     sk_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, (int)so->tcp_keepintvl)))
		return err_sys(e, "setsockopt", "%s: TCP_KEEP*", what);
	if (so->n_so_filter) {
		struct sock_fprog fp = { (unsigned short)so->n_so_filter, (void *)so->so_filter };

		if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fp, sizeof(fp)))
			return err_sys(e, "setsockopt", "%s: SO_ATTACH_FILTER", what);
	}
	if (so->has_uid && fchown(fd, so->uid, so->has_gid ? so->gid : 0))
		return err_sys(e, "chown", "%s", what);
	return 0;
}

int sk_opts_restore(int fd, const SkOptsEntry *so, const char *what, struct err *e)
{
	int r = restore_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE, so->so_sndbuf, what, e);

	if (!r)
		r = restore_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE, so->so_rcvbuf, what, e);
	if (!r)
		r = restore_ints(fd, so, what, e);
	if (!r)
		r = restore_rest(fd, so, what, e);
	if (!r)
		r = sk_extra_restore(fd, so, what, e);
	/* Last: setting a size locks it, and sizes that nobody set grow by themselves. */
	if (!r && so->has_so_buf_lock &&
	    sk_set(fd, SOL_SOCKET, SO_BUF_LOCK, (int)so->so_buf_lock) && errno != ENOPROTOOPT)
		return err_sys(e, "setsockopt", "%s: SO_BUF_LOCK", what);
	return r;
}

void sk_make_room(int fd, size_t bytes)
{
	/* Small packets cost several times their size; what does not fit is seen when it is sent. */
	size_t want = bytes * 4 + 256 * 1024;

	if (want > INT32_MAX / 2)
		want = INT32_MAX / 2;
	if (sk_set(fd, SOL_SOCKET, SO_SNDBUFFORCE, (int)want))
		sk_set(fd, SOL_SOCKET, SO_SNDBUF, (int)want);
}
