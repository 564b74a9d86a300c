/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * File locks: flock(2), record locks of processes and of descriptions (fcntl(2)
 * F_SETLK, F_OFD_SETLK) and leases. They may be held through a descriptor of
 * any kind. Private to src/fd.
 */
#ifndef STASIS_LOCK_H
#define STASIS_LOCK_H

#include "fd/file_kind.h"

/* The kernel's own bits (include/linux/filelock.h), which is what images hold. */
#define LOCK_FLAG_POSIX 1u
#define LOCK_FLAG_FLOCK 2u
#define LOCK_FLAG_LEASE 32u
#define LOCK_FLAG_OFD 1024u

/* One "lock:" line of fdinfo. */
struct lock_line {
	unsigned flag;
	unsigned type;	    /* F_RDLCK, F_WRLCK; leases also F_UNLCK */
	bool breaking;	    /* a lease that somebody waits for */
	pid_t pid;	    /* who set it, as we see it; -1 for descriptions' locks */
	int64_t start, len; /* len 0: to the end, however far that moves */
};

/* @text: behind "lock:". -EINVAL: not understood. */
int lock_line_parse(const char *text, struct lock_line *ret);
/* The next such text of fdinfo behind this one, or NULL. */
const char *lock_line_next(const char *text);
/* "flock, write", for people. */
const char *lock_name(unsigned flag, unsigned type, char *buf, size_t size);

/* While the task runs, of a descriptor with locks: -EOPNOTSUPP when they cannot be dumped. */
int locks_check(struct fd_dump *d, const struct fd_look *l, struct err *e);
/* The locks that @l shows, found to be @f. */
int locks_dump(struct fd_dump *d, const struct fd_look *l, struct file_obj *f, struct err *e);
int locks_dump_end(struct fd_dump *d, struct err *e);

int locks_read(struct fd_restore *r, struct err *e);
/* Append to the last words of @t what takes its locks. */
void locks_calls(struct fd_restore *r, struct task *t, struct prog *p);
/* They were said: the first lock that somebody else holds is the error. */
int locks_taken(struct fd_restore *r, struct err *e);
/* F_SETLEASE makes its caller the owner of the descriptor: whether that happened to @f. */
bool locks_lease_on(const struct fd_restore *r, const struct file_obj *f);

#endif
