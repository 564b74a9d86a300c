/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of src/task share. */
#ifndef STASIS_TASK_INTERNAL_H
#define STASIS_TASK_INTERNAL_H

#include "base/cleanup.h"
#include "model/model.h"
#include "task/task.h"
#include "task/timers.h"

struct remote_thread;
struct user_regs_struct;
struct proc_status;

/* task_core_entry.task_state as the image format counts. */
enum { CORE_ALIVE = 1, CORE_DEAD = 2, CORE_STOPPED = 3 };

/* personality(2) bits and the process flag that say "never ran exec". */
#define N_SIGNALS 64

/* Kernel's struct sigaction for rt_sigaction(2) with an 8-byte mask. */
struct kernel_sigaction {
	uint64_t handler, flags, restorer, mask;
};

struct kernel_stack {
	uint64_t sp;
	uint32_t flags, pad;
	uint64_t size;
};

/* As get_mempolicy(2) gives it, for up to 1024 nodes. */
#define POLICY_NODES 1024
struct mempolicy_answer {
	uint64_t mode;
	uint64_t nodes[POLICY_NODES / 64];
};

/* sched_getattr(2), its first version; SCHED_DEADLINE is the policy beyond those of glibc. */
#define SCHED_DEADLINE_ 6
struct kernel_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* States of states.c: calls while asking, values afterwards. */
#define TASK_STATES 6
struct task_states {
	uint64_t call[TASK_STATES];
	int *answer[TASK_STATES];
};

/* Answers of one thread, and for a leader those of the whole process. */
struct inside {
	size_t sas_call, tid_call, pdeath_call, secbits_call, slack_call;
	struct task_states states;
	struct kernel_stack *sas;
	uint64_t *tid_address;
	int *pdeath;
	size_t mce_call, policy_call;
	struct mempolicy_answer *policy;
	/* leader only */
	struct kernel_sigaction *sigactions; /* [N_SIGNALS + 1] */
	struct itimerval *itimers;	     /* [3] */
	struct timespec *itimers_now;	     /* the tree's CLOCK_MONOTONIC then */
	struct posix_timers timers;	     /* of threads[0], whoever speaks */
	int *subreaper;
	size_t dumpable_call, thp_call, brk_call, membarrier_call, merge_call, ldt_call;
	/* taken over after the run */
	uint64_t brk;
	int dumpable;
	bool thp_disabled;
	uint32_t fsuid; /* as we see it */
	size_t keyring_call;
	const struct keyring *keyring; /* that holds keys; NULL: none */
	int restart_nr; /* for a thread seen in restart_syscall(2): the call behind it, or -1 */
};

/* The thread that speaks for the process: the leader, or the first living one when it is dead. */
static inline struct thread *task_speaker(const struct task *t)
{
	return &t->threads[t->leader_dead && t->n_threads > 1 ? 1 : 0];
}

/* arch/x86/regs.c */
ThreadInfoX86 *arch_regs_dump(struct pool *p, const struct remote_thread *rt,
			      const struct user_regs_struct *portable);
void arch_regs_restore(const ThreadInfoX86 *ti, struct user_regs_struct *r);
/* @xstate holds the regset of a living thread: its layout and enabled features are kept. */
int arch_xstate_restore(const ThreadInfoX86 *ti, void *xstate, size_t len, struct err *e);

/* Not in a system call: what it did last was an instruction that could not be executed, or an interrupt came. */
bool arch_regs_in_fault(const struct user_regs_struct *r);
/* When it stands behind a breakpoint: in the image it stands before. */
bool arch_breakpoint_again(const struct remote_thread *rt, ThreadInfoX86 *ti);

/* arch/x86/restart.c: interrupted system calls. */
int arch_restart_nr_now(pid_t pid, pid_t tid);
void arch_restart_dump(struct pool *p, const struct remote_thread *rt, int restart_nr,
		       struct user_regs_struct *portable, ThreadCoreEntry *tc);

/* traits.c: what the image format of old has no fields for. */
void task_traits_calls(struct thread *th, struct inside *in);
void task_traits_results(struct model *m, struct thread *th, struct inside *in);
int task_traits_dump(struct model *m, struct thread *th, struct err *e);
int task_traits_process_dump(struct model *m, struct task *t, TaskCoreEntry *tc, struct err *e);
void task_dead_dump(struct model *m, struct task *t, TaskCoreEntry *tc);
int task_traits_check(const struct task *t, const char **ret_why);
/* traits_restore.c */
struct prog;
int task_exit_signal(const struct task *t);
void task_traits_process_build(struct prog *p, const TaskCoreEntry *tc);
/* build.c */
void task_action_calls(struct prog *p, const TaskCoreEntry *tc);
void task_traits_build(struct prog *p, const ThreadCoreEntry *tc);
int task_traits_outside(struct task *t, struct err *e);

/* members.c: whether somebody outside keeps the tree's numbers, or would end with it; who into @why. */
bool task_has_outer_members(struct model *m, char *why, size_t size);

/* keyrings.c: before anything else, returns bytes of the arena; ask inside, take the answers; refuse. */
struct keyring;
size_t task_keyrings_look(struct model *m);
void task_keyrings_calls(struct model *m, struct thread *th, struct inside *in);
void task_keyrings_results(struct model *m, struct thread *th, struct inside *in);
int task_keyrings_check(const struct task *t, struct err *e);

/* signals.c */
int task_signals_dump(struct model *m, struct thread *th, uint64_t shared, uint64_t private,
		      struct err *e);
/* creds.c */
/* As /proc/PID/limits calls it. @limit: below RLIM_NLIMITS. */
const char *task_limit_name(size_t limit);
int task_creds_dump(struct model *m, struct thread *th, int secbits, uint64_t *ret_shdpnd,
		    uint64_t *ret_sigpnd, int *ret_seccomp, struct err *e);
int task_limits_dump(struct model *m, struct task *t, TaskCoreEntry *tc, struct err *e);
/* seccomp.c */
int task_seccomp_dump(struct model *m, struct thread *th, int mode, struct err *e);
int task_seccomp_finish(struct model *m, struct err *e);
/* states.c: ask inside, take the answers, what differs from a fresh process; and back. */
void task_states_calls(struct prog *p, struct task_states *s, bool process);
void task_states_results(const struct prog *p, struct task_states *s);
void task_states_dump(struct pool *pool, const struct task_states *s, ThreadCoreEntry *tc);
bool task_states_known(const ThreadCoreEntry *tc);
void task_states_set(struct prog *p, const ThreadCoreEntry *tc);
/* outside.c */
bool task_limits_from_outside(struct model *m);
/* seccomp_restore.c */
void task_filter_calls(struct model *m, struct prog *p, const struct thread *th);
/* creds_restore.c */
const struct proc_status *task_own_status(struct model *m);
void task_creds_calls(struct model *m, struct prog *p, const struct thread *th);

#endif
