// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that threads share the filters that they shared (so that the process
 * can synchronise them again), that one has its own on top, another none but
 * the shared, and that a flag of a filter is kept; strict mode in a child.
 */
// cflags: -pthread
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "case.h"

#define NR offsetof(struct seccomp_data, nr)

/* The call @nr gives errno @err. */
static long filter(unsigned flags, int nr, int err)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { 4, f };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &p);
}

static void gives(const char *who, int nr, int err)
{
	long r = syscall(nr, 0, 0, 0);

	case_check(err ? r == -1 && errno == err : r != -1, "%s: call %d gives %ld (%d), not %d",
		   who, nr, r, errno, err);
}

static int filters(void)
{
	char path[64], line[128];
	int n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/status", syscall(SYS_gettid));
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "Seccomp_filters: %d", &n);
	fclose(f);
	return n;
}

static void *with_own(void *arg)
{
	case_child_ready("a");
	case_wait_for("installed");
	case_sys(filter(SECCOMP_FILTER_FLAG_LOG, SYS_getpgrp, 57));
	case_child_ready("b");
	case_wait_go();
	gives("own", SYS_getppid, 55);
	gives("own", SYS_getuid, 56);
	gives("own", SYS_getpgrp, 57);
	case_check(filters() == 4, "the thread has %d filters", filters());
	return NULL;
}

static void *with_shared(void *arg)
{
	case_child_ready("c");
	case_wait_go();
	gives("shared", SYS_getppid, 55);
	gives("shared", SYS_getuid, 56);
	gives("shared", SYS_getpgrp, 0);
	case_check(filters() == 3, "the other thread has %d filters", filters());
	case_child_ready("checked");
	case_wait_for("last");
	gives("shared", SYS_getgid, 58);
	return NULL;
}

static void strict(int in, int out)
{
	char byte;

	case_child_ready("strict");
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	if (syscall(SYS_read, in, &byte, 1) == 1)
		syscall(SYS_write, out, &byte, 1);
	/* Anything else kills. */
	syscall(SYS_getpid);
	syscall(SYS_exit, 0);
}

int main(int argc, char **argv)
{
	pthread_t own, shared;
	int in[2], out[2], st;
	char byte = 7;
	long r;
	pid_t pid;

	case_begin(argc, argv);
	case_sys(pipe(in));
	case_sys(pipe(out));
	pid = case_sys(fork());
	if (!pid)
		strict(in[0], out[1]);
	case_wait_child("strict");
	case_sys(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	pthread_create(&own, NULL, with_own, NULL);
	pthread_create(&shared, NULL, with_shared, NULL);
	case_wait_child("a");
	case_wait_child("c");
	case_sys(filter(0, SYS_getppid, 55));
	case_sys(filter(0, SYS_getuid, 99));
	/* Of two answers the later filter's counts. */
	case_check(!filter(SECCOMP_FILTER_FLAG_TSYNC, SYS_getuid, 56), "cannot synchronise");
	case_touch("installed");
	case_wait_child("b");
	case_sleep_ms(10);
	case_ready();
	case_check(filters() == 3, "the leader has %d filters", filters());
	pthread_join(own, NULL);
	case_wait_child("checked");
	r = filter(SECCOMP_FILTER_FLAG_TSYNC, SYS_getgid, 58);
	case_check(!r, "the threads cannot be synchronised any more: %ld, %m", r);
	case_touch("last");
	pthread_join(shared, NULL);
	case_sys(write(in[1], &byte, 1));
	case_check(read(out[0], &byte, 1) == 1 && byte == 7, "the strict child does not answer");
	case_check(waitpid(pid, &st, 0) == pid && WIFSIGNALED(st) && WTERMSIG(st) == 9,
		   "the strict child's status is %x", st);
	case_pass();
}
