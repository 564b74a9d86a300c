/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The look before anything is touched: every module says what it could not
 * checkpoint. The tree goes on running meanwhile, so what is found may be gone
 * a moment later; what must hold is looked at again once it is frozen.
 */
#include "preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/probe.h"
#include "base/proc.h"
#include "base/watchdog.h"
#include "checkpoint.h"
#include "model/model.h"
#include "model/options.h"
#include "mounts/mounts.h"
#include "netns/netns.h"
#include "nsops/nsops.h"
#include "src/fd/fd.h"
#include "src/mem/mem.h"
#include "src/task/task.h"
#include "steps.h"

/* Freezing ourselves or who started us would leave nobody to thaw. */
int preflight_not_ourselves(const struct options *o, struct err *e)
{
	pid_t pid = getpid();

	while (pid > 0) {
		struct proc_stat st;
		char object[32];

		if (pid == o->tree) {
			snprintf(object, sizeof(object), "pid %d", pid);
			err_set(e, ERR_TARGET, EINVAL, "checkpoint", object, "it is %s",
				pid == getpid() ? "this program itself" :
						  "an ancestor of this program");
			return err_hint(e, "run stasis from outside the tree");
		}
		if (proc_stat_read(pid, &st, e)) {
			err_clear(e);
			break;
		}
		pid = st.ppid;
	}
	return 0;
}

static int preflight_fs(struct model *m, struct task *t, struct err_list *l, struct err *e)
{
	static const char *const links[] = { "cwd", "root" };
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(links); i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/%s", t->host, links[i]);
		r = fd_check_link(m, t, path, e);
		if (r != -EOPNOTSUPP)
			continue;
		err_in(e, "%s of pid %d", links[i], t->host);
		err_list_add(l, e);
		err_clear(e);
		r = 0;
	}
	return r;
}

/* A child born by vfork(2) shares its parent's memory until it calls exec or ends. */
static bool has_vfork(const struct model *m)
{
	char path[64], wchan[64];

	for (size_t i = 0; i < m->n_tasks; i++)
		for (size_t k = 0; k < m->tasks[i]->n_threads; k++) {
			snprintf(path, sizeof(path), "/proc/%d/wchan",
				 m->tasks[i]->threads[k].host);
			if (read_text_at(AT_FDCWD, path, wchan, sizeof(wchan)) > 0 &&
			    !strcmp(wchan, "kernel_clone"))
				return true;
		}
	return false;
}

/* Memory, files or signal handlers that processes share, or threads do not. */
static void preflight_sharing(struct model *m, struct err_list *l)
{
	struct err b = { 0 };

	/* Of a dead leader nothing is known here. */
	for (size_t i = 0; i < m->n_tasks; i++)
		if (m->tasks[i]->state != TASK_ZOMBIE && !m->tasks[i]->ids)
			return;
	/* Anything else is no answer: the tasks run, and end. */
	if (task_ids_dump(m, &b) == -ENOTSUP && !has_vfork(m))
		err_list_add(l, &b);
}

static int preflight_task(struct model *m, struct task *t, struct err_list *l, struct err *e)
{
	size_t from = l->n;
	int r = 0;

	/* /proc shows neither namespaces nor memory nor files of a dead leader. */
	if (!t->leader_dead) {
		r = ns_identify(m, t, l, e);
		err_list_about(l, from, t->host, "namespace");
	}
	if (!r)
		r = task_preflight(m, t, l, e);
	err_list_about(l, from, t->host, "process");
	from = l->n;
	if (!r && !t->leader_dead)
		r = mem_preflight(m, t, fd_check_link, l, e);
	err_list_about(l, from, t->host, "mapping");
	from = l->n;
	if (!r && !t->leader_dead)
		r = preflight_fs(m, t, l, e);
	err_list_about(l, from, t->host, "directory");
	from = l->n;
	if (!r && !t->leader_dead)
		r = fd_preflight(m, t, l, e);
	err_list_about(l, from, t->host, "descriptor");
	return r;
}

static int preflight_net(struct model *m, struct err_list *problems, struct err *e)
{
	_cleanup_close_ int sock = -EBADF;
	int r;

	if (!model_has_own_ns(m, NS_NET))
		return netns_preflight(m, -1, problems, e);
	r = ns_socket(m->root->host, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE, &sock, e);
	return r ? r : netns_preflight(m, sock, problems, e);
}

/* The tree runs: who ends meanwhile is no blocker, and what was said of it is not true any more. */
static bool ended_meanwhile(const struct task *t)
{
	struct proc_stat st;
	struct err e = { 0 };

	return proc_stat_read(t->host, &st, &e) || st.state == 'Z' || st.state == 'X';
}

static int preflight_tree(struct model *m, struct err_list *problems, struct err *e)
{
	int r = task_tree_read(m, e);
	size_t n;

	locks_scan_begin(m);
	for (size_t i = 0; !r && i < m->n_tasks && !(r = cancel_check(e)); i++) {
		struct task *t = m->tasks[i];
		size_t before = problems->n;

		if (t->state == TASK_ZOMBIE)
			continue;
		r = preflight_task(m, t, problems, e);
		if ((r || problems->n > before) && t != m->root && !t->leader_dead &&
		    ended_meanwhile(t)) {
			problems->n = before;
			err_clear(e);
			r = 0;
		}
	}
	n = problems->n;
	if (!r)
		preflight_sharing(m, problems);
	err_list_about(problems, n, m->opt->tree, "sharing");
	n = problems->n;
	if (!r)
		r = mounts_preflight(m, problems, e);
	err_list_about(problems, n, m->opt->tree, "mount");
	n = problems->n;
	if (!r)
		r = preflight_net(m, problems, e);
	err_list_about(problems, n, m->opt->tree, "network");
	n = problems->n;
	locks_scan_end(m, problems);
	err_list_about(problems, n, m->opt->tree, "file lock");
	if (r == -ESRCH && e->class != ERR_TARGET)
		return err_set(e, ERR_TARGET, ESRCH, "checkpoint", "", "process %d ended meanwhile",
			       m->opt->tree);
	return r;
}

static int look(const struct options *o, struct err_list *problems, struct err *e)
{
	struct model *m = model_new(o);
	int r = preflight_tree(m, problems, e);

	model_free(m);
	return r;
}

static bool lists(const struct err_list *l, const struct err *e)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i].op, e->op) && !strcmp(l->v[i].object, e->object) &&
		    !strcmp(l->v[i].why, e->why))
			return true;
	return false;
}

static void keep_listed(struct err_list *l, const struct err_list *now)
{
	size_t to = 0;

	for (size_t i = 0; i < l->n; i++)
		if (lists(now, &l->v[i]))
			l->v[to++] = l->v[i];
	l->n = to;
}

/* Without these nothing at all can be saved; better said now than with the tree frozen. */
static void privileges(struct err_list *l)
{
	static const char hint[] = "run stasis as root of the machine, not of a container";
	struct err b = { 0 };

	if (!probe_ok("cap_sys_ptrace")) {
		err_set(&b, ERR_SYSTEM, EPERM, "hold tasks", "", "CAP_SYS_PTRACE is missing");
		err_hint(&b, "%s", hint);
		err_list_add(l, &b);
	} else if ((!probe_ok("cap_checkpoint_restore") && !probe_ok("cap_sys_admin")) ||
		   !proc_in_initial_userns()) {
		err_set(&b, ERR_SYSTEM, EPERM, "open what tasks have mapped", "",
			"CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN is missing%s",
			proc_in_initial_userns() ? "" : " in the initial user namespace");
		err_hint(&b, "%s", hint);
		err_list_add(l, &b);
	}
}

#define LOOKS 3
#define MORE_LOOKS 10
#define LOOK_PAUSE_US 5000

/*
 * A tree that forks and ends all the time is never seen in one moment: the
 * other end of a pipe belongs to a child that came after the list of
 * processes was read, an executable's name goes away under our hands. So a
 * blocker is believed when looks in a row agree on it. What stays in doubt is
 * decided by the look at the frozen tree.
 */
int preflight_look(const struct options *o, struct err_list *problems, struct err *e)
{
	struct err last = { 0 };
	int same = 0, whole = 0, r;

	privileges(problems);
	if (problems->n)
		return 0;
	for (int i = 0; i < MORE_LOOKS && whole < LOOKS; i++) {
		struct err_list now = { 0 };

		if (i)
			usleep(LOOK_PAUSE_US);
		err_clear(e);
		r = look(o, &now, e);
		if (r) {
			same = lists(&(struct err_list){ .v = &last, .n = 1 }, e) ? same + 1 : 1;
			last = *e;
		} else if (whole++ == 0) {
			*problems = now;
			now = (struct err_list){ 0 };
		} else {
			keep_listed(problems, &now);
		}
		err_list_free(&now);
		if (same == LOOKS)
			return r;
		if (whole && !problems->n)
			break;
	}
	err_clear(e);
	return 0;
}

int preflight_sum_up(const struct options *o, struct err_list *problems, struct err *e)
{
	char object[48];

	if (!problems->n)
		return 0;
	*e = problems->v[0];
	if (problems->n == 1)
		return -e->code;
	snprintf(object, sizeof(object), "the tree of pid %d", o->tree);
	return err_set(e, ERR_UNSUPPORTED, ENOTSUP, "checkpoint", object,
		       "%zu things stand in the way", problems->n);
}

struct worker_look {
	const struct options *o;
	struct err_list *problems;
	int said; /* memfd */
};

static int work(void *arg, struct err *e)
{
	struct worker_look *l = arg;
	int r;

	watchdog_step("preflight", steps_patience(l->o));
	r = preflight_look(l->o, l->problems, e);
	if (!r && err_list_save(l->problems, l->said))
		r = err_sys(e, "write", "the list of what stands in the way");
	return r;
}

/* In a worker: a hanging filesystem holds that one up, and not us. */
int preflight_run(const struct options *o, struct err_list *problems, struct err *e)
{
	struct worker_look l = { .o = o, .problems = problems, .said = -EBADF };
	int r = preflight_not_ourselves(o, e);

	if (!r)
		r = err_list_file(&l.said, e);
	if (!r)
		r = watchdog_run(NULL, NULL, work, &l, e);
	err_list_load(problems, l.said);
	cleanup_close(&l.said);
	return r;
}
