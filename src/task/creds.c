/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Credentials of threads and resource limits of processes, both from /proc. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/io.h"
#include "base/proc.h"
#include "task/task-internal.h"

static uint32_t *cap_words(struct pool *p, uint64_t caps, size_t *ret_n)
{
	uint32_t w[2] = { (uint32_t)caps, (uint32_t)(caps >> 32) };

	*ret_n = 2;
	return pool_dup(p, w, sizeof(w));
}

int task_creds_dump(struct model *m, struct thread *th, int secbits, uint64_t *ret_shdpnd,
		    uint64_t *ret_sigpnd, int *ret_seccomp, struct err *e)
{
	struct pool *p = m->pool;
	CredsEntry *c = pool_msg(p, CredsEntry, creds_entry__init);
	struct proc_status st = { 0 };
	int r = proc_status_read(th->task->host, th->host, &st, e);

	if (r)
		return r;
	c->uid = st.uid[0];
	c->euid = st.uid[1];
	c->suid = st.uid[2];
	c->fsuid = st.uid[3];
	c->gid = st.gid[0];
	c->egid = st.gid[1];
	c->sgid = st.gid[2];
	c->fsgid = st.gid[3];
	c->cap_inh = cap_words(p, st.cap_inh, &c->n_cap_inh);
	c->cap_prm = cap_words(p, st.cap_prm, &c->n_cap_prm);
	c->cap_eff = cap_words(p, st.cap_eff, &c->n_cap_eff);
	c->cap_bnd = cap_words(p, st.cap_bnd, &c->n_cap_bnd);
	c->cap_amb = cap_words(p, st.cap_amb, &c->n_cap_amb);
	c->secbits = secbits;
	c->n_groups = st.ngroups;
	c->groups = pool_dup(p, st.groups, st.ngroups * sizeof(*st.groups));
	if (st.no_new_privs) {
		c->has_no_new_privs = 1;
		c->no_new_privs = 1;
	}
	th->core->thread_core->creds = c;
	if (th == task_speaker(th->task))
		th->task->umask = st.umask;
	*ret_shdpnd = st.shdpnd;
	*ret_sigpnd = st.sigpnd;
	*ret_seccomp = st.seccomp;
	proc_status_free(&st);
	return 0;
}

/* Rows of /proc/PID/limits in the order of RLIMIT_* (asm-generic/resource.h). */
static const char *const limit_rows[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = "Max cpu time",
	[RLIMIT_FSIZE] = "Max file size",
	[RLIMIT_DATA] = "Max data size",
	[RLIMIT_STACK] = "Max stack size",
	[RLIMIT_CORE] = "Max core file size",
	[RLIMIT_RSS] = "Max resident set",
	[RLIMIT_NPROC] = "Max processes",
	[RLIMIT_NOFILE] = "Max open files",
	[RLIMIT_MEMLOCK] = "Max locked memory",
	[RLIMIT_AS] = "Max address space",
	[RLIMIT_LOCKS] = "Max file locks",
	[RLIMIT_SIGPENDING] = "Max pending signals",
	[RLIMIT_MSGQUEUE] = "Max msgqueue size",
	[RLIMIT_NICE] = "Max nice priority",
	[RLIMIT_RTPRIO] = "Max realtime priority",
	[RLIMIT_RTTIME] = "Max realtime timeout",
};

static uint64_t limit_value(char **s)
{
	while (**s == ' ')
		(*s)++;
	if (!strncmp(*s, "unlimited", 9)) {
		*s += 9;
		return RLIM_INFINITY;
	}
	return strtoull(*s, s, 10);
}

int task_limits_dump(struct model *m, struct task *t, TaskCoreEntry *tc, struct err *e)
{
	struct pool *p = m->pool;
	TaskRlimitsEntry *l = pool_msg(p, TaskRlimitsEntry, task_rlimits_entry__init);
	char path[64], buf[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/limits", t->host);
	n = read_text_at(AT_FDCWD, path, buf, sizeof(buf));
	if (n < 0) {
		errno = -n;
		return err_sys(e, "read", "%s", path);
	}
	l->n_rlimits = RLIM_NLIMITS;
	l->rlimits = pool_alloc(p, RLIM_NLIMITS * sizeof(*l->rlimits));
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		RlimitEntry *r = pool_msg(p, RlimitEntry, rlimit_entry__init);
		char *row = strstr(buf, limit_rows[i]);

		if (!row)
			return err_set(e, ERR_SYSTEM, EPROTO, "read", path, "no row \"%s\"",
				       limit_rows[i]);
		row += 25; /* the column where values begin */
		r->cur = limit_value(&row);
		r->max = limit_value(&row);
		l->rlimits[i] = r;
	}
	tc->rlimits = l;
	return 0;
}
