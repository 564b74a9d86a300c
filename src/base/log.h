/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Logging. Levels: error (printed once, by main), warn ("..., going on without
 * X"), info (steps), debug (objects). A file that logs defines LOG_MODULE, the
 * name that STASIS_DEBUG=mounts,netns selects by. Lines are buffered and go to
 * the log file or stderr, human or JSON; a line below the level costs a compare.
 */
#ifndef STASIS_LOG_H
#define STASIS_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_ERROR = 0, LOG_WARN = 1, LOG_INFO = 2, LOG_DEBUG = 3 };

extern int log_level; /* the only global of the program; the highest level that is written */

/*
 * Take over @fd (kept, not closed by others) as the place of the log; -1 is
 * stderr. @mask: comma-separated modules whose debug lines are wanted whatever
 * the level, or NULL. Flushes at exit and by log_flush().
 */
void log_open(int fd, int level, bool json, const char *mask);
void log_flush(void);
void log_close(void);
int log_fd(void);
/* A forked child keeps the buffer's copy: drop it so that nothing is written twice. */
void log_forked(void);

void log_line(int level, const char *module, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * @s as the inside of a JSON string (RFC 8259); bytes that are no text become
 * U+FFFD. A buffer of 6 * strlen(s) + 8 holds any. Returns the length.
 */
size_t json_escape(char *out, size_t size, const char *s);
bool log_wants(int level, const char *module);

#ifndef LOG_MODULE
#define LOG_MODULE "stasis"
#endif
#define log_at(level, ...)                                                                         \
	do {                                                                                       \
		if (log_wants(level, LOG_MODULE))                                                  \
			log_line(level, LOG_MODULE, __VA_ARGS__);                                  \
	} while (0)
#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

#endif
