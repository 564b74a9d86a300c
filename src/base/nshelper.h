/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Doing something inside another process's namespaces.
 *
 * The coordinator never calls setns: it may be threaded, and it must come back.
 * A single-threaded helper goes in instead, and its error comes back as the
 * error object that it is. Helpers die with their starter.
 */
#ifndef STASIS_NSHELPER_H
#define STASIS_NSHELPER_H

#include <stddef.h>
#include <sys/types.h>

struct err;

/* What a helper does; 0 or -errno with @e filled. @ret is the caller's result. */
typedef int (*ns_helper_fn)(void *arg, void *ret, struct err *e);

/*
 * Short work: the helper shares our memory and descriptors while we stand
 * still, so what it opens is ours and what it writes is seen. @nses: CLONE_NEW*
 * flags of the namespaces of @pid to enter (setns(2) of a pidfd enters them in
 * the right order); 0 enters nothing. @fn must not take locks of our threads,
 * and cannot be interrupted.
 */
int ns_helper_call(pid_t pid, int nses, ns_helper_fn fn, void *arg, void *ret, struct err *e);

/*
 * Long work: a forked helper with a copy of everything (with CLONE_NEWUSER it
 * becomes root there, which is for this kind of helper only); only @ret_size bytes
 * at @ret come back. Ends with -ECANCELED when the user or the watchdog says so.
 */
int ns_helper_run(pid_t pid, int nses, ns_helper_fn fn, void *arg, void *ret, size_t ret_size,
		  struct err *e);

/* A socket made inside the network namespace of @pid; our descriptor, O_CLOEXEC. */
int ns_helper_socket(pid_t pid, int domain, int type, int protocol, int *ret_fd, struct err *e);

#endif
