/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a checkpoint is made of: tasks, threads, file objects, namespaces. The
 * content of each thing is its image message; this header adds how the things
 * hang together while we work. Shared by all modules; knows none of them.
 *
 * Everything is allocated in the model's pool. Pids: "pid" is inside the
 * dumped pid namespace (what the images hold), "host" is as we see it.
 */
#ifndef STASIS_MODEL_H
#define STASIS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/pool.h"
#include "image/schemas.h"

#define PID_LIMIT (1 << 22) /* PID_MAX_LIMIT, linux/threads.h */

struct id_maps;
struct image_dir;
struct model;
struct remote_task;
struct remote_thread;
struct options;
struct journal;
struct journal_entry;

enum ns_type { NS_USER, NS_PID, NS_MNT, NS_NET, NS_IPC, NS_UTS, NS_CGROUP, NS_TIME, NS_TYPES };

struct ns {
	enum ns_type type;
	uint64_t ino;	     /* dump: of nsfs */
	uint32_t id;	     /* in the images */
	bool ours;	     /* dump: we are in it too, so it is not part of the tree */
	struct task *holder; /* a live task in it */
};

enum task_state { TASK_ALIVE, TASK_ZOMBIE, TASK_STOPPED };

struct thread {
	struct task *task;
	pid_t tid, host;
	CoreEntry *core;
	struct remote_thread *rt; /* dump */
	void *priv;		  /* of src/task while dumping */
};

/* One descriptor of a task. */
struct task_fd {
	int fd;
	bool cloexec;
	struct file_obj *file;
};

/* One mapping. entry has the image's view; the rest is for working. */
struct vma {
	VmaEntry *e;
	struct file_obj *file;	 /* of file mappings */
	struct shmem_obj *shmem; /* of shared anonymous memory */
	uint64_t dev, ino;	 /* dump */
	bool has_pages;
};

struct task {
	struct task *parent;	/* NULL: root */
	struct task **children; /* in birth order */
	size_t n_children;
	enum task_state state;
	pid_t pid, ppid, pgid, sid;
	pid_t host;
	int depth;	  /* dump: how many pid namespaces it lives in, as we count */
	int exit_code;	  /* zombies: as wait(2) gives it */
	bool leader_dead; /* the leading thread has ended, others live: threads[0] is only a number */
	char comm[16];
	unsigned umask;
	PstreeEntry *pstree;
	TaskKobjIdsEntry *ids;
	struct thread *threads; /* [0] is the leader; one without rt when zombie */
	size_t n_threads;
	struct ns *ns[NS_TYPES];
	/* memory */
	MmEntry *mm;
	struct vma *vmas;
	size_t n_vmas;
	struct file_obj *exe;
	/* files */
	FsEntry *fs;
	struct file_obj *cwd, *root;
	struct task_fd *fds; /* ascending by fd */
	size_t n_fds;
	struct task *
		files_owner; /* restore: who is built with this descriptor table; self, or the one it is shared with */
	struct remote_task *rt; /* dump */
	struct stub *stub;	/* restore */
};

/*
 * An open file description, shared by any number of descriptors and mappings.
 * "kind" is fd/'s table entry for it.
 */
struct file_obj {
	uint32_t id;
	const struct file_kind *kind;
	FileEntry *entry;
	struct stat st;	    /* dump */
	int fd;		    /* a descriptor of ours on it; -EBADF when not open */
	struct task *owner; /* dump: where it was seen first; restore: who may have to make it */
	int owner_fd;
	void *priv; /* the kind's own */
};

/*
 * Shared anonymous memory (also of memfd and SysV), one per inode. System V
 * segments bear their own ids in the images, which are below SHMID_OTHERS; the
 * others' numbers are made from their inodes' and lie above.
 */
#define SHMID_OTHERS 0x80000000u
struct shmem_obj {
	uint64_t shmid;	   /* in the images */
	uint64_t dev, ino; /* dev 0: ino is the shmid (restore, System V) */
	uint64_t size;	   /* bytes; of a memfd not always whole pages */
	int fd;		   /* ours: dump map_files, restore the new object */
	bool sysv; /* restore: tasks attach it by its id, a descriptor is only for filling */
	/* Restore: makes the empty object, writable. NULL: plain anonymous memory. */
	int (*make)(struct model *m, struct shmem_obj *o, int *ret_fd, struct err *e);
	void *priv; /* of whoever set @make */
};

/* Restore: the controlling terminal of a session of the tree. */
struct ctty {
	pid_t sid, pgrp; /* pgrp: in the foreground */
	int fd;		 /* ours on its slave side, once it is made */
};

enum { CLK_MONO, CLK_BOOT, N_CLKS }; /* CLOCK_MONOTONIC, CLOCK_BOOTTIME */

/*
 * The tree's own time, in nanoseconds. Times left in the images (timers,
 * sleeps) count from the moment @tree; in our own time that moment is @ours.
 */
struct clocks {
	bool known; /* restore: the images tell; always on dump */
	bool go_on; /* restore: the tree gets a time namespace in which its clocks go on */
	uint64_t tree[N_CLKS]; /* at the moment of the checkpoint */
	uint64_t ours[N_CLKS]; /* dump: at the same moment; restore: when the tree's clocks go on */
};

struct model {
	struct pool *pool;
	const struct options *opt;
	struct image_dir *dir;
	bool foreign; /* restore: images of another tool */
	InventoryEntry *inventory;
	struct task *root;
	struct task **tasks; /* all, parents before children */
	size_t n_tasks;
	size_t n_threads; /* live ones, all tasks */
	pid_t *dead_pids; /* restore: numbers that processes have until files about them are open */
	size_t n_dead_pids;
	struct ctty *cttys;
	size_t n_cttys;
	struct clocks clocks;
	int pid_level; /* dump: depth of the pid namespace that the images' pids belong to */
	struct ns **nses;
	size_t n_nses;
	struct file_obj **files;
	size_t n_files;
	struct file_obj **file_index; /* restore: by id, sorted */
	struct shmem_obj **shmems;
	size_t n_shmems;
	uint32_t next_file_id;
	uint32_t next_ns_id;
	uint32_t next_obj_id; /* kcmp ids: vm, files, fs, sighand */
	StatsEntry *stats;
	uint64_t pages_scanned, pages_written, shpages_written, pages_restored;
	SeccompEntry *seccomp;
	const char *label;	 /* dump: the security label told last */
	struct id_maps *id_maps; /* model/ids.h; NULL without a user namespace of its own */
	/* Of that namespace: setgroups(2) is forbidden; groups (ours) that tasks keep from before. */
	bool groups_fixed;
	uint32_t *kept_groups;
	size_t n_kept_groups;
	bool has_user_owner; /* restore: the user (ours) who made it */
	uint32_t user_owner;
	void *own_status; /* restore: our own credentials (base/proc.h), read once */
	/* While changes are made: what is to go, should we die (src/undo.h). */
	struct journal *journal;
	int (*undo_unlink)(struct journal *j, const char *path, struct journal_entry **ret,
			   struct err *e);
	void *keyrings;	 /* private to src/task while dumping */
	void *fd_state;	 /* private to src/fd while dumping or restoring */
	void *mem_state; /* private to src/mem */
	void *mnt_state; /* private to mounts */
	void *ipc_state; /* private to nsops */
	void *cg_state;	 /* private to cgroup */
};

struct model *model_new(const struct options *opt);
void model_free(struct model *m);

/* A new task/thread/file/namespace/shmem, linked in. */
struct task *model_task_new(struct model *m, struct task *parent);
struct file_obj *model_file_new(struct model *m);
struct file_obj *model_file_by_id(struct model *m, uint32_t id);
struct ns *model_ns_get(struct model *m, enum ns_type type, uint64_t ino);
struct shmem_obj *model_shmem_get(struct model *m, uint64_t dev, uint64_t ino);
struct task *model_task_by_pid(struct model *m, pid_t pid);
/* The controlling terminal of a session, or NULL. */
struct ctty *model_ctty(const struct model *m, pid_t sid);

/* Our CLOCK_MONOTONIC or CLOCK_BOOTTIME (by CLK_*) in nanoseconds; how much of it has passed since @clocks.ours. */
uint64_t model_clock_now(int clk);
uint64_t model_clock_passed(const struct model *m, int clk);

/* True when the tree's root has its own namespace of that type (dump: not ours; restore: not root_ids'). */
bool model_has_own_ns(const struct model *m, enum ns_type type);

#endif
