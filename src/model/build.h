/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compiling a task: the context that the modules share while they append to
 * its programs, and the maker, the one stub that creates objects which must be
 * born inside the restored namespaces (sockets, bound names, mounts).
 */
#ifndef STASIS_BUILD_H
#define STASIS_BUILD_H

#include "model/model.h"
#include "parasite/prog.h"

struct stub_set;

/*
 * A task's build program starts by receiving @n_slots descriptors from us:
 * slot i has number i inside. The first @n_fds are the task's own descriptors
 * in ascending order of their final numbers, the rest serve the build
 * (mappings, exe, pages) and are closed before it ends.
 */
struct build {
	struct model *m;
	struct task *t;
	struct prog *p;
	int *slots; /* our descriptors, in slot order */
	int n_slots, cap_slots;
	int n_fds;
};

/* The number inside the task of our descriptor @fd; asks for it to be sent. */
int build_slot(struct build *b, int fd);

/*
 * The maker is the root stub. Calls appended to @p run once, after the mounts
 * stand and before any task is built; then each wish is fulfilled: the
 * descriptor that call @call returned inside is fetched (pidfd_getfd) into
 * *@ret_fd of ours.
 */
struct maker {
	struct model *m;
	struct prog *p;
	struct maker_wish {
		size_t call;
		int *ret_fd;
	} * wishes;
	size_t n_wishes;
	int *sends; /* ours that it is to have, as numbers 0 and up */
	size_t n_sends;
	/* Run a program in the stub of any living task, and wait: until maker_run() for mounts. */
	int (*run)(struct maker *mk, struct task *t, struct prog *p, struct err *e);
	void *run_ctx;
	struct stub_set *stubs; /* for objects */
};
void maker_want(struct maker *mk, size_t call, int *ret_fd);
/* The number that our descriptor @fd has in the maker while the program runs; who uses it closes it there. */
int maker_send(struct maker *mk, int fd);

/*
 * A path as the restored root sees it. @root_fd: O_PATH descriptor of the
 * tree's root directory; symlinks and ".." stay below it (openat2
 * RESOLVE_IN_ROOT). Returns a descriptor (O_CLOEXEC) or -errno.
 */
int open_in_root(int root_fd, const char *path, int flags, mode_t mode);

#endif
