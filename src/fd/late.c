// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files that cannot be opened before the process that they are about is
 * complete: those of /proc about threads, descriptors and mappings. A stand-in
 * keeps their numbers; once all tasks are built, each task that has such
 * descriptors receives the real ones over its service socket, which it keeps
 * that long.
 */
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "fd/procfs.h"
#include "fd/tty.h"
#include "parasite/stub.h"

bool late_is(int root_fd, const struct file_obj *f)
{
	_cleanup_close_ int top = -EBADF;
	struct proc_name n;

	return f->entry->type == FD_TYPES__REG &&
	       proc_name_find(root_fd, f->entry->reg->name, &n, &top) && proc_name_is_late(&n);
}

int late_open(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	if (fd_work(f)->late || !late_is(r->root_fd, f))
		return 1;
	f->fd = open("/", O_PATH | O_CLOEXEC);
	if (f->fd < 0)
		return err_sys(e, "open", "/");
	fd_work(f)->late = true;
	return 0;
}

static struct ctty *leads_ctty(const struct model *m, const struct task *t)
{
	return t->sid == t->pid ? model_ctty(m, t->sid) : NULL;
}

bool fd_has_late(const struct model *m, const struct task *t)
{
	if (leads_ctty(m, t))
		return true;
	for (size_t i = 0; i < t->n_fds; i++)
		if (fd_work(t->fds[i].file)->late)
			return true;
	return false;
}

/* The lowest number from @from on that is none of the task's: where the kernel puts what is received. */
static int free_number(const struct task *t, int from)
{
	for (size_t i = 0; i < t->n_fds && t->fds[i].fd <= from; i++)
		from += t->fds[i].fd == from;
	return from;
}

/* Only a member of the session may say which group is in the foreground; the leader's is so far. */
static int foreground(struct stub_set *s, struct prog *p, const struct task *t,
		      const struct ctty *tty, int at, struct err *e)
{
	stub_recv_calls(s, p, t->stub, 1);
	prog_call(p, "put a group into the foreground", SYS_ioctl, (uint64_t)at, TIOCSPGRP,
		  (uint64_t)prog_dup(p, &tty->pgrp, sizeof(tty->pgrp)));
	prog_call(p, "close the terminal", SYS_close, (uint64_t)at);
	return stub_send(s, t->stub, &tty->fd, 1, e);
}

/* One at a time: the number is free again for the next. */
static int place(struct model *m, struct stub_set *s, struct task *t, struct err *e)
{
	const struct ctty *tty = leads_ctty(m, t);
	int at = free_number(t, 0), r = 0;
	struct prog p;

	prog_init(&p, &s->arena);
	if (tty)
		r = foreground(s, &p, t, tty, at, e);
	for (size_t i = 0; i < t->n_fds && !r; i++) {
		struct task_fd *tf = &t->fds[i];

		if (!fd_work(tf->file)->late)
			continue;
		stub_recv_calls(s, &p, t->stub, 1);
		prog_call(&p, "late descriptor to its number", SYS_dup3, (uint64_t)at,
			  (uint64_t)tf->fd, tf->cloexec ? O_CLOEXEC : 0);
		prog_call(&p, "close its first number", SYS_close, (uint64_t)at);
		r = stub_send(s, t->stub, &tf->file->fd, 1, e);
	}
	stub_close_service_call(s, &p);
	if (!r)
		r = stub_run(s, t->stub, &p, e);
	prog_free(&p);
	return r;
}

static int open_real(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	cleanup_close(&f->fd);
	f->fd = -EBADF;
	return f->kind->open(r, f, e);
}

int fd_place_late(struct model *m, struct stub_set *s, int root_fd, struct err *e)
{
	struct fd_restore *r = m->fd_state;
	int x = 0;

	r->root_fd = root_fd;
	for (size_t i = 0; i < m->n_files && !x; i++)
		if (fd_work(m->files[i])->late)
			x = open_real(r, m->files[i], e);
	r->root_fd = -EBADF;
	for (size_t i = 0; i < m->n_tasks && !x; i++)
		if (m->tasks[i]->state != TASK_ZOMBIE && fd_has_late(m, m->tasks[i]))
			x = place(m, s, m->tasks[i], e);
	return x ? x : tty_job_foreground(r, e);
}
