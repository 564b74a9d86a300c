// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who does not freeze. The kernel does not say it, but a thread's state and
 * where it sleeps do: the frozen stand in the freezer's own function, or (v1,
 * since Linux 6.1) stay asleep where they were, in places made for that.
 */
#include "cgroup/cgroup-internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/proc.h"

/* Sleeps in which a task is frozen without waking it (TASK_FREEZABLE); shown as state D then. */
static const char *const freezable[] = {
	"futex_",	  "hrtimer_nanosleep",
	"do_nanosleep",	  "ep_poll",
	"do_epoll_wait",  "do_sys_poll",
	"do_poll",	  "poll_schedule_timeout",
	"do_select",	  "do_sigtimedwait",
	"__do_sys_pause", "sigsuspend",
	"do_signal_stop", "ptrace_",
	"unix_",	  "__skb_wait",
	"pipe_",	  "anon_pipe_",
	"rpc_wait",	  "inet_csk_accept",
	"kernel_clone",	  "wait_for_vfork_done",
	"do_wait",	  "kernel_wait",
};

struct suspect {
	int rank; /* 0: frozen */
	pid_t pid, tid;
	char state, comm[64], wchan[64];
	long nr; /* of the system call, -1: none */
};

static bool is_freezable(const char *wchan)
{
	for (size_t i = 0; i < ARRAY_SIZE(freezable); i++)
		if (!strncmp(wchan, freezable[i], strlen(freezable[i])))
			return true;
	return false;
}

static void thread_file(const struct suspect *s, const char *name, char *buf, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", s->pid, s->tid, name);
	if (read_text_at(AT_FDCWD, path, buf, size) < 0)
		*buf = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

static bool in_freezer(const struct freezer_ops *ops, const char *wchan)
{
	return !strcmp(wchan, ops->wchan[0]) || !strcmp(wchan, ops->wchan[1]);
}

static int rank(const struct freezer_ops *ops, const struct suspect *s)
{
	switch (s->state) {
	case 'Z':
	case 'X':
	case 'T':
	case 't':
		return 0;
	case 'D':
		if (in_freezer(ops, s->wchan))
			return 0;
		return is_freezable(s->wchan) ? 1 : 4;
	case 'R':
		return 3;
	default:
		return in_freezer(ops, s->wchan) ? 0 : 2;
	}
}

static void suspect_look(const struct freezer_ops *ops, pid_t pid, pid_t tid, struct suspect *ret)
{
	struct suspect s = { .pid = pid, .tid = tid, .nr = -1 };
	struct proc_stat st;
	struct err e = { 0 };
	char text[128];

	if (proc_thread_stat_read(pid, tid, &st, &e))
		return;
	s.state = st.state;
	snprintf(s.comm, sizeof(s.comm), "%s", st.comm);
	thread_file(&s, "wchan", s.wchan, sizeof(s.wchan));
	s.rank = rank(ops, &s);
	if (s.rank <= ret->rank)
		return;
	thread_file(&s, "syscall", text, sizeof(text));
	if (isdigit((unsigned char)text[0]))
		sscanf(text, "%ld", &s.nr);
	*ret = s;
}

static int look_for(struct freezer *f, struct suspect *ret, struct err *e)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0;
	int r = freezer_pids(f, &pids, &n, e);

	for (size_t i = 0; i < n && !r; i++) {
		_cleanup_free_ int *tids = NULL;
		struct err gone = { 0 };
		size_t n_tids = 0;

		if (proc_list(pids[i], "task", &tids, &n_tids, &gone))
			continue;
		for (size_t k = 0; k < n_tids; k++)
			suspect_look(f->h.ops, pids[i], tids[k], ret);
	}
	return r;
}

static const char *hint_for(const struct suspect *s)
{
	if (strstr(s->wchan, "fuse") || strstr(s->wchan, "nfs") || strstr(s->wchan, "rpc_") ||
	    strstr(s->wchan, "cifs") || strstr(s->wchan, "p9_"))
		return "it waits for the server of a filesystem: make that answer, then try again";
	if (strstr(s->wchan, "clone") || strstr(s->wchan, "vfork"))
		return "it waits for the child of its vfork: try again when that has called exec";
	if (s->state == 'D')
		return "it waits inside the kernel for something that cannot be interrupted; try again later";
	return "try again, or raise --timeout";
}

int freezer_stuck(struct freezer *f, struct err *e)
{
	unsigned long long ms = f->timeout_us / 1000;
	char object[128], call[48] = "";
	struct suspect s = { 0 };
	int r = look_for(f, &s, e);

	if (r)
		return r;
	if (!s.rank) {
		err_set(e, ERR_TIMEOUT, ETIMEDOUT, "freeze", f->n_parts ? f->parts[0].dir : "",
			"it is not frozen after %llu ms", ms);
		return err_hint(e, "try again, or raise --timeout");
	}
	if (s.tid == s.pid)
		snprintf(object, sizeof(object), "pid %d (%s)", s.pid, s.comm);
	else
		snprintf(object, sizeof(object), "thread %d of pid %d (%s)", s.tid, s.pid, s.comm);
	if (s.nr >= 0)
		snprintf(call, sizeof(call), ", system call %ld", s.nr);
	err_set(e, ERR_TIMEOUT, ETIMEDOUT, "freeze", object,
		"it does not stop within %llu ms (state %c%s%s%s)", ms, s.state,
		s.wchan[0] && strcmp(s.wchan, "0") ? " in " : "",
		strcmp(s.wchan, "0") ? s.wchan : "", call);
	return err_hint(e, "%s", hint_for(&s));
}

bool freezer_is_stuck(struct freezer *f, pid_t pid)
{
	_cleanup_free_ int *tids = NULL;
	struct suspect s = { 0 };
	struct err gone = { 0 };
	size_t n = 0;

	if (proc_list(pid, "task", &tids, &n, &gone))
		return false;
	for (size_t k = 0; k < n; k++)
		suspect_look(f->h.ops, pid, tids[k], &s);
	return s.rank > 1 || strstr(s.wchan, "clone") || strstr(s.wchan, "vfork");
}
