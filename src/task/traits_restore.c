/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small properties of traits.c, given back: by the task itself, or from outside where /proc takes them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/abi.h"
#include "base/err.h"
#include "base/io.h"
#include "parasite/prog.h"
#include "parasite/stub.h"
#include "task/restore.h"
#include "task/task-internal.h"

int task_exit_signal(const struct task *t)
{
	const TaskCoreEntry *tc = t->threads[0].core->tc;

	return tc->has_exit_signal ? (int)tc->exit_signal : SIGCHLD;
}

/* Why the image cannot be right, or 0. */
int task_traits_check(const struct task *t, const char **ret_why)
{
	const TaskCoreEntry *tc = t->threads[0].core->tc;

	if (tc->has_exit_signal && tc->exit_signal > N_SIGNALS)
		*ret_why = "an unknown exit signal";
	else if ((tc->n_dead_uids && tc->n_dead_uids != 3) || tc->n_dead_gids != tc->n_dead_uids)
		*ret_why = "the ids of a dead process are incomplete";
	else
		return 0;
	return -EINVAL;
}

void task_traits_process_build(struct prog *p, const TaskCoreEntry *tc)
{
	uint32_t mask = tc->has_membarrier_registration_mask ? tc->membarrier_registration_mask : 0;

	for (; mask; mask &= mask - 1)
		prog_call(p, "register for membarriers", SYS_membarrier, mask & -mask, 0, 0);
	if (tc->has_merge_memory && tc->merge_memory)
		prog_call(p, "let memory be merged", SYS_prctl, PR_SET_MEMORY_MERGE, 1, 0, 0, 0);
}

/* Here is another machine perhaps: nodes that are none of ours are passed over. */
static void place_calls(struct prog *p, const ThreadCoreEntry *tc)
{
	if (tc->has_mempolicy)
		prog_call(p, "set the memory policy", SYS_set_mempolicy | SV_IGN, tc->mempolicy,
			  (uint64_t)prog_dup(p, tc->mempolicy_nodes.data, tc->mempolicy_nodes.len),
			  /* The kernel takes one off. */
			  tc->mempolicy_nodes.len * 8 + 1);
}

void task_traits_build(struct prog *p, const ThreadCoreEntry *tc)
{
	place_calls(p, tc);
	if (tc->has_mce_kill)
		prog_call(p, "set the machine check policy", SYS_prctl, PR_MCE_KILL,
			  PR_MCE_KILL_SET, tc->mce_kill, 0, 0);
}

static int file_write(pid_t pid, const char *name, const char *text, struct err *e)
{
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	r = write_text_at(AT_FDCWD, path, text);
	if (!r)
		return 0;
	errno = -r;
	return err_sys(e, "write", "%s = %s", path, text);
}

int task_traits_outside(struct task *t, struct err *e)
{
	const TaskCoreEntry *tc = t->threads[0].core->tc;
	char text[16];
	int r = 0;

	if (tc->has_coredump_filter) {
		snprintf(text, sizeof(text), "%#x", tc->coredump_filter);
		r = file_write(t->stub->host, "coredump_filter", text, e);
	}
	if (!r && tc->has_autogroup_nice) {
		snprintf(text, sizeof(text), "%d", tc->autogroup_nice);
		r = file_write(t->stub->host, "autogroup", text, e);
	}
	return r;
}
