/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal of undos: what must be put back when we die. Records lie in a
 * file mapped shared (under /run/stasis, so that `stasis recover` finds them
 * when everybody died) and are written before the change that they undo.
 *
 * A record becomes valid by one release store, so a death between two stores
 * leaves either no record or a whole one.
 */
#ifndef STASIS_JOURNAL_H
#define STASIS_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

#define JOURNAL_DIR "/run/stasis"

/* The numbers are stored: append only. */
enum undo_kind_id {
	UNDO_NONE = 0,
	UNDO_CURE = 1,	       /* a thread with foreign registers (parasite/) */
	UNDO_THAW = 2,	       /* a cgroup frozen by us (cgroup/) */
	UNDO_REFREEZE = 3,     /* a caller's frozen cgroup that we thawed (cgroup/) */
	UNDO_MOVE_BACK = 4,    /* tasks moved to another cgroup (cgroup/) */
	UNDO_RMDIR = 5,	       /* a directory made by us: cgroup, mount point */
	UNDO_UNLINK = 6,       /* a file name made by us */
	UNDO_KILL = 7,	       /* a process started by us */
	UNDO_CGROUP_KILL = 8,  /* everything in a cgroup made by us (restore) */
	UNDO_NETLOCK = 9,      /* network lock that the kernel does not undo */
	UNDO_IMAGES = 10,      /* an image directory with an unfinished checkpoint */
	UNDO_MQUEUE = 11,      /* messages taken out of a POSIX queue (nsops/) */
	UNDO_TCP_REPAIR = 12,  /* a connection in repair mode (netns/) */
	UNDO_CGROUP_PROP = 13, /* a property of a cgroup that was there before (cgroup/) */
	UNDO_KINDS
};

struct journal_entry {
	uint32_t kind; /* 0 while being written */
	uint32_t len;  /* of data */
	uint32_t done; /* 1: no longer needs undoing */
	uint32_t pad;
	unsigned char data[];
};

struct journal;

struct undo_kind {
	uint32_t id;
	const char *name;
	/* Undo all given records of this kind (newest first). Idempotent: it may run twice. */
	int (*undo)(struct journal *j, struct journal_entry *const *entries, size_t n,
		    struct err *e);
	/* While this fails, what is older must not be undone: a task half put right stays frozen. */
	bool blocks;
	/* Means something on disk: still to be undone after a reboot, where pids and cgroups are others. */
	bool lasting;
};

/*
 * @dir: where the file goes (JOURNAL_DIR when NULL; made if missing). It must be
 * ours alone: whoever can write there can have things undone.
 * @what: "dump" or "restore"; @pid: the subject, for the file's name and for people.
 */
int journal_create(struct journal **ret, const char *dir, const char *what, pid_t pid,
		   struct err *e);
/*
 * For recover: map an existing one and, if nobody else has it, become its owner.
 * -ENODATA when it is not one of ours, with the reason; -ESTALE when its maker
 * died before a single record (the file is removed); -EBUSY while it is being
 * made. These two leave @e alone.
 */
int journal_load(struct journal **ret, const char *path, struct err *e);
/* Unmaps; removes the file when nothing is left to undo. */
void journal_close(struct journal *j);
const char *journal_path(const struct journal *j);
/* "dump of pid 12 by pid 34", for people. */
void journal_describe(const struct journal *j, char *buf, size_t size);
/* Descriptors that a process which closes all others must keep. */
int journal_fd(const struct journal *j);

/* Add a record; the pointer stays valid and the data may be changed in place. */
int journal_add(struct journal *j, uint32_t kind, const void *data, size_t len,
		struct journal_entry **ret, struct err *e);
/* Room for @n records of @len bytes in one go (threads). */
int journal_reserve(struct journal *j, size_t bytes, struct err *e);
static inline void journal_done(struct journal_entry *je)
{
	if (je)
		__atomic_store_n(&je->done, 1, __ATOMIC_RELEASE);
}
/* Undone records of one kind (UNDO_NONE: of all), oldest first; malloc'ed. Returns how many. */
size_t journal_entries(struct journal *j, uint32_t kind, struct journal_entry ***ret);

/*
 * Undo everything that is not done, newest kind-run first, by the given table
 * (NULL-ended). A failing kind does not keep others from being undone unless it
 * blocks; the first error is returned, and what failed stays undone.
 */
int journal_undo(struct journal *j, const struct undo_kind *const *kinds, struct err *e);
/* All is well: no record needs undoing any more. */
void journal_forget(struct journal *j);
/* Whether a process that wrote it (or its watchdog, or another recover) still lives. */
bool journal_owner_alive(const struct journal *j);
/* Written in another pid namespace: its numbers mean nothing here. */
bool journal_is_foreign(const struct journal *j);
/* For people; who lives is told by the lock on the file. */
void journal_set_owners(struct journal *j, pid_t worker, pid_t watcher);

#endif
