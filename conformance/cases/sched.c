// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that threads come back with the scheduling that they had: every
 * policy, reset-on-fork, deadlines, slices, nice values under real-time
 * policies, priorities of input and output.
 */
// flavours: plain ns
// cflags: -pthread
#include <linux/ioprio.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "case.h"

#define MS 1000000ull

/* sched_setattr(2) */
struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static struct setting {
	struct attr a;
	int nice_then; /* set when the policy is in place */
	int io;
} settings[] = {
	{ .a = { .policy = 0, .nice = 0 } },
	{ .a = { .policy = 0, .nice = 7, .flags = 1 } },
	{ .a = { .policy = 0, .nice = -3, .runtime = 5 * MS } },
	{ .a = { .policy = 3, .nice = 4 }, .io = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 2) },
	{ .a = { .policy = 5 }, .nice_then = 11, .io = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0) },
	{ .a = { .policy = 1, .priority = 3 }, .nice_then = 5 },
	{ .a = { .policy = 2, .priority = 4, .flags = 1 } },
	{ .a = { .policy = 6, .runtime = 1 * MS, .deadline = 50 * MS, .period = 100 * MS } },
	{ .a = { .policy = 6,
		 .flags = 3,
		 .runtime = 2 * MS,
		 .deadline = 90 * MS,
		 .period = 90 * MS } },
};
#define N (sizeof(settings) / sizeof(settings[0]))
static pthread_barrier_t is_set, may_check;

static void look(char *buf, size_t size)
{
	struct attr a = { 0 };

	case_sys(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0));
	snprintf(buf, size,
		 "policy %u flags %llx nice %d/%d priority %u times %llu %llu %llu io %ld",
		 a.policy, (unsigned long long)a.flags, a.nice, getpriority(PRIO_PROCESS, 0),
		 a.priority, (unsigned long long)a.runtime, (unsigned long long)a.deadline,
		 (unsigned long long)a.period, syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0));
}

static void *thread(void *arg)
{
	struct setting *s = arg;
	char before[256], after[256];

	s->a.size = sizeof(s->a);
	case_sys(syscall(SYS_sched_setattr, 0, &s->a, 0));
	if (s->nice_then)
		case_sys(setpriority(PRIO_PROCESS, 0, s->nice_then));
	if (s->io)
		case_sys(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, s->io));
	look(before, sizeof(before));
	pthread_barrier_wait(&is_set);
	pthread_barrier_wait(&may_check);
	look(after, sizeof(after));
	case_check(!strcmp(before, after), "%s (was: %s)", after, before);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t t[N];

	case_begin(argc, argv);
	pthread_barrier_init(&is_set, NULL, N + 1);
	pthread_barrier_init(&may_check, NULL, N + 1);
	for (unsigned i = 0; i < N; i++)
		case_check(!pthread_create(&t[i], NULL, thread, &settings[i]), "no thread");
	pthread_barrier_wait(&is_set);
	case_ready();
	pthread_barrier_wait(&may_check);
	for (unsigned i = 0; i < N; i++)
		pthread_join(t[i], NULL);
	case_pass();
}
