/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Holding tasks by ptrace and making system calls inside them, without harm
 * whatever happens to us.
 *
 * Order of use (checkpoint): the cgroup is frozen; remote_add_task() seizes all
 * threads; remote_stop() collects the stops and captures registers; then, for a
 * short while, remote_enter() brings the parasite in, programs run
 * (remote_prog(), remote_run()), remote_leave() takes it out again and puts
 * every register, mask and mapping back. From then on the tasks are held in
 * their ptrace stops, the cgroup frozen again, and are read from outside, until
 * remote_detach() or remote_kill().
 *
 * Before anything of a task is changed its record goes into the journal
 * (UNDO_CURE), so that whoever survives can put it right: remote_cure(). A
 * task whose tracer dies while it holds foreign registers either sleeps in
 * pause(2), waits in the parasite, or lies frozen; never runs on.
 */
#ifndef STASIS_REMOTE_H
#define STASIS_REMOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "parasite/prog.h"

struct err;
struct pool;
struct journal;
struct journal_entry;
struct remote;

/*
 * How the engine freezes and thaws the set; given by whoever owns the freezer.
 * Writing the state is enough: tasks in ptrace stops freeze where they are, so
 * nothing needs to be waited for.
 */
struct remote_freeze {
	int (*set)(void *ctx, bool frozen, struct err *e);
	void *ctx;
	/* True for cgroup v2: a frozen task still reaches ptrace stops, and a call
	 * resumed at its entry stop runs to its exit stop without user code. */
	bool stops_frozen;
};

struct remote_rseq {
	uint64_t ptr; /* 0: not registered */
	uint32_t size, sig;
};

struct remote_thread {
	struct remote_task *task;
	pid_t tid; /* as we see it */
	struct user_regs_struct
		regs; /* as it must go on: interrupted calls and rseq sections put right */
	uint64_t sigmask;
	void *xstate; /* NT_X86_XSTATE as the kernel gives it, xstate_len bytes */
	size_t xstate_len;
	struct remote_rseq rseq;
	uint64_t robust_list, robust_len;
	bool compat;	      /* 32-bit code */
	bool group_stopped;   /* was stopped by job control; returns to that */
	int stop_sig;	      /* then: the signal */
	bool exited;	      /* a dead leader whose threads live on: no registers */
	struct sv_ring *ring; /* between enter and leave */
	struct prog prog;     /* what remote_run() executes in it, once; see there */
};

struct remote_task {
	pid_t pid;		       /* thread group, as we see it */
	struct remote_thread *threads; /* [0] is the leader */
	size_t n_threads;
	struct arena arena; /* between enter and leave */
	bool no_parasite;   /* 32-bit code: remote_enter() refuses */
};

/* @r lives until remote_free(), which detaches what is still held (after remote_leave()). */
int remote_new(struct remote **ret, struct pool *pool, struct journal *j,
	       const struct remote_freeze *fz, struct err *e);
void remote_free(struct remote *r);

/*
 * Seize every thread of @pid (PTRACE_SEIZE with TRACESYSGOOD and, where we may,
 * SUSPEND_SECCOMP). The task's cgroup is frozen. With a v1 freezer a thread in
 * a group stop would block us until the thaw: those are left for remote_stop().
 */
int remote_add_task(struct remote *r, pid_t pid, struct remote_task **ret, struct err *e);

/*
 * Interrupt all, collect all stops (thawing first where the freezer needs it),
 * capture registers, masks and extended state. Threads that appeared since are
 * seized too until two looks agree. @deadline_us as now_us(); a task that does
 * not stop is named (-ETIMEDOUT). -EAGAIN: a vfork parent waits for a child that
 * we hold; let all go and try again. Afterwards the cgroup is frozen again.
 */
int remote_stop(struct remote *r, uint64_t deadline_us, struct err *e);

/*
 * Bring the parasite into every task. @data_size: arena bytes to reserve for
 * programs and data of one task besides @data_thread for each of its threads.
 */
int remote_enter(struct remote *r, size_t data_size, size_t data_thread, struct err *e);
/*
 * Run all non-empty programs of all threads that have not run yet; results stay
 * readable until remote_leave(). For a second program in the same thread:
 * prog_free() and prog_init() the first.
 */
int remote_run(struct remote *r, struct err *e);
/*
 * Take it out everywhere: registers, masks, mappings and restart state are as
 * before. Afterwards the cgroup is frozen.
 */
int remote_leave(struct remote *r, struct err *e);

/* Let all go on from where they were. The cgroup may be frozen; it decides when they run. */
int remote_detach(struct remote *r, struct err *e);
/* SIGKILL all tasks, reap what ptrace lets us reap, wait until all are gone. */
int remote_kill(struct remote *r, uint64_t deadline_us, struct err *e);

struct remote_task *remote_task_get(struct remote *r, pid_t pid);
size_t remote_tasks(struct remote *r, struct remote_task ***ret);

/*
 * After the tracer died: put right every task of the given journal records.
 * Runs in the watchdog or in `stasis recover`. @pids: all processes of the
 * frozen cgroup, also those without records: calls of theirs that the freeze
 * interrupted are put right, too. Ends frozen: the thaw is the freezer's undo.
 * May be repeated.
 */
int remote_cure(struct journal_entry *const *entries, size_t n, const pid_t *pids, size_t n_pids,
		const struct remote_freeze *fz, struct err *e);

#endif
