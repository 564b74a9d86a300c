// SPDX-License-Identifier: MIT
/*
 * super NAME COMMAND...: run a test so that nothing of it can stay behind.
 *
 * Makes a cgroup NAME in the v1 freezer hierarchy and in the v2 hierarchy,
 * where they exist (paths in CASE_V1 and CASE_V2; when these are set already,
 * below them, so that an outer supervisor can sweep for an inner one). The outermost one makes one
 * in every other v1 hierarchy too: CASE_CG, for cases about limits. Every orphan of the command
 * becomes ours (subreaper) and is reaped at once, as an init would. The outermost
 * one takes a mount namespace of its own: no case can touch the host's mounts,
 * whatever it does. When the
 * command ends, or we are told to, or our parent dies: the cgroups are thawed,
 * all descendants and members are killed, the cgroups are removed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OTHERS 16

static char cgroups[2][512];
static char others[OTHERS][512];
static int n_others;
static volatile sig_atomic_t told;

static void on_signal(int sig)
{
	told = sig;
}

static void make_cgroup(int v2, const char *parent, const char *name)
{
	snprintf(cgroups[v2], sizeof(cgroups[v2]), "%s/%s", parent, name);
	if (mkdir(cgroups[v2], 0755) && errno != EEXIST)
		cgroups[v2][0] = 0;
}

static void make_cgroups(const char *name)
{
	const char *outer[2] = { getenv("CASE_V1"), getenv("CASE_V2") };
	FILE *f = setmntent("/proc/self/mounts", "r");
	int outermost = !getenv("CASE_CG");
	struct mntent *m;
	struct timespec now;
	char top[128];

	/* Others may have the same pid in pid namespaces of their own. */
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(top, sizeof(top), "%s-%llx%05lx", name, (long long)now.tv_sec, now.tv_nsec >> 12);

	while (f && (m = getmntent(f))) {
		int v2 = !strcmp(m->mnt_type, "cgroup2");

		if (v2 || (!strcmp(m->mnt_type, "cgroup") && hasmntopt(m, "freezer")))
			make_cgroup(v2, outer[v2] ? outer[v2] : m->mnt_dir, name);
		else if (outermost && !strcmp(m->mnt_type, "cgroup") && n_others < OTHERS) {
			char *dir = others[n_others];

			snprintf(dir, sizeof(others[0]), "%s/%s", m->mnt_dir, top);
			n_others += !mkdir(dir, 0755);
		}
	}
	if (outermost)
		setenv("CASE_CG", top, 1);
	if (f)
		endmntent(f);
	if (cgroups[0][0])
		setenv("CASE_V1", cgroups[0], 1);
	if (cgroups[1][0])
		setenv("CASE_V2", cgroups[1], 1);
}

static void put(const char *dir, const char *file, const char *text)
{
	char path[1100];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		errno = 0;
	close(fd);
}

static void kill_listed(const char *path)
{
	FILE *f = fopen(path, "re");
	int pid;

	while (f && fscanf(f, "%d", &pid) == 1)
		if (pid > 1 && pid != getpid())
			kill(pid, SIGKILL);
	if (f)
		fclose(f);
}

/* Thaw and kill everything below @dir; with @remove take the directories away. */
static void sweep(const char *dir, int remove)
{
	char path[1100];
	struct dirent *d;
	DIR *dp = opendir(dir);

	if (!dp)
		return;
	put(dir, "freezer.state", "THAWED");
	put(dir, "cgroup.freeze", "0");
	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	kill_listed(path);
	while ((d = readdir(dp))) {
		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, d->d_name);
		sweep(path, remove);
	}
	closedir(dp);
	if (remove)
		rmdir(dir);
}

static void end_all(void)
{
	char children[64];
	int round;

	snprintf(children, sizeof(children), "/proc/self/task/%d/children", getpid());
	for (round = 0; round < 1000; round++) {
		struct timespec ms = { 0, 1000000 };
		pid_t pid;

		sweep(cgroups[0], 0);
		sweep(cgroups[1], 0);
		for (int i = 0; i < n_others; i++)
			sweep(others[i], 0);
		kill_listed(children);
		while ((pid = waitpid(-1, NULL, WNOHANG | __WALL)) > 0)
			;
		if (pid < 0)
			break;
		nanosleep(&ms, NULL);
	}
	for (round = 0; round < 200; round++) {
		struct timespec ms = { 0, 5000000 };

		sweep(cgroups[0], 1);
		sweep(cgroups[1], 1);
		for (int i = 0; i < n_others; i++)
			sweep(others[i], 1);
		if ((!cgroups[0][0] || access(cgroups[0], F_OK)) &&
		    (!cgroups[1][0] || access(cgroups[1], F_OK)))
			return;
		nanosleep(&ms, NULL);
	}
	fprintf(stderr, "super: cannot remove %s %s\n", cgroups[0], cgroups[1]);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int status = 0, st;
	pid_t main_pid, pid;

	if (argc < 3)
		return 2;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	if (!getenv("CASE_V1") && !getenv("CASE_V2") && !unshare(CLONE_NEWNS) &&
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		perror("super: cannot make the mounts private");
		return 2;
	}
	make_cgroups(argv[1]);
	main_pid = fork();
	if (main_pid == 0) {
		/* A case must not inherit what our caller happens to have open. */
		close_range(3, ~0U, 0);
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	while (!told) {
		pid = waitpid(-1, &st, __WALL);
		if (pid == main_pid) {
			status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
			break;
		}
		if (pid < 0 && errno != EINTR)
			break;
	}
	if (told) {
		struct timespec ms = { 0, 10000000 };
		int i;

		/* It may want to tidy up; not for long. */
		kill(main_pid, SIGTERM);
		for (i = 0; i < 200 && waitpid(main_pid, &st, WNOHANG | __WALL) == 0; i++)
			nanosleep(&ms, NULL);
	}
	end_all();
	return told ? 128 + told : status;
}
