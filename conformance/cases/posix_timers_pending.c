// SPDX-License-Identifier: MIT
/*
 * Proves that signals of POSIX timers that were pending come back as the
 * timers' own, in their order among others: with timer id, value and overruns,
 * the next interval beginning when one is taken; and that an overrun count that
 * was reported stays.
 */
// pause: 1
#include <signal.h>
#include <sys/syscall.h>

#include "case.h"

static sigset_t all;

static int make(int sig, int value, long value_ns, long interval_ns)
{
	struct sigevent se = { .sigev_notify = SIGEV_SIGNAL,
			       .sigev_signo = sig,
			       .sigev_value.sival_int = value };
	struct itimerspec its = { { interval_ns / 1000000000, interval_ns % 1000000000 },
				  { value_ns / 1000000000, value_ns % 1000000000 } };
	int id;

	case_sys(syscall(SYS_timer_create, CLOCK_MONOTONIC, &se, &id));
	case_sys(syscall(SYS_timer_settime, id, 0, &its, NULL));
	return id;
}

static siginfo_t take(int sig, const char *what)
{
	struct timespec now = { 0 };
	siginfo_t si = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	case_check(sigtimedwait(&set, &si, &now) == sig, "%s: %s", what, strerror(errno));
	return si;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
	int once, often, usr, reported, overrun;
	struct itimerspec its;
	struct timespec none = { 0 };
	uint64_t start, step, passed;
	siginfo_t si;

	case_begin(argc, argv);
	sigfillset(&all);
	case_sys(sigprocmask(SIG_SETMASK, &all, NULL));
	/* It begins five and a half intervals ago. */
	reported = make(SIGRTMIN + 3, 8, 0, 0);
	step = now_us() / 8 < 10000000 ? now_us() / 8 : 10000000;
	start = now_us() - step * 11 / 2;
	its = (struct itimerspec){ { step / 1000000, step % 1000000 * 1000 },
				   { start / 1000000, start % 1000000 * 1000 } };
	case_sys(syscall(SYS_timer_settime, reported, TIMER_ABSTIME, &its, NULL));
	usr = make(SIGUSR1, 9, 1000000, 0);
	case_sleep_ms(10);
	si = take(SIGRTMIN + 3, "set-up");
	overrun = syscall(SYS_timer_getoverrun, reported);
	case_check(si.si_overrun == overrun && overrun == 5, "set-up: overrun %d, %d",
		   si.si_overrun, overrun);
	case_sys(sigqueue(getpid(), SIGRTMIN + 4, (union sigval){ .sival_int = 1 }));
	once = make(SIGRTMIN + 4, 5, 1000000, 0);
	case_sleep_ms(10);
	case_sys(sigqueue(getpid(), SIGRTMIN + 4, (union sigval){ .sival_int = 2 }));
	start = now_us() + 1000;
	often = make(SIGRTMIN + 5, 6, 1000000, 100000000);
	case_sleep_ms(5);
	case_ready();

	overrun = syscall(SYS_timer_getoverrun, reported);
	case_check(overrun == 5, "overrun %d, was 5", overrun);
	si = take(SIGUSR1, "the standard signal");
	case_check(si.si_code == SI_TIMER && si.si_timerid == usr && si.si_int == 9 &&
			   si.si_overrun == 0,
		   "SIGUSR1: code %d timer %d value %d", si.si_code, si.si_timerid, si.si_int);
	si = take(SIGRTMIN + 4, "the first");
	case_check(si.si_code == SI_QUEUE && si.si_int == 1, "the first is %d, value %d",
		   si.si_code, si.si_int);
	si = take(SIGRTMIN + 4, "the timer's");
	case_check(si.si_code == SI_TIMER && si.si_timerid == once && si.si_int == 5 &&
			   si.si_overrun == 0,
		   "the timer's: code %d id %d value %d overrun %d", si.si_code, si.si_timerid,
		   si.si_int, si.si_overrun);
	si = take(SIGRTMIN + 4, "the last");
	case_check(si.si_code == SI_QUEUE && si.si_int == 2, "the last is %d, value %d", si.si_code,
		   si.si_int);
	si = take(SIGRTMIN + 5, "the interval's");
	passed = now_us() - start;
	case_check(si.si_code == SI_TIMER && si.si_timerid == often && si.si_int == 6 &&
			   si.si_overrun <= (int)(passed / 100000),
		   "the interval's: code %d id %d value %d overrun %d after %lu us", si.si_code,
		   si.si_timerid, si.si_int, si.si_overrun, passed);
	case_check(sigtimedwait(&all, NULL, &none) != SIGRTMIN + 5, "a second signal at once");
	case_sys(syscall(SYS_timer_gettime, often, &its));
	passed = now_us() - start + its.it_value.tv_nsec / 1000;
	/* In step with the old intervals. */
	case_check(passed % 100000 < 3000 || passed % 100000 > 97000,
		   "the next interval ends %lu us after the start", passed);
	case_sleep_ms(150);
	take(SIGRTMIN + 5, "the next");
	case_sys(syscall(SYS_timer_gettime, once, &its));
	case_check(!its.it_value.tv_sec && !its.it_value.tv_nsec, "the single one is armed");
	case_pass();
}
