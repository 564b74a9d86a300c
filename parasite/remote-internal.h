/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to the dump-side engine: what it knows of each thread beyond
 * remote.h, and how its files share the work.
 *
 *	remote.c	the set, waiting for stops, run, detach, kill
 *	seize.c		seizing, stopping, capture
 *	text.c		what there is in the task's memory to run in: gadget, spin, hole
 *	enter.c, leave.c	the parasite in and out
 *	cure.c		the same way out, from journal records
 *	guard.c		a process that freezes the tasks should we be killed at a bad moment
 *	seccomp_eval.c	what a task's filters say to our calls
 *	arch/x86/engine.c	registers
 *
 * The rule that makes dying harmless. A thread of a process is either
 *   home		its own registers and mask, or
 *   parked	our registers, all signals blocked, such that it goes nowhere when
 *		nobody traces it: it sleeps in a call without end, spins on one
 *		instruction, or waits in the parasite.
 * From home to parked and back only while the cgroup is frozen, where a thread
 * that loses its tracer does not move; from one parked state to another by a
 * single PTRACE_SETREGSET, frozen or not. So at any moment the journal's
 * records say everything that must be put back, and putting it back twice is
 * as good as once.
 */
#ifndef STASIS_REMOTE_INTERNAL_H
#define STASIS_REMOTE_INTERNAL_H

#include <linux/filter.h>
#include <signal.h>
#include <sys/mman.h>

#include "parasite/remote.h"

#define LOG_MODULE "parasite"

/* The arena in the task. */
#define ARENA_PROT (PROT_READ | PROT_WRITE | PROT_EXEC)
#define ARENA_FLAGS (MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE)

/* How long a single step of ours inside a task may take before we call it stuck. */
#define STEP_US 10000000ull

enum stop_kind {
	STOP_NONE, /* running, as far as we know */
	STOP_EVENT, /* in the kernel's signal path: whatever registers are set, restarts are seen to */
	STOP_ENTRY, /* a system call is about to be made */
	STOP_EXIT,  /* a system call was made */
};

struct thread_priv {
	enum stop_kind stop;
	bool seized, reaped;
	bool parked; /* or about to be: has a record in the journal */
	bool sleep_ok; /* sleep_nr sleeps; else it is an idle call, and the thread is parked on the spin */
	uint32_t sleep_nr; /* a call that its filters allow */
	struct journal_entry *je;
};

struct task_priv {
	struct remote_task pub; /* first */
	struct thread_priv *tp; /* beside pub.threads */
	uint64_t starttime;	/* of the leader: tells a reused pid */
	size_t driver;	 /* the thread that makes calls for the process: the first that lives */
	uint64_t gadget; /* address of a `syscall` instruction */
	uint64_t spin,
		spin_flags; /* address of an instruction that jumps to itself given these flags */
	uint64_t arena_at, arena_len;
	bool arena_there; /* mapped in the task, as far as we know */
	bool deferred;	  /* in a group stop under a v1 freezer: seized by remote_stop() */
	bool driven;	  /* its driver is making a call of ours */
	int64_t result;	  /* of that call */
	bool no_wx;	  /* may not have memory both writable and executable (PR_SET_MDWE) */
	bool going_out;	  /* leaving: a task that dies now is no error */
	bool strict;	  /* has filters that forbid calls of ours: rests on SUSPEND_SECCOMP */
};

struct remote {
	struct pool *pool;
	struct journal *j;
	struct remote_freeze fz;
	struct task_priv **tasks;
	size_t n;
	struct task_priv **index; /* open hash by pid */
	size_t index_size;
	bool frozen;	 /* as we left it */
	bool no_suspend; /* PTRACE_O_SUSPEND_SECCOMP is refused to us */
	bool stopped;
	bool inside;	   /* the parasite runs in the tasks */
	size_t xstate_len; /* of the first thread: room to ask for */
	pid_t guard;	   /* guard.c: the process; 0 none, negative when it could not be */
	sigset_t guard_mask;
	bool cancellable; /* waits end when the user or the other process wants it */
};

/* Walk over all threads that still have registers. */
#define for_each_thread(r, t, i)                                                                   \
	for (size_t for_task = 0; for_task < (r)->n; for_task++)                                   \
		for (struct task_priv *t = (r)->tasks[for_task]; t; t = NULL)                      \
			for (size_t i = 0; i < t->pub.n_threads; i++)                              \
				if (!t->pub.threads[i].exited)

/* A dead leader has no memory any more: /proc and process_vm_readv() go by a living thread. */
static inline pid_t task_mm_pid(const struct task_priv *t)
{
	return t->pub.threads[t->driver].tid;
}

static inline bool thread_parked(const struct task_priv *t, size_t i)
{
	return t->tp[i].parked && !t->pub.threads[i].exited;
}

#define CURE_NO_SLEEP (1u << 31) /* in sleep_nr: not sleep_ok */

/* A record in the journal: all that is needed to put one thread right. Stored, so fields are only ever appended. */
struct cure_record {
	uint32_t size;
	int32_t pid, tid;
	uint32_t sleep_nr;
	uint64_t starttime;
	uint64_t arena_at, arena_len;
	uint64_t gadget, spin, spin_flags;
	uint64_t sigmask;
	struct user_regs_struct regs;
};

/* remote.c */
struct task_priv *remote_task_add(struct remote *r, pid_t pid);
int remote_frozen(struct remote *r, bool frozen, struct err *e);
/* It has ended; @reaped: and was waited for. */
void thread_gone(struct task_priv *t, size_t i, bool reaped);
int thread_error(const struct task_priv *t, size_t i, const char *op, struct err *e);
/* Wait for the next event of one thread. 0 with *ret_status, or the thread is gone (-ESRCH, marked exited), or -ETIMEDOUT. */
int thread_wait(struct remote *r, struct task_priv *t, size_t i, uint64_t deadline_us,
		int *ret_status, struct err *e);
/*
 * Bring a resumed thread to a stop of the kind wanted, passing on what comes
 * in between: signals are delivered, other stops left by @request (PTRACE_CONT
 * or PTRACE_SYSCALL).
 */
int thread_until(struct remote *r, struct task_priv *t, size_t i, enum stop_kind want,
		 uint64_t deadline_us, struct err *e);
/* All of the given kind in STOP_EVENT, whatever they do now. @parked: only those. */
int threads_to_event(struct remote *r, bool parked, uint64_t deadline_us, struct err *e);
/* Look whether a thread in the parasite got a signal or died; keeps it going. */
int threads_attend(struct remote *r, struct err *e);

/* seize.c */
/* As remote_stop(), without asking whether we are cancelled and without reading what only images need. */
int remote_settle(struct remote *r, uint64_t deadline_us, struct err *e);

/* guard.c */
/* From here to the end, should we be killed, the tasks are frozen before they notice. Best effort. */
void guard_begin(struct remote *r);
void guard_end(struct remote *r);

/* text.c */
int text_find(struct remote *r, struct task_priv *t, struct err *e);
int arenas_place(struct remote *r, size_t data_size, size_t data_thread, struct err *e);
/* Whether the arena of a record is mapped at its place. 1, 0 or -errno. */
int arena_is_mapped(pid_t pid, uint64_t at, uint64_t len, struct err *e);
int task_memory_read(pid_t pid, uint64_t at, void *buf, size_t n);

/* enter.c */
/* All signals blocked and registers that lead nowhere, for all stopped threads that have a record. */
int threads_park(struct remote *r, struct err *e);
/* Bring the drivers of all tasks marked driven to the entry of a call; then make it this one, returning to the spin. */
int driver_to_entry(struct remote *r, struct err *e);
int driver_call(struct remote *r, struct task_priv *t, uint64_t nr, const uint64_t a[6],
		struct err *e);

/* leave.c */
/* From anywhere inside: all parked outside, the arena unmapped on both sides. */
int leave_unmap(struct remote *r, struct err *e);
/* Frozen: registers and masks as before; closes the journal records. */
int leave_home(struct remote *r, struct err *e);

/* seccomp_eval.c */
/* The action (SECCOMP_RET_*, with data) of one classic program; out of range accesses count as KILL. */
uint32_t seccomp_eval(const struct sock_filter *f, size_t n, uint32_t nr, uint32_t arch,
		      uint64_t ip, const uint64_t args[6]);
/* Fill sleep_nr, sleep_ok of a stopped thread, and the task's strict. */
int seccomp_look(struct remote *r, struct task_priv *t, size_t i, struct err *e);

/* arch/x86/engine.c */
int regs_get(pid_t tid, struct user_regs_struct *regs);
int regs_set(pid_t tid, const struct user_regs_struct *regs);
bool regs_are_compat(const struct user_regs_struct *regs);
/* Put interrupted calls and restartable sequences right; true when something changed. */
bool regs_settle(pid_t pid, struct user_regs_struct *regs, const struct remote_rseq *rseq);
/* A call that ends with -EINTR for any wakeup. */
bool eintr_call(int nr);
/* The same for one thread known to be in such a call, if it has stopped; false when not yet. */
bool regs_settle_fast(pid_t tid);
/* From a register set: a call, what to make of it at its entry, a jump to itself, the parasite. */
void regs_for_call(struct user_regs_struct *regs, uint64_t gadget, uint32_t nr);
void regs_replace_call(struct user_regs_struct *regs, uint64_t nr, const uint64_t a[6],
		       uint64_t back_to, uint64_t back_flags);
void regs_for_spin(struct user_regs_struct *regs, uint64_t spin, uint64_t flags);
void regs_for_blob(struct user_regs_struct *regs, uint64_t entry, uint64_t ring, uint64_t sp);
int64_t regs_result(const struct user_regs_struct *regs);
/* Offset in @text of a `syscall` instruction; of an instruction that can jump to itself, with the flags it needs. -1: none. */
ssize_t text_gadget(const unsigned char *text, size_t n);
ssize_t text_spin(const unsigned char *text, size_t n, uint64_t *ret_flags);
/* Calls that never return by themselves and leave the restart block alone, best first; ended by -1. */
extern const int sleep_calls[];
/* Calls that do nothing, for those whose filters allow no sleep. */
extern const int idle_calls[];
#define SECCOMP_ARCH_NATIVE 0xc000003eu /* AUDIT_ARCH_X86_64 */

#endif
