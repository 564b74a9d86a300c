/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Restore's engine: processes that begin as nothing but the arena.
 *
 * A stub is born by clone3(2) from inside the arena, so it never runs an
 * instruction of the coordinator's; it executes the programs posted to its
 * ring and becomes the task that they build. stubs_*() act on the whole set:
 * three waits, however many tasks there are.
 *
 * Until stubs_commit() a dying coordinator takes every stub with it: the parent
 * death signal down the tree at first, PTRACE_O_EXITKILL once all are seized.
 */
#ifndef STASIS_STUB_H
#define STASIS_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "parasite/prog.h"

struct err;
struct pool;

struct stub_thread {
	pid_t tid;  /* inside the restored pid namespace */
	pid_t host; /* as we see it; known after stubs_find() */
	struct sv_ring *ring;
	struct prog build; /* a leader's builds the process, a thread's only itself */
	struct prog final; /* last words: credentials, filters, timers; run when all are seized */
	struct user_regs_struct
		regs; /* to begin with; rax and orig_rax as in an interrupted call */
	uint64_t sigmask;
	/* A relative sleep that goes on through the restart block: slept for real before the registers are set. */
	bool nap;
	int nap_clock;
	uint64_t nap_until; /* our CLOCK_MONOTONIC, in nanoseconds */
	uint64_t nap_rest;  /* where the kernel writes what is left */
	void *owner;	    /* the caller's */
};

struct stub {
	struct stub *parent;
	pid_t pid, host;
	struct stub_thread *threads; /* [0] is the leader */
	size_t n_threads;
	struct prog birth;
	bool temporary;	       /* ends by its own build or last program: a zombie or a helper */
	bool no_threads_wait;  /* its build program does not return (exit) */
	uint64_t final_gadget; /* a `syscall` instruction in its final memory */
	bool leader_dead;      /* threads[0] ends before registers are set */
	int stop_sig;	       /* a job-control stop that it is in, and that its parent knows of */
	size_t index;
	uint32_t received; /* calls of the build program after which all descriptors are there */
	void *owner;
};

struct stub_set {
	struct pool *pool;
	struct arena arena;
	int arena_fd; /* its memory */
	struct stub **v;
	size_t n;
	size_t n_threads;
	int sock_base, n_socks; /* numbers of the service sockets inside every stub */
	int *socks;		/* our ends */
	bool released;
};

/*
 * @ranges: final mappings of all tasks. @max_fd: highest descriptor number
 * that any of them holds. @n_tasks, @n_threads: how many there will be;
 * @data: bytes that their programs need beyond the usual.
 */
int stubs_new(struct stub_set **ret, struct pool *pool, const uint64_t (*ranges)[2],
	      size_t n_ranges, int max_fd, size_t n_tasks, size_t n_threads, size_t data,
	      struct err *e);
void stubs_free(struct stub_set *s);
struct stub *stub_add(struct stub_set *s, struct stub *parent, pid_t pid, size_t n_threads);

/* Append what ties @st to its parent's life: the first calls of a birth program. */
void stub_bind_calls(struct prog *p, const struct stub *st);
/* Append to @p the call that gives birth to @child: @flags for clone3(2), @exit_signal. */
void stub_spawn_call(struct stub_set *s, struct prog *p, struct stub *child, uint64_t flags,
		     int exit_signal);
/* ...or to a thread of @st. */
void stub_spawn_thread_call(struct stub_set *s, struct prog *p, struct stub *st, size_t thread);
/* Append what receives @n descriptors as numbers 0..n-1 (in messages of what SCM_RIGHTS allows). */
void stub_recv_calls(struct stub_set *s, struct prog *p, struct stub *st, size_t n);
/*
 * Send what such calls of a program that is about to run receive. Stubs share
 * sockets: the one that was sent to before must have received.
 */
int stub_send(struct stub_set *s, const struct stub *st, const int *fds, size_t n, struct err *e);
/* Give it descriptors at once; what numbers they have inside. At most 250. */
int stub_give(struct stub_set *s, struct stub *st, const int *fds, size_t n, int *ret_numbers,
	      struct err *e);
/* Take descriptors out of it, which are closed inside: ours, O_CLOEXEC. At most 250. */
int stub_take(struct stub_set *s, struct stub *st, const int *numbers, size_t n, int *ret_fds,
	      struct err *e);
/* Append closing the service sockets: the last thing of a build, or of what follows it. */
void stub_close_service_call(struct stub_set *s, struct prog *p);

struct stub_birth {
	uint64_t flags; /* CLONE_NEW* and CLONE_PARENT */
	bool set_pid;	/* false: the kernel chooses the root's */
	bool alone;	/* the birth programs wait for stubs_grow() */
	/*
	 * With CLONE_NEWUSER: @outer runs first, with all our privileges, in a
	 * copy of our mount namespace that the root then gets a copy of (with
	 * CLONE_NEWNS; else NULL). Descriptors that it opens are ours.
	 */
	struct prog *outer;
	int cgroup; /* of v2, to be born into: CLONE_INTO_CGROUP; negative: ours */
	/* Who makes the user namespace: a user of ours, and the groups that stay. */
	uint32_t owner;
	const uint32_t *groups;
	size_t n_groups;
	/* Called from outside when the root is there: gives the namespace its maps. */
	int (*map)(void *ctx, pid_t root, struct err *e);
	void *ctx;
	struct prog *first;	 /* what the root does before its own program; taken over */
	bool root_uid, root_gid; /* id 0 has a number of ours: stubs begin as that */
};

/*
 * Give birth to the root (and through its program to the tree). All birth
 * programs are complete.
 */
int stubs_birth(struct stub_set *s, const struct stub_birth *b, struct err *e);
/*
 * With @alone: post the birth programs. Everybody inherits @fds as numbers
 * 0..@n-1; they are to be closed by the build programs.
 */
int stubs_grow(struct stub_set *s, const int *fds, size_t n, struct err *e);
/* All birth programs have ended well; of a root alone, that it is there. */
int stubs_born(struct stub_set *s, struct err *e);
/* Run one program in one stub and wait: the maker's. */
int stub_run(struct stub_set *s, struct stub *st, struct prog *p, struct err *e);

/* ...in one of its threads. */
int stub_run_thread(struct stub_set *s, struct stub *st, size_t thread, struct prog *p,
		    struct err *e);

/* Post all build programs, feeding each stub its descriptors: fds[i] of stub i (in s->v order). */
struct stub_fds {
	const int *v;
	size_t n;
};
int stubs_build(struct stub_set *s, const struct stub_fds *fds, struct err *e);
/* Find out how we see every stub and thread (NSpid when @own_pidns). */
int stubs_find(struct stub_set *s, bool own_pidns, struct err *e);
/* Stop those that were stopped by job control, unseen by their parents. After stubs_build(). */
int stubs_stop(struct stub_set *s, struct err *e);
/* Seize all with EXITKILL, run the final programs, stop all. */
int stubs_seize(struct stub_set *s, struct err *e);
int stubs_final(struct stub_set *s, struct err *e);
/*
 * Take the arena away from all and set registers and masks. @xstate fills a
 * thread's extended state over its present regset.
 */
int stubs_dress(struct stub_set *s,
		int (*xstate)(struct stub_thread *th, void *buf, size_t len, struct err *e),
		struct err *e);
/* From here on they outlive us: the root last. */
int stubs_commit(struct stub_set *s, struct err *e);
/* Let all go. @stopped: leave every task in a job-control stop. */
int stubs_release(struct stub_set *s, bool stopped, struct err *e);
/* After a failure: kill and reap all that was born. */
void stubs_kill(struct stub_set *s);

#endif
