/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building a process around its stub: what is neither memory nor files. All
 * calls are appended to programs; nothing is done here.
 */
#define LOG_MODULE "task"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/err.h"
#include "base/log.h"
#include "model/options.h"
#include "task/restore.h"
#include "task/task-internal.h"

#define SS_AUTODISARM_ (1u << 31)
#define SS_ONSTACK_ 1u

static ThreadCoreEntry *tc_of(const struct thread *th)
{
	return th->core->thread_core;
}

/* Set up by each thread for itself, as the kernel wants it. rseq last: from then on the kernel writes there. */
static void self_calls(struct prog *p, const struct thread *th)
{
	const ThreadCoreEntry *tc = tc_of(th);
	const char *comm = tc->comm ? tc->comm : th->core->tc ? th->core->tc->comm : "";
	char name[16];

	prog_call(p, "set clear_child_tid", SYS_set_tid_address,
		  th->core->thread_info->clear_tid_addr);
	if (tc->futex_rla)
		prog_call(p, "set the robust list", SYS_set_robust_list, tc->futex_rla,
			  tc->futex_rla_len);
	if (tc->sas && !(tc->sas->ss_flags & 2 /* SS_DISABLE */)) {
		struct kernel_stack ss = {
			.sp = tc->sas->ss_sp,
			/* ONSTACK only says where the stack pointer was. */
			.flags = tc->sas->ss_flags & SS_AUTODISARM_,
			.size = tc->sas->ss_size,
		};

		prog_call(p, "set the alternate stack", SYS_sigaltstack,
			  (uint64_t)prog_dup(p, &ss, sizeof(ss)), 0);
	}
	snprintf(name, sizeof(name), "%s", comm);
	prog_call(p, "set the name", SYS_prctl, PR_SET_NAME, (uint64_t)prog_strdup(p, name));
	if (tc->has_timer_slack)
		prog_call(p, "set the timer slack", SYS_prctl, PR_SET_TIMERSLACK, tc->timer_slack);
	if (tc->rseq_entry && tc->rseq_entry->rseq_abi_pointer)
		prog_call(p, "register rseq", SYS_rseq, tc->rseq_entry->rseq_abi_pointer,
			  tc->rseq_entry->rseq_abi_size, 0, tc->rseq_entry->signature);
}

void task_action_calls(struct prog *p, const TaskCoreEntry *tc)
{
	size_t i = 0;

	for (int s = 1; s <= N_SIGNALS && i < tc->n_sigactions; s++) {
		const SaEntry *sa;
		struct kernel_sigaction k;

		if (s == SIGKILL || s == SIGSTOP)
			continue;
		sa = tc->sigactions[i++];
		k = (struct kernel_sigaction){ sa->sigaction, sa->flags, sa->restorer, sa->mask };
		if (k.handler || k.flags || k.mask)
			prog_call(p, "set a signal action", SYS_rt_sigaction, s,
				  (uint64_t)prog_dup(p, &k, sizeof(k)), 0, 8);
	}
}

/* Wait until @t's dead children are dead, and take the SIGCHLD that their end or a helper's left. */
static void settle_children(struct prog *p, const struct task *t)
{
	uint64_t *set = prog_alloc(p, sizeof(*set));
	struct timespec *now = prog_alloc(p, sizeof(*now));
	size_t n = 1;

	*set = 1ull << (SIGCHLD - 1);
	for (size_t i = 0; i < t->n_children; i++) {
		int sig = task_exit_signal(t->children[i]);

		if (t->children[i]->state != TASK_ZOMBIE)
			continue;
		prog_call(p, "wait for the zombie", SYS_waitid, P_PID, t->children[i]->pid,
			  (uint64_t)prog_alloc(p, sizeof(siginfo_t)), WEXITED | WNOWAIT | __WALL,
			  0);
		if (sig && sig != SIGCHLD) {
			*set |= 1ull << (sig - 1);
			n++;
		}
	}
	for (size_t i = 0; i < n; i++)
		prog_call(p, "drop their SIGCHLD", SYS_rt_sigtimedwait | SV_IGN, (uint64_t)set, 0,
			  (uint64_t)now, 8);
}

int task_build(struct build *b, struct stub_set *s, struct err *e)
{
	struct task *t = b->t;
	struct thread *leader = &t->threads[0];
	const TaskCoreEntry *tc = leader->core->tc;
	struct prog *p = b->p;

	if (tc->personality)
		prog_call(p, "set the personality", SYS_personality, tc->personality);
	task_action_calls(p, tc);
	if (tc->has_child_subreaper && tc->child_subreaper)
		prog_call(p, "become subreaper", SYS_prctl, PR_SET_CHILD_SUBREAPER, 1);
	settle_children(p, t);
	timers_prepare(p, t);
	for (size_t k = 1; k < t->n_threads; k++) {
		stub_spawn_thread_call(s, p, t->stub, k);
		self_calls(&t->stub->threads[k].build, &t->threads[k]);
	}
	if (!t->leader_dead)
		self_calls(p, leader);
	return timers_make(p, t, e);
}

static void pending_calls(const struct model *m, struct prog *p, const SignalQueueEntry *q,
			  const struct task *t, pid_t tid)
{
	pid_t tgid = t->pid;

	for (size_t i = 0; q && i < q->n_signals; i++) {
		siginfo_t *si = prog_dup(p, q->signals[i]->siginfo.data, sizeof(*si));

		if (timers_fire(m, p, t, si))
			continue;
		if (tid)
			prog_call(p, "queue a pending signal", SYS_rt_tgsigqueueinfo, tgid, tid,
				  si->si_signo, (uint64_t)si);
		else
			prog_call(p, "queue a pending signal", SYS_rt_sigqueueinfo, tgid,
				  si->si_signo, (uint64_t)si);
	}
}

/* @passed: of the time left, in nanoseconds. */
static void timer_call(struct prog *p, int which, const ItimerEntry *i, uint64_t passed)
{
	struct itimerval v;
	uint64_t us;

	if (!i || (!i->vsec && !i->vusec))
		return;
	us = i->vsec * 1000000 + i->vusec;
	us = us > passed / 1000 ? us - passed / 1000 : 1;
	v = (struct itimerval){ .it_interval = { i->isec, i->iusec },
				.it_value = { us / 1000000, us % 1000000 } };
	prog_call(p, "start an interval timer", SYS_setitimer, which,
		  (uint64_t)prog_dup(p, &v, sizeof(v)), 0);
}

static void process_final(struct model *m, struct prog *p, const struct task *t)
{
	const TaskCoreEntry *tc = t->threads[0].core->tc;

	task_traits_process_build(p, tc);
	timers_arm(m, p, t, 0);
	pending_calls(m, p, tc->signals_s, t, 0);
	if (tc->timers) {
		timer_call(p, ITIMER_REAL, tc->timers->real, model_clock_passed(m, CLK_MONO));
		timer_call(p, ITIMER_VIRTUAL, tc->timers->virt, 0);
		timer_call(p, ITIMER_PROF, tc->timers->prof, 0);
	}
	if (task_limits_from_outside(m))
		return;
	for (size_t i = 0; tc->rlimits && i < tc->rlimits->n_rlimits && i < RLIM_NLIMITS; i++) {
		const RlimitEntry *r = tc->rlimits->rlimits[i];
		struct rlimit l = { r->cur, r->max };

		prog_call(p, "set a limit", SYS_setrlimit, i, (uint64_t)prog_dup(p, &l, sizeof(l)));
	}
}

/*
 * A root whose parent, stasis, is about to end would get the signal there and
 * then. Its next parent is an init, for whose death it would wait in vain.
 */
static uint32_t death_signal(const struct model *m, const struct task *t, const ThreadCoreEntry *tc)
{
	const struct options *o = m->opt;

	if (!tc->has_pdeath_sig || !tc->pdeath_sig)
		return 0;
	if (t != m->root || o->restore_sibling || !(o->restore_detached || o->leave_stopped))
		return tc->pdeath_sig;
	log_warn(
		"root task %d wanted signal %u at its parent's death and loses it, having no parent that stays: see --restore-sibling and --exec-cmd",
		t->pid, tc->pdeath_sig);
	return 0;
}

int task_build_final(struct model *m, struct task *t, struct err *e)
{
	for (size_t k = 0; k < t->n_threads; k++) {
		struct thread *th = &t->threads[k];
		const ThreadCoreEntry *tc = tc_of(th);
		struct prog *p = &t->stub->threads[k].final;

		if (k == 0)
			process_final(m, p, t);
		if (k == 0 && t->leader_dead) {
			/* It ends once the others have said their last words. */
			prog_call(p, "forget the parent's death", SYS_prctl, PR_SET_PDEATHSIG, 0);
			t->stub->leader_dead = true;
			continue;
		}
		if (k)
			timers_arm(m, p, t, k);
		pending_calls(m, p, tc->signals_p, t, th->tid);
		task_traits_build(p, tc);
		task_states_set(p, tc);
		task_creds_calls(m, p, th);
		/* Changing ids clears it, in any thread: the last one to change sets it last. */
		prog_call(p, "set dumpable", SYS_prctl, PR_SET_DUMPABLE,
			  !t->mm || !t->mm->has_dumpable || t->mm->dumpable == 1);
		prog_call(p, "set the parent death signal", SYS_prctl, PR_SET_PDEATHSIG,
			  death_signal(m, t, tc));
	}
	return 0;
}

size_t task_arena_need(const struct model *m)
{
	size_t need = 0;

	for (size_t i = 0; i < m->n_tasks; i++)
		if (m->tasks[i]->state != TASK_ZOMBIE)
			need += timers_arena_need(m->tasks[i]);
	return need;
}
