// SPDX-License-Identifier: MIT
/*
 * userns DIR COMMAND...: run a command as root and pid 1 of a user namespace
 * with pid, mount, network, IPC and UTS namespaces that belong to it, /proc
 * mounted afresh. Its ids are two ranges of ours, not in order; DIR is given to
 * its root. Ends as the command does.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOT 400000
static const char map[] = "0 400000 1000\n1000 300000 64536\n";

static void must(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		_exit(125);
	}
}

static void put(pid_t pid, const char *file, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

int main(int argc, char **argv)
{
	int go[2], st;
	pid_t self = getpid(), pid;
	char byte;

	if (argc < 3)
		return 2;
	must(!chown(argv[1], ROOT, ROOT) && !pipe(go), argv[1]);
	pid = fork();
	if (!pid) { /* who stays outside, and may write the maps */
		must(read(go[0], &byte, 1) == 1, "read");
		put(self, "uid_map", map);
		put(self, "gid_map", map);
		_exit(0);
	}
	must(!unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC |
		      CLONE_NEWUTS),
	     "unshare");
	must(write(go[1], "", 1) == 1 && waitpid(pid, &st, 0) == pid && !st, "maps");
	close(go[0]);
	close(go[1]);
	must(!setgroups(0, NULL) && !setresgid(0, 0, 0) && !setresuid(0, 0, 0), "become root");
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		must(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make mounts private");
		must(!mount("proc", "/proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL),
		     "mount /proc");
		prctl(PR_SET_PDEATHSIG, 0);
		execvp(argv[2], argv + 2);
		must(0, argv[2]);
	}
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}
