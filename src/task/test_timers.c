// SPDX-License-Identifier: GPL-2.0-or-later
/* POSIX timers: what /proc/PID/timers says, what clocks mean, and images that cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "task/task-internal.h"

static void test_parse(void **state)
{
	struct pool *p = pool_new();
	struct posix_timers ts;

	assert_int_equal(timers_parse(p, "", &ts), 0);
	assert_int_equal(ts.n, 0);
	assert_int_equal(timers_parse(p,
				      "ID: 7\nsignal: 34/00007ffc12345678\n"
				      "notify: signal/tid.4711\nClockID: -6\n"
				      "ID: 0\nsignal: 0/0000000000000000\n"
				      "notify: none/pid.4711\nClockID: 1\n",
				      &ts),
			 0);
	assert_int_equal(ts.n, 2);
	assert_int_equal(ts.v[0].id, 7);
	assert_int_equal(ts.v[0].signo, 34);
	assert_int_equal(ts.v[0].sival, 0x7ffc12345678);
	assert_int_equal(ts.v[0].notify, SIGEV_SIGNAL | SIGEV_THREAD_ID);
	assert_int_equal(ts.v[0].host, 4711);
	assert_int_equal(ts.v[0].clockid, -6);
	assert_int_equal(ts.v[1].notify, SIGEV_NONE);
	assert_int_equal(timers_parse(p, "ID: 7\nsignal: 34\n", &ts), -EINVAL);
	assert_int_equal(timers_parse(p, "nonsense", &ts), -EINVAL);
	pool_free(p);
}

static void test_clocks(void **state)
{
	struct timer_clock c;

	assert_true(timer_clock_parse(CLOCK_MONOTONIC, &c) && !c.wall && !c.cpu);
	assert_int_equal(c.counts_by, CLK_MONO);
	assert_true(timer_clock_parse(CLOCK_BOOTTIME_ALARM, &c) && !c.wall);
	assert_int_equal(c.counts_by, CLK_BOOT);
	assert_true(timer_clock_parse(CLOCK_TAI, &c) && c.wall);
	assert_true(timer_clock_parse(-6, &c) && c.cpu && !c.thread && !c.pid);
	assert_true(timer_clock_parse(-2, &c) && c.cpu && c.thread && !c.pid);
	assert_true(timer_clock_parse((int)(~1234u << 3) | 6, &c) && c.thread);
	assert_int_equal(c.pid, 1234);
	/* A device's clock, and numbers that no timer takes. */
	assert_false(timer_clock_parse((int)(~5u << 3) | 3, &c));
	assert_false(timer_clock_parse(CLOCK_REALTIME_COARSE, &c));
	assert_false(timer_clock_parse(100, &c));
}

struct subject {
	struct task t;
	struct thread th[2];
	CoreEntry core;
	TaskCoreEntry tc;
	TaskTimersEntry tt;
	PosixTimerEntry pe[2], *v[2];
};

static void subject_init(struct subject *s)
{
	memset(s, 0, sizeof(*s));
	core_entry__init(&s->core);
	task_core_entry__init(&s->tc);
	task_timers_entry__init(&s->tt);
	s->t.pid = 10;
	s->t.threads = s->th;
	s->t.n_threads = 2;
	s->th[0].core = &s->core;
	s->th[0].tid = 10;
	s->th[1].tid = 11;
	s->core.tc = &s->tc;
	s->tc.timers = &s->tt;
	s->tt.posix = s->v;
	s->tt.n_posix = 2;
	for (int i = 0; i < 2; i++) {
		s->v[i] = &s->pe[i];
		posix_timer_entry__init(&s->pe[i]);
		s->pe[i].it_id = (uint32_t)i;
		s->pe[i].clock_id = CLOCK_MONOTONIC;
		s->pe[i].si_signo = 14;
	}
	s->pe[1].it_sigev_notify = SIGEV_THREAD_ID;
	s->pe[1].has_notify_thread_id = 1;
	s->pe[1].notify_thread_id = 11;
}

#define BAD(change, why)                                                                           \
	do {                                                                                       \
		subject_init(&s);                                                                  \
		change;                                                                            \
		assert_non_null(timers_bad(&s.t));                                                 \
		assert_non_null(strstr(timers_bad(&s.t), why));                                    \
	} while (0)

static void test_images(void **state)
{
	struct subject s;

	subject_init(&s);
	assert_null(timers_bad(&s.t));
	s.tc.timers = NULL;
	assert_null(timers_bad(&s.t));
	BAD(s.pe[0].it_id = 1u << 31, "id is out of range");
	BAD(s.pe[0].it_id = 1, "one id");
	BAD(s.pe[0].clock_id = 99, "unknown clock");
	BAD(s.pe[0].it_sigev_notify = 3, "unknown way");
	BAD(s.pe[0].it_sigev_notify = 6, "unknown way");
	BAD(s.pe[0].si_signo = 0, "unknown signal");
	BAD(s.pe[0].si_signo = 65, "unknown signal");
	BAD(s.pe[1].notify_thread_id = 12, "thread that is not there");
	BAD(s.pe[0].vnsec = 1000000000, "out of range");
	BAD(s.pe[0].isec = UINT64_MAX, "out of range");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
