/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the freezer's tests share: scratch cgroups, trees of victims in them
 * that tell how far they are, and a look at whether all is as before.
 */
#ifndef STASIS_FREEZER_TREES_H
#define STASIS_FREEZER_TREES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cgroup/cgroup-internal.h"

#define MAX_VICTIMS 64
#define TIMEOUT_US 5000000

/* What victims tell: how far they are, and calls that came back for no reason of theirs. */
struct shared {
	volatile long progress[MAX_VICTIMS];
	volatile int ready[MAX_VICTIMS], leader_dead[MAX_VICTIMS], eintr, guarded;
	volatile long slot;
};

struct victims {
	pid_t v[MAX_VICTIMS];
	char home[MAX_VICTIMS][300];
	size_t n;
};

/* The case that runs: the first thing that was wrong, or nothing. */
struct test {
	int version;
	struct hierarchy both[2];
	char base[256], problem[512];
	struct shared *sh;
	struct victims victims;
	char journal_dir[64];
};
extern struct test t;

bool check(bool ok, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool check_ok(int r, const struct err *e, const char *what);

/* A cgroup of ours by its name below the scratch cgroup. */
const char *path(const char *name);
void make(const char *name);
void put(const char *dir, const char *file, const char *text);
bool is_frozen(const char *dir);
void caller_freezes(const char *name);
/* The cgroup that a thread is in. */
const char *home_of(pid_t pid, pid_t tid, char *buf, size_t size);
int temps(void);
void clean(void);

/* Start one in the cgroup @name; when this returns its whole tree is there. */
typedef void (*victim_fn)(int slot);
pid_t victim(const char *name, victim_fn fn);
void body_tick(int slot);
void body_wait(int slot);
void body_tree(int slot);
void body_spread(int slot);
void body_spread_inside(int slot);
void body_forkers(int slot);
void body_split(int slot);
void body_dead_leader(int slot);
void body_stuck(int slot);
void body_vfork(int slot);

struct pid_list tree_of(pid_t pid);
int scan(void *ctx, pid_t **ret, size_t *ret_n, struct err *e);
struct journal *journal(void);
long sum(void);
/* Every victim where it was put, no cgroup of ours left, and it goes on (or not). */
void check_as_before(bool runs);

#endif
