/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects in an IPC namespace: one kind, one file, one line in ipc_kinds[].
 * Private to this folder.
 */
#ifndef STASIS_IPC_INTERNAL_H
#define STASIS_IPC_INTERNAL_H

#include <sys/ipc.h>

#include "base/nshelper.h"
#include "nsops/mq_save.h"
#include "nsops/nsops-internal.h"

/* Above it no kernel gives out ids of System V objects (ipc/util.h). */
#define IPC_ID_MAX 0x7fffffffu

struct ipc_shm {
	IpcShmEntry *e;
	struct shmem_obj *mem;
};

struct ipc_sem {
	IpcSemEntry *e;
	uint16_t *values;
};

struct ipc_message {
	IpcMsg *e;
	unsigned char *data;
};

struct ipc_queue {
	IpcMsgEntry *e;
	struct ipc_message *v;
	size_t n;
};

struct ipc_mq_message {
	MqueueMsg *e;
	unsigned char *data;
};

struct ipc_mqueue {
	MqueueEntry *e;
	struct ipc_mq_message *v;
	size_t n;
};

/* In m->ipc_state, on restore. */
struct ipc_state {
	IpcVarEntry *var;
	struct ipc_shm *shms;
	size_t n_shms;
	struct ipc_sem *sems;
	size_t n_sems;
	struct ipc_queue *queues;
	size_t n_queues;
	struct ipc_mqueue *mqueues;
	size_t n_mqueues;
};

struct ipc_kind {
	const char *name;
	/*
	 * Write the image; the tree is frozen, its mappings are known. Runs in: a
	 * helper inside the namespace that shares our memory and descriptors.
	 */
	int (*dump)(struct model *m, const struct ns *ns, struct err *e);
	/* While the tree runs, same helper: what cannot be saved. May be NULL. */
	int (*check)(struct model *m, struct err_list *blockers, struct err *e);
	int (*read)(struct model *m, const struct ns *ns, struct ipc_state *s, struct err *e);
	/* Make all objects, by programs in the tasks that made them. */
	int (*make)(struct maker *mk, struct ipc_state *s, struct err *e);
	/* All tasks are built; a helper inside the namespace. May be NULL. */
	int (*finish)(struct model *m, struct ipc_state *s, struct err *e);
};
extern const struct ipc_kind ipc_kind_shm, ipc_kind_sem, ipc_kind_msg, ipc_kind_mqueue;

/* ipc_common.c */
int ipc_desc_fill(struct model *m, IpcDescEntry **ret, const struct ipc_perm *p, int id,
		  struct err *e);
/* @what: the image's name. */
int ipc_desc_check(const IpcDescEntry *d, const char *what, struct err *e);
/* Inside the tree's pid namespace; 0: nobody of the tree. */
uint32_t ipc_pid_inward(const struct model *m, pid_t host);
/* The living task with that number, or NULL. */
struct task *ipc_task(const struct model *m, uint32_t pid);

/* ipc_undo.c: what tasks owe to the set. */
void ipc_undo_fill(struct model *m, IpcSemEntry *se);

/* An object to be made with a given id: the call that makes it, and the one that sets its owner. */
struct ipc_new {
	const char *what;
	const char *next_id; /* the sysctl's name */
	const IpcDescEntry *desc;
	struct task *by;
	uint64_t nr, args[3];
	uint64_t set_nr; /* the ...ctl call; 0: not now */
	const void *ds;	 /* for IPC_SET */
	size_t ds_size;
};
int ipc_create(struct maker *mk, const struct ipc_new *n, struct err *e);
/* Run @fn as root of the restored namespace, where ids are those of the images; see ns_helper_call(). */
int ipc_inside(const struct model *m, ns_helper_fn fn, void *arg, void *ret, struct err *e);

#endif
