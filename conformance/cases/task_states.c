// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that what a task has set for itself comes back, per process and per
 * thread: memory error policy, speculation controls, merging of equal pages,
 * memory that is never writable and executable, the TSC and cpuid traps,
 * memory barrier registrations, core dump filter, io priority, scheduling with
 * its reset-on-fork flag. What this machine or the flavour forbids stays as it is.
 */
// cflags: -pthread
#include <linux/prctl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "case.h"

#define GET_REGISTRATIONS (1 << 9)
#define REGISTER_PRIVATE_EXPEDITED (1 << 4)
#define BE_7 (2 << 13 | 7)

static void note(char *buf, size_t size)
{
	struct sched_param sp = { 0 };
	char filter[32] = "";
	int tsc = -1, policy = sched_getscheduler(0);
	FILE *f = fopen("/proc/self/coredump_filter", "r");

	case_check(f && fgets(filter, sizeof(filter), f), "cannot read coredump_filter: %m");
	fclose(f);
	sched_getparam(0, &sp);
	prctl(PR_GET_TSC, &tsc);
	snprintf(buf, size,
		 "mce %d\nstore bypass %d\nindirect %d\nl1d %d\nmerge %d\nmdwe %d\ntsc %d\n"
		 "cpuid %ld\nbarriers %ld\nfilter %sio %ld\npolicy %x priority %d\nnice %d\n",
		 prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), prctl(PR_GET_SPECULATION_CTRL, 0, 0, 0, 0),
		 prctl(PR_GET_SPECULATION_CTRL, 1, 0, 0, 0),
		 prctl(PR_GET_SPECULATION_CTRL, 2, 0, 0, 0), prctl(68, 0, 0, 0, 0),
		 prctl(66, 0, 0, 0, 0), tsc, syscall(SYS_arch_prctl, 0x1011, 0),
		 syscall(SYS_membarrier, GET_REGISTRATIONS, 0, 0), filter,
		 syscall(SYS_ioprio_get, 1, 0), policy, sp.sched_priority,
		 getpriority(PRIO_PROCESS, 0));
}

static void compare(const char *who, const char *before)
{
	char after[1024], old[1024], *a, *b, *sa, *sb;

	note(after, sizeof(after));
	snprintf(old, sizeof(old), "%s", before);
	for (a = strtok_r(old, "\n", &sa), b = strtok_r(after, "\n", &sb); a && b;
	     a = strtok_r(NULL, "\n", &sa), b = strtok_r(NULL, "\n", &sb))
		case_check(!strcmp(a, b), "%s: %s (was: %s)", who, b, a);
}

static volatile int thread_waits;

static void *thread(void *arg)
{
	char before[1024];

	prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE, 0, 0);
	prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS, PR_SPEC_DISABLE, 0, 0);
	prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_INDIRECT_BRANCH, PR_SPEC_FORCE_DISABLE, 0, 0);
	case_sys(syscall(SYS_ioprio_set, 1, 0, 3 << 13));
	case_sys(sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){ 0 }));
	note(before, sizeof(before));
	thread_waits = 1;
	case_wait_go();
	compare("thread", before);
	return NULL;
}

/* Its memory may never again become executable; nor may it look at the time stamp. */
static void strict(void)
{
	char before[1024], *p = case_sys((char *)mmap(NULL, 4096, PROT_READ | PROT_WRITE,
						      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	prctl(68 - 1, 1, 0, 0, 0);
	case_sys(prctl(65, 1, 0, 0, 0));
	prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
	syscall(SYS_arch_prctl, 0x1012, 0);
	note(before, sizeof(before));
	case_child_ready("strict");
	while (!case_exists("go"))
		syscall(SYS_nanosleep, &(struct timespec){ 0, 5000000 }, NULL);
	compare("strict", before);
	case_check(mprotect(p, 4096, PROT_READ | PROT_EXEC) == -1 && errno == EACCES,
		   "memory could be made executable: %m");
	_exit(0);
}

int main(int argc, char **argv)
{
	char before[1024];
	pthread_t t;
	int fd, st;

	case_begin(argc, argv);
	if (!case_sys(fork()))
		strict();
	case_sys(syscall(SYS_membarrier, REGISTER_PRIVATE_EXPEDITED, 0, 0));
	fd = case_sys(open("/proc/self/coredump_filter", O_WRONLY));
	case_sys(write(fd, "0x7", 3));
	close(fd);
	case_check(!pthread_create(&t, NULL, thread, NULL), "pthread_create");
	prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
	case_sys(syscall(SYS_ioprio_set, 1, 0, BE_7));
	/* Both are for the privileged. */
	if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &(struct sched_param){ 3 })) {
		case_sys(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK,
					    &(struct sched_param){ 0 }));
		setpriority(PRIO_PROCESS, 0, 3);
	}
	case_wait_child("strict");
	while (!thread_waits)
		case_sleep_ms(1);
	note(before, sizeof(before));
	case_ready();
	compare("leader", before);
	case_sys(syscall(SYS_membarrier, 1 << 3, 0, 0));
	pthread_join(t, NULL);
	case_check(wait(&st) > 0 && st == 0, "the child's status is %x", st);
	case_pass();
}
