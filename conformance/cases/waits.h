/* SPDX-License-Identifier: MIT */
/*
 * For cases about interrupted waits: children that each sleep in one system
 * call, and what is right when it returns: the same result as undisturbed,
 * never early, and late only by the time that the tree did not run.
 */
#ifndef STASIS_WAITS_H
#define STASIS_WAITS_H

#include <sys/wait.h>

#include "case.h"

#define WAIT_MS 1200
#define SLACK_MS 700 /* a busy machine */

struct wait_kind {
	const char *name;
	/* Returns like the call: -1 with errno. */
	long (*wait)(void);
	long want; /* result; -1: @want_errno */
	int want_errno;
	bool timed; /* lasts WAIT_MS; else until wait_wake() */
};

static inline uint64_t wait_real_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

static void wait_child(const struct wait_kind *k)
{
	uint64_t start = case_now_ms(), real = wait_real_ms(), elapsed, bound = WAIT_MS + SLACK_MS;
	char path[512];
	struct stat st;
	long r;

	case_child_ready(k->name);
	errno = 0;
	r = k->wait();
	elapsed = case_now_ms() - start;
	case_check(r == k->want && (r != -1 || errno == k->want_errno), "%s: %ld, %s after %lu ms",
		   k->name, r, strerror(errno), (unsigned long)elapsed);
	if (!k->timed)
		_exit(0);
	case_check(elapsed + 2 >= WAIT_MS, "%s: ended after %lu ms, not %d", k->name,
		   (unsigned long)elapsed, WAIT_MS);
	/* The runner was done with us when it made "go". */
	case_path(path, "go");
	if (!stat(path, &st)) {
		uint64_t go = st.st_mtim.tv_sec * 1000ull + st.st_mtim.tv_nsec / 1000000;

		if (go > real)
			bound += go - real;
		case_check(elapsed <= bound, "%s: ended after %lu ms, at most %lu are right",
			   k->name, (unsigned long)elapsed, (unsigned long)bound);
	}
	_exit(0);
}

/* The process sleeps in a system call. */
static bool wait_asleep(pid_t pid)
{
	char path[64], text[512];
	int fd, n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n < 0 ? 0 : n] = 0;
	return strstr(text, ") S ") != NULL;
}

static pid_t wait_spawn(const struct wait_kind *k)
{
	pid_t pid = case_sys(fork());

	if (!pid)
		wait_child(k);
	case_wait_child(k->name);
	case_sleep_ms(2);
	while (!wait_asleep(pid))
		case_sleep_ms(1);
	return pid;
}

static void wait_reap(pid_t pid, const char *name)
{
	int st;

	case_check(waitpid(pid, &st, 0) == pid && st == 0, "%s: its process has status %x", name,
		   st);
}

#endif
