// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who is told by a signal that a descriptor is ready: F_SETOWN_EX, F_SETSIG and
 * O_ASYNC (man 2 fcntl). Images hold the pid inside the tree's pid namespace.
 */
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/nshelper.h"
#include "fd/lock.h"
#include "parasite/stub.h"

#ifndef F_GETOWNER_UIDS
#define F_GETOWNER_UIDS 17 /* asm-generic/fcntl.h */
#endif

/* Where the flags and the owner of @f are. */
static const struct file_obj *described(const struct file_obj *f)
{
	return f->kind && f->kind->described_by ? f->kind->described_by((struct file_obj *)f) : f;
}

static void *file_msg(const struct file_obj *f)
{
	return f->kind && f->entry ? *(void **)((char *)f->entry + f->kind->entry_off) : NULL;
}

const FownEntry *file_fown(const struct file_obj *f)
{
	char *msg = file_msg(f = described(f));

	return msg && f->kind->flags_off ? *(FownEntry **)(msg + f->kind->fown_off) : NULL;
}

unsigned file_flags(const struct file_obj *f)
{
	char *msg = file_msg(f = described(f));

	return msg && f->kind->flags_off ? *(uint32_t *)(msg + f->kind->flags_off) : 0;
}

/* The number inside of the process, thread or group that we see as @pid: 0 when it is not of the tree. */
static pid_t inward(struct model *m, int type, pid_t pid)
{
	for (size_t i = 0; i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];

		for (size_t k = 0; type == F_OWNER_TID && k < t->n_threads; k++)
			if (t->threads[k].host == pid)
				return t->threads[k].tid;
		if (t->host == pid)
			return t->pid;
	}
	return 0;
}

/* The other way, for what was restored. */
static pid_t outward(struct model *m, int type, pid_t pid)
{
	for (size_t i = 0; i < m->n_tasks; i++) {
		const struct stub *st = m->tasks[i]->stub;

		for (size_t k = 0; type == F_OWNER_TID && st && k < st->n_threads; k++)
			if (st->threads[k].tid == pid)
				return st->threads[k].host;
		if (st && st->pid == pid)
			return st->host;
	}
	return 0;
}

int fown_dump(struct fd_dump *d, const struct fd_look *l, FownEntry **ret, struct err *e)
{
	FownEntry *fo = pool_msg(d->m->pool, FownEntry, fown_entry__init);
	struct f_owner_ex own = { 0 };
	uid_t uids[2];
	pid_t pid;
	int sig;

	*ret = fo;
	if (l->info.flags & O_PATH)
		return 0;
	sig = fcntl(l->copy, F_GETSIG);
	if (sig < 0)
		return err_sys(e, "fcntl", "pid %d, fd %d: F_GETSIG", l->t->host, l->fd);
	fo->signum = (uint32_t)sig;
	if (fcntl(l->copy, F_GETOWN_EX, &own))
		return err_sys(e, "fcntl", "pid %d, fd %d: F_GETOWN_EX", l->t->host, l->fd);
	if (!own.pid)
		return 0;
	pid = inward(d->m, own.type, own.pid);
	if (!pid)
		return fd_refuse(l, e, "its signals go to %s %d, which is not part of the tree",
				 own.type == F_OWNER_PGRP ? "process group" : "process", own.pid);
	if (fcntl(l->copy, F_GETOWNER_UIDS, uids))
		return err_sys(e, "fcntl", "pid %d, fd %d: F_GETOWNER_UIDS", l->t->host, l->fd);
	fo->pid_type = (uint32_t)own.type;
	fo->pid = (uint32_t)pid;
	fo->uid = uids[0];
	fo->euid = uids[1];
	return 0;
}

struct owner {
	const struct file_obj *f;
	const FownEntry *fo;
	const struct f_owner_ex *own;
};

/* Runs in: a forked helper, when the one who had set the owner was somebody else than us. */
static int set_as(void *arg, void *none, struct err *e)
{
	const struct owner *o = arg;

	if (syscall(SYS_setresuid, o->fo->uid, o->fo->euid, -1))
		return err_sys(e, "setresuid", "%u, %u", o->fo->uid, o->fo->euid);
	if (fcntl(o->f->fd, F_SETOWN_EX, o->own))
		return err_sys(e, "fcntl", "file %u: F_SETOWN_EX %d", o->f->id, o->own->pid);
	return 0;
}

/* The kernel remembers who set it: signals are sent with that one's permissions. */
static int set_owner(const struct file_obj *f, const FownEntry *fo, const struct f_owner_ex *own,
		     struct err *e)
{
	struct owner o = { f, fo, own };
	char none;

	if (fo->uid != getuid() || fo->euid != geteuid())
		return ns_helper_run(getpid(), 0, set_as, &o, &none, sizeof(none), e);
	if (fcntl(f->fd, F_SETOWN_EX, own))
		return err_sys(e, "fcntl", "file %u: F_SETOWN_EX %d", f->id, own->pid);
	return 0;
}

/* The number that @f has in the tree, with its owner if that one has it; -1 when it has none. */
static int number_of(const struct model *m, const struct file_obj *f, const FownEntry *fo)
{
	int ret = -1;

	for (size_t i = 0; i < m->n_tasks; i++) {
		const struct task *t = m->tasks[i];

		for (size_t k = 0; k < t->n_fds; k++) {
			if (t->fds[k].file != f)
				continue;
			if (t->pid == (pid_t)fo->pid)
				return t->fds[k].fd;
			if (ret < 0)
				ret = t->fds[k].fd;
		}
	}
	return ret;
}

struct async {
	const struct file_obj *f;
	int number;
};

/* Runs in: a forked helper, whose own descriptors may be replaced. */
static int async_as(void *arg, void *none, struct err *e)
{
	const struct async *a = arg;
	struct rlimit rl;

	if (!getrlimit(RLIMIT_NOFILE, &rl) && rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	if (a->number != a->f->fd && dup2(a->f->fd, a->number) < 0)
		return err_sys(e, "dup2", "file %u to %d", a->f->id, a->number);
	if (fcntl(a->number, F_SETFL, fcntl(a->number, F_GETFL) | O_ASYNC))
		return err_sys(e, "fcntl", "file %u: O_ASYNC", a->f->id);
	return 0;
}

/*
 * The kernel remembers by which number O_ASYNC was asked for: with F_SETSIG
 * that is what the signal bears as si_fd.
 */
static int set_async(const struct model *m, const struct file_obj *f, const FownEntry *fo,
		     struct err *e)
{
	struct async a = { f, number_of(m, f, fo) };
	char none;

	if (a.number >= 0 && fo->signum)
		return ns_helper_run(getpid(), 0, async_as, &a, &none, sizeof(none), e);
	if (fcntl(f->fd, F_SETFL, fcntl(f->fd, F_GETFL) | O_ASYNC))
		return err_sys(e, "fcntl", "file %u: O_ASYNC", f->id);
	return 0;
}

/* The signal first, then the owner, then O_ASYNC: nothing is sent half configured. */
int fown_finish(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	const FownEntry *fo = file_fown(f);
	unsigned flags = file_flags(f);
	struct f_owner_ex own;

	if (!fo || f->fd < 0 || flags & O_PATH)
		return 0;
	if (fo->signum && fcntl(f->fd, F_SETSIG, (int)fo->signum))
		return err_sys(e, "fcntl", "file %u: F_SETSIG %u", f->id, fo->signum);
	if (fo->pid) {
		own.type = (int)fo->pid_type;
		own.pid = outward(r->m, own.type, (pid_t)fo->pid);
		if (!own.pid)
			return file_bad(f, e, "its owner %u is no process of the tree", fo->pid);
		if (set_owner(f, fo, &own, e))
			return -e->code;
	}
	if (!fo->pid && locks_lease_on(r, f) && fcntl(f->fd, F_SETOWN, 0))
		return err_sys(e, "fcntl", "file %u: F_SETOWN 0", f->id);
	return flags & O_ASYNC ? set_async(r->m, f, fo, e) : 0;
}
