/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What this machine can do, found by trying it: one table of probes, run when
 * first asked for, each at most once. `stasis check` prints the table; a
 * checkpoint consults it before it touches anything. Probes are quick, change
 * nothing outside of our own process, and stop no process but a child that
 * they made themselves.
 */
#ifndef STASIS_PROBE_H
#define STASIS_PROBE_H

#include <stdbool.h>
#include <stddef.h>

struct err;

struct probe {
	const char *name;
	/* 0 when it works, else -errno. */
	int (*test)(const struct probe *p);
	const char *needed_by; /* what needs it: "restoring process ids" */
	const char *hint;      /* what to do when it is missing, or what is used instead */
	bool required;	       /* without it nothing works at all */
	long arg;	       /* the test's own: a capability's number */
	const char *text;      /* the test's own: a namespace's name */
};

size_t probe_count(void);
const struct probe *probe_get(size_t i);
/* NULL when there is no such probe. */
const struct probe *probe_find(const char *name);

/* 0: works; -ECANCELED: switched off by probe_disable(); other -errno: what the test met. */
int probe_run(const struct probe *p);

/* Whether @name works. A name outside the table never does. */
bool probe_ok(const char *name);

/* As an error for whoever cannot go on without: "cannot OP: the kernel's NAME ..." with the hint. */
int probe_require(const char *name, const char *op, struct err *e);

/*
 * Switch probes off (STASIS_DISABLE=name,...), so that what takes their place
 * can be tested. NULL is fine. -EINVAL (ERR_USAGE) names an unknown one.
 */
int probe_disable(const char *list, struct err *e);

#endif
