// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kill test: SIGKILL at random moments of a checkpoint must harm nobody.
 *
 * Proves, for single- and multithreaded, busy, sleeping, stopped, filtered and
 * forking targets under either freezer: whichever of the two processes of a
 * checkpoint dies (mode a: the started one, mode b: its worker), one second
 * later every target is alive, runs (or is stopped as before), is neither
 * traced nor frozen, has the same mappings, descriptors and masks, and has seen
 * nothing (victims.c). Needs root. Ends with "harmed: N", exit status 1 if N.
 *
 *	killtest [-n RUNS] [-s SEED] [-f v1|v2] [-m a|b|both|none] [-k KIND]
 *		 [-c COMMAND]	run this instead; {pid} and {dir} are replaced
 */
#include "killtest.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

/*
 * A target should be well again within a second. On a machine with too little
 * processor time it may be late through no fault of ours: that is counted.
 */
#define SETTLE_US 1000000
#define PATIENCE_US 10000000

/* A victim and what it looked like at the beginning. */
struct target {
	const struct victim_kind *kind;
	struct victim *v;
	pid_t pid;
	char dir[200];
	char *looks;	   /* mappings, descriptors, masks, cgroups */
	uint64_t usual_us; /* how long an undisturbed checkpoint takes */
	int kills, early, slow, harmed;
	volatile long sent;
};

static struct {
	int runs, only_mode;
	unsigned seed;
	bool v2;
	const char *kind, *command;
	char root[150], journals[64];
	struct target *volatile target; /* the present one */
	pid_t *worker;
	int kills, harmed;
	volatile int sending;
} g = { .runs = 200, .only_mode = 'x' };

static void put(const char *dir, const char *file, const char *text)
{
	char path[300];
	int ret;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	ret = write_text_at(AT_FDCWD, path, text);
	if (ret)
		fprintf(stderr, "%s: %s\n", path, strerror(-ret));
}

/* Everything outside that must not change, as one text. */
static char *look(pid_t pid)
{
	static const char *const files[] = { "maps", "cgroup" };
	char *text = NULL, path[64], line[512], link[300];
	size_t size;
	FILE *out = open_memstream(&text, &size), *f;
	int *tids = NULL;

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f))
			fputs(line, out);
		if (f)
			fclose(f);
	}
	for (int fd = 0; fd < 64; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		n = readlink(path, link, sizeof(link) - 1);
		if (n >= 0)
			fprintf(out, "fd %d %.*s\n", fd, (int)n, link);
	}
	for (pid_t tid = pid; tid < pid + 64; tid++) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f)) {
			if (!strncmp(line, "SigBlk", 6) || !strncmp(line, "Threads", 7) ||
			    !strncmp(line, "SigIgn", 6) || !strncmp(line, "SigCgt", 6))
				fprintf(out, "%d %s", tid, line);
		}
		if (f)
			fclose(f);
	}
	free(tids);
	fclose(out);
	return text;
}

static void start_victim(struct target *t)
{
	memset(t->v, 0, sizeof(*t->v));
	t->sent = 0;
	t->pid = fork();
	if (!t->pid) {
		int null = open("/dev/null", O_RDWR);

		for (int fd = 0; fd < 3; fd++)
			dup2(null, fd);
		close_range(3, ~0u, 0);
		setsid();
		put(t->dir, "cgroup.procs", "0");
		t->kind->run(t->v);
		_exit(1);
	}
	for (int i = 0; i < 3000 && !t->v->ready; i++)
		usleep(1000);
	usleep(100000);
	if (t->kind->stopped) {
		kill(t->pid, SIGSTOP);
		waitpid(t->pid, NULL, WUNTRACED);
	}
	free(t->looks);
	t->looks = look(t->pid);
}

static size_t members(const struct target *t, pid_t *v, size_t max)
{
	char path[240];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/cgroup.procs", t->dir);
	f = fopen(path, "re");
	while (f && n < max && fscanf(f, "%d", &v[n]) == 1)
		n++;
	if (f)
		fclose(f);
	return n;
}

static void end_victim(struct target *t)
{
	pid_t v[256];
	size_t n;

	put(t->dir, g.v2 ? "cgroup.freeze" : "freezer.state", g.v2 ? "0" : "THAWED");
	t->sent = -1;
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
	while ((n = members(t, v, 256))) {
		while (n)
			kill(v[--n], SIGKILL);
		usleep(1000);
	}
}

/* Numbered signals to those that count them, all the time. */
static void *send_signals(void *arg)
{
	for (;;) {
		struct target *t = g.target;

		if (t && t->kind->signals && t->v->ready && t->sent >= 0 && g.sending &&
		    t->sent - t->v->signals < 500) {
			union sigval val = { .sival_int = (int)t->sent };

			if (!sigqueue(t->pid, SIGRTMIN + 1, val))
				t->sent++;
		}
		usleep(500);
	}
	return NULL;
}

static bool says(const char *text, const char *key, const char *value)
{
	const char *p = strstr(text, key);

	return p && !strncmp(p + strlen(key), value, strlen(value));
}

static const char *judge_status(const struct target *t, char *status)
{
	char path[64], text[300];
	const char *state;

	snprintf(path, sizeof(path), "/proc/%d/status", t->pid);
	if (read_text_at(AT_FDCWD, path, status, 8192) < 0)
		return "it is gone";
	state = strstr(status, "State:\t");
	if (!state || strchr("ZX", state[7]))
		return "it is dead";
	if (t->kind->stopped ? state[7] != 'T' : strchr("Tt", state[7]) != NULL)
		return t->kind->stopped ? "it no longer is stopped" : "it is stopped";
	if (!says(status, "TracerPid:\t", "0\n"))
		return "it is traced";
	snprintf(path, sizeof(path), g.v2 ? "cgroup.freeze" : "freezer.state");
	snprintf(text, sizeof(text), "%s/%s", t->dir, path);
	if (read_text_at(AT_FDCWD, text, status, 8192) < 0 ||
	    strncmp(status, g.v2 ? "0" : "THAWED", 1))
		return "its cgroup is frozen";
	return NULL;
}

/* Others of its cgroup: children that come and go, of which none may be left behind. */
static const char *judge_others(const struct target *t, char *status)
{
	char path[64];
	pid_t v[256];
	size_t n = members(t, v, 256);

	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/status", v[i]);
		if (v[i] == t->pid || read_text_at(AT_FDCWD, path, status, 8192) < 0)
			continue;
		if (!says(status, "TracerPid:\t", "0\n"))
			return "a child is traced";
		if (says(status, "SigBlk:\t", "fffffffffffbfeff"))
			return "a child has all signals blocked";
		if (says(status, "State:\t", "T") || says(status, "State:\t", "t"))
			return "a child is stopped";
	}
	return NULL;
}

/* One look; NULL when all is well. */
static const char *judge(struct target *t, const long *progress)
{
	static char status[8192], why[600];
	const char *bad = judge_status(t, status);
	_cleanup_free_ char *now = NULL;
	size_t same = 0;

	if (t->v->harmed) {
		snprintf(why, sizeof(why), "it saw: %s", t->v->harm);
		return why;
	}
	if (!bad)
		bad = judge_others(t, status);
	if (bad)
		return bad;
	for (int i = 0; i < t->kind->threads && !t->kind->stopped; i++) {
		if (t->v->progress[i] == progress[i]) {
			snprintf(why, sizeof(why), "thread %d does not go on", i);
			return why;
		}
	}
	if (t->kind->signals && t->sent != t->v->signals) {
		snprintf(why, sizeof(why), "%ld of %ld queued signals arrived", t->v->signals,
			 t->sent);
		return why;
	}
	now = look(t->pid);
	if (!strcmp(now, t->looks))
		return NULL;
	while (now[same] && now[same] == t->looks[same])
		same++;
	while (same && now[same - 1] != '\n')
		same--;
	snprintf(why, sizeof(why), "changed: %.*s instead of %.*s", (int)strcspn(now + same, "\n"),
		 now + same, (int)strcspn(t->looks + same, "\n"), t->looks + same);
	return why;
}

static const char *settle(struct target *t)
{
	uint64_t start = now_us();
	long progress[MAX_THREADS];
	const char *bad;
	int status;

	for (int i = 0; i < MAX_THREADS; i++)
		progress[i] = t->v->progress[i];
	g.sending = 0;
	do {
		usleep(3000);
		if (waitpid(t->pid, &status, WNOHANG | WUNTRACED | WCONTINUED) > 0)
			return WIFSTOPPED(status) || WIFCONTINUED(status) ?
				       "its parent saw a stop or a continuation" :
				       "it died";
		bad = judge(t, progress);
	} while (bad && now_us() < start + PATIENCE_US && !t->v->harmed);
	if (!bad && now_us() > start + SETTLE_US)
		t->slow++;
	g.sending = 1;
	return bad;
}

static void replace(char *out, size_t size, const char *in, pid_t pid, const char *dir)
{
	size_t n = 0;

	while (*in && n + 1 < size) {
		if (!strncmp(in, "{pid}", 5)) {
			n += (size_t)snprintf(out + n, size - n, "%d", pid);
			in += 5;
		} else if (!strncmp(in, "{dir}", 5)) {
			n += (size_t)snprintf(out + n, size - n, "%s", dir);
			in += 5;
		} else {
			out[n++] = *in++;
		}
	}
	out[n < size ? n : size - 1] = '\0';
}

static void run_command(const struct target *t, const char *dir)
{
	char cmd[2048] = "exec ";

	replace(cmd + 5, sizeof(cmd) - 5, g.command, t->pid, dir);
	execl("/bin/sh", "sh", "-c", cmd, NULL);
	_exit(127);
}

/* The worker of a real command: the started process's child. */
static pid_t child_of(pid_t pid)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	return read_text_at(AT_FDCWD, path, text, sizeof(text)) > 0 ? atoi(text) : 0;
}

static void wait_us(uint64_t us)
{
	uint64_t end = now_us() + us;

	if (us > 300)
		usleep((useconds_t)(us - 200));
	while (now_us() < end)
		;
}

/* For people: where a process that should be gone, or go on, is. */
static void explain(const char *what, pid_t pid)
{
	static const char *const files[] = { "stat", "wchan", "syscall", "stack" };
	char path[64], text[2048];

	for (int i = 0; i < 4 && pid > 0; i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
		if (read_text_at(AT_FDCWD, path, text, sizeof(text)) > 0)
			printf("  %s %d %s: %s\n", what, pid, files[i], text);
	}
}

/* Start a checkpoint, kill at @after_us (mode 0: don't); returns when nothing of it runs any more. */
static int one(struct target *t, int mode, uint64_t after_us, bool *ret_killed, uint64_t *ret_us)
{
	struct drive d = { .cgroup = t->dir,
			   .v2 = g.v2,
			   .seed = (unsigned)rand(),
			   .journals = g.journals,
			   .worker = g.worker };
	char dir[] = "/dev/shm/killtest-XXXXXX", cmd[128];
	struct pollfd p;
	uint64_t t0;
	pid_t started;
	int fds[2], status, ret;

	*g.worker = 0;
	*ret_killed = false;
	if (pipe2(fds, 0) || (g.command && !mkdtemp(dir)))
		return -1;
	t0 = now_us();
	started = fork();
	if (!started) {
		close(fds[0]);
		if (g.command)
			run_command(t, dir);
		_exit(drive(&d));
	}
	close(fds[1]);
	if (mode) {
		pid_t victim;

		wait_us(after_us);
		victim = mode == 'a' ? started : g.command ? child_of(started) : *g.worker;
		*ret_killed = victim > 0 && waitpid(started, &status, WNOHANG) == 0 &&
			      !kill(victim, SIGKILL);
	}
	p = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	ret = poll(&p, 1, 30000);
	*ret_us = now_us() - t0;
	close(fds[0]);
	if (ret != 1) {
		printf("%s: the checkpoint is still there after 30 s\n", t->kind->name);
		explain("worker", *g.worker);
		explain("target", t->pid);
	}
	if (waitpid(started, &status, 0) < 0)
		status = 0;
	/* What a killed one leaves behind on disk: images, and journals without open records. */
	snprintf(cmd, sizeof(cmd), "rm -rf %s", g.command ? dir : g.journals);
	if (system(cmd))
		fprintf(stderr, "%s failed\n", cmd);
	return ret == 1 ? (WIFEXITED(status) ? WEXITSTATUS(status) : 0) : -1;
}

static void report(struct target *t, const char *what, int mode, uint64_t at, const char *why)
{
	printf("HARM %s, %s%s%c at %lu us: %s\n", t->kind->name, what, mode ? " mode " : "",
	       mode ? mode : ' ', (unsigned long)at, why);
	explain("target", t->pid);
	t->harmed++;
	end_victim(t);
	start_victim(t);
}

/* Undisturbed: must succeed and harm nobody either; gives the time to spread the kills over. */
static void calibrate(struct target *t)
{
	t->usual_us = UINT64_MAX;
	for (int i = 0; i < 3; i++) {
		bool killed;
		uint64_t us;
		const char *bad;
		int ret = one(t, 0, 0, &killed, &us);

		if (ret)
			printf("NOTE %s: an undisturbed checkpoint ended with %d\n", t->kind->name,
			       ret);
		if (us < t->usual_us)
			t->usual_us = us;
		bad = settle(t);
		if (bad)
			report(t, "undisturbed", 0, us, bad);
	}
}

static void kill_one(struct target *t)
{
	int mode = g.only_mode == 'x' ? (rand() & 1 ? 'a' : 'b') : g.only_mode;
	uint64_t at = (uint64_t)rand() % (t->usual_us * 11 / 10 + 1), us;
	bool killed;
	const char *bad;

	one(t, mode, at, &killed, &us);
	if (killed)
		t->kills++;
	else
		t->early++;
	bad = settle(t);
	if (bad)
		report(t, killed ? "killed" : "not killed", mode, at, bad);
}

/* One kind after the other: busy victims would only slow each other down. */
static void try_kind(const struct victim_kind *kind, int runs)
{
	struct target t = { .kind = kind };

	t.v = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	snprintf(t.dir, sizeof(t.dir), "%s/target", g.root);
	if (mkdir(t.dir, 0755))
		perror(t.dir);
	start_victim(&t);
	g.target = &t;
	g.sending = 1;
	calibrate(&t);
	for (int run = 0; run < runs; run++)
		kill_one(&t);
	g.sending = 0;
	g.target = NULL;
	end_victim(&t);
	for (int i = 0; i < 1000 && rmdir(t.dir); i++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		usleep(1000);
	}
	munmap(t.v, 4096);
	free(t.looks);
	printf("%-28s %9lu %7d %9d %5d %7d\n", kind->name, (unsigned long)t.usual_us, t.kills,
	       t.early, t.slow, t.harmed);
	g.kills += t.kills;
	g.harmed += t.harmed;
}

static void setup(void)
{
	const char *base = g.v2 ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup/freezer";
	pthread_t thread;

	if (g.v2 && access(base, F_OK))
		base = "/sys/fs/cgroup";
	snprintf(g.root, sizeof(g.root), "%s/st-killtest-%d", base, getpid());
	if (mkdir(g.root, 0755)) {
		perror(g.root);
		exit(2);
	}
	snprintf(g.journals, sizeof(g.journals), "/dev/shm/killtest-%d", getpid());
	g.worker = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_create(&thread, NULL, send_signals, NULL);
}

static void options(int argc, char **argv)
{
	int c;

	g.seed = (unsigned)time(NULL);
	while ((c = getopt(argc, argv, "n:s:f:m:k:c:")) != -1) {
		switch (c) {
		case 'n':
			g.runs = atoi(optarg);
			break;
		case 's':
			g.seed = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 'f':
			g.v2 = !strcmp(optarg, "v2");
			break;
		case 'm':
			g.only_mode = !strcmp(optarg, "both") ? 'x' : optarg[0];
			break;
		case 'k':
			g.kind = optarg;
			break;
		case 'c':
			g.command = optarg;
			break;
		default:
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	int kinds = 0;

	options(argc, argv);
	srand(g.seed);
	setvbuf(stdout, NULL, _IOLBF, 0);
	setup();
	for (int i = 0; victim_kinds[i]; i++)
		kinds += !g.kind || strstr(victim_kinds[i]->name, g.kind);
	printf("%-28s %9s %7s %9s %5s %7s\n", "target", "usual us", "kills", "too late", "slow",
	       "harmed");
	for (int i = 0; victim_kinds[i]; i++) {
		if (!g.kind || strstr(victim_kinds[i]->name, g.kind))
			try_kind(victim_kinds[i],
				 g.only_mode == 'n' ? 0 : (g.runs + kinds - 1) / kinds);
	}
	if (rmdir(g.root))
		perror(g.root);
	printf("freezer %s, seed %u, kills: %d, harmed: %d\n", g.v2 ? "v2" : "v1", g.seed, g.kills,
	       g.harmed);
	return g.harmed > 0;
}
