// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Descriptors of processes (pidfd_open(2)). Of a process of the tree, living or
 * zombie, it is opened anew when the tree has grown. One whose process is gone
 * and reaped refers to nobody: a process is started, ends as that one did, and
 * is reaped; descriptors of one process share it again.
 */
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/abi.h"
#include "base/nshelper.h"
#include "base/proc.h"
#include "fd/kinds.h"
#include "parasite/stub.h"

#define PIDFD_OPEN_FLAGS (O_NONBLOCK | PIDFD_THREAD)
#define GONE (-1) /* in images */

static bool pidfd_is(const struct fd_look *l)
{
	return !strcmp(l->link, "anon_inode:[pidfd]");
}

/* The task whose process, or leading thread, we see as @pid. */
static struct task *task_of(const struct model *m, pid_t pid)
{
	for (size_t i = 0; i < m->n_tasks; i++)
		if (m->tasks[i]->host == pid)
			return m->tasks[i];
	return NULL;
}

static bool is_thread(const struct model *m, pid_t pid)
{
	for (size_t i = 0; i < m->n_tasks; i++)
		for (size_t k = 1; k < m->tasks[i]->n_threads; k++)
			if (m->tasks[i]->threads[k].host == pid)
				return true;
	return false;
}

/* Born since the tree was read. */
static bool is_descendant(const struct model *m, pid_t pid)
{
	while (pid > 1) {
		struct err quiet = { 0 };
		struct proc_stat st;

		if (pid == m->root->host)
			return true;
		if (proc_stat_read(pid, &st, &quiet))
			return false;
		pid = st.ppid;
	}
	return false;
}

static int refuse(const struct fd_dump *d, const struct fd_look *l, pid_t pid, struct err *e)
{
	struct err quiet = { 0 };
	struct proc_stat st;

	if (!pid) {
		fd_refuse(l, e, "it refers to a process outside the tree that cannot be seen here");
		return err_hint(e, "let the program close it, or run stasis in an outer pid "
				   "namespace");
	}
	if (is_thread(d->m, pid))
		return fd_refuse(l, e, "it refers to a single thread (%d) besides the leading one",
				 pid);
	if (proc_stat_read(pid, &st, &quiet))
		st.comm[0] = 0;
	fd_refuse(l, e, "it refers to pid %d (%s), which is outside the tree", pid, st.comm);
	return err_hint(e, "let the program close it, or checkpoint that process with the tree");
}

static int pidfd_check(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	const char *line = fd_info_line(l->info.text, "Pid");
	pid_t pid = line ? atoi(line) : 0;

	if (pid == GONE || task_of(d->m, pid))
		return 0;
	if (pid > 0 && !is_thread(d->m, pid) && is_descendant(d->m, pid))
		return 0;
	return refuse(d, l, pid, e);
}

static int pidfd_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, struct err *e)
{
	struct pidfd_exit_info info = { .mask = PIDFD_INFO_EXIT };
	const char *line = fd_info_line(l->info.text, "Pid");
	pid_t pid = line ? atoi(line) : 0;
	const struct task *t = task_of(d->m, pid);
	PidfdEntry *pe;

	if (pid != GONE && !t)
		return refuse(d, l, pid, e);
	pe = pool_msg(d->m->pool, PidfdEntry, pidfd_entry__init);
	file_entry_new(d, f, FD_TYPES__PIDFD)->pidfd = pe;
	pe->id = f->id;
	pe->ino = (uint32_t)l->st.st_ino;
	pe->flags = l->info.flags;
	pe->nspid = t ? t->pid : GONE;
	/* Since 6.15; before, nobody can ask for it. */
	if (!t && !ioctl(l->copy, PIDFD_GET_INFO, &info) && info.mask & PIDFD_INFO_EXIT) {
		pe->has_exit_code = 1;
		pe->exit_code = info.exit_code;
	}
	return fown_dump(d, l, &pe->fown, e);
}

static int pidfd_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e)
{
	const PidfdEntry *pe = f->entry->pidfd;

	if (pe->nspid != GONE && !model_task_by_pid(r->m, pe->nspid))
		return image_bad(in, e, "file %u: a pidfd of process %d, which there is not", f->id,
				 pe->nspid);
	return 0;
}

struct ending {
	int start[2]; /* a pipe; at its end the process ends */
	int code;     /* as wait(2) gives it */
};

/* Runs in: a child with a copy of our memory; nothing but system calls. */
static void end_as_told(const struct ending *en)
{
	int sig = en->code & 0x7f;
	uint64_t none = 0;
	char c;

	close(en->start[1]);
	while (read(en->start[0], &c, 1) < 0 && errno == EINTR)
		;
	if (sig) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		signal(sig, SIG_DFL);
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
		syscall(SYS_kill, syscall(SYS_getpid), sig);
	}
	_exit(en->code >> 8 & 0xff);
}

/* All descriptors of the process that @pe names, opened while @pid lives. */
static int open_same(struct fd_restore *r, uint32_t ino, pid_t pid, struct err *e)
{
	for (size_t i = 0; i < r->m->n_files; i++) {
		struct file_obj *f = r->m->files[i];
		const PidfdEntry *pe = f->entry->pidfd;

		if (f->entry->type != FD_TYPES__PIDFD || pe->nspid != GONE || pe->ino != ino)
			continue;
		f->fd = (int)syscall(SYS_pidfd_open, pid, pe->flags & PIDFD_OPEN_FLAGS);
		if (f->fd < 0)
			return err_sys(e, "pidfd_open", "file %u", f->id);
	}
	return 0;
}

struct gone {
	struct fd_restore *r;
	const PidfdEntry *pe;
};

/* Runs in: a helper that shares our memory and descriptors; its children are born inside. */
static int open_gone(void *arg, void *none, struct err *e)
{
	const struct gone *g = arg;
	struct clone_args ca = { 0 }; /* no exit signal: nobody is told */
	struct ending en = { .code = g->pe->has_exit_code ? g->pe->exit_code : 0 };
	pid_t pid;
	int ret, status;

	if (pipe2(en.start, O_CLOEXEC))
		return err_sys(e, "pipe2", "a process for a pidfd");
	pid = (pid_t)syscall(SYS_clone3, &ca, sizeof(ca));
	if (!pid)
		end_as_told(&en);
	ret = pid < 0 ? err_sys(e, "clone3", "a process for a pidfd") :
			open_same(g->r, g->pe->ino, pid, e);
	close(en.start[1]);
	close(en.start[0]);
	while (pid > 0 && waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
		;
	return ret;
}

/* Of the tree's pid namespace, if it has one: others cannot be asked how they ended (PIDFD_GET_INFO). */
static int make_gone(struct fd_restore *r, const PidfdEntry *pe, struct err *e)
{
	struct gone g = { r, pe };

	return ns_helper_call(r->m->root->stub->host,
			      model_has_own_ns(r->m, NS_PID) ? CLONE_NEWPID : 0, open_gone, &g,
			      NULL, e);
}

static int pidfd_open_all(struct fd_restore *r, struct maker *mk, struct err *e)
{
	int ret = 0;

	for (size_t i = 0; i < r->m->n_files && !ret; i++) {
		struct file_obj *f = r->m->files[i];
		const PidfdEntry *pe = f->entry->pidfd;

		if (f->entry->type != FD_TYPES__PIDFD || f->fd >= 0 || !fd_work(f)->wanted)
			continue;
		if (pe->nspid == GONE)
			ret = make_gone(r, pe, e);
		else /* inside, where the number is known */
			maker_want(mk,
				   prog_call(mk->p, "open a pidfd", SYS_pidfd_open,
					     (uint64_t)pe->nspid, pe->flags & PIDFD_OPEN_FLAGS),
				   &f->fd);
	}
	return ret;
}

const struct file_kind file_kind_pidfd = {
	.name = "pidfd: of a process of the tree, or of one that is gone",
	.type = FD_TYPES__PIDFD,
	.is = pidfd_is,
	.check = pidfd_check,
	.dump = pidfd_dump,
	FILE_KIND_ENTRY(pidfd, PidfdEntry),
	.read = pidfd_read,
	.open_all = pidfd_open_all,
};
