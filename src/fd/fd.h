/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Open files: descriptors of tasks, the descriptions behind them, their kinds.
 *
 * Owns: finding out which descriptors share a description, the table of file
 * kinds (file_kind.h), files.img, fdinfo-*.img and the images of single kinds
 * (pipes-data, fifo-data, sk-queues, ghost-file, remap-fpath,
 * filelocks ...). Does not
 * own: mappings (mem), mount trees (mounts), credentials of tasks (task).
 *
 * Dump reads stopped tasks from outside (pidfd_getfd, fdinfo, kcmp); nothing
 * of a description may change: positions, queues and flags stay untouched.
 */
#ifndef STASIS_FD_H
#define STASIS_FD_H

#include "model/build.h"
#include "model/kinds.h"
#include "model/model.h"

struct stub_set;

/*
 * How mounts are numbered in the images (mounts_id_of()); given once, before
 * fd_dump_task(). Without it the images name no mounts.
 */
void fd_set_mount_id_fn(struct model *m, int (*fn)(struct model *m, struct task *t, int fd));

/* While the task runs: add every descriptor that could not be dumped to @blockers. Touches nothing. */
int fd_preflight(struct model *m, struct task *t, struct err_list *blockers, struct err *e);

/* Around all of these: what holds a file lock without a descriptor is found meanwhile. The end must come. */
void locks_scan_begin(struct model *m);
void locks_scan_end(struct model *m, struct err_list *blockers);

/*
 * While the task runs: -EOPNOTSUPP when the file behind @link, a link of the
 * task's in /proc (cwd, root, a mapping), could not be dumped by its name.
 * Before fd_preflight() of the same task.
 */
int fd_check_link(struct model *m, struct task *t, const char *link, struct err *e);

/* All descriptors of the stopped task @t; fills t->fds, registers new descriptions in m->files. */
int fd_dump_task(struct model *m, struct task *t, struct err *e);
/* Working and root directory of a task. */
int fd_dump_fs(struct model *m, struct task *t, struct err *e);
/*
 * The regular file (or directory) behind @fd, an O_PATH or other descriptor of
 * ours on it, whose name inside @t's root is @name as /proc links print it:
 * cwd, root, exe, mappings. One file_obj per file; @fd is not taken over.
 */
int fd_dump_file(struct model *m, struct task *t, int fd, const char *name, unsigned flags,
		 struct file_obj **ret, struct err *e);
/* After all tasks: kinds that look at each other (epoll, pipes), contents; write the images. */
int fd_dump_finish(struct model *m, struct err *e);

/* The images are whole: names made by --link-remap stay until the restore. */
void fd_links_keep(struct model *m);

/*
 * TCP connections. Of the stopped tree before it is dumped: what a lock must
 * hold, in the pool; none that fd_dump_task() could save is missing.
 */
struct tcp_tuple;
int fd_tcp_list(struct model *m, struct tcp_tuple **ret, size_t *ret_n, struct err *e);
/* How many were dumped. */
size_t fd_tcp_dumped(const struct model *m);
/* The tree is about to be killed: its connections are to end without a word. Undone by the journal. */
int fd_tcp_silence(struct model *m, struct err *e);
/* Restore: those that will be made, in the pool; after fd_read(). */
int fd_tcp_planned(struct model *m, struct tcp_tuple **ret, size_t *ret_n, struct err *e);
/*
 * All tasks stand: their connections may work, still under the lock. Before the
 * tree outlives us, since it must not see one in repair mode; should we fail
 * after all, fd_tcp_done() silences them again.
 */
int fd_tcp_wake(struct model *m, struct err *e);
/* The lock is gone: what waits is sent. Or it has @failed; then before the tree is killed. */
void fd_tcp_done(struct model *m, bool failed);

/* Restore: read and validate files.img and every task's fdinfo; link fds, cwd, root, exe. */
int fd_read(struct model *m, struct err *e);
/* Link cwd, root, exe of tasks whose fs and mm entries were read after fd_read(). May be repeated. */
int fd_link(struct model *m, struct err *e);
/*
 * Make all descriptions. @root_fd: the restored tree's root. Appends to the
 * maker what has to be made inside; call fd_open_made() after it ran.
 */
int fd_open(struct model *m, struct maker *mk, int root_fd, struct err *e);
int fd_open_made(struct model *m, int root_fd, struct err *e);
/* A file_obj of kind REG as a descriptor for mapping or exe (our own, opened once per access mode, cached). */
int fd_file_for_map(struct model *m, struct file_obj *f, int root_fd, bool writable, int *ret_fd,
		    struct err *e);
/* Ask for the task's descriptors (they become slots 0..n_fds-1)... */
int fd_build_slots(struct build *b, struct err *e);
/* ...and, as the last thing, put them at their numbers and close all other slots. */
int fd_build_place(struct build *b, struct err *e);
/* All tasks were built: what of ours only served that is closed. */
void fd_built(struct model *m);
/* Append to the last words of @t: file locks. */
void fd_build_final(struct model *m, struct task *t);
/*
 * Terminals, before the rest of the tree is born: fills m->cttys, whose fds
 * are ours until fd_finish().
 */
int fd_open_ttys(struct model *m, int root_fd, struct err *e);
/* Whether it has descriptors that only fd_place_late() can make: it keeps its service socket until then. */
bool fd_has_late(const struct model *m, const struct task *t);
/* All tasks are built: put the last descriptors in place, foreground groups in charge. */
int fd_place_late(struct model *m, struct stub_set *s, int root_fd, struct err *e);
/* Nothing can fail any more: such names are taken away. */
void fd_links_remove(struct model *m, int root_fd);
/* Once all tasks hold their own, and said their last words: owners (F_SETOWN), then our copies are closed. */
int fd_finish(struct model *m, struct err *e);

/* What is supported, and what is refused by name. */
void fd_kinds(kind_fn *fn, void *ctx);
struct file_kind;
extern const struct file_kind *const file_kinds[];

#endif
