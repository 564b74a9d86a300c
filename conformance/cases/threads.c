// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that threads come back: tids, names, each thread's own signal mask
 * and alternate stack, thread-local storage, a mutex held by one and wanted by
 * another, joining, and new threads afterwards.
 */
// cflags: -pthread
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "case.h"

#define N 12
static __thread uint64_t tls_value;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t set_up;
static volatile bool go;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t cond_lock = PTHREAD_MUTEX_INITIALIZER;

static void wait_in_some_way(long i)
{
	switch (i % 3) {
	case 0:
		while (!go)
			case_sleep_ms(3);
		break;
	case 1:
		pthread_mutex_lock(&cond_lock);
		while (!go)
			pthread_cond_wait(&cond, &cond_lock);
		pthread_mutex_unlock(&cond_lock);
		break;
	default:
		while (!go)
			__asm__ volatile("pause");
	}
}

static void *body(void *arg)
{
	long i = (long)arg, tid = syscall(SYS_gettid);
	char name[16], now[16];
	sigset_t mask, mask_now;
	stack_t alt = { .ss_sp = malloc(65536), .ss_size = 65536 }, alt_now;

	tls_value = 0x1234567800 + i;
	snprintf(name, sizeof(name), "worker-%ld", i);
	prctl(PR_SET_NAME, name);
	sigemptyset(&mask);
	sigaddset(&mask, SIGRTMIN + i);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	case_check(!sigaltstack(&alt, NULL), "sigaltstack: %m");
	pthread_barrier_wait(&set_up);
	if (i == 1) {
		pthread_mutex_lock(&held);
		pthread_mutex_unlock(&held);
	}
	wait_in_some_way(i);
	case_check(syscall(SYS_gettid) == tid, "thread %ld has tid %ld, had %ld", i,
		   syscall(SYS_gettid), tid);
	prctl(PR_GET_NAME, now);
	case_check(!strcmp(now, name), "thread %ld is called %s", i, now);
	pthread_sigmask(SIG_SETMASK, NULL, &mask_now);
	case_check(sigismember(&mask_now, SIGRTMIN + i) == 1 &&
			   sigismember(&mask_now, SIGUSR1) == 0,
		   "thread %ld has another signal mask", i);
	sigaltstack(NULL, &alt_now);
	case_check(alt_now.ss_sp == alt.ss_sp && alt_now.ss_size == alt.ss_size,
		   "thread %ld has another alternate stack", i);
	case_check(tls_value == 0x1234567800ul + i, "thread %ld: TLS holds %lx", i, tls_value);
	return (void *)(i * 7);
}

static void *later(void *arg)
{
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t t[N], extra;
	void *ret;
	long i;

	case_begin(argc, argv);
	pthread_barrier_init(&set_up, NULL, N + 1);
	pthread_mutex_lock(&held);
	for (i = 0; i < N; i++)
		case_check(!pthread_create(&t[i], NULL, body, (void *)i), "pthread_create");
	pthread_barrier_wait(&set_up);
	case_sleep_ms(10);
	case_ready();
	pthread_mutex_lock(&cond_lock);
	go = true;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&cond_lock);
	pthread_mutex_unlock(&held);
	for (i = 0; i < N; i++) {
		case_check(!pthread_join(t[i], &ret), "pthread_join");
		case_check(ret == (void *)(i * 7), "thread %ld returned %p", i, ret);
	}
	case_check(!pthread_create(&extra, NULL, later, argv), "no new thread can be made");
	case_check(!pthread_join(extra, &ret) && ret == argv, "a new thread does not work");
	case_pass();
}
