// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The restore side's second half: making all descriptions, and putting the
 * descriptors of each task at their numbers.
 *
 * Runs in: the coordinator; what must be born inside the restored namespaces is
 * asked of the maker. All descriptors of ours are O_CLOEXEC.
 */
#define LOG_MODULE "fd"
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "fd/epoll.h"
#include "fd/lock.h"
#include "parasite/stub.h"

/* Descriptors of ours besides those of the tree: images, sockets of the engine. */
#define OWN_FDS 256

int fd_set_flags(int fd, unsigned flags, const char *what, struct err *e)
{
	/* O_ASYNC comes last of all, when the owner is known. */
	int want = (int)(flags & (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME));

	if (fcntl(fd, F_SETFL, want))
		return err_sys(e, "fcntl", "%s: F_SETFL 0%o", what, (unsigned)want);
	return 0;
}

/* Our own limit must let us hold everything at once, and the stubs inherit it. */
static int check_limit(struct model *m, struct err *e)
{
	struct rlimit rl;
	rlim_t need = 0;
	char what[64];
	int highest = 0;

	if (getrlimit(RLIMIT_NOFILE, &rl))
		return err_sys(e, "getrlimit", "RLIMIT_NOFILE");
	for (size_t i = 0; i < m->n_tasks; i++)
		if (m->tasks[i]->n_fds && m->tasks[i]->fds[m->tasks[i]->n_fds - 1].fd > highest)
			highest = m->tasks[i]->fds[m->tasks[i]->n_fds - 1].fd;
	for (size_t i = 0; i < m->n_files; i++)
		need += fd_work(m->files[i])->wanted;
	need += OWN_FDS;
	if (need <= (rlim_t)highest + 1)
		need = (rlim_t)highest + 1;
	if (need <= rl.rlim_cur)
		return 0;
	if (need > rl.rlim_max) {
		snprintf(what, sizeof(what), "%zu files, descriptor %d", m->n_files, highest);
		err_set(e, ERR_SYSTEM, EMFILE, "open", what, "our own limit on open files is %llu",
			(unsigned long long)rl.rlim_max);
		return err_hint(e, "raise the hard limit: ulimit -Hn %llu",
				(unsigned long long)need);
	}
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl))
		return err_sys(e, "setrlimit", "RLIMIT_NOFILE");
	return 0;
}

int fd_open(struct model *m, struct maker *mk, int root_fd, struct err *e)
{
	struct fd_restore *r = m->fd_state;
	int ret = fd_link(m, e);

	if (!ret)
		ret = check_limit(m, e);
	r->root_fd = root_fd;
	for (size_t i = 0; i < m->n_files && !ret; i++) {
		struct file_obj *f = m->files[i];

		if (fd_work(f)->wanted && f->kind->open)
			ret = f->kind->open(r, f, e);
	}
	for (size_t i = 0; file_kinds[i] && !ret; i++)
		if (file_kinds[i]->open_all)
			ret = file_kinds[i]->open_all(r, mk, e);
	r->root_fd = -EBADF;
	return ret;
}

int fd_open_made(struct model *m, int root_fd, struct err *e)
{
	struct fd_restore *r = m->fd_state;
	int ret = 0;

	r->root_fd = root_fd;
	for (size_t i = 0; file_kinds[i] && !ret; i++)
		if (file_kinds[i]->made)
			ret = file_kinds[i]->made(r, e);
	r->root_fd = -EBADF;
	return ret;
}

int fd_file_for_map(struct model *m, struct file_obj *f, int root_fd, bool writable, int *ret_fd,
		    struct err *e)
{
	struct fd_restore *r = m->fd_state;
	int *cached = &fd_work(f)->map_fd[writable], ret;

	if (!f->kind->open_map)
		return file_bad(f, e, "a mapping needs a regular file");
	if (*cached < 0) {
		r->root_fd = root_fd;
		ret = f->kind->open_map(r, f, writable ? O_RDWR : O_RDONLY, cached, e);
		r->root_fd = -EBADF;
		if (ret)
			return ret;
	}
	*ret_fd = *cached;
	return 0;
}

int fd_build_slots(struct build *b, struct err *e)
{
	struct task *t = b->t;

	if (b->n_slots)
		return err_set(e, ERR_GENERAL, EINVAL, "build", "descriptors",
			       "the task's own must come first");
	b->cap_slots = (int)t->n_fds + 32;
	b->slots = pool_alloc(b->m->pool, (size_t)b->cap_slots * sizeof(*b->slots));
	for (size_t i = 0; i < t->n_fds; i++) {
		if (t->fds[i].file->fd < 0)
			return file_bad(t->fds[i].file, e, "pid %d, fd %d: it was not made", t->pid,
					t->fds[i].fd);
		b->slots[i] = t->fds[i].file->fd;
	}
	b->n_slots = b->n_fds = (int)t->n_fds;
	return 0;
}

static void close_gap(struct build *b, int lo, int hi)
{
	if (hi >= b->n_slots)
		hi = b->n_slots - 1;
	if (lo <= hi)
		prog_call(b->p, "close what served the build", SYS_close_range, (uint64_t)lo,
			  (uint64_t)hi, 0);
}

/*
 * Slot i is at number i and belongs at a number that is not lower: from the top
 * down nothing is overwritten that is still to be moved. Whatever then lies
 * between the task's numbers is left over.
 */
int fd_build_place(struct build *b, struct err *e)
{
	const struct task_fd *fds = b->t->fds;
	int next = 0;

	epoll_build(b);
	for (int i = b->n_fds - 1; i >= 0; i--) {
		if (fds[i].fd == i)
			prog_call(b->p, "descriptor flags", SYS_fcntl, (uint64_t)i, F_SETFD,
				  fds[i].cloexec ? FD_CLOEXEC : 0);
		else
			prog_call(b->p, "descriptor to its number", SYS_dup3, (uint64_t)i,
				  (uint64_t)fds[i].fd, fds[i].cloexec ? O_CLOEXEC : 0);
	}
	for (int i = 0; i < b->n_fds; i++) {
		close_gap(b, next, fds[i].fd - 1);
		next = fds[i].fd + 1;
	}
	close_gap(b, next, b->n_slots - 1);
	return 0;
}

void fd_build_final(struct model *m, struct task *t)
{
	locks_calls(m->fd_state, t, &t->stub->threads[0].final);
}

/* Every further open file stands in a lease's way. */
void fd_built(struct model *m)
{
	for (size_t i = 0; i < m->n_files; i++) {
		struct fd_work *w = fd_work(m->files[i]);

		for (size_t k = 0; k < ARRAY_SIZE(w->map_fd); k++) {
			cleanup_close(&w->map_fd[k]);
			w->map_fd[k] = -EBADF;
		}
	}
	ghost_close(m->fd_state);
}

static void close_all(struct model *m)
{
	for (size_t i = 0; i < m->n_cttys; i++) {
		cleanup_close(&m->cttys[i].fd);
		m->cttys[i].fd = -EBADF;
	}
	for (size_t i = 0; i < m->n_files; i++) {
		struct file_obj *f = m->files[i];
		struct fd_work *w = fd_work(f);
		int *fds[] = { &f->fd, &w->map_fd[0], &w->map_fd[1], &w->kid_fd[0], &w->kid_fd[1] };

		for (size_t k = 0; k < ARRAY_SIZE(fds); k++) {
			cleanup_close(fds[k]);
			*fds[k] = -EBADF;
		}
	}
}

int fd_finish(struct model *m, struct err *e)
{
	struct fd_restore *r = m->fd_state;
	int ret = locks_taken(r, e);

	for (size_t i = 0; i < m->n_files && !ret; i++) {
		ret = fown_finish(r, m->files[i], e);
		if (!ret && fd_work(m->files[i])->seek_late)
			ret = reg_seek(m->files[i], e);
	}
	for (size_t i = 0; file_kinds[i] && !ret; i++)
		if (file_kinds[i]->finish)
			ret = file_kinds[i]->finish(r, e);
	close_all(m);
	for (size_t i = 0; file_kinds[i] && !ret; i++)
		if (file_kinds[i]->last)
			ret = file_kinds[i]->last(r, e);
	log_debug("%zu files made", m->n_files);
	return ret;
}
