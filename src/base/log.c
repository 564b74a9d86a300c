// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The log: one buffer, written out when it is full, when an error comes, once
 * a second while lines arrive, and at exit.
 *
 * A forked child starts with an empty buffer (its parent writes what was in
 * it); descendants share the log's file description, so their writes follow
 * each other in the file.
 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/io.h"

#define LOG_BUFFER (64 * 1024)
#define LOG_LINE 2048
#define LOG_FLUSH_US 1000000

int log_level = LOG_WARN;

static struct {
	pthread_mutex_t lock;
	int fd;
	bool json, opened, has_mask;
	char mask[256];
	pid_t pid;
	uint64_t start, flushed;
	size_t used;
	char buf[LOG_BUFFER];
} state = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

static const char *const level_names[] = { "error", "warn", "info", "debug" };
/* In a log file; runtimes look for "Error " there. */
static const char *const file_names[] = { "Error ", "Warn  ", "", "" };

static void flush_locked(void)
{
	size_t n = state.used;

	if (!n)
		return;
	state.used = 0;
	state.flushed = now_us();
	/* There is nowhere to report that the log itself cannot be written. */
	(void)aside_write_all(state.fd < 0 ? STDERR_FILENO : state.fd, state.buf, n);
}

static void init_once(void)
{
	if (state.opened)
		return;
	state.opened = true;
	state.pid = getpid();
	state.start = state.flushed = now_us();
	pthread_atfork(NULL, NULL, log_forked);
	atexit(log_flush);
}

void log_open(int fd, int level, bool json, const char *mask)
{
	pthread_mutex_lock(&state.lock);
	init_once();
	flush_locked();
	state.fd = fd;
	state.json = json;
	log_level = level;
	/* Commas at both ends make the search for ",name," exact. */
	state.has_mask = mask && *mask;
	snprintf(state.mask, sizeof(state.mask), ",%s,", mask ? mask : "");
	pthread_mutex_unlock(&state.lock);
}

void log_flush(void)
{
	pthread_mutex_lock(&state.lock);
	flush_locked();
	pthread_mutex_unlock(&state.lock);
}

void log_close(void)
{
	pthread_mutex_lock(&state.lock);
	flush_locked();
	if (state.fd > STDERR_FILENO)
		close(state.fd);
	state.fd = -1;
	pthread_mutex_unlock(&state.lock);
}

int log_fd(void)
{
	return state.fd;
}

void log_forked(void)
{
	/* Another thread of the parent may have held the lock: only its copy is ours. */
	pthread_mutex_init(&state.lock, NULL);
	state.used = 0;
	state.pid = getpid();
	aside_forked();
}

bool log_wants(int level, const char *module)
{
	char name[64];

	if (level <= log_level)
		return true;
	if (!state.has_mask)
		return false;
	snprintf(name, sizeof(name), ",%s,", module);
	return strstr(state.mask, name) || strstr(state.mask, ",all,");
}

/* Length of the valid UTF-8 sequence at @s (RFC 3629), 0 when there is none. */
static size_t utf8_len(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (n == 1)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and beyond U+10FFFF. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

size_t json_escape(char *out, size_t size, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n = 0;

	while (*p && n + 7 < size) {
		size_t len = utf8_len(p);

		if (*p == '"' || *p == '\\') {
			out[n++] = '\\';
			out[n++] = (char)*p++;
		} else if (*p == '\n') {
			out[n++] = '\\';
			out[n++] = 'n';
			p++;
		} else if (*p < 0x20 || *p == 0x7f) {
			n += (size_t)snprintf(out + n, size - n, "\\u%04x", *p++);
		} else if (!len) {
			n += (size_t)snprintf(out + n, size - n, "\\ufffd");
			p++;
		} else {
			memcpy(out + n, p, len);
			n += len;
			p += len;
		}
	}
	out[n] = '\0';
	return n;
}

static size_t format_line(char *out, size_t size, int level, const char *module, const char *msg)
{
	uint64_t t = now_us() - state.start;
	unsigned long sec = (unsigned long)(t / 1000000), usec = (unsigned long)(t % 1000000);
	int n;

	if (state.json) {
		char text[2 * LOG_LINE];

		json_escape(text, sizeof(text), msg);
		n = snprintf(out, size,
			     "{\"time\":%lu.%06lu,\"level\":\"%s\",\"module\":\"%s\",\"pid\":%d,"
			     "\"msg\":\"%s\"}\n",
			     sec, usec, level_names[level], module, state.pid, text);
	} else if (state.fd < 0) {
		n = snprintf(out, size, "stasis: %s: %s\n", level_names[level], msg);
	} else {
		n = snprintf(out, size, "(%02lu.%06lu) %s(%s): %s\n", sec, usec, file_names[level],
			     module, msg);
	}
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

void log_line(int level, const char *module, const char *fmt, ...)
{
	char msg[LOG_LINE], line[2 * LOG_LINE + 256];
	int saved = errno;
	va_list ap;
	size_t n;

	if (level < LOG_ERROR || level > LOG_DEBUG)
		level = LOG_DEBUG;
	errno = saved; /* for %m */
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);

	pthread_mutex_lock(&state.lock);
	init_once();
	n = format_line(line, sizeof(line), level, module, msg);
	if (state.used + n > sizeof(state.buf))
		flush_locked();
	memcpy(state.buf + state.used, line, n);
	state.used += n;
	if (level == LOG_ERROR || now_us() - state.flushed > LOG_FLUSH_US)
		flush_locked();
	pthread_mutex_unlock(&state.lock);
	errno = saved;
}
