// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a static program of another C library (no dynamic linker, no
 * sigreturn stub where glibc has it, no rseq) comes back: sleeping, computing,
 * with a handler that runs afterwards.
 */
// needs: musl
// cflags: -static -pthread
#include <pthread.h>
#include <signal.h>

#include "case.h"

static volatile int stop, handled;
static volatile unsigned long turns;

static void handler(int sig)
{
	handled++;
}

static void *busy(void *arg)
{
	while (!stop)
		turns++;
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned long before;
	pthread_t t;

	case_begin(argc, argv);
	signal(SIGUSR1, handler);
	case_check(!pthread_create(&t, NULL, busy, NULL), "pthread_create");
	case_ready();
	before = turns;
	case_sleep_ms(20);
	case_check(turns != before, "the busy thread stands still");
	raise(SIGUSR1);
	case_check(handled == 1, "the handler ran %d times", handled);
	stop = 1;
	pthread_join(t, NULL);
	case_pass();
}
