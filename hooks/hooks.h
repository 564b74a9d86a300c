/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hook points and action scripts.
 *
 * Owns: the table of points (name, whether a failure stops the operation), the
 * environment of scripts, their order (last added first), running them. A
 * notification callback (RPC, library) is called before the scripts.
 */
#ifndef STASIS_HOOKS_H
#define STASIS_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

enum hook_point {
	HOOK_PRE_STREAM,
	HOOK_PRE_DUMP,
	HOOK_NETWORK_LOCK,
	HOOK_QUERY_EXT_FILES,
	HOOK_POST_DUMP,
	HOOK_NETWORK_UNLOCK,
	HOOK_PRE_RESTORE,
	HOOK_SETUP_NAMESPACES,
	HOOK_POST_SETUP_NAMESPACES,
	HOOK_ORPHAN_PTS_MASTER,
	HOOK_POST_RESTORE,
	HOOK_PRE_RESUME,
	HOOK_POST_RESUME,
	HOOK_STATUS_READY,
	HOOK_POINTS
};

struct hooks {
	char *const *scripts; /* in the order given by the user */
	size_t n_scripts;
	int images_fd; /* CRTOOLS_IMAGE_DIR is /proc/PID/fd/N of this */
	/* A client that wants notifications; NULL if none. Returns 0 or a negative errno. */
	int (*notify)(void *ctx, const char *point, pid_t pid, int fd, struct err *e);
	void *notify_ctx;
};

const char *hook_name(enum hook_point p);
/* Whether a failure at that point stops the operation. */
bool hook_is_fatal(enum hook_point p);

/*
 * Run one point: the notification, then every script, also when an earlier one
 * failed; the first failure is reported. @init_pid: the root task as the caller sees it, 0 before it
 * exists. A failing script at a fatal point: error (object: the script, why:
 * its status). At other points: a warning. For post-dump *ret_status (may be
 * NULL) is the vetoing script's exit status, which becomes the tool's.
 */
int hooks_run(const struct hooks *h, enum hook_point p, pid_t init_pid, int *ret_status,
	      struct err *e);

#endif
