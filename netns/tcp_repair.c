// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TCP repair; see tcp_repair.h, the kernel's net/ipv4/tcp.c and man 7 tcp. While
 * a socket is in this mode it sends nothing, and closing it tells nobody.
 *
 * tcp_undo_repair runs in: whoever survives us.
 */
#include "netns/tcp_repair.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/abi.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/journal.h"
#include "base/proc.h"

#define OFF_SILENT -1 /* TCP_REPAIR_OFF_NO_WP */
#define SCALE_MAX 14
#define PIECE (1u << 20)
#define FIN 0x01
#define ACK 0x10
/* What queued data may cost besides itself. */
#define ROOM(n) ((n)*2 + 65536u)

bool tcp_is_connected(uint32_t state)
{
	switch (state) {
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_CLOSE_WAIT:
	case TCP_LAST_ACK:
	case TCP_CLOSING:
		return true;
	default:
		return false;
	}
}

/* Our FIN is on its way, or waits to be sent. */
static bool fin_out(uint32_t state)
{
	return state == TCP_FIN_WAIT1 || state == TCP_LAST_ACK || state == TCP_CLOSING;
}

static bool fin_in(uint32_t state)
{
	return state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK || state == TCP_CLOSING;
}

static int set(int fd, int name, int v, const char *text, const char *what, struct err *e)
{
	if (setsockopt(fd, IPPROTO_TCP, name, &v, sizeof(v)))
		return err_sys(e, "setsockopt", "%s: %s", what, text);
	return 0;
}

int tcp_repair_mode(int fd, int on, const char *what, struct err *e)
{
	return set(fd, TCP_REPAIR, on, "TCP_REPAIR", what, e);
}

struct undo_record {
	int32_t tid, fd;
	uint64_t starttime;
	uint32_t reuseaddr, pad;
};

int tcp_undo_add(struct journal *j, pid_t tid, int fd, bool reuseaddr, struct journal_entry **ret,
		 struct err *e)
{
	struct undo_record rec = { .tid = tid, .fd = fd, .reuseaddr = reuseaddr };
	struct proc_stat st;
	int r = proc_stat_read(tid, &st, e);

	rec.starttime = st.starttime;
	return r ? r : journal_add(j, UNDO_TCP_REPAIR, &rec, sizeof(rec), ret, e);
}

static int undo_one(const struct undo_record *rec, struct err *e)
{
	_cleanup_close_ int pidfd = -EBADF, fd = -EBADF;
	int on = 0, reuse = (int)rec->reuseaddr;
	socklen_t n = sizeof(on);
	struct proc_stat st;

	pidfd = (int)syscall(SYS_pidfd_open, rec->tid, 0);
	if (pidfd < 0 && errno == EINVAL)
		pidfd = (int)syscall(SYS_pidfd_open, rec->tid, PIDFD_THREAD);
	if (pidfd < 0)
		return errno == ESRCH ? 0 : err_sys(e, "pidfd_open", "pid %d", rec->tid);
	if (proc_stat_read(rec->tid, &st, e) || st.starttime != rec->starttime) {
		err_clear(e);
		return 0;
	}
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, rec->fd, 0);
	if (fd < 0)
		return errno == ESRCH || errno == EBADF ?
			       0 :
			       err_sys(e, "pidfd_getfd", "pid %d, fd %d", rec->tid, rec->fd);
	if (getsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, &n) || !on)
		return 0;
	if (tcp_repair_mode(fd, OFF_SILENT, "a connection of the tree", e))
		return -e->code;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse)))
		return err_sys(e, "setsockopt", "pid %d, fd %d: SO_REUSEADDR", rec->tid, rec->fd);
	return 0;
}

static int undo_repair(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		if (v[i]->len >= sizeof(struct undo_record))
			r = undo_one((const void *)v[i]->data, e);
	return r;
}

const struct undo_kind tcp_undo_repair = {
	.id = UNDO_TCP_REPAIR,
	.name = "take connections out of repair mode",
	.undo = undo_repair,
};

static int get(int fd, int name, void *v, size_t size, const char *text, const char *what,
	       struct err *e)
{
	socklen_t n = (socklen_t)size;

	if (getsockopt(fd, IPPROTO_TCP, name, v, &n))
		return err_sys(e, "getsockopt", "%s: %s", what, text);
	return 0;
}

static int read_queue(int fd, int queue, uint32_t *ret_seq, uint32_t n, void **ret,
		      struct pool *pool, const char *what, struct err *e)
{
	int r = set(fd, TCP_REPAIR_QUEUE, queue, "TCP_REPAIR_QUEUE", what, e);
	ssize_t got;

	if (!r)
		r = get(fd, TCP_QUEUE_SEQ, ret_seq, sizeof(*ret_seq), "TCP_QUEUE_SEQ", what, e);
	if (r || !n)
		return r;
	*ret = pool_alloc(pool, n);
	got = recv(fd, *ret, n, MSG_PEEK | MSG_DONTWAIT);
	if (got == (ssize_t)n)
		return 0;
	if (got >= 0)
		errno = EIO;
	return err_sys(e, "recv", "%s: its %s queue of %u bytes", what,
		       queue == TCP_SEND_QUEUE ? "send" : "receive", n);
}

static int read_window(int fd, TcpStreamEntry *s, const char *what, struct err *e)
{
	struct tcp_repair_window w = { 0 };
	int r = get(fd, TCP_REPAIR_WINDOW, &w, sizeof(w), "TCP_REPAIR_WINDOW", what, e);

	s->has_snd_wl1 = s->has_snd_wnd = s->has_max_window = s->has_rcv_wnd = s->has_rcv_wup = 1;
	s->snd_wl1 = w.snd_wl1;
	s->snd_wnd = w.snd_wnd;
	s->max_window = w.max_window;
	s->rcv_wnd = w.rcv_wnd;
	s->rcv_wup = w.rcv_wup;
	return r;
}

int tcp_repair_read(int fd, struct pool *pool, struct tcp_conn *c, const char *what, struct err *e)
{
	TcpStreamEntry *s = &c->s;
	struct tcp_info ti = { 0 };
	int in = 0, out = 0, unsent = 0,
	    r = get(fd, TCP_INFO, &ti, sizeof(ti), "TCP_INFO", what, e);

	tcp_stream_entry__init(s);
	if (r)
		return r;
	c->state = ti.tcpi_state;
	if (ioctl(fd, SIOCOUTQ, &out) || ioctl(fd, SIOCOUTQNSD, &unsent) || ioctl(fd, SIOCINQ, &in))
		return err_sys(e, "ioctl", "%s: the length of its queues", what);
	/* A FIN takes a place in the queue, and is none of the data. */
	if (fin_out(c->state)) {
		out--;
		if (unsent)
			unsent--;
	}
	s->inq_len = (uint32_t)in;
	s->outq_len = (uint32_t)out;
	s->has_unsq_len = s->has_rcv_wscale = s->has_timestamp = 1;
	s->unsq_len = (uint32_t)unsent;
	s->opt_mask = ti.tcpi_options & (TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE);
	s->snd_wscale = ti.tcpi_snd_wscale;
	s->rcv_wscale = ti.tcpi_rcv_wscale;
	r = get(fd, TCP_MAXSEG, &s->mss_clamp, sizeof(s->mss_clamp), "TCP_MAXSEG", what, e);
	if (!r)
		r = get(fd, TCP_TIMESTAMP, &s->timestamp, sizeof(s->timestamp), "TCP_TIMESTAMP",
			what, e);
	if (!r)
		r = read_window(fd, s, what, e);
	if (!r)
		r = read_queue(fd, TCP_SEND_QUEUE, &s->outq_seq, s->outq_len, &c->out, pool, what,
			       e);
	if (!r)
		r = read_queue(fd, TCP_RECV_QUEUE, &s->inq_seq, s->inq_len, &c->in, pool, what, e);
	if (!r)
		r = set(fd, TCP_REPAIR_QUEUE, TCP_NO_QUEUE, "TCP_REPAIR_QUEUE", what, e);
	return r;
}

const char *tcp_conn_impossible(const struct tcp_conn *c)
{
	const TcpStreamEntry *s = &c->s;

	if (s->inq_len > INT_MAX / 4 || s->outq_len > INT_MAX / 4)
		return "its queues are longer than any";
	if (s->unsq_len > s->outq_len)
		return "more is unsent than there is";
	if (s->snd_wscale > SCALE_MAX || s->rcv_wscale > SCALE_MAX)
		return "its window scale is out of range";
	if (!s->mss_clamp || s->mss_clamp > UINT16_MAX)
		return "its segment size is out of range";
	return NULL;
}

/* Sequence numbers behind the last byte of data on either side. */
static uint32_t in_end(const struct tcp_conn *c)
{
	return c->s.inq_seq - fin_in(c->state);
}

static uint32_t out_end(const struct tcp_conn *c)
{
	return c->s.outq_seq - (fin_out(c->state) || c->state == TCP_FIN_WAIT2);
}

static int queue_seq(int fd, int queue, uint32_t seq, const char *what, struct err *e)
{
	int r = set(fd, TCP_REPAIR_QUEUE, queue, "TCP_REPAIR_QUEUE", what, e);

	return r ? r : set(fd, TCP_QUEUE_SEQ, (int)seq, "TCP_QUEUE_SEQ", what, e);
}

static void make_room(int fd, int name, int plain, uint32_t bytes)
{
	int is = 0, want = (int)ROOM(bytes);
	socklen_t n = sizeof(is);

	/* What does not fit is seen when it is sent. The caller puts the sizes right at the end. */
	if (getsockopt(fd, SOL_SOCKET, plain, &is, &n) || is / 2 < want)
		setsockopt(fd, SOL_SOCKET, name, &want, sizeof(want));
}

int tcp_repair_begin(int fd, const struct tcp_conn *c, const char *what, struct err *e)
{
	int r = tcp_repair_mode(fd, 1, what, e);

	if (r)
		return r;
	make_room(fd, SO_SNDBUFFORCE, SO_SNDBUF, c->s.outq_len);
	make_room(fd, SO_RCVBUFFORCE, SO_RCVBUF, c->s.inq_len);
	r = queue_seq(fd, TCP_RECV_QUEUE, in_end(c) - c->s.inq_len, what, e);
	return r ? r : queue_seq(fd, TCP_SEND_QUEUE, out_end(c) - c->s.outq_len, what, e);
}

static int put_options(int fd, const TcpStreamEntry *s, const char *what, struct err *e)
{
	struct tcp_repair_opt o[4];
	size_t n = 0;

	/* Kinds of TCP options, as in RFC 9293 and 7323. */
	o[n++] = (struct tcp_repair_opt){ TCPOPT_MAXSEG, s->mss_clamp };
	if (s->opt_mask & TCPI_OPT_WSCALE)
		o[n++] = (struct tcp_repair_opt){ TCPOPT_WINDOW,
						  s->snd_wscale | s->rcv_wscale << 16 };
	if (s->opt_mask & TCPI_OPT_SACK)
		o[n++] = (struct tcp_repair_opt){ TCPOPT_SACK_PERMITTED, 0 };
	if (s->opt_mask & TCPI_OPT_TIMESTAMPS)
		o[n++] = (struct tcp_repair_opt){ TCPOPT_TIMESTAMP, 0 };
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, o, (socklen_t)(n * sizeof(*o))))
		return err_sys(e, "setsockopt", "%s: TCP_REPAIR_OPTIONS", what);
	if (!(s->opt_mask & TCPI_OPT_TIMESTAMPS))
		return 0;
	return set(fd, TCP_TIMESTAMP, (int)s->timestamp, "TCP_TIMESTAMP", what, e);
}

/* @end: what has come in so far. The kernel takes no window that begins behind it. */
static int put_window(int fd, const TcpStreamEntry *s, uint32_t end, const char *what,
		      struct err *e)
{
	struct tcp_repair_window w = { .snd_wl1 = s->snd_wl1,
				       .snd_wnd = s->snd_wnd,
				       .max_window = s->max_window,
				       .rcv_wnd = s->rcv_wnd,
				       .rcv_wup = s->rcv_wup };

	if (!s->has_snd_wnd)
		return 0;
	if ((int32_t)(w.rcv_wup - end) > 0)
		w.rcv_wup = end;
	if ((int32_t)(w.snd_wl1 - (end + w.rcv_wnd)) > 0)
		w.snd_wl1 = end;
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &w, sizeof(w)))
		return err_sys(e, "setsockopt", "%s: TCP_REPAIR_WINDOW", what);
	return 0;
}

static int send_all(int fd, const void *data, size_t n, const char *what, struct err *e)
{
	for (size_t at = 0; at < n;) {
		size_t piece = n - at < PIECE ? n - at : PIECE;
		ssize_t r = send(fd, (const char *)data + at, piece, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (r <= 0)
			return err_sys(e, "send", "%s: data that waited in it, %zu of %zu bytes",
				       what, at, n);
		at += (size_t)r;
	}
	return 0;
}

static int fill(int fd, int queue, const void *data, size_t n, const char *what, struct err *e)
{
	int r = n ? set(fd, TCP_REPAIR_QUEUE, queue, "TCP_REPAIR_QUEUE", what, e) : 0;

	return r ? r : send_all(fd, data, n, what, e);
}

int tcp_repair_connect(int fd, const struct tcp_conn *c, const char *what, struct err *e)
{
	const TcpStreamEntry *s = &c->s;
	socklen_t n = c->remote.any.sa_family == AF_INET6 ? sizeof(c->remote.v6) :
							    sizeof(c->remote.v4);
	int r;

	if (connect(fd, &c->remote.any, n)) {
		r = err_sys(e, "connect", "%s", what);
		if (r == -EADDRNOTAVAIL) {
			err_class_set(e, ERR_CONFLICT);
			err_hint(e, "the same connection is there already: end who has it");
		}
		return r;
	}
	r = put_options(fd, s, what, e);
	if (!r)
		r = fill(fd, TCP_RECV_QUEUE, c->in, s->inq_len, what, e);
	if (!r)
		r = put_window(fd, s, in_end(c), what, e);
	if (!r)
		r = fill(fd, TCP_SEND_QUEUE, c->out, s->outq_len - s->unsq_len, what, e);
	return r ? r : set(fd, TCP_REPAIR_QUEUE, TCP_NO_QUEUE, "TCP_REPAIR_QUEUE", what, e);
}

/* Out of repair mode it would be sent: the lock drops it, and it stays unsent. */
static int put_unsent(int fd, const struct tcp_conn *c, bool fin, const char *what, struct err *e)
{
	size_t sent = c->s.outq_len - c->s.unsq_len;
	int r = tcp_repair_mode(fd, OFF_SILENT, what, e);

	if (!r)
		r = send_all(fd, (const char *)c->out + sent, c->s.unsq_len, what, e);
	if (!r && fin && shutdown(fd, SHUT_WR))
		r = err_sys(e, "shutdown", "%s", what);
	return r ? r : tcp_repair_mode(fd, 1, what, e);
}

/* Marked as sent, and not sent. */
static int put_fin(int fd, const char *what, struct err *e)
{
	int r = set(fd, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE, "TCP_REPAIR_QUEUE", what, e);

	if (!r && shutdown(fd, SHUT_WR))
		r = err_sys(e, "shutdown", "%s", what);
	return r ? r : set(fd, TCP_REPAIR_QUEUE, TCP_NO_QUEUE, "TCP_REPAIR_QUEUE", what, e);
}

static int check_state(int fd, const struct tcp_conn *c, const char *what, struct err *e)
{
	struct tcp_info ti = { 0 };
	int r = get(fd, TCP_INFO, &ti, sizeof(ti), "TCP_INFO", what, e);

	if (r || ti.tcpi_state == c->state)
		return r;
	err_set(e, ERR_SYSTEM, EPROTO, "restore", what, "the connection came to state %u, not %u",
		ti.tcpi_state, c->state);
	return err_hint(e, "segments over lo did not reach it: is lo up, and its address there?");
}

int tcp_repair_finish(int fd, const struct tcp_conn *c, const int raw[2], const char *what,
		      struct err *e)
{
	uint32_t una = out_end(c) - c->s.outq_len;
	bool unsent = c->s.unsq_len > 0, out = fin_out(c->state), in = fin_in(c->state);
	bool acked = c->state == TCP_FIN_WAIT2;
	/* In LAST_ACK theirs came first. */
	bool theirs_first = in && c->state != TCP_CLOSING;
	int r = 0;

	if (theirs_first)
		r = tcp_inject(raw, c, in_end(c), una, FIN | ACK, what, e);
	if (!r && unsent)
		r = put_unsent(fd, c, out, what, e);
	if (!r && ((out && !unsent) || acked))
		r = put_fin(fd, what, e);
	if (!r && acked)
		r = tcp_inject(raw, c, in_end(c), out_end(c) + 1, ACK, what, e);
	/* They have not seen ours. */
	if (!r && c->state == TCP_CLOSING)
		r = tcp_inject(raw, c, in_end(c), una, FIN | ACK, what, e);
	if (!r && (in || acked))
		r = put_window(fd, &c->s, c->s.inq_seq, what, e);
	return r ? r : check_state(fd, c, what, e);
}
