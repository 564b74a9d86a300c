// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that small properties come back: I/O priority, time slice, reset on
 * fork, deadline, memory and machine check policy, core file filter, membarrier
 * registrations, memory merging, autogroup; the exit signal of children and the
 * owner of dead ones; and that a root with a parent death signal survives a restore.
 */
// cflags: -pthread
#include <linux/ioprio.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "case.h"

#define MEMBARRIER_REGISTER_PRIVATE 16
#define MEMBARRIER_REGISTRATIONS 512
#define MEMORY_MERGE_SET 67
#define MEMORY_MERGE_GET 68
#define POLICY_BIND 2

#define DEADLINE 6
#define RESET_ON_FORK 1

/* sched_getattr(2) */
struct kernel_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static int file_number(const char *path, const char *after, int base)
{
	char text[128] = "", *p = text;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return -1;
	case_sys(read(fd, text, sizeof(text) - 1));
	close(fd);
	if (after)
		p = strstr(text, after) ? strstr(text, after) + strlen(after) : text;
	return strtol(p, NULL, base);
}

/* @process: what the process has as a whole too. */
static void note(char *buf, size_t size, bool process)
{
	struct kernel_sched_attr a = { 0 };
	unsigned long nodes[16] = { 0 };
	int mode = -1;
	int n;

	case_sys(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0));
	syscall(SYS_get_mempolicy, &mode, nodes, 1024, 0, 0);
	n = snprintf(buf, size,
		     "policy %u\nflags %llx\nnice %d\npriority %u\nruntime %llu\ndeadline %llu\n"
		     "period %llu\nio %lx\nmemory policy %d %lx\nmachine check %d\n",
		     a.policy, (unsigned long long)a.flags, a.nice, a.priority,
		     (unsigned long long)a.runtime, (unsigned long long)a.deadline,
		     (unsigned long long)a.period, syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0),
		     mode, nodes[0], prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
	if (process)
		snprintf(buf + n, size - n,
			 "core filter %x\nautogroup %d\nmembarrier %ld\nmerge %d\n",
			 file_number("/proc/self/coredump_filter", NULL, 16),
			 file_number("/proc/self/autogroup", " nice ", 10),
			 syscall(SYS_membarrier, MEMBARRIER_REGISTRATIONS, 0, 0),
			 prctl(MEMORY_MERGE_GET, 0, 0, 0, 0));
}

static void same(const char *who, char *before, char *after)
{
	char *a, *b, *sa, *sb;

	for (a = strtok_r(before, "\n", &sa), b = strtok_r(after, "\n", &sb); a && b;
	     a = strtok_r(NULL, "\n", &sa), b = strtok_r(NULL, "\n", &sb))
		case_check(!strcmp(a, b), "%s: %s (was: %s)", who, b, a);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		return;
	/* The autogroup's nice value may be set once in a while only, unless by the real root. */
	while (write(fd, text, strlen(text)) < 0)
		case_check(errno == EAGAIN, "cannot write %s: %m", path);
	close(fd);
}

static void *thread(void *arg)
{
	struct kernel_sched_attr a = { .size = sizeof(a),
				       .policy = SCHED_BATCH,
				       .flags = RESET_ON_FORK,
				       .nice = 4,
				       .runtime = 7000000 };
	unsigned long nodes = 1;
	char before[2048], after[2048];

	case_sys(syscall(SYS_sched_setattr, 0, &a, 0));
	case_sys(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
			 IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)));
	syscall(SYS_set_mempolicy, POLICY_BIND, &nodes, 8);
	note(before, sizeof(before), false);
	case_child_ready("thread");
	case_wait_go();
	note(after, sizeof(after), false);
	same("thread", before, after);
	return NULL;
}

static void deadline_child(void)
{
	struct kernel_sched_attr a = { .size = sizeof(a),
				       .policy = DEADLINE,
				       .runtime = 3000000,
				       .deadline = 40000000,
				       .period = 50000000 };
	char before[2048], after[2048];

	/* Not every machine lets us. */
	syscall(SYS_sched_setattr, 0, &a, 0);
	note(before, sizeof(before), false);
	case_child_ready("deadline");
	case_wait_go();
	note(after, sizeof(after), false);
	same("deadline", before, after);
	_exit(0);
}

static int child_with(int exit_signal, bool dead)
{
	int pid = case_sys(syscall(SYS_clone, exit_signal, 0, 0, 0, 0));

	if (pid)
		return pid;
	if (dead) {
		case_sys(syscall(SYS_setresgid, 5, 6, 7));
		case_sys(syscall(SYS_setresuid, 8, 9, 10));
		_exit(3);
	}
	case_wait_go();
	_exit(4);
}

static void check_child(int pid, int exit_signal, bool dead)
{
	siginfo_t si = { 0 };

	if (exit_signal != SIGCHLD)
		case_check(waitid(P_PID, pid, &si, WEXITED) == -1 && errno == ECHILD,
			   "child with exit signal %d: an ordinary wait sees it", exit_signal);
	case_sys(waitid(P_PID, pid, &si, WEXITED | __WALL));
	case_check(si.si_status == (dead ? 3 : 4), "a child's status is %d", si.si_status);
	case_check(si.si_uid == (dead ? 8 : 0), "a child's uid is %u", si.si_uid);
}

int main(int argc, char **argv)
{
	const int signals[] = { SIGCHLD, SIGUSR2, 0, SIGRTMIN + 3, SIGRTMIN + 3 };
	char before[2048], after[2048];
	int alive[5], dead[5], n = 0, st;
	sigset_t all;
	pthread_t t;

	case_begin(argc, argv);
	sigfillset(&all);
	case_sys(sigprocmask(SIG_SETMASK, &all, NULL));
	for (int i = 0; i < 5; i++) {
		alive[i] = child_with(signals[i], false);
		dead[i] = child_with(signals[i], true);
		case_sys(waitid(P_PID, dead[i], &(siginfo_t){ 0 }, WEXITED | WNOWAIT | __WALL));
	}
	/* What their ends sent is not what this is about. */
	while (sigtimedwait(&all, NULL, &(struct timespec){ 0 }) > 0)
		;
	if (!case_sys(fork()))
		deadline_child();
	case_sys(pthread_create(&t, NULL, thread, NULL) ? -1 : 0);
	case_wait_child("thread");
	case_wait_child("deadline");
	case_sys(prctl(PR_SET_PDEATHSIG, SIGKILL));
	case_sys(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0));
	case_sys(syscall(SYS_membarrier, MEMBARRIER_REGISTER_PRIVATE, 0, 0));
	case_sys(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
			 IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6)));
	prctl(MEMORY_MERGE_SET, 1, 0, 0, 0);
	put("/proc/self/coredump_filter", "0x7");
	put("/proc/self/autogroup", "7");
	note(before, sizeof(before), true);
	case_touch("ready");
	case_wait_go();
	note(after, sizeof(after), true);
	same("root", before, after);
	pthread_join(t, NULL);
	/* The living ones end now; a signal that came before would be one too many. */
	for (int i = 0; i < 5; i++) {
		check_child(alive[i], signals[i], false);
		check_child(dead[i], signals[i], true);
	}
	case_sys(wait(&st));
	case_check(st == 0, "the deadline child's status is %x", st);
	sigemptyset(&all);
	sigaddset(&all, SIGRTMIN + 3);
	while (sigtimedwait(&all, NULL, &(struct timespec){ 0 }) > 0)
		n++;
	case_check(n == 2, "%d exit signals of two children", n);
	case_pass();
}
