/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The error object: what failed, on which object, why, and what to do.
 *
 * Owns: struct err and the ways to fill it. Fixed size, never allocates, safe
 * to copy, to send over a socket and to keep in shared memory. It is always
 * the last parameter of a function that can fail; such a function returns 0 or
 * a negative errno, and has filled the object when it returns non-zero.
 */
#ifndef STASIS_ERR_H
#define STASIS_ERR_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/* Classes of failure; the numbers are the program's exit statuses. */
enum err_class {
	ERR_NONE = 0,
	ERR_GENERAL = 1,     /* anything without a better class */
	ERR_USAGE = 2,	     /* unknown or contradictory options, bad values */
	ERR_TARGET = 3,	     /* the process named does not exist, went away or may not be taken */
	ERR_UNSUPPORTED = 4, /* the tree holds something that cannot be checkpointed */
	ERR_IMAGE = 5,	     /* an image is missing, truncated, altered or foreign */
	ERR_SYSTEM = 6, /* the machine lacks something: space, memory, capability, kernel feature */
	ERR_CONFLICT = 7,  /* restore meets something else: pid taken, file changed */
	ERR_TIMEOUT = 8,   /* a deadline passed */
	ERR_CANCELLED = 9, /* interrupted by its caller */
};

struct err {
	int code; /* positive errno, 0 when no error */
	enum err_class class;
	char op[48];	  /* system call or step: "open", "freeze" */
	char object[320]; /* what it was done to: a path, "pid 12, fd 3" */
	char why[320];
	char hint[320];	 /* what the user can do; may be empty */
	char trail[320]; /* "; "-separated context, innermost first */
	int pid;	 /* the process that it is about, as we see it; 0: none */
	char kind[48];	 /* what the object is, in lists of blockers: "pipe"; may be empty */
};

/* The failing system call @op with errno as it stands. Returns -errno. */
int err_sys(struct err *e, const char *op, const char *object, ...)
	__attribute__((format(printf, 3, 4)));

/* Any other failure. @code is a positive errno. Returns -code. */
int err_set(struct err *e, enum err_class class, int code, const char *op, const char *object,
	    const char *why, ...) __attribute__((format(printf, 6, 7)));

/* Add or replace the remedy; returns -e->code so that it can be returned. */
int err_hint(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Add one line of context at a module's edge; returns -e->code. */
int err_in(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Whom and what kind of thing it is about, where that is not known yet; returns -e->code. */
int err_about(struct err *e, int pid, const char *kind);

/* Change the class of a filled error; returns -e->code. */
int err_class_set(struct err *e, enum err_class class);

void err_clear(struct err *e);

/* One line for people, without newline: "cannot OP OBJECT: WHY (trail)\n  hint". */
void err_format(const struct err *e, char *buf, size_t size);

/* The class that an errno belongs to when nobody knows better. */
enum err_class err_class_of_errno(int code);

/*
 * A list of errors, for refusals that name every blocker at once. Owned by the
 * caller; err_list_free() accepts a zeroed list.
 */
struct err_list {
	struct err *v;
	size_t n;
};
void err_list_add(struct err_list *l, const struct err *e);
/* err_about() for all entries from index @from on. */
void err_list_about(struct err_list *l, size_t from, int pid, const char *kind);
void err_list_free(struct err_list *l);
/* From one process of ours to another, through an anonymous file that both have open. -1 with errno. */
int err_list_file(int *ret_fd, struct err *e);
int err_list_save(const struct err_list *l, int fd);
/* What is there; nothing when the other never came to save it. */
void err_list_load(struct err_list *l, int fd);

#endif
