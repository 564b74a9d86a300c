// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that what the kernel does for a thread by addresses still works: the
 * robust list (a dead owner's mutex is handed on), clear_child_tid (a join
 * returns), rseq (the registered area still tells the CPU).
 */
// cflags: -pthread
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "case.h"

static pthread_mutex_t *shared, local;

static void *owner(void *arg)
{
	pthread_mutex_lock(&local);
	pthread_mutex_lock(shared);
	case_child_ready("owner");
	case_wait_go();
	return NULL;
}

static void child_owner(void)
{
	pthread_mutex_lock(shared + 1);
	case_child_ready("child");
	case_wait_go();
	_exit(0);
}

static volatile struct rseq *rseq_area(void)
{
	return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

static void *joined(void *arg)
{
	int i, cpu;

	case_wait_go();
	/* The kernel writes the CPU whenever we are moved. */
	for (i = 0; i < 50 && __rseq_size; i++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		cpu = i % 2;
		CPU_SET(cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			continue;
		case_check((int)rseq_area()->cpu_id == cpu, "rseq says CPU %d, we are on %d",
			   (int)rseq_area()->cpu_id, cpu);
	}
	return arg;
}

int main(int argc, char **argv)
{
	pthread_mutexattr_t attr;
	pthread_t t, j;
	void *ret;
	int r;

	case_begin(argc, argv);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&local, &attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&shared[0], &attr);
	pthread_mutex_init(&shared[1], &attr);
	case_check(!pthread_create(&t, NULL, owner, NULL), "pthread_create");
	case_check(!pthread_create(&j, NULL, joined, argv), "pthread_create");
	if (!case_sys(fork()))
		child_owner();
	case_wait_child("owner");
	case_wait_child("child");
	case_ready();
	r = pthread_mutex_lock(&local);
	case_check(r == EOWNERDEAD, "the thread's mutex: %s", strerror(r));
	r = pthread_mutex_lock(&shared[0]);
	case_check(r == EOWNERDEAD, "the thread's shared mutex: %s", strerror(r));
	r = pthread_mutex_lock(&shared[1]);
	case_check(r == EOWNERDEAD, "the child's mutex: %s", strerror(r));
	case_check(!pthread_join(t, NULL) && !pthread_join(j, &ret) && ret == argv, "join");
	case_check(wait(&r) > 0 && r == 0, "the child's status is %x", r);
	case_pass();
}
