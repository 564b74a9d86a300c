// SPDX-License-Identifier: MIT
/*
 * userns [MAP] DIR COMMAND...: run a command as pid 1 of a user namespace with
 * pid, mount, network, IPC and UTS namespaces that belong to it, /proc mounted
 * afresh. DIR is given to its first id. Ends as the command does. MAP:
 *	ranges	two ranges of ours, not in order; root inside (default)
 *	single	root inside is root outside, nothing else; setgroups(2) is forbidden, groups stay
 *	noroot	ids from 1000 on only: nobody is root inside
 *	owned	as ranges, but made by an ordinary user of ours
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
#include <sys/wait.h>
#include <unistd.h>

static const struct map {
	const char *name, *text;
	unsigned outside, inside; /* of the first id */
	int deny;
	unsigned maker;
} maps[] = {
	{ "ranges", "0 400000 1000\n1000 300000 64536\n", 400000, 0, 0, 0 },
	{ "single", "0 0 1\n", 0, 0, 1, 0 },
	{ "noroot", "1000 301000 5000\n", 301000, 1000, 0, 0 },
	{ "owned", "0 400000 1000\n1000 300000 64536\n", 400000, 0, 0, 12345 },
};

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

/* Whoever stays outside may write the maps. */
static pid_t mapper(const struct map *m, int go)
{
	pid_t self = getpid(), pid = fork();
	char byte;

	if (pid)
		return pid;
	must(read(go, &byte, 1) == 1, "read");
	if (m->deny)
		put(self, "setgroups", "deny");
	put(self, "uid_map", m->text);
	put(self, "gid_map", m->text);
	_exit(0);
}

int main(int argc, char **argv)
{
	const gid_t groups[] = { 7, 77777 };
	const struct map *m = NULL;
	int go[2], st;
	pid_t pid;

	for (size_t i = 0; argc > 1 && i < sizeof(maps) / sizeof(maps[0]); i++)
		if (!strcmp(argv[1], maps[i].name))
			m = &maps[i];
	argc -= !!m;
	argv += !!m;
	m = m ? m : &maps[0];
	if (argc < 3)
		return 2;
	must(!chown(argv[1], m->outside, m->outside) && !pipe(go), argv[1]);
	must(!setgroups(m->deny ? 2 : 0, groups), "setgroups");
	pid = mapper(m, go[0]);
	if (m->maker)
		must(!setresgid(m->maker, m->maker, m->maker) &&
			     !setresuid(m->maker, m->maker, m->maker) && !prctl(PR_SET_DUMPABLE, 1),
		     "become the maker");
	must(!unshare(CLONE_NEWUSER), "unshare");
	must(write(go[1], "", 1) == 1 && waitpid(pid, &st, 0) == pid && !st, "maps");
	close(go[0]);
	close(go[1]);
	must(!setresgid(m->inside, m->inside, m->inside), "become the first group");
	/* The power over the namespace is kept for a moment by whoever does not become root. */
	must(!prctl(PR_SET_KEEPCAPS, 1), "keep capabilities");
	must(!unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS),
	     "unshare");
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		must(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make mounts private");
		must(!mount("proc", "/proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL),
		     "mount /proc");
		must(!setresuid(m->inside, m->inside, m->inside), "become the first id");
		prctl(PR_SET_PDEATHSIG, 0);
		execvp(argv[2], argv + 2);
		must(0, argv[2]);
	}
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}
