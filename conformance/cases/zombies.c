// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that zombies keep what /proc still tells of them: name, owner, signal
 * masks, limits; and that they leave no core file behind when they die again.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "case.h"

#define N 4

static void nothing(int sig)
{
}

static void die(int kind)
{
	const int how[N] = { 0, SIGTERM, SIGKILL, SIGRTMIN + 2 };
	struct rlimit l;
	sigset_t mask;

	case_sys(getrlimit(RLIMIT_CORE, &l));
	l.rlim_cur = kind == 1 ? 0 : l.rlim_max;
	case_sys(setrlimit(RLIMIT_CORE, &l));
	l = (struct rlimit){ 20 + kind, 30 + kind };
	case_sys(setrlimit(RLIMIT_NOFILE, &l));
	l = (struct rlimit){ 1000 + kind, RLIM_INFINITY };
	setrlimit(RLIMIT_CPU, &l);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, nothing);
	sigemptyset(&mask);
	sigaddset(&mask, SIGWINCH);
	sigaddset(&mask, SIGRTMIN + 5 + kind);
	case_sys(sigprocmask(SIG_SETMASK, &mask, NULL));
	if (kind == 3) {
		case_sys(setresgid(7, 7, 7));
		case_sys(setresuid(8, 8, 8));
	}
	if (how[kind])
		kill(getpid(), how[kind]);
	_exit(5);
}

/* Without what grows or is counted anew: times, switches. */
static size_t take(char *buf, size_t size, pid_t pid, const char *file)
{
	static const char *const lines[] = { "Name", "State", "Uid", "Gid", "Sig", "Shd", "Max" };
	char path[64], line[256];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	f = case_sys(fopen(path, "re") ?: (FILE *)-1);
	while (fgets(line, sizeof(line), f))
		for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
			if (!strncmp(line, lines[i], strlen(lines[i])) && strncmp(line, "SigQ", 4))
				n += snprintf(buf + n, size - n, "%s", line);
	fclose(f);
	return n;
}

static void look(char *buf, size_t size, pid_t pid)
{
	size_t n = take(buf, size, pid, "status");

	take(buf + n, size - n, pid, "limits");
}

int main(int argc, char **argv)
{
	static char before[N][8192], after[8192];
	pid_t pid[N];
	siginfo_t si;

	case_begin(argc, argv);
	case_sys(chdir(argv[1]));
	for (int i = 0; i < N; i++) {
		pid[i] = case_sys(fork());
		if (!pid[i])
			die(i);
		case_sys(waitid(P_PID, pid[i], &si, WEXITED | WNOWAIT));
		look(before[i], sizeof(before[i]), pid[i]);
	}
	case_ready();
	for (int i = 0; i < N; i++) {
		char *a, *b, *sa, *sb;
		int st;

		look(after, sizeof(after), pid[i]);
		for (a = strtok_r(before[i], "\n", &sa), b = strtok_r(after, "\n", &sb); a && b;
		     a = strtok_r(NULL, "\n", &sa), b = strtok_r(NULL, "\n", &sb))
			case_check(!strcmp(a, b), "zombie %d: %s (was: %s)", i, b, a);
		case_check(!a && !b, "zombie %d: other lines", i);
		case_check(waitpid(pid[i], &st, 0) == pid[i], "zombie %d is gone", i);
	}
	case_check(access("core", F_OK), "a core file");
	case_pass();
}
