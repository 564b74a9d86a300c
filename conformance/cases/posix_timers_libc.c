// SPDX-License-Identifier: MIT
/* Proves that the C library's SIGEV_THREAD timers, which run in a helper thread of its own, go on. */
// cflags: -pthread -lrt
// pause: 1
#include <pthread.h>
#include <signal.h>

#include "case.h"

static volatile int calls, value;
static volatile pthread_t in;

static void on_time(union sigval v)
{
	value = v.sival_int;
	in = pthread_self();
	__atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
}

int main(int argc, char **argv)
{
	struct sigevent se = { .sigev_notify = SIGEV_THREAD,
			       .sigev_value.sival_int = 42,
			       .sigev_notify_function = on_time };
	struct itimerspec its = { { 0, 100000000 }, { 0, 100000000 } };
	timer_t t;
	int n;

	case_begin(argc, argv);
	case_sys(timer_create(CLOCK_REALTIME, &se, &t));
	case_sys(timer_settime(t, 0, &its, NULL));
	while (calls < 2)
		case_sleep_ms(5);
	case_ready();

	n = calls;
	while (calls < n + 5)
		case_sleep_ms(5);
	case_check(value == 42, "value %d", value);
	case_sys(timer_gettime(t, &its));
	case_check(its.it_interval.tv_nsec == 100000000, "interval %ld", its.it_interval.tv_nsec);
	case_sys(timer_delete(t));
	case_sleep_ms(20);
	n = calls;
	case_sleep_ms(250);
	case_check(calls == n, "it goes on after its end");
	case_pass();
}
