// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves that resource limits, nice value, scheduling, umask, directory, name and oom score come back. */
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "case.h"

static void note(char *buf, size_t size)
{
	char cwd[256], comm[16];
	struct sched_param sp = { 0 };
	mode_t mask = umask(0);
	cpu_set_t cpus;
	struct rlimit rl;
	size_t n = 0;
	FILE *f;
	int i, oom = -1;

	umask(mask);
	for (i = 0; i < RLIM_NLIMITS; i++) {
		getrlimit(i, &rl);
		n += snprintf(buf + n, size - n, "limit %d: %llu %llu\n", i,
			      (unsigned long long)rl.rlim_cur, (unsigned long long)rl.rlim_max);
	}
	prctl(PR_GET_NAME, comm);
	sched_getparam(0, &sp);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	f = fopen("/proc/self/oom_score_adj", "r");
	if (!f || fscanf(f, "%d", &oom) != 1)
		case_fail("cannot read oom_score_adj");
	fclose(f);
	snprintf(
		buf + n, size - n,
		"umask %o\ncwd %s\ncomm %s\nnice %d\npolicy %d priority %d\ncpus %d\noom %d\nslack %d\n"
		"thp %d\n",
		mask, getcwd(cwd, sizeof(cwd)), comm, getpriority(PRIO_PROCESS, 0),
		sched_getscheduler(0), sp.sched_priority, CPU_COUNT(&cpus), oom,
		prctl(PR_GET_TIMERSLACK), prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
}

static void run(const char *who)
{
	char before[4096], after[4096], *a, *b, *sa, *sb;

	note(before, sizeof(before));
	if (!strcmp(who, "parent"))
		case_ready();
	else {
		case_child_ready(who);
		case_wait_go();
	}
	note(after, sizeof(after));
	for (a = strtok_r(before, "\n", &sa), b = strtok_r(after, "\n", &sb); a && b;
	     a = strtok_r(NULL, "\n", &sa), b = strtok_r(NULL, "\n", &sb))
		case_check(!strcmp(a, b), "%s: %s (was: %s)", who, b, a);
}

static void put(const char *path, const char *text)
{
	int fd = case_sys(open(path, O_WRONLY));

	case_sys(write(fd, text, strlen(text)));
	close(fd);
}

int main(int argc, char **argv)
{
	struct rlimit rl = { 100, 200 };
	char path[512];
	int st;

	case_begin(argc, argv);
	if (!case_sys(fork())) {
		case_sys(setrlimit(RLIMIT_NOFILE, &rl));
		case_sys(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, RLIM_INFINITY }));
		case_sys(setrlimit(RLIMIT_STACK, &(struct rlimit){ 1 << 20, 4 << 20 }));
		case_sys(setrlimit(RLIMIT_DATA, &(struct rlimit){ 1ull << 33, 1ull << 34 }));
		umask(0137);
		case_path(path, "a directory");
		case_sys(mkdir(path, 0755));
		case_sys(chdir(path));
		prctl(PR_SET_NAME, "odd )name( 1");
		case_sys(setpriority(PRIO_PROCESS, 0, 7));
		put("/proc/self/oom_score_adj", "333");
		prctl(PR_SET_TIMERSLACK, 123456);
		run("child");
		_exit(0);
	}
	if (!case_sys(fork())) {
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(0, &one);
		case_sys(sched_setaffinity(0, sizeof(one), &one));
		case_sys(sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 }));
		run("batch");
		_exit(0);
	}
	case_wait_child("child");
	case_wait_child("batch");
	run("parent");
	case_check(wait(&st) > 0 && st == 0, "a child's status is %x", st);
	case_check(wait(&st) > 0 && st == 0, "a child's status is %x", st);
	case_pass();
}
