/* SPDX-License-Identifier: MIT */
/*
 * The protocol between a case and conformance/run, whole.
 *
 * A case is a program that is called with one argument, a directory DIR:
 *
 *	int main(int argc, char **argv)
 *	{
 *		case_begin(argc, argv);
 *		... set something up ...
 *		case_ready();	// creates DIR/ready, waits for DIR/go
 *		... verify it from inside: case_check(n == 3, "n is %d", n) ...
 *		case_pass();	// DIR/result is "ok", exit 0
 *	}
 *
 * While case_ready() waits, the runner checkpoints and restores the tree, one
 * or three times over, or checkpoints it and leaves it running, or (--self)
 * does nothing. A case must not care which. A failed check writes what is
 * wrong to DIR/result and ends with status 1. Children may use case_check(),
 * case_child_ready() and case_wait_go() too. 0, 1 and 2 are /dev/null.
 *
 * Tags that the runner reads, each in a comment line of the case's own file:
 *	// flavours: plain ns user	(default: all)
 *	// userns: MAP			of the flavour user; see conformance/userns.c
 *	// freezers: v1 v2		(default: both)
 *	// modes: once three leave	(default: all)
 *	// needs: WORD ...		avx, avx512f, ... (a CPU flag), go, musl, m32
 *	// cflags: -pthread		for compiling it
 *	// dump: --option ...		added to the dump; likewise "restore:"
 *	// pause: SECONDS		between each dump and its restore
 *	// cgroups: removed		what it made below CASE_V1, CASE_V2 and CASE_CG goes before each restore
 *	// changes: by itself		processes end while it waits: not compared around a dump
 *	// refuse: TEXT			the dump must be refused, naming TEXT
 *	// kinds: NAME ...		entries of the kind tables that it covers
 */
#ifndef STASIS_CASE_H
#define STASIS_CASE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static const char *case_dir;

__attribute__((unused, format(printf, 2, 3))) static void case_path(char *buf, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(buf, 512, "%s/", case_dir);

	va_start(ap, fmt);
	vsnprintf(buf + n, 512 - n, fmt, ap);
	va_end(ap);
}

/* The first failure of any process of the case is the one that is reported. */
__attribute__((unused, noreturn, format(printf, 1, 2))) static void case_fail(const char *fmt, ...)
{
	char path[512], text[1024];
	va_list ap;
	int fd, n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	case_path(path, "result");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	/* Another thread is telling already: our end is not to come before its words. */
	if (fd < 0)
		usleep(200000);
	else if (write(fd, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1) < 0)
		_exit(2);
	_exit(1);
}

#define case_check(cond, ...)                                                                      \
	do {                                                                                       \
		if (!(cond))                                                                       \
			case_fail(__VA_ARGS__);                                                    \
	} while (0)

/* A call of the set-up that must work: returns its value. */
#define case_sys(expr)                                                                             \
	({                                                                                         \
		__typeof__(expr) case_v = (expr);                                                  \
		if (case_v == (__typeof__(expr))-1)                                                \
			case_fail("line %d: %s: %s", __LINE__, #expr, strerror(errno));            \
		case_v;                                                                            \
	})

/* Own session, so that no leader lies outside the tree. */
__attribute__((unused)) static void case_begin(int argc, char **argv)
{
	if (argc != 2)
		_exit(3);
	case_dir = argv[1];
	setsid();
}

static inline void case_sleep_ms(unsigned ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

static inline uint64_t case_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

/* DIR/name comes into being whole. */
__attribute__((unused)) static void case_touch(const char *name)
{
	char path[512];
	int fd;

	case_path(path, "%s", name);
	fd = case_sys(open(path, O_WRONLY | O_CREAT, 0644));
	close(fd);
}

__attribute__((unused)) static bool case_exists(const char *name)
{
	char path[512];

	case_path(path, "%s", name);
	return access(path, F_OK) == 0;
}

__attribute__((unused)) static void case_wait_for(const char *name)
{
	while (!case_exists(name))
		case_sleep_ms(5);
}

/* In any process: wait until the runner is done with us. */
__attribute__((unused)) static void case_wait_go(void)
{
	case_wait_for("go");
}

/* A child has set itself up; its parent waits for all of them before case_ready(). */
__attribute__((unused)) static void case_child_ready(const char *name)
{
	char file[128];

	snprintf(file, sizeof(file), "child.%s", name);
	case_touch(file);
}

__attribute__((unused)) static void case_wait_child(const char *name)
{
	char file[128];

	snprintf(file, sizeof(file), "child.%s", name);
	case_wait_for(file);
}

__attribute__((unused)) static void case_ready(void)
{
	case_touch("ready");
	case_wait_go();
}

__attribute__((unused, noreturn)) static void case_pass(void)
{
	char path[512];
	int fd;

	case_path(path, "result");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd < 0 || write(fd, "ok", 2) != 2)
		_exit(1);
	_exit(0);
}

#endif
