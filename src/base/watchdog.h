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
 * (-ECHILD) says so. Records left open are undone in any case. @j may be NULL:
 * then there is nothing to undo.
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
 * The worker may be held up in a system call for ever, by a filesystem whose
 * server hangs: nobody but its parent can then end it. It does so when for
 * @seconds no sign of life came (0: never, the default; after a wish to stop
 * always), undoes everything, and the error (-ETIMEDOUT) names @what and the
 * call. Both are for the worker, @what is not copied.
 */
void watchdog_step(const char *what, unsigned seconds);
/*
 * The same for a process that must do the work itself (restore): a thread of
 * ours calls @give_up, which prints the error, and ends the process with the
 * error's class as status. @taken as above: the thread has a number, too. Called again, the
 * thread is only exchanged for one whose number is free.
 */
int watchdog_self(void (*give_up)(void *ctx, const struct err *e), void *give_up_ctx,
		  bool (*taken)(const void *ctx, pid_t pid), const void *ctx, struct err *e);
void watchdog_self_end(void);
/* A sign of life. cancel_check() is one too. */
void watchdog_beat(void);
/* From here on (until false) it takes as long as a script or a disk needs. */
void watchdog_patient(bool on);

/* In a forked child, right before it becomes another program: what only the worker is to have is put back. */
void watchdog_before_exec(void);

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
/* As an error: -ECANCELED with class ERR_CANCELLED, or 0. Tells our parent that we get on. */
int cancel_check(struct err *e);
/* Past the point of no return: from here on cancelled() stays false. */
void cancel_ignore(void);

#endif
