// SPDX-License-Identifier: MIT
// Proves: every process and thread comes back in its cgroups, on v1 and v2: below the root's, beside them, threads apart from
// their process (v1, and v2 threaded), in cgroups that are made anew.
// cflags: -pthread
// flavours: plain
// changes: threaded cgroups come and go
// cgroups: removed
#include "case.h"
#include "cgroup.h"

#include <pthread.h>
#include <sys/wait.h>

static char before[3][4096];

static void *thread_main(void *arg)
{
	char pids[600], now[4096];

	/* v1's, and v2's by the threaded type. */
	cg_path(pids, "pids", "/thread");
	cg_enter(pids, "tasks", gettid());
	snprintf(pids, sizeof(pids), "%s/threaded", getenv("CASE_V2"));
	cg_enter(pids, "cgroup.threads", gettid());
	cg_read_own(gettid(), before[2]);
	case_child_ready("thread");
	case_wait_go();
	cg_read_own(gettid(), now);
	case_check(!strcmp(before[2], now), "thread: was in\n%s now in\n%s", before[2], now);
	return arg;
}

static pid_t child(const char *name, const char *v1, const char *pids)
{
	char path[600], was[4096], now[4096];
	pid_t pid = case_sys(fork());

	if (pid)
		return pid;
	snprintf(path, sizeof(path), "%s%s", getenv("CASE_V1"), v1);
	cg_make(path);
	cg_enter(path, "cgroup.procs", getpid());
	cg_path(path, "pids", pids);
	cg_make(path);
	cg_enter(path, "cgroup.procs", getpid());
	cg_read_own(getpid(), was);
	case_child_ready(name);
	case_wait_go();
	cg_read_own(getpid(), now);
	case_check(!strcmp(was, now), "%s: was in\n%s now in\n%s", name, was, now);
	_exit(0);
}

int main(int argc, char **argv)
{
	char path[600], now[4096], type[64];
	pid_t kids[2];
	pthread_t t;
	int st;

	case_begin(argc, argv);
	cg_path(path, "pids", "");
	cg_make(path);
	cg_enter(path, "cgroup.procs", getpid());
	cg_path(path, "pids", "/thread");
	cg_make(path);
	snprintf(path, sizeof(path), "%s/threaded", getenv("CASE_V2"));
	cg_make(path);
	cg_write(path, "cgroup.type", "threaded");
	kids[0] = child("below", "/one/two", "/sub");
	kids[1] = child("beside", "/three", "-beside");
	case_sys(pthread_create(&t, NULL, thread_main, NULL) ? -1 : 0);
	case_wait_child("below");
	case_wait_child("beside");
	case_wait_child("thread");
	cg_read_own(getpid(), before[0]);
	case_ready();
	cg_read_own(getpid(), now);
	case_check(!strcmp(before[0], now), "root: was in\n%s now in\n%s", before[0], now);
	pthread_join(t, NULL);
	for (int i = 0; i < 2; i++) {
		case_sys(waitpid(kids[i], &st, 0));
		case_check(!st, "child %d ended with %#x", i, st);
	}
	cg_read(path, "cgroup.type", type);
	case_check(!strcmp(type, "threaded\n"), "%s is of type %s", path, type);
	case_pass();
}
