// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves that all three interval timers come back with interval and the time that remained. */
#include <signal.h>
#include <sys/time.h>

#include "case.h"

static volatile int real, prof, virt;

static void on_alarm(int sig)
{
	*(sig == SIGALRM ? &real : sig == SIGPROF ? &prof : &virt) += 1;
}

int main(int argc, char **argv)
{
	struct itimerval r = { { 0, 200000 }, { 3, 0 } }, p = { { 0, 30000 }, { 500, 0 } },
			 v = { { 0, 0 }, { 400, 0 } }, now;
	uint64_t start;

	case_begin(argc, argv);
	signal(SIGALRM, on_alarm);
	signal(SIGPROF, on_alarm);
	signal(SIGVTALRM, on_alarm);
	case_sys(setitimer(ITIMER_REAL, &r, NULL));
	case_sys(setitimer(ITIMER_PROF, &p, NULL));
	case_sys(setitimer(ITIMER_VIRTUAL, &v, NULL));
	start = case_now_ms();
	case_ready();

	getitimer(ITIMER_REAL, &now);
	case_check(now.it_interval.tv_usec == 200000, "the real timer's interval is %ld",
		   now.it_interval.tv_usec);
	case_check(now.it_value.tv_sec || now.it_value.tv_usec || real, "the real timer is gone");
	while (!real)
		case_sleep_ms(10);
	/* Never early; late only by the time that we did not run. */
	case_check(case_now_ms() - start >= 2990 - 20, "the real timer came after %ld ms, not 3000",
		   (long)(case_now_ms() - start));
	while (real < 3)
		case_sleep_ms(10);
	getitimer(ITIMER_PROF, &now);
	case_check(now.it_interval.tv_usec == 30000 && now.it_value.tv_sec >= 498 &&
			   now.it_value.tv_sec <= 500,
		   "the profiling timer: %ld s, interval %ld us", now.it_value.tv_sec,
		   now.it_interval.tv_usec);
	getitimer(ITIMER_VIRTUAL, &now);
	case_check(!now.it_interval.tv_usec && now.it_value.tv_sec >= 398 &&
			   now.it_value.tv_sec <= 400,
		   "the virtual timer: %ld s", now.it_value.tv_sec);
	case_check(!prof && !virt, "a timer of CPU time went off");
	case_pass();
}
