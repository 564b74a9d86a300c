// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See mq_save.h. A death at any moment leaves enough in the record: how many
 * messages are out is told by the queue itself, and the length of one whose
 * receiver died before he could note it by the bytes that the queue misses.
 *
 * Runs in: a helper inside the IPC namespace, started by the worker, or by who
 * survived it.
 */
#include "nsops/mq_save.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/journal.h"
#include "base/nshelper.h"
#include "base/proc.h"
#include "nsops/nsops-internal.h"

static char *data_of(struct mq_saved *s)
{
	return (char *)(s->v + s->n);
}

const char *mq_saved_data(const struct mq_saved *s)
{
	return (const char *)(s->v + s->n);
}

static uint64_t taken_bytes(const struct mq_saved *s)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < s->taken; i++)
		sum += s->v[i].len;
	return sum;
}

static int take_all(struct mq_saved *s, int fd, struct err *e)
{
	char *at = data_of(s) + taken_bytes(s);

	while (s->taken < s->n) {
		struct mq_saved_message *v = &s->v[s->taken];
		ssize_t n = mq_receive(fd, at, s->msgsize, &v->prio);

		if (n < 0)
			return err_sys(e, "mq_receive", "message queue /%s", s->name);
		v->len = (uint32_t)n;
		at += n;
		__atomic_store_n(&s->taken, s->taken + 1, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&s->putting, 1, __ATOMIC_RELEASE);
	return 0;
}

static int put_from(struct mq_saved *s, uint32_t first, int fd, struct err *e)
{
	const char *at = data_of(s);

	for (uint32_t i = 0; i < s->n; at += s->v[i++].len)
		if (i >= first && mq_send(fd, at, s->v[i].len, s->v[i].prio))
			return err_sys(e, "mq_send", "message queue /%s, message %u", s->name, i);
	return 0;
}

int mq_save(struct model *m, pid_t holder, int fd, const char *name, const struct mq_attr *attr,
	    uint64_t bytes, const struct mq_saved **ret, struct err *e)
{
	size_t n = (size_t)attr->mq_curmsgs, head = sizeof(struct mq_saved);
	/* Room for one message more than there is: the kernel asks for a whole one. */
	size_t size = head + n * sizeof(struct mq_saved_message) + bytes + (size_t)attr->mq_msgsize;
	struct mq_saved *s = pool_alloc(m->pool, size);
	struct journal_entry *je;
	struct proc_stat st;
	int r = proc_stat_read(holder, &st, e);

	if (r)
		return r;
	s->pid = holder;
	s->starttime = st.starttime;
	s->bytes = bytes;
	s->n = (uint32_t)n;
	s->msgsize = (uint32_t)attr->mq_msgsize;
	snprintf(s->name, sizeof(s->name), "%s", name);
	r = journal_add(m->journal, UNDO_MQUEUE, s, size, &je, e);
	if (r)
		return r;
	s = (struct mq_saved *)je->data;
	r = take_all(s, fd, e);
	/* What was taken goes back in any case. */
	if (!r)
		r = put_from(s, 0, fd, e);
	if (r)
		return r;
	journal_done(je);
	*ret = s;
	return 0;
}

/* The queue's own count of bytes: "QSIZE:12 ..." */
static int bytes_left(int fd, uint64_t *ret)
{
	char text[128];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return -EIO;
	text[n] = 0;
	return sscanf(text, "QSIZE:%lu", ret) == 1 ? 0 : -EIO;
}

static int put_back_inside(void *arg, void *ret, struct err *e)
{
	struct mq_saved *s = arg;
	_cleanup_close_ int fd =
		(int)syscall(SYS_mq_open, s->name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	struct mq_attr attr;
	uint64_t left;
	uint32_t out;

	if (fd < 0 || mq_getattr(fd, &attr) || bytes_left(fd, &left))
		return err_sys(e, "mq_open", "message queue /%s", s->name);
	if (s->putting)
		return put_from(s, (uint32_t)attr.mq_curmsgs, fd, e);
	out = s->n - (uint32_t)attr.mq_curmsgs;
	/* Taken, but not noted. */
	if (out == s->taken + 1) {
		s->v[s->taken].len = (uint32_t)(s->bytes - taken_bytes(s) - left);
		s->taken++;
	}
	if (take_all(s, fd, e))
		return -e->code;
	return put_from(s, 0, fd, e);
}

/* The helper of who died may be about to do so. */
#define SETTLE_US 10000

static int put_back(struct mq_saved *s, struct err *e)
{
	struct proc_stat st;
	int r = proc_stat_read(s->pid, &st, e);

	/* The namespace is gone, and its queues with it. */
	if (r == -ESRCH || (!r && st.starttime != s->starttime)) {
		err_clear(e);
		return 0;
	}
	usleep(SETTLE_US);
	return r ? r : ns_helper_call(s->pid, CLONE_NEWIPC, put_back_inside, s, NULL, e);
}

static bool is_whole(const struct journal_entry *je)
{
	const struct mq_saved *s = (const struct mq_saved *)je->data;

	if (je->len < sizeof(*s) || s->taken > s->n || s->name[sizeof(s->name) - 1])
		return false;
	return s->n <= je->len / sizeof(s->v[0]) &&
	       sizeof(*s) + s->n * sizeof(s->v[0]) + s->bytes + s->msgsize <= je->len &&
	       taken_bytes(s) <= s->bytes;
}

static int undo(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		if (is_whole(v[i]))
			r = put_back((struct mq_saved *)v[i]->data, e);
	return r;
}

const struct undo_kind ns_undo_mqueue = {
	.id = UNDO_MQUEUE,
	.name = "messages taken from a queue",
	.undo = undo,
};
