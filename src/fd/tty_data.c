// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Data in pseudo terminals. The kernel lets nobody look without reading, so it
 * is read and put in again: what the slave wrote, by writing it once more
 * without output processing; what was typed, by typing it once more without
 * echo and signals. In canonical mode lines are read one by one, so that their
 * ends are known: an end of file comes back as such, other special characters
 * are quoted with LNEXT, an unfinished line stays unfinished.
 *
 * The flags that stop output (IXON) are left alone, or changing them would
 * start it. Runs in: a child of the coordinator, so that data which has been
 * taken out comes in again whatever happens to us.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "fd/tty.h"

#define LNEXT 0x16
#define EOT 0x04
/* What the line discipline and the flip buffers behind it hold at most (64 KiB), with room. */
#define DATA_MAX (256 * 1024)
#define DISABLED 0 /* _POSIX_VDISABLE */

TermiosEntry *termios_entry(struct pool *pool, const struct termios2 *t)
{
	TermiosEntry *te = pool_msg(pool, TermiosEntry, termios_entry__init);

	te->c_iflag = t->c_iflag;
	te->c_oflag = t->c_oflag;
	te->c_cflag = t->c_cflag;
	te->c_lflag = t->c_lflag;
	te->c_line = t->c_line;
	te->c_ispeed = t->c_ispeed;
	te->c_ospeed = t->c_ospeed;
	te->c_cc = pool_alloc(pool, NCCS * sizeof(*te->c_cc));
	te->n_c_cc = NCCS;
	for (size_t i = 0; i < NCCS; i++)
		te->c_cc[i] = t->c_cc[i];
	return te;
}

void termios_from_entry(const TermiosEntry *te, struct termios2 *ret)
{
	*ret = (struct termios2){ .c_iflag = te->c_iflag,
				  .c_oflag = te->c_oflag,
				  .c_cflag = te->c_cflag,
				  .c_lflag = te->c_lflag,
				  .c_line = (cc_t)te->c_line,
				  .c_ispeed = te->c_ispeed,
				  .c_ospeed = te->c_ospeed };
	for (size_t i = 0; i < NCCS && i < te->n_c_cc; i++)
		ret->c_cc[i] = (cc_t)te->c_cc[i];
}

/* Without echo, signals and translation; canonical or not as before. */
static struct termios2 quiet(const struct termios2 *t)
{
	struct termios2 q = *t;

	q.c_iflag &= IXON;
	q.c_oflag &= ~(tcflag_t)OPOST;
	q.c_lflag &= ICANON;
	for (size_t i = 0; i < NCCS; i++)
		if (i != VMIN && i != VTIME && i != VEOL && i != VEOL2 && i != VEOF)
			q.c_cc[i] = DISABLED;
	if (q.c_lflag & ICANON) {
		q.c_lflag |= IEXTEN;
		q.c_cc[VLNEXT] = LNEXT;
		if (q.c_cc[VEOF] == DISABLED)
			q.c_cc[VEOF] = EOT;
	}
	return q;
}

static int set(int fd, const struct termios2 *t)
{
	return ioctl(fd, TCSETS2, t) ? -errno : 0;
}

/* poll(2) hands over what is still in the flip buffers (n_tty_poll). */
static short flush(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };

	return poll(&p, 1, 0) > 0 ? p.revents : 0;
}

static int put(struct tty_data *d, const char *v, size_t n)
{
	if (n > DATA_MAX - d->n)
		return -EFBIG;
	memcpy(d->v + d->n, v, n);
	d->n += n;
	return 0;
}

static bool is_end(const struct termios2 *q, unsigned char c)
{
	return c == '\n' || (c && (c == q->c_cc[VEOL] || c == q->c_cc[VEOL2]));
}

/* One line (or the unfinished one) as it has to be typed. */
static int quote(struct tty_data *d, const struct termios2 *q, const char *v, size_t n,
		 bool finished)
{
	bool ended = n && is_end(q, (unsigned char)v[n - 1]);
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		unsigned char c = (unsigned char)v[i];
		const char quoted[2] = { LNEXT, (char)c };

		if (c == LNEXT || c == q->c_cc[VEOF] || (is_end(q, c) && i + 1 < n))
			r = put(d, quoted, 2);
		else
			r = put(d, &v[i], 1);
	}
	if (!r && finished && !ended)
		r = put(d, (const char *)&q->c_cc[VEOF], 1);
	return r;
}

static int take_lines(int slave, const struct termios2 *q, struct tty_data *d)
{
	struct termios2 raw = *q;
	char buf[8192];
	ssize_t n;
	int r;

	for (;;) {
		n = read(slave, buf, sizeof(buf));
		if (n < 0)
			break;
		r = quote(d, q, buf, (size_t)n, true);
		if (r)
			return r;
	}
	if (errno != EAGAIN)
		return -errno;
	/* No line is left: what an ordinary read still finds is the unfinished one. */
	raw.c_lflag &= ~(tcflag_t)(ICANON | IEXTEN);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	r = set(slave, &raw);
	if (r)
		return r;
	n = read(slave, buf, sizeof(buf));
	if (n > 0)
		r = quote(d, q, buf, (size_t)n, false);
	return r ? r : set(slave, q);
}

/* Until nothing is left; the descriptor does not wait. */
static int take_all(int fd, struct tty_data *d)
{
	char buf[4096];
	ssize_t n;
	int r;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		r = put(d, buf, (size_t)n);
		if (r)
			return r;
		flush(fd);
	}
	return n < 0 && errno != EAGAIN ? -errno : 0;
}

/* A master has no second description to be had, so it must not wait. */
static int take_counted(int master, struct tty_data *d)
{
	for (;;) {
		char buf[4096];
		int ready = 0, r;
		ssize_t n;

		flush(master);
		if (ioctl(master, FIONREAD, &ready))
			return -errno;
		if (ready <= 0)
			return 0;
		n = read(master, buf, (size_t)ready < sizeof(buf) ? (size_t)ready : sizeof(buf));
		if (n <= 0)
			return n ? -errno : 0;
		r = put(d, buf, (size_t)n);
		if (r)
			return r;
	}
}

static int write_some(int fd, int other, const struct tty_data *d)
{
	for (size_t at = 0; at < d->n;) {
		size_t left = d->n - at;
		ssize_t n = write(fd, d->v + at, left < 1024 ? left : 1024);

		if (n < 0)
			return -errno;
		at += (size_t)n;
		/* Handed over bit by bit: the master's write never waits for room. */
		flush(other);
	}
	return 0;
}

/* Both directions into a pair whose slave does not wait. */
static int refill(const struct tty_ends *t, const struct termios2 *q, const struct tty_data *input,
		  const struct tty_data *output)
{
	int r = set(t->slave, q);

	if (!r)
		r = write_some(t->slave, t->master, output);
	return r ? r : write_some(t->master, t->slave, input);
}

static int copy_here(const struct tty_ends *t, struct tty_data *in, struct tty_data *out)
{
	struct termios2 old, q;
	int packet = 0, zero = 0, one = 1, r, x;

	if (ioctl(t->slave, TCGETS2, &old) || ioctl(t->master, TIOCGPKT, &packet))
		return -errno;
	flush(t->slave);
	flush(t->master);
	q = quiet(&old);
	/* In packet mode the master would be told of every change. */
	if (packet)
		ioctl(t->master, TIOCPKT, &zero);
	r = set(t->slave, &q);
	if (!r)
		r = q.c_lflag & ICANON ? take_lines(t->slave, &q, in) : take_all(t->slave, in);
	if (!r)
		r = take_counted(t->master, out);
	x = refill(t, &q, in, out);
	flush(t->slave);
	if (set(t->slave, &old) && !x)
		x = -errno;
	if (packet)
		ioctl(t->master, TIOCPKT, &one);
	return r ? r : x;
}

/* The slave once more, without waiting. */
static int second_slave(const struct tty_ends *t)
{
	char path[40];
	int fd;

	if (t->slave < 0) {
		fd = ioctl(t->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", t->slave);
	fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int send_all(int sock, int result, const struct tty_data *in, const struct tty_data *out)
{
	uint32_t head[3] = { (uint32_t)result, (uint32_t)in->n, (uint32_t)out->n };
	int r = write_all(sock, head, sizeof(head));

	if (!r)
		r = write_all(sock, in->v, in->n);
	return r ? r : write_all(sock, out->v, out->n);
}

static int receive(int sock, struct pool *pool, struct tty_data *in, struct tty_data *out)
{
	uint32_t head[3];
	int r = read_all(sock, head, sizeof(head));

	if (r)
		return r;
	if ((int)head[0])
		return (int)head[0];
	in->n = head[1];
	out->n = head[2];
	in->v = pool_alloc(pool, in->n + 1);
	out->v = pool_alloc(pool, out->n + 1);
	r = read_all(sock, in->v, in->n);
	return r ? r : read_all(sock, out->v, out->n);
}

static int failed(const struct tty_ends *t, int code, struct err *e)
{
	errno = -code;
	return err_sys(e, "copy the data of", "%s", t->name);
}

int tty_data_copy(const struct tty_ends *t, struct pool *pool, struct tty_data *ret_input,
		  struct tty_data *ret_output, struct err *e)
{
	_cleanup_close_ int slave = second_slave(t), rd = -EBADF;
	struct tty_ends own = { t->master, slave, "" };
	int v[2], status, r;
	pid_t pid;

	if (slave < 0)
		return failed(t, slave, e);
	if (!(flush(slave) & POLLOUT)) {
		err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", t->name,
			"its output is stopped (^S), or nobody reads it");
		return err_hint(e, "let it go on (^Q), or read from its master side");
	}
	if (pipe2(v, O_CLOEXEC))
		return err_sys(e, "pipe2", "%s", t->name);
	rd = v[0];
	pid = fork();
	if (pid < 0) {
		close(v[1]);
		return err_sys(e, "fork", "a helper for %s", t->name);
	}
	if (!pid) {
		struct tty_data in = { malloc(DATA_MAX), 0 }, out = { malloc(DATA_MAX), 0 };
		sigset_t all;

		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		setsid();
		r = in.v && out.v ? copy_here(&own, &in, &out) : -ENOMEM;
		_exit(send_all(v[1], r, &in, &out) != 0);
	}
	close(v[1]);
	r = receive(rd, pool, ret_input, ret_output);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return r ? failed(t, r, e) : 0;
}

int tty_data_put(const struct tty_ends *t, const struct tty_data *input,
		 const struct tty_data *output, struct err *e)
{
	_cleanup_close_ int slave = second_slave(t);
	struct tty_ends own = { t->master, slave, "" };
	struct termios2 old, q;
	int r = slave < 0 ? slave : 0;

	if (!r && ioctl(slave, TCGETS2, &old))
		r = -errno;
	if (!r) {
		q = quiet(&old);
		r = refill(&own, &q, input, output);
	}
	if (!r) {
		flush(slave);
		r = set(slave, &old);
	}
	if (r) {
		errno = -r;
		return err_sys(e, "put the data back into", "%s", t->name);
	}
	return 0;
}
