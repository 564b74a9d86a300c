/* SPDX-License-Identifier: MIT */
/*
 * libstasis: checkpoint and restore from a program. See libstasis(3).
 *
 * Everything belongs to a handle, of which there may be any number; one handle
 * is used by one thread at a time, but for stasis_cancel(). Every call works
 * through a worker, the program "stasis" (stasis_program()), which has ended when the call returns.
 * Calls return 0 or a negative errno; stasis_error() then says all.
 */
#ifndef STASIS_LIBRARY_H
#define STASIS_LIBRARY_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stasis;

struct stasis_error {
	int code;	  /* a positive errno, 0: none */
	const char *text; /* "cannot freeze pid 12: ..."; "" when there is none */
	const char *hint; /* what can be done about it; may be "" */
};

int stasis_new(struct stasis **ret);
void stasis_free(struct stasis *s);

/*
 * An option of stasis(8) by its long name without dashes; @value NULL for
 * those that take none. Checked when the work begins, by the program's own
 * table. -EINVAL: it cannot be an option's name or value at all.
 */
int stasis_set(struct stasis *s, const char *option, const char *value);
/* Forget all of them. */
void stasis_reset(struct stasis *s);
/* Another program than "stasis" in PATH. */
int stasis_program(struct stasis *s, const char *path);

/*
 * At every hook point @hook is called with its name and the root task's pid (0 where there
 * is none). A negative return value refuses: the work is undone where that is possible.
 */
void stasis_on_hook(struct stasis *s, int (*hook)(void *data, const char *point, pid_t pid),
		    void *data);

/* Checkpoint the tree of @tree into the directory @images. */
int stasis_dump(struct stasis *s, pid_t tree, const char *images);
/* Restore from it; the root task *ret_root becomes a child of the caller, who is to wait for it. */
int stasis_restore(struct stasis *s, const char *images, pid_t *ret_root);
/* Whether the kernel has what every checkpoint needs. */
int stasis_check(struct stasis *s);

/* From another thread or a signal handler: the call at work ends with -ECANCELED, all undone. */
void stasis_cancel(struct stasis *s);

/* About the last call; valid until the next one with this handle. */
const struct stasis_error *stasis_error(const struct stasis *s);

#ifdef __cplusplus
}
#endif

#endif
