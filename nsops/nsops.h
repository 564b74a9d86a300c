/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Namespace kinds: identify, create, enter; contents of UTS, IPC, time.
 *
 * Owns: ids of namespaces, utsns-*.img, timens-0.img, opening things inside a
 * namespace through a single-threaded helper. The coordinator itself never
 * calls setns. Does not own: mount trees (mounts), links (netns).
 */
#ifndef STASIS_NSOPS_H
#define STASIS_NSOPS_H

#include "model/build.h"
#include "model/kinds.h"
#include "model/model.h"

struct remote;
struct undo_kind;

struct ns_kind {
	enum ns_type type;
	const char *name; /* under /proc/PID/ns */
	uint64_t clone_flag;
	size_t ids_off, ids_has_off; /* its fields in TaskKobjIdsEntry */
	/* NULL: supported; else why a tree that has its own is refused. */
	const char *unsupported;
};
extern const struct ns_kind ns_kinds[NS_TYPES];

/*
 * Fill t->ns[] and t->ids' namespace fields (t->ids is made if need be, and
 * m->inventory->root_ids with the first task); what cannot be dumped goes to
 * @blockers. The root comes first; may be repeated for a tree read afresh.
 */
int ns_identify(struct model *m, struct task *t, struct err_list *blockers, struct err *e);
/* What is supported, and what is refused by name. */
void ns_list_kinds(kind_fn *fn, void *ctx);
/*
 * What only tasks can tell about the contents: between remote_enter() and
 * remote_leave(), after the programs of others ran.
 */
int ns_dump_inside(struct model *m, struct remote *remote, struct err *e);
/* Contents of all own namespaces that nsops owns (UTS, IPC). */
int ns_dump(struct model *m, struct err *e);

/*
 * Note what the tree's clocks and ours show (m->clocks), once nobody in it runs
 * any more. ns_dump() writes it.
 */
int ns_time_note(struct model *m, struct err *e);

int ns_read(struct model *m, struct err *e);
/* Give the new user namespace of process @pid its maps; from outside. */
int ns_user_fill(struct model *m, pid_t pid, struct err *e);
/* CLONE_NEW* flags for the root stub. */
uint64_t ns_clone_flags(const struct model *m);
/*
 * The root stub's first calls: into a time namespace in which the tree's clocks
 * go on from where they were. They count from here: to be run at once.
 */
int ns_birth(struct model *m, struct prog *p, struct err *e);
/*
 * Calls for the root stub that fill its own namespaces (sethostname ...). Before
 * those of mounts_build(): some go through our /proc, which is still there.
 */
int ns_build(struct maker *mk, struct err *e);
/* Contents that each task has to make by itself; at once, and before ns_build()'s calls run. */
int ns_make(struct maker *mk, struct err *e);
/* All tasks are built and hold what they share: limits, removed objects. */
int ns_finish(struct model *m, struct err *e);
/* Messages that a dump took out of a queue to read them go back. */
extern const struct undo_kind ns_undo_mqueue;
/* Bytes of the arena that ns_make() takes at most. */
size_t ns_arena_need(const struct model *m);

/*
 * A socket made inside the network namespace of process @pid, by a forked
 * helper; our descriptor. For reading (sock_diag) and for ioctls on links.
 */
int ns_socket(pid_t pid, int domain, int type, int protocol, int *ret_fd, struct err *e);

#endif
