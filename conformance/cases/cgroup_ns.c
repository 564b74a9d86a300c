// SPDX-License-Identifier: MIT
// Proves: a cgroup namespace comes back with its root: the tree sees the same paths, from outside and from inside, in cgroups
// that are made anew; its first process is below the root of the namespace, another one in the root.
// flavours: plain ns
// cgroups: removed
// kinds: cgroup
#include "case.h"
#include "cgroup.h"

#include <sched.h>
#include <sys/wait.h>

static const char *const where[] = { "v1", "v2", "pids", "memory" };

static void enter(pid_t pid, const char *rest)
{
	for (int i = 0; i < 4; i++) {
		char path[600];

		if (i < 2)
			snprintf(path, sizeof(path), "%s/ns%s", getenv(i ? "CASE_V2" : "CASE_V1"),
				 rest);
		else
			cg_path(path, where[i], rest);
		cg_make(path);
		cg_enter(path, "cgroup.procs", pid);
	}
}

static void check_lines(const char *text, const char *path)
{
	static const char *const ctls[] = { ":freezer:", "0::", ":pids:", ":memory:" };
	size_t len = strlen(path);

	for (int i = 0; i < 4; i++) {
		const char *at = strstr(text, ctls[i]);

		case_check(at, "no line %s in\n%s", ctls[i], text);
		at += strlen(ctls[i]);
		case_check(!strncmp(at, path, len) && at[len] == '\n', "%s is not %s in\n%s",
			   ctls[i], path, text);
	}
}

int main(int argc, char **argv)
{
	char now[4096];
	struct stat own;
	ino_t other;
	pid_t pid;
	int st, fds[2];

	case_begin(argc, argv);
	enter(getpid(), "");
	case_sys(unshare(CLONE_NEWCGROUP));
	case_sys(pipe(fds));
	pid = case_sys(fork());
	if (!pid) {
		case_child_ready("top");
		case_wait_go();
		cg_read_own(getpid(), now);
		check_lines(now, "/");
		case_sys(stat("/proc/self/ns/cgroup", &own));
		case_sys(write(fds[1], &own.st_ino, sizeof(own.st_ino)));
		_exit(0);
	}
	case_wait_child("top");
	enter(getpid(), "/init");
	cg_read_own(getpid(), now);
	check_lines(now, "/init");
	case_ready();
	cg_read_own(getpid(), now);
	check_lines(now, "/init");
	case_sys(stat("/proc/self/ns/cgroup", &own));
	case_sys(read(fds[0], &other, sizeof(other)));
	case_check(own.st_ino == other, "the two are in different cgroup namespaces");
	case_sys(waitpid(pid, &st, 0));
	case_check(!st, "the other ended with %#x", st);
	/* Its root is a cgroup of ours and not the machine's. */
	enter(getpid(), "");
	cg_read_own(getpid(), now);
	check_lines(now, "/");
	case_pass();
}
