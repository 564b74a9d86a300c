/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What only the task itself can tell: signal actions, alternate stacks, the
 * clear_child_tid address, interval timers, prctl(2) states. The calls go into
 * the programs of its threads; one batch answers all of them.
 */
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "parasite/remote.h"
#include "task/task-internal.h"

#ifndef PR_GET_TID_ADDRESS
#define PR_GET_TID_ADDRESS 40
#endif

static void process_calls(struct thread *th, struct inside *in)
{
	struct prog *p = &th->rt->prog;

	in->sigactions = prog_alloc(p, (N_SIGNALS + 1) * sizeof(*in->sigactions));
	for (int s = 1; s <= N_SIGNALS; s++)
		prog_call(p, "read a signal action", SYS_rt_sigaction, s, 0,
			  (uint64_t)&in->sigactions[s], 8);
	in->itimers = prog_alloc(p, 3 * sizeof(*in->itimers));
	for (int w = 0; w < 3; w++)
		prog_call(p, "read an interval timer", SYS_getitimer, w, (uint64_t)&in->itimers[w]);
	in->itimers_now = prog_alloc(p, sizeof(*in->itimers_now));
	prog_call(p, "read the clock", SYS_clock_gettime, CLOCK_MONOTONIC,
		  (uint64_t)in->itimers_now);
	timers_calls(p, &((struct inside *)th->task->threads[0].priv)->timers);
	in->subreaper = prog_alloc(p, sizeof(*in->subreaper));
	prog_call(p, "read the subreaper flag", SYS_prctl, PR_GET_CHILD_SUBREAPER,
		  (uint64_t)in->subreaper);
	in->dumpable_call = prog_call(p, "read the dumpable flag", SYS_prctl, PR_GET_DUMPABLE);
	in->thp_call = prog_call(p, "read the THP flag", SYS_prctl | SV_IGN, PR_GET_THP_DISABLE);
	in->brk_call = prog_call(p, "read the program break", SYS_brk, 0);
}

int task_dump_calls(struct model *m, struct task *t, struct err *e)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		struct thread *th = &t->threads[i];
		struct inside *in = th->priv;
		struct prog *p;

		if (!in)
			in = th->priv = pool_alloc(m->pool, sizeof(*in));
		if (!th->rt || th->rt->exited)
			continue;
		p = &th->rt->prog;
		in->sas = prog_alloc(p, sizeof(*in->sas));
		in->sas_call = prog_call(p, "read the alternate stack", SYS_sigaltstack, 0,
					 (uint64_t)in->sas);
		in->tid_address = prog_alloc(p, sizeof(*in->tid_address));
		in->tid_call = prog_call(p, "read clear_child_tid", SYS_prctl, PR_GET_TID_ADDRESS,
					 (uint64_t)in->tid_address);
		in->pdeath = prog_alloc(p, sizeof(*in->pdeath));
		prog_call(p, "read the parent death signal", SYS_prctl, PR_GET_PDEATHSIG,
			  (uint64_t)in->pdeath);
		in->secbits_call = prog_call(p, "read securebits", SYS_prctl, PR_GET_SECUREBITS);
		in->slack_call = prog_call(p, "read the timer slack", SYS_prctl, PR_GET_TIMERSLACK);
		task_traits_calls(th, in);
		task_states_calls(p, &in->states, th == task_speaker(t));
		if (th == task_speaker(t))
			process_calls(th, in);
		if (th == task_speaker(t))
			task_keyrings_calls(m, th, in);
	}
	return 0;
}

/* The arena goes away with the parasite: copy what it holds into the pool. */
int task_dump_results(struct model *m, struct task *t, struct err *e)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		struct thread *th = &t->threads[i];
		struct inside *in = th->priv;
		const struct prog *p;

		if (!th->rt || th->rt->exited)
			continue;
		p = &th->rt->prog;
		in->sas = pool_dup(m->pool, in->sas, sizeof(*in->sas));
		in->tid_address = pool_dup(m->pool, in->tid_address, sizeof(*in->tid_address));
		in->pdeath = pool_dup(m->pool, in->pdeath, sizeof(*in->pdeath));
		in->secbits_call = prog_res(p, in->secbits_call);
		in->slack_call = prog_res(p, in->slack_call);
		task_traits_results(m, th, in);
		task_states_results(p, &in->states);
		if (th != task_speaker(t))
			continue;
		task_keyrings_results(m, th, in);
		in->sigactions = pool_dup(m->pool, in->sigactions,
					  (N_SIGNALS + 1) * sizeof(*in->sigactions));
		in->itimers = pool_dup(m->pool, in->itimers, 3 * sizeof(*in->itimers));
		in->itimers_now = pool_dup(m->pool, in->itimers_now, sizeof(*in->itimers_now));
		timers_results(m->pool, p, &((struct inside *)t->threads[0].priv)->timers);
		in->subreaper = pool_dup(m->pool, in->subreaper, sizeof(*in->subreaper));
		in->dumpable = prog_res(p, in->dumpable_call);
		in->thp_disabled = prog_res(p, in->thp_call) > 0;
		in->brk = prog_res(p, in->brk_call);
	}
	return 0;
}

void task_inside(const struct task *t, uint64_t *ret_brk, int *ret_dumpable, bool *ret_thp_disabled)
{
	const struct inside *in = task_speaker(t)->priv;

	*ret_brk = in->brk;
	*ret_dumpable = in->dumpable;
	*ret_thp_disabled = in->thp_disabled;
}
