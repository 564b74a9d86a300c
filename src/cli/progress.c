// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Progress on a terminal: one line that is overwritten, shown only for work
 * that has taken a while already. Runs in the worker of a dump too; only the
 * line's end is always written by main.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/cli.h"

#define FIRST_US 400000 /* shorter work shows nothing */
#define NEXT_US 100000

struct progress {
	uint64_t next;
};

static void show(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct progress *p = ctx;
	uint64_t now = now_us();
	char line[160];
	int n;

	if (now < p->next)
		return;
	p->next = now + NEXT_US;
	if (total)
		n = snprintf(line, sizeof(line), "\r\033[K%s %u%%", what,
			     (unsigned)(done * 100.0 / total));
	else
		n = snprintf(line, sizeof(line), "\r\033[K%s", what);
	if (write(STDERR_FILENO, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1) < 0)
		p->next = UINT64_MAX;
}

void progress_install(struct options *o)
{
	static struct progress state;

	if (o->log_json || o->verbosity > 2 || !isatty(STDERR_FILENO))
		return;
	state.next = now_us() + FIRST_US;
	o->progress = show;
	o->progress_ctx = &state;
}

void progress_end(const struct options *o)
{
	/* The worker may have drawn a line that we know nothing of. */
	if (o->progress)
		fputs("\r\033[K", stderr);
}
