// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whoever reads a message queue dies at any moment: who survives puts it back
 * as it was, whatever the record says that is one step behind the queue.
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/journal.h"
#include "base/proc.h"
#include "nsops/mq_save.h"
#include "nsops/nsops.h"

#define NAME "/stasis-test"
#define N 5
#define MSGSIZE 64

/* As they come out: by priority, then by age. */
static const struct {
	const char *text;
	unsigned prio;
} want[N] = { { "top", 9 }, { "", 9 }, { "older", 2 }, { "younger", 2 }, { "last", 0 } };

static mqd_t fresh_queue(void)
{
	static const int order[N] = { 4, 2, 0, 3, 1 };
	struct mq_attr attr = { .mq_maxmsg = N, .mq_msgsize = MSGSIZE };
	mqd_t q;

	mq_unlink(NAME);
	q = mq_open(NAME, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &attr);
	assert_true(q >= 0);
	for (int i = 0; i < N; i++)
		assert_int_equal(mq_send(q, want[order[i]].text, strlen(want[order[i]].text),
					 want[order[i]].prio),
				 0);
	return q;
}

static struct journal_entry *record(uint64_t bytes)
{
	size_t len =
		sizeof(struct mq_saved) + N * sizeof(struct mq_saved_message) + bytes + MSGSIZE;
	struct journal_entry *je = calloc(1, sizeof(*je) + len);
	struct mq_saved *s = (struct mq_saved *)je->data;
	struct proc_stat st;
	struct err e = { 0 };

	assert_int_equal(proc_stat_read(getpid(), &st, &e), 0);
	je->kind = UNDO_MQUEUE;
	je->len = (uint32_t)len;
	s->pid = getpid();
	s->starttime = st.starttime;
	s->bytes = bytes;
	s->n = N;
	s->msgsize = MSGSIZE;
	strcpy(s->name, &NAME[1]);
	return je;
}

/* @out messages are taken, @noted of them noted, @back of them put back. */
static void die_at(unsigned out, unsigned noted, unsigned back)
{
	struct journal_entry *je;
	struct mq_saved *s;
	struct err e = { 0 };
	char buf[MSGSIZE], *at;
	uint64_t bytes = 0;
	mqd_t q = fresh_queue();

	for (int i = 0; i < N; i++)
		bytes += strlen(want[i].text);
	je = record(bytes);
	s = (struct mq_saved *)je->data;
	at = (char *)(s->v + N);
	for (unsigned i = 0; i < out; i++) {
		ssize_t n = mq_receive(q, at, MSGSIZE, &s->v[i].prio);

		assert_true(n >= 0);
		at += n;
		if (i < noted) {
			s->v[i].len = (uint32_t)n;
			s->taken++;
		}
	}
	s->putting = back > 0;
	for (unsigned i = 0; i < back; i++)
		mq_send(q, want[i].text, strlen(want[i].text), want[i].prio);
	assert_int_equal(ns_undo_mqueue.undo(NULL, &je, 1, &e), 0);
	for (int i = 0; i < N; i++) {
		unsigned prio;

		assert_int_equal(mq_receive(q, buf, MSGSIZE, &prio), strlen(want[i].text));
		assert_memory_equal(buf, want[i].text, strlen(want[i].text));
		assert_int_equal(prio, want[i].prio);
	}
	assert_int_equal(mq_receive(q, buf, MSGSIZE, NULL), -1);
	mq_close(q);
	mq_unlink(NAME);
	free(je);
}

static void test_deaths(void **state)
{
	if (unshare(CLONE_NEWIPC))
		skip();
	for (unsigned k = 0; k <= N; k++) {
		die_at(k, k, 0);
		if (k)
			die_at(k, k - 1, 0);
		die_at(N, N, k);
	}
}

/* A record that does not add up is left alone. */
static void test_broken_records(void **state)
{
	struct journal_entry *je = record(10);
	struct mq_saved *s = (struct mq_saved *)je->data;
	struct err e = { 0 };

	s->taken = N + 1;
	assert_int_equal(ns_undo_mqueue.undo(NULL, &je, 1, &e), 0);
	s->taken = 1;
	s->v[0].len = 11;
	assert_int_equal(ns_undo_mqueue.undo(NULL, &je, 1, &e), 0);
	s->taken = 0;
	je->len = sizeof(*s) - 1;
	assert_int_equal(ns_undo_mqueue.undo(NULL, &je, 1, &e), 0);
	free(je);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deaths),
		cmocka_unit_test(test_broken_records),
	};

	return cmocka_run_group_tests_name("mq_save", tests, NULL, NULL);
}
