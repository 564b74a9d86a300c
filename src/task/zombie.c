// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Processes that have ended and wait for their parent. What is left of them is
 * what wait(2) and /proc tell: name, status, owner, limits, signal masks. To
 * restore one a stub takes all of that and ends the same way.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/proc.h"
#include "model/ids.h"
#include "parasite/stub.h"
#include "task/restore.h"
#include "task/task-internal.h"

/* Any address will do for a handler: nothing will run any more. */
#define SOME_HANDLER 0x1000

/* That a signal was caught or ignored shows in /proc; by what, nowhere. */
static void actions_dump(struct pool *pool, const struct proc_status *st, int killer,
			 TaskCoreEntry *tc)
{
	if (!(st->sigign | st->sigcgt))
		return;
	for (int s = 1; s <= N_SIGNALS; s++) {
		SaEntry *sa;
		uint64_t bit = 1ull << (s - 1);

		if (s == SIGKILL || s == SIGSTOP)
			continue;
		sa = pool_msg(pool, SaEntry, sa_entry__init);
		if (s != killer && st->sigign & bit)
			sa->sigaction = (uint64_t)SIG_IGN;
		else if (s != killer && st->sigcgt & bit)
			sa->sigaction = SOME_HANDLER;
		pool_push(pool, tc->sigactions, tc->n_sigactions, sa);
	}
}

/* Its parent is told who it was by waitid(2). */
void task_dead_dump(struct model *m, struct task *t, TaskCoreEntry *tc)
{
	struct proc_status st = { 0 };
	struct proc_stat stat;
	struct err late = { 0 };

	if (!proc_stat_read(t->host, &stat, &late) && stat.exit_signal >= 0 &&
	    stat.exit_signal != SIGCHLD) {
		tc->has_exit_signal = 1;
		tc->exit_signal = stat.exit_signal;
	}
	if (proc_status_read(t->host, t->host, &st, &late))
		return;
	for (int i = 0; i < 3; i++)
		if (!model_uid_in(m, st.uid[i], &st.uid[i]) ||
		    !model_gid_in(m, st.gid[i], &st.gid[i]))
			st.uid[i] = st.gid[i] =
				0; /* without a number inside nobody there sees it */
	if (st.uid[0] || st.uid[1] || st.uid[2] || st.gid[0] || st.gid[1] || st.gid[2]) {
		tc->n_dead_uids = tc->n_dead_gids = 3;
		tc->dead_uids = pool_dup(m->pool, st.uid, 3 * sizeof(*st.uid));
		tc->dead_gids = pool_dup(m->pool, st.gid, 3 * sizeof(*st.gid));
	}
	tc->blk_sigset = st.sigblk;
	actions_dump(m->pool, &st, t->exit_code & 0x7f, tc);
	proc_status_free(&st);
	if (task_limits_dump(m, t, tc, &late))
		tc->rlimits = NULL;
}

static void limit_calls(struct prog *p, const TaskCoreEntry *tc)
{
	for (size_t i = 0; tc->rlimits && i < tc->rlimits->n_rlimits && i < RLIM_NLIMITS; i++) {
		const RlimitEntry *r = tc->rlimits->rlimits[i];
		struct rlimit l = { r->cur, r->max };

		prog_call(p, "set a limit", SYS_setrlimit | SV_IGN, i,
			  (uint64_t)prog_dup(p, &l, sizeof(l)));
	}
}

static void owner_calls(struct prog *p, const TaskCoreEntry *tc)
{
	if (!tc->n_dead_uids)
		return;
	prog_call(p, "take the group ids", SYS_setresgid | SV_IGN, tc->dead_gids[0],
		  tc->dead_gids[1], tc->dead_gids[2]);
	prog_call(p, "take the user ids", SYS_setresuid | SV_IGN, tc->dead_uids[0],
		  tc->dead_uids[1], tc->dead_uids[2]);
}

void task_build_zombie(struct build *b)
{
	struct task *t = b->t;
	struct prog *p = b->p;
	const TaskCoreEntry *tc = t->threads[0].core->tc;
	int sig = t->exit_code & 0x7f;
	uint64_t *mask = prog_alloc(p, sizeof(*mask));
	char name[16];

	snprintf(name, sizeof(name), "%s", t->comm);
	prog_call(p, "set the name", SYS_prctl | SV_IGN, PR_SET_NAME,
		  (uint64_t)prog_strdup(p, name));
	task_action_calls(p, tc);
	limit_calls(p, tc);
	owner_calls(p, tc);
	*mask = tc->blk_sigset & ~(sig ? 1ull << (sig - 1) : 0);
	prog_call(p, "set the signal mask", SYS_rt_sigprocmask | SV_IGN, SIG_SETMASK,
		  (uint64_t)mask, 0, 8);
	if (sig) {
		/* Its memory is none that anybody wants to see in a core file. */
		prog_call(p, "no core file", SYS_prctl, PR_SET_DUMPABLE, 0);
		prog_call(p, "end by signal", SYS_kill | SV_IGN, t->pid, sig);
	}
	prog_call(p, "end", SYS_exit_group | SV_IGN, t->exit_code >> 8 & 0xff);
}
