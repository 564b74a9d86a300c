/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two processes, each ready for the other's death.
 *
 * A checkpoint is made by a worker that the started process forks: the worker
 * (own session) holds the tasks; the parent only waits. If the parent is
 * killed, the worker sees it and goes back in order, like on any error. If the
 * worker is killed, the parent undoes the journal. On restore the started
 * process must itself do the work (restored tasks are its children or its
 * siblings), and forks a guard that does nothing but watch.
 */
#ifndef STASIS_WATCHDOG_H
#define STASIS_WATCHDOG_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/journal.h"

/*
 * Run @work in a forked worker and wait for it. The worker's error object
 * arrives in @e; when it died without one, everything was undone and the error
 * (-ECHILD) says so. Records left open are undone in any case.
 */
int watchdog_run(struct journal *j, const struct undo_kind *const *kinds,
		 int (*work)(void *arg, struct err *e), void *arg, struct err *e);

/* SIGINT, SIGTERM and SIGHUP ask us to stop. */
#define CANCEL_SIGNALS 3
struct guard {
	pid_t pid; /* 0: none */
	int pidfd;
	struct sigaction old[CANCEL_SIGNALS]; /* the caller's, while we listen for a wish to stop */
};

/*
 * Fork a guard that undoes the journal when we die. @taken (may be NULL) tells
 * which pids it must not have.
 */
int watchdog_guard(struct guard *ret, struct journal *j, const struct undo_kind *const *kinds,
		   bool (*taken)(const void *ctx, pid_t pid), const void *ctx, struct err *e);
/* All is well (or undone in order): the guard ends and is reaped. */
void watchdog_release(struct guard *g);

/*
 * Whether to give up: the other process died, or the user sent SIGINT, SIGTERM
 * or SIGHUP. Asked between steps and inside long loops; cheap.
 */
bool cancelled(void);
/* As an error: -ECANCELED with class ERR_CANCELLED, or 0. */
int cancel_check(struct err *e);
/* Past the point of no return: from here on cancelled() stays false. */
void cancel_ignore(void);

#endif
