/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core-*.img: one per thread; a leader's also carries what belongs to the
 * process. Written when every answer is in; then pstree, ids and fs images.
 */
#define LOG_MODULE "task"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/user.h>

#include "base/io.h"
#include "base/log.h"
#include "base/proc.h"
#include "image/image.h"
#include "parasite/remote.h"
#include "task/task-internal.h"

/* A number from a one-line /proc file; @dflt when the kernel has no such file. */
static long proc_number(pid_t pid, const char *name, int base, long dflt)
{
	char path[64], buf[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	if (read_text_at(AT_FDCWD, path, buf, sizeof(buf)) <= 0)
		return dflt;
	return strtol(buf, NULL, base);
}

static ItimerEntry *itimer_entry(struct pool *p, const struct itimerval *v)
{
	ItimerEntry *i = pool_msg(p, ItimerEntry, itimer_entry__init);

	i->isec = v->it_interval.tv_sec;
	i->iusec = v->it_interval.tv_usec;
	i->vsec = v->it_value.tv_sec;
	i->vusec = v->it_value.tv_usec;
	return i;
}

/* Of SELinux, AppArmor, Smack; what has none reads as an error or as unconfined. */
static void label_tell(struct model *m, pid_t pid)
{
	char path[64], label[256];

	snprintf(path, sizeof(path), "/proc/%d/attr/current", pid);
	if (read_text_at(AT_FDCWD, path, label, sizeof(label)) <= 0)
		return;
	label[strcspn(label, "\n")] = 0;
	if (!*label || !strcmp(label, "unconfined") || (m->label && !strcmp(m->label, label)))
		return;
	m->label = pool_strdup(m->pool, label);
	log_warn("pid %d has the security label \"%s\", going on without it: it comes back with "
		 "the label of who restores it",
		 pid, label);
}

/* What is left counts from the moment of the checkpoint, and is never too short. */
static ItimerEntry *real_entry(struct model *m, const struct inside *in)
{
	ItimerEntry *i = itimer_entry(m->pool, &in->itimers[0]);
	uint64_t us = i->vsec * 1000000 + i->vusec;

	if (us)
		us += (timer_passed(m, CLK_MONO, in->itimers_now) + 999) / 1000;
	i->vsec = us / 1000000;
	i->vusec = us % 1000000;
	return i;
}

static void actions_dump(struct pool *p, const struct inside *in, TaskCoreEntry *tc)
{
	tc->sigactions = pool_alloc(p, N_SIGNALS * sizeof(*tc->sigactions));
	for (int s = 1; s <= N_SIGNALS; s++) {
		SaEntry *sa;

		if (s == SIGKILL || s == SIGSTOP)
			continue;
		sa = pool_msg(p, SaEntry, sa_entry__init);
		sa->sigaction = in->sigactions[s].handler;
		sa->flags = in->sigactions[s].flags;
		sa->restorer = in->sigactions[s].restorer;
		sa->mask = in->sigactions[s].mask;
		tc->sigactions[tc->n_sigactions++] = sa;
	}
}

static int process_dump(struct model *m, struct task *t, const struct proc_stat *st,
			CoreEntry *core, struct err *e)
{
	struct thread *th = task_speaker(t);
	const struct inside *in = th->priv;
	struct pool *p = m->pool;
	TaskCoreEntry *tc = pool_msg(p, TaskCoreEntry, task_core_entry__init);
	TaskTimersEntry *tm = pool_msg(p, TaskTimersEntry, task_timers_entry__init);

	core->tc = tc;
	tc->task_state = t->state == TASK_STOPPED ? CORE_STOPPED : CORE_ALIVE;
	if (t->state == TASK_STOPPED) {
		tc->has_stop_signo = 1;
		tc->stop_signo = th->rt->stop_sig ? th->rt->stop_sig : SIGSTOP;
	}
	tc->personality = proc_number(t->host, "personality", 16, 0);
	tc->flags = st->flags;
	tc->blk_sigset = th->rt->sigmask;
	tc->comm = pool_strdup(p, st->comm);
	tm->real = real_entry(m, in);
	tm->virt = itimer_entry(p, &in->itimers[1]);
	tm->prof = itimer_entry(p, &in->itimers[2]);
	timers_dump(m, t, &((struct inside *)t->threads[0].priv)->timers, tm);
	tc->timers = tm;
	tc->has_loginuid = 1;
	tc->loginuid = proc_number(t->host, "loginuid", 10, -1);
	tc->has_oom_score_adj = 1;
	tc->oom_score_adj = proc_number(t->host, "oom_score_adj", 10, 0);
	label_tell(m, t->host);
	tc->has_child_subreaper = 1;
	tc->child_subreaper = *in->subreaper;
	if (st->exit_signal >= 0 && st->exit_signal != SIGCHLD) {
		tc->has_exit_signal = 1;
		tc->exit_signal = st->exit_signal;
	}
	actions_dump(p, in, tc);
	return task_limits_dump(m, t, tc, e) ?: task_traits_process_dump(m, t, tc, e);
}

static int thread_dump(struct model *m, struct thread *th, struct err *e)
{
	struct task *t = th->task;
	struct inside *in = th->priv;
	struct pool *p = m->pool;
	CoreEntry *core = pool_msg(p, CoreEntry, core_entry__init);
	ThreadCoreEntry *tc = pool_msg(p, ThreadCoreEntry, thread_core_entry__init);
	ThreadSasEntry *sas = pool_msg(p, ThreadSasEntry, thread_sas_entry__init);
	struct remote_thread *rt = th->rt;
	struct user_regs_struct portable;
	struct proc_stat st;
	uint64_t shared, private;
	int r, seccomp;

	r = proc_thread_stat_read(t->host, th->host, &st, e);
	if (r)
		return r;
	core->mtype = CORE_ENTRY__MARCH__X86_64;
	core->thread_core = tc;
	th->core = core;
	arch_restart_dump(p, rt, in->restart_nr, &portable, tc);
	core->thread_info = arch_regs_dump(p, rt, &portable);
	core->thread_info->clear_tid_addr = *in->tid_address;
	tc->futex_rla = rt->robust_list;
	tc->futex_rla_len = rt->robust_len;
	tc->has_sched_nice = tc->has_sched_policy = 1;
	tc->sched_nice = st.nice;
	tc->sched_policy = st.policy;
	if (st.rt_priority) {
		tc->has_sched_prio = 1;
		tc->sched_prio = st.rt_priority;
	}
	tc->has_blk_sigset = 1;
	tc->blk_sigset = rt->sigmask;
	sas->ss_sp = in->sas->sp;
	sas->ss_size = in->sas->size;
	sas->ss_flags = in->sas->flags;
	tc->sas = sas;
	if (*in->pdeath) {
		tc->has_pdeath_sig = 1;
		tc->pdeath_sig = *in->pdeath;
	}
	tc->comm = pool_strdup(p, st.comm);
	tc->has_timer_slack = 1;
	tc->timer_slack = in->slack_call;
	if (rt->rseq.ptr) {
		RseqEntry *rs = pool_msg(p, RseqEntry, rseq_entry__init);

		rs->rseq_abi_pointer = rt->rseq.ptr;
		rs->rseq_abi_size = rt->rseq.size;
		rs->signature = rt->rseq.sig;
		tc->rseq_entry = rs;
	}
	task_states_dump(p, &in->states, tc);
	if (th == &t->threads[0]) {
		r = process_dump(m, t, &st, core, e);
		if (r)
			return r;
	}
	r = task_traits_dump(m, th, e);
	if (!r)
		r = task_creds_dump(m, th, in->secbits_call, &shared, &private, &seccomp, e);
	if (!r)
		r = task_signals_dump(m, th, shared, private, e);
	if (!r)
		r = task_seccomp_dump(m, th, seccomp, e);
	return r;
}

/* Registers died with it; the process's state is told by another thread. */
static int dead_leader_dump(struct model *m, struct task *t, struct err *e)
{
	struct thread *th = &t->threads[0];
	struct proc_stat st;
	int r = proc_stat_read(t->host, &st, e);

	if (r)
		return r;
	th->core = pool_msg(m->pool, CoreEntry, core_entry__init);
	th->core->mtype = CORE_ENTRY__MARCH__X86_64;
	return process_dump(m, t, &st, th->core, e);
}

static void zombie_dump(struct model *m, struct task *t)
{
	struct pool *p = m->pool;
	CoreEntry *core = pool_msg(p, CoreEntry, core_entry__init);
	TaskCoreEntry *tc = pool_msg(p, TaskCoreEntry, task_core_entry__init);

	core->mtype = CORE_ENTRY__MARCH__X86_64;
	core->tc = tc;
	tc->task_state = CORE_DEAD;
	tc->exit_code = t->exit_code;
	tc->comm = pool_strdup(p, t->comm);
	task_dead_dump(m, t, tc);
	t->threads[0].core = core;
}

int task_dump(struct model *m, struct task *t, struct err *e)
{
	int r;

	if (t->state == TASK_ZOMBIE) {
		zombie_dump(m, t);
		return 0;
	}
	for (size_t i = 0; i < t->n_threads; i++) {
		r = i == 0 && t->leader_dead ? dead_leader_dump(m, t, e) :
					       thread_dump(m, &t->threads[i], e);
		if (r)
			return err_in(e, "pid %d, thread %d", t->host, t->threads[i].host);
	}
	return 0;
}

static int pstree_write(struct model *m, struct err *e)
{
	struct image_out *o;
	int r = image_create(m->dir, IMG_PSTREE, 0, &o, e);

	for (size_t i = 0; !r && i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];
		PstreeEntry ps = PSTREE_ENTRY__INIT;
		uint32_t *tids = pool_alloc(m->pool, t->n_threads * sizeof(*tids));

		for (size_t k = 0; k < t->n_threads; k++)
			tids[k] = t->threads[k].tid;
		ps.pid = t->pid;
		ps.ppid = t->ppid;
		ps.pgid = t->pgid;
		ps.sid = t->sid;
		ps.n_threads = t->n_threads;
		ps.threads = tids;
		r = image_put(o, &ps.base, e);
	}
	return r ? r : image_out_close(o, e);
}

int task_dump_finish(struct model *m, struct err *e)
{
	int r = pstree_write(m, e);

	for (size_t i = 0; !r && i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];

		for (size_t k = 0; !r && k < t->n_threads; k++)
			r = image_put_one(m->dir, IMG_CORE, t->threads[k].tid,
					  &t->threads[k].core->base, e);
		if (r || t->state == TASK_ZOMBIE)
			continue;
		r = image_put_one(m->dir, IMG_IDS, t->pid, &t->ids->base, e);
		if (!r && t->cwd && t->root) {
			FsEntry fs = FS_ENTRY__INIT;

			fs.cwd_id = t->cwd->id;
			fs.root_id = t->root->id;
			fs.has_umask = 1;
			fs.umask = t->umask;
			r = image_put_one(m->dir, IMG_FS, t->pid, &fs.base, e);
		}
	}
	return r ? r : task_seccomp_finish(m, e);
}
