// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a process can be that no checkpoint can be made of: a table of its
 * properties, looked at while the tree runs and again when it is frozen.
 */
#include <elf.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/probe.h"
#include "base/proc.h"
#include "model/ids.h"
#include "model/options.h"
#include "task/task-internal.h"

struct looked {
	struct model *m;
	struct task *t;
	struct proc_status st;
};

/* One property that is refused. has() may say more in @why, which holds the table's text. */
struct property {
	const char *name; /* for people */
	const char *what; /* that fails; "checkpoint it" when NULL */
	bool (*has)(const struct looked *l, char *why, size_t size);
	const char *why, *hint;
};

static bool is_kthread(const struct looked *l, char *why, size_t size)
{
	return l->st.kthread;
}

static bool is_traced(const struct looked *l, char *why, size_t size)
{
	if (l->st.tracer)
		snprintf(why, size, "process %d traces it and a task has one tracer at most",
			 l->st.tracer);
	return l->st.tracer;
}

static bool is_32bit(const struct looked *l, char *why, size_t size)
{
	char path[64];
	unsigned char ident[EI_NIDENT] = { 0 };
	_cleanup_close_ int fd = -EBADF;

	snprintf(path, sizeof(path), "/proc/%d/exe", l->t->host);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && !pread_all(fd, ident, sizeof(ident), 0) && ident[EI_CLASS] == ELFCLASS32;
}

static bool has_dead_leader(const struct looked *l, char *why, size_t size)
{
	return l->t->leader_dead;
}

static bool is_nested(const struct looked *l, char *why, size_t size)
{
	return l->t->depth != l->m->root->depth;
}

static bool has_strange_timers(const struct looked *l, char *why, size_t size)
{
	struct posix_timers ts;
	struct err e = { 0 };

	if (timers_look(l->m->pool, l->t->host, &ts, &e)) {
		snprintf(why, size, "%s %s: %s", e.op, e.object, e.why);
		return true;
	}
	return timers_refused(l->m, l->t, &ts, why, size);
}

static bool is_part_of_pidns(const struct looked *l, char *why, size_t size)
{
	const struct task *t = l->t;

	return !t->parent && l->m->pid_level && t->pid != 1 && model_has_own_ns(l->m, NS_PID);
}

static bool has_outer_session(const struct looked *l, char *why, size_t size)
{
	const struct task *t = l->t;

	return !t->parent && t->sid != t->pid && t->sid != 0 && !l->m->opt->shell_job;
}

static bool has_outer_members(const struct looked *l, char *why, size_t size)
{
	/*
	 * All processes of the machine are read for it, too many for a tree that
	 * is frozen, as it is once there is a journal: a member that left the tree
	 * since the look before can still be ended before a restore.
	 */
	return !l->t->parent && !l->m->journal && task_has_outer_members(l->m, why, size);
}

/* The filters of others are shown to who has all power over the machine (ptrace(2)). */
static bool has_unreadable_filters(const struct looked *l, char *why, size_t size)
{
	return l->st.seccomp == SECCOMP_MODE_FILTER &&
	       (!probe_ok("cap_sys_admin") || !proc_in_initial_userns());
}

static bool has_outer_ids(const struct looked *l, char *why, size_t size)
{
	uint32_t id;

	for (int i = 0; i < 4; i++) {
		if (!model_uid_in(l->m, l->st.uid[i], &id))
			snprintf(why, size, "its user id %u has no number in its user namespace",
				 l->st.uid[i]);
		else if (!model_gid_in(l->m, l->st.gid[i], &id))
			snprintf(why, size, "its group id %u has no number in its user namespace",
				 l->st.gid[i]);
		else
			continue;
		return true;
	}
	return false;
}

static const struct property properties[] = {
	{ "kernel thread", "checkpoint a kernel thread", is_kthread, "it has no user memory",
	  "name the root of a tree of ordinary processes" },
	{ "traced process", "hold the task", is_traced, "a task has one tracer at most",
	  "detach the debugger or tracer first" },
	{ "32-bit program", "checkpoint a 32-bit process", is_32bit,
	  "32-bit programs are not supported yet", "use a 64-bit build of the program" },
	{ "dead leading thread", "checkpoint the process", has_dead_leader,
	  "its leading thread has ended while others go on, which is not supported yet",
	  "let the leading thread of the program wait for the others" },
	{ "nested pid namespace", "checkpoint nested pid namespaces", is_nested,
	  "the task lives in a pid namespace below the root task's",
	  "checkpoint the inner tree by itself" },
	{ "ids outside the user namespace", "checkpoint its credentials", has_outer_ids,
	  "one of its ids has no number in its user namespace",
	  "map that id, or let the process take one that is mapped" },
	{ "seccomp filters without privilege", "read its seccomp filters", has_unreadable_filters,
	  "CAP_SYS_ADMIN in the initial user namespace is missing",
	  "run stasis as root of the machine, not of a container" },
	{ "POSIX timer of a lost thread or a strange clock", "checkpoint POSIX timers",
	  has_strange_timers,
	  "a timer counts or notifies what cannot be had again: a device's clock, a process "
	  "outside the tree, a thread that has ended or that nobody can tell",
	  "let the program delete that timer" },
	{ "part of a pid namespace", "checkpoint part of a pid namespace", is_part_of_pidns,
	  "the root task is not the init of its pid namespace",
	  "name the namespace's init (pid 1 inside) with --tree" },
	{ "session outside the tree", "checkpoint the session", has_outer_session,
	  "the root task belongs to a session that lies outside the tree",
	  "start it with setsid(1), or name the session leader with --tree" },
	{ "numbers shared with others", "checkpoint its session", has_outer_members,
	  "processes outside the tree are in a session, process group or pid namespace of the tree",
	  "end that process, or name with --tree one that both are below" },
};

static void blocker(struct err_list *l, const struct task *t, const struct property *p,
		    const char *why)
{
	struct err b = { 0 };
	char object[128];

	snprintf(object, sizeof(object), "pid %d (%s)", t->host, t->comm);
	err_set(&b, ERR_UNSUPPORTED, ENOTSUP, p->what, object, "%s", why);
	err_hint(&b, "%s", p->hint);
	err_about(&b, t->host, p->name);
	err_list_add(l, &b);
}

int task_preflight(struct model *m, struct task *t, struct err_list *blockers, struct err *e)
{
	struct looked l = { .m = m, .t = t };
	int r;

	if (t->state == TASK_ZOMBIE)
		return 0;
	r = proc_status_read(t->host, t->host, &l.st, e);
	if (r)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
		char why[160];

		snprintf(why, sizeof(why), "%s", properties[i].why);
		if (properties[i].has(&l, why, sizeof(why)))
			blocker(blockers, t, &properties[i], why);
	}
	proc_status_free(&l.st);
	for (size_t i = 0; i < t->n_threads; i++) {
		struct inside *in = pool_alloc(m->pool, sizeof(*in));

		if (i == 0) {
			r = timers_look(m->pool, t->host, &in->timers, e);
			if (r)
				return r;
		}
		in->fsuid = l.st.uid[3];
		in->restart_nr = arch_restart_nr_now(t->host, t->threads[i].host);
		t->threads[i].priv = in;
	}
	return 0;
}

void task_kinds(kind_fn *fn, void *ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
		fn(ctx, properties[i].name, properties[i].why, properties[i].hint);
}
