/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of /proc about a process, for the kind of regular files. Private to src/fd. */
#ifndef STASIS_PROCFS_H
#define STASIS_PROCFS_H

#include "fd/file_kind.h"

/* "PID/REST" or "PID/task/TID/REST" below a proc filesystem; rest points into the path. */
struct proc_name {
	pid_t pid, tid; /* tid: 0 without */
	const char *rest;
};

/* Whether @path inside @root_fd is one. @ret_top: the filesystem's top, the caller's to close. */
bool proc_name_find(int root_fd, const char *path, struct proc_name *ret, int *ret_top);
bool proc_name_is(int root_fd, const char *path);
/* About what is not there until the process is complete: threads, descriptors, mappings. */
bool proc_name_is_late(const struct proc_name *n);

/*
 * The file found as @nm: -EOPNOTSUPP with the reason when it is about a process
 * and cannot be dumped. @ret_dead: 0, or the process that is gone; @nm's name
 * may then change to another that serves as well.
 */
int proc_check(struct fd_dump *d, const struct fd_look *l, struct fd_name *nm, pid_t *ret_dead,
	       struct err *e);

/* An entry of remap-fpath.img about such a file. */
int proc_remap(struct fd_restore *r, struct file_obj *f, uint32_t pid, struct image_in *in,
	       struct err *e);
/* Restore: @pid, no task's, is to be a process for a while, if that number can be had. */
void proc_dead_pid(struct model *m, pid_t pid);
/* All files are read: which of them are about processes that will have to be dead. */
void proc_find_dead(struct model *m);

/* late.c: whether it can only be opened when its process is complete. */
bool late_is(int root_fd, const struct file_obj *f);
/* 0: opened a stand-in until fd_place_late(); 1: it is no late file, or no longer. */
int late_open(struct fd_restore *r, struct file_obj *f, struct err *e);

#endif
