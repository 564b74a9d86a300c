// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a pidfd of a single thread is refused by name, and lives on.
 */
// cflags: -pthread
// refuse: refers to a single thread
#include <pthread.h>
#include <sys/syscall.h>

#include "case.h"

static pid_t tid;

static void *run(void *arg)
{
	__atomic_store_n(&tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	case_wait_go();
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t t;
	int fd;

	case_begin(argc, argv);
	case_check(!pthread_create(&t, NULL, run, NULL), "pthread_create");
	while (!__atomic_load_n(&tid, __ATOMIC_ACQUIRE))
		case_sleep_ms(1);
	fd = case_sys((int)syscall(SYS_pidfd_open, tid, O_EXCL));
	case_ready();
	pthread_join(t, NULL);
	case_check(fcntl(fd, F_GETFD) != -1, "the pidfd is gone");
	case_pass();
}
