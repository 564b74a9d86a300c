/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small properties of threads and processes that have no field of old in the
 * image format: scheduling beyond policy and nice value, processors, I/O
 * priority, memory policy, machine check policy, what a core file holds. They
 * are kept only where they say something: most threads have none of them.
 */
#include <asm/ldt.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/abi.h"
#include "base/err.h"
#include "base/io.h"
#include "base/proc.h"
#include "model/ids.h"
#include "parasite/remote.h"
#include "task/task-internal.h"

#define LDT_READ 0 /* modify_ldt(2) */

void task_traits_calls(struct thread *th, struct inside *in)
{
	struct prog *p = &th->rt->prog;

	in->mce_call =
		prog_call(p, "read the machine check policy", SYS_prctl | SV_IGN, PR_MCE_KILL_GET);
	in->policy = prog_alloc(p, sizeof(*in->policy));
	/* Without CONFIG_NUMA there is no such call. */
	in->policy_call = prog_call(p, "read the memory policy", SYS_get_mempolicy | SV_IGN,
				    (uint64_t)&in->policy->mode, (uint64_t)in->policy->nodes,
				    POLICY_NODES, 0, 0);
	if (th != task_speaker(th->task))
		return;
	in->membarrier_call = prog_call(p, "read the membarrier registrations",
					SYS_membarrier | SV_IGN, MEMBARRIER_CMD_GET_REGISTRATIONS_,
					0, 0);
	in->merge_call = prog_call(p, "read the memory merging flag", SYS_prctl | SV_IGN,
				   PR_GET_MEMORY_MERGE, 0, 0, 0, 0);
	/* An entry is given whenever there is a table at all. */
	in->ldt_call = prog_call(p, "look for a descriptor table", SYS_modify_ldt | SV_IGN,
				 LDT_READ, (uint64_t)prog_alloc(p, LDT_ENTRY_SIZE), LDT_ENTRY_SIZE);
}

static uint64_t positive(const struct prog *p, size_t call)
{
	int64_t v = prog_res(p, call);

	return v > 0 ? (uint64_t)v : 0;
}

void task_traits_results(struct model *m, struct thread *th, struct inside *in)
{
	const struct prog *p = &th->rt->prog;

	in->mce_call = prog_res(p, in->mce_call) < 0 ? PR_MCE_KILL_DEFAULT :
						       positive(p, in->mce_call);
	in->policy = prog_res(p, in->policy_call) ?
			     NULL :
			     pool_dup(m->pool, in->policy, sizeof(*in->policy));
	if (th != task_speaker(th->task))
		return;
	in->membarrier_call = positive(p, in->membarrier_call);
	in->merge_call = positive(p, in->merge_call);
	in->ldt_call = positive(p, in->ldt_call);
}

static void affinity_dump(struct pool *p, pid_t tid, ThreadCoreEntry *tc)
{
	cpu_set_t own, set;

	if (sched_getaffinity(tid, sizeof(set), &set) || sched_getaffinity(0, sizeof(own), &own) ||
	    CPU_EQUAL(&own, &set))
		return;
	tc->has_cpu_mask = 1;
	tc->cpu_mask.data = pool_dup(p, &set, sizeof(set));
	tc->cpu_mask.len = sizeof(set);
}

/* The runtime of an ordinary task is its time slice: one like our own was not chosen. */
static void sched_dump(pid_t tid, ThreadCoreEntry *tc)
{
	struct kernel_sched_attr a = { .size = sizeof(a) }, own = { .size = sizeof(own) };

	if (syscall(SYS_sched_getattr, tid, &a, sizeof(a), 0) ||
	    syscall(SYS_sched_getattr, 0, &own, sizeof(own), 0))
		return;
	if (a.flags) {
		tc->has_sched_flags = 1;
		tc->sched_flags = a.flags;
	}
	if (a.policy == SCHED_DEADLINE_ || (a.runtime && a.runtime != own.runtime)) {
		tc->has_sched_runtime = 1;
		tc->sched_runtime = a.runtime;
	}
	if (a.policy == SCHED_DEADLINE_) {
		tc->has_sched_deadline = tc->has_sched_period = 1;
		tc->sched_deadline = a.deadline;
		tc->sched_period = a.period;
	}
}

static void policy_dump(struct pool *p, const struct inside *in, ThreadCoreEntry *tc)
{
	if (!in->policy || !(uint32_t)in->policy->mode)
		return;
	tc->has_mempolicy = tc->has_mempolicy_nodes = 1;
	tc->mempolicy = (uint32_t)in->policy->mode;
	tc->mempolicy_nodes.data = pool_dup(p, in->policy->nodes, sizeof(in->policy->nodes));
	tc->mempolicy_nodes.len = sizeof(in->policy->nodes);
}

int task_traits_dump(struct model *m, struct thread *th, struct err *e)
{
	ThreadCoreEntry *tc = th->core->thread_core;
	const struct inside *in = th->priv;
	long io = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, th->host);

	affinity_dump(m->pool, th->host, tc);
	sched_dump(th->host, tc);
	policy_dump(m->pool, in, tc);
	if (io > 0 && IOPRIO_PRIO_CLASS(io) != IOPRIO_CLASS_NONE) {
		tc->has_io_priority = 1;
		tc->io_priority = io;
	}
	if (in->mce_call != PR_MCE_KILL_DEFAULT) {
		tc->has_mce_kill = 1;
		tc->mce_kill = in->mce_call;
	}
	return 0;
}

/* "/autogroup-123 nice 0"; without autogroups there is no such file. */
static void autogroup_dump(pid_t pid, TaskCoreEntry *tc)
{
	char path[64], text[64], *nice;

	snprintf(path, sizeof(path), "/proc/%d/autogroup", pid);
	if (read_text_at(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return;
	nice = strstr(text, " nice ");
	if (!nice || !atoi(nice + 6))
		return;
	tc->has_autogroup_nice = 1;
	tc->autogroup_nice = atoi(nice + 6);
}

static int refuse_ldt(const struct task *t, struct err *e)
{
	char object[96];

	snprintf(object, sizeof(object), "local descriptor table of pid %d (%s)", t->host, t->comm);
	err_set(e, ERR_UNSUPPORTED, ENOTSUP, "checkpoint", object,
		"the process has segments of its own (modify_ldt(2)), which are not supported");
	err_about(e, t->host, "local descriptor table");
	return err_hint(e, "let the program do without modify_ldt(2)");
}

int task_traits_process_dump(struct model *m, struct task *t, TaskCoreEntry *tc, struct err *e)
{
	const struct inside *in = task_speaker(t)->priv;
	char path[64], text[32];
	int r;

	if (in->ldt_call)
		return refuse_ldt(t, e);
	r = task_keyrings_check(t, e);
	if (r)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/coredump_filter", t->host);
	if (read_text_at(AT_FDCWD, path, text, sizeof(text)) > 0) {
		tc->has_coredump_filter = 1;
		tc->coredump_filter = strtoul(text, NULL, 16);
	}
	autogroup_dump(t->host, tc);
	if (in->membarrier_call) {
		tc->has_membarrier_registration_mask = 1;
		tc->membarrier_registration_mask = in->membarrier_call;
	}
	if (in->merge_call) {
		tc->has_merge_memory = 1;
		tc->merge_memory = 1;
	}
	return 0;
}
