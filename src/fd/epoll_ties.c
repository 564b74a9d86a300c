// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Adding the targets of epolls. The kernel remembers (description, number), not
 * who added it: so a helper with a descriptor table of its own puts each target
 * at its old number for a moment, whether or not a task still has it there.
 *
 * Signalfds are watched for the process that adds them: those a task adds itself.
 *
 * Runs in: the coordinator, and a short-lived helper that shares its memory.
 */
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/nshelper.h"
#include "fd/epoll.h"

#define PRIVATE_BITS (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE)

struct tie {
	int ep, target; /* descriptors of ours; in the helper moved out of the way */
	const EventpollTfdEntry *te;
};

/* The target named by its number in a table that holds the epoll. */
static struct file_obj *by_number(struct model *m, const struct file_obj *ep, uint32_t tfd)
{
	for (size_t i = 0; i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];
		struct file_obj *target = NULL;
		bool has = false;

		for (size_t k = 0; k < t->n_fds; k++) {
			has |= t->fds[k].file == ep;
			if ((uint32_t)t->fds[k].fd == tfd)
				target = t->fds[k].file;
		}
		if (has && target)
			return target;
	}
	return NULL;
}

int epoll_link(struct fd_restore *r, struct err *e)
{
	for (size_t i = 0; i < r->m->n_files; i++) {
		struct file_obj *f = r->m->files[i], **targets;
		const EventpollFileEntry *pe = f->entry->epfd;

		if (f->entry->type != FD_TYPES__EVENTPOLL)
			continue;
		targets = pool_alloc(r->m->pool, pe->n_tfd * sizeof(*targets));
		for (size_t k = 0; k < pe->n_tfd; k++) {
			const EventpollTfdEntry *te = pe->tfd[k];

			targets[k] = te->has_file_id ? model_file_by_id(r->m, te->file_id) :
						       by_number(r->m, f, te->tfd);
			if (!targets[k] || targets[k] == f)
				return file_bad(f, e, "its target %u is not there", te->tfd);
			/* An epoll that nobody holds any more needs no targets. */
			if (fd_work(f)->wanted)
				fd_work(targets[k])->wanted = true;
		}
		fd_work(f)->kid = targets;
	}
	return 0;
}

struct job {
	struct tie *v;
	size_t n;
	int above; /* numbers that targets need lie below */
};

/* Added by a task itself: epoll_build(). */
static bool tied_inside(const struct file_obj *target)
{
	return target->entry->type == FD_TYPES__SIGNALFD;
}

/*
 * A one-shot target that has fired must not be armed again by being added: let it
 * fire once, if there is anything that it could report. What stays is armed for
 * errors and hang-up alone, which the kernel adds to every entry.
 */
static int add_spent(int ep, int fd, const EventpollTfdEntry *te)
{
	struct epoll_event ev = { .events = te->events | EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP,
				  .data.u64 = te->data },
			   out;

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		return -errno;
	if (epoll_wait(ep, &out, 1, 0) == 1)
		return 0;
	ev.events = te->events;
	return epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev) ? -errno : 0;
}

static bool is_spent(const EventpollTfdEntry *te)
{
	return te->events & EPOLLONESHOT && !(te->events & ~(uint32_t)PRIVATE_BITS);
}

static int add_one(const struct tie *t)
{
	struct epoll_event ev = { .events = t->te->events, .data.u64 = t->te->data };
	int fd = (int)t->te->tfd, r = 0;

	if (dup2(t->target, fd) < 0)
		return -errno;
	if (is_spent(t->te))
		r = add_spent(t->ep, fd, t->te);
	else if (epoll_ctl(t->ep, EPOLL_CTL_ADD, fd, &ev))
		r = -errno;
	close(fd);
	return r;
}

/* Runs in: the helper. */
static int add_all(void *arg, void *ret, struct err *e)
{
	struct job *j = arg;
	struct rlimit rl;

	/* From here on the numbers are our own; so is the limit. */
	if (unshare(CLONE_FILES))
		return err_sys(e, "unshare", "descriptors of the helper");
	if (!getrlimit(RLIMIT_NOFILE, &rl)) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	for (size_t i = 0; i < j->n; i++) {
		struct tie *t = &j->v[i];

		t->ep = fcntl(t->ep, F_DUPFD, j->above);
		t->target = fcntl(t->target, F_DUPFD, j->above);
		if (t->ep < 0 || t->target < 0)
			return err_sys(e, "fcntl", "F_DUPFD above %d for the targets of an epoll",
				       j->above);
	}
	/* Those that shall fire go first: then nothing else can. */
	for (int spent = 1; spent >= 0; spent--) {
		for (size_t i = 0; i < j->n; i++) {
			int r = is_spent(j->v[i].te) == spent ? add_one(&j->v[i]) : 0;

			if (!r)
				continue;
			errno = -r;
			return err_sys(e, "epoll_ctl", "file %u: target %u", j->v[i].te->id,
				       j->v[i].te->tfd);
		}
	}
	return 0;
}

int epoll_tie(struct fd_restore *r, struct err *e)
{
	struct job j = { 0 };

	for (size_t i = 0; i < r->m->n_files; i++) {
		struct file_obj *f = r->m->files[i];
		struct file_obj **targets;

		if (f->entry->type != FD_TYPES__EVENTPOLL || !fd_work(f)->wanted)
			continue;
		targets = fd_work(f)->kid;
		for (size_t k = 0; k < f->entry->epfd->n_tfd; k++) {
			struct tie t = { f->fd, targets[k]->fd, f->entry->epfd->tfd[k] };

			if (tied_inside(targets[k]))
				continue;
			pool_push(r->m->pool, j.v, j.n, t);
			if ((int)t.te->tfd >= j.above)
				j.above = (int)t.te->tfd + 1;
		}
	}
	return j.n ? ns_helper_call(0, 0, add_all, &j, NULL, e) : 0;
}

/* Slot @target gets the number @tfd for a moment; what has that number is put aside. */
static void tie_calls(struct build *b, int ep, int target, const EventpollTfdEntry *te)
{
	struct prog *p = b->p;
	struct epoll_event ev = { .events = te->events, .data.u64 = te->data };
	bool moved = target != (int)te->tfd, taken = moved && (int)te->tfd < b->n_slots;
	size_t aside = 0;

	if (taken)
		aside = prog_call(p, "put a descriptor aside", SYS_dup, te->tfd);
	if (moved)
		prog_call(p, "give a signalfd its old number", SYS_dup3, (uint64_t)target, te->tfd,
			  0);
	prog_call(p, "watch a signalfd", SYS_epoll_ctl, (uint64_t)ep, EPOLL_CTL_ADD, te->tfd,
		  (uint64_t)prog_dup(p, &ev, sizeof(ev)));
	/* What had to make room may be the epoll itself. */
	if (taken && ep == (int)te->tfd)
		prog_ref(p, aside, 0);
	if (moved && !taken)
		prog_call(p, "close its old number", SYS_close, te->tfd);
	if (!taken)
		return;
	prog_call(p, "put a descriptor back", SYS_dup3, 0, te->tfd, 0);
	prog_ref(p, aside, 0);
	prog_call(p, "close where it was", SYS_close, 0);
	prog_ref(p, aside, 0);
}

/* The first task that has the epoll, and its number among the slots. */
static const struct task *first_holder(const struct model *m, const struct file_obj *f,
				       int *ret_slot)
{
	for (size_t i = 0; i < m->n_tasks; i++)
		for (size_t k = 0; k < m->tasks[i]->n_fds; k++)
			if (m->tasks[i]->fds[k].file == f) {
				*ret_slot = (int)k;
				return m->tasks[i];
			}
	return NULL;
}

static int slot_of(struct build *b, int fd)
{
	for (int i = 0; i < b->n_fds; i++)
		if (b->slots[i] == fd)
			return i;
	return build_slot(b, fd);
}

static void tie_all(struct build *b, struct file_obj *f, int slot, bool emit)
{
	struct file_obj **targets = fd_work(f)->kid;

	for (size_t k = 0; k < f->entry->epfd->n_tfd; k++) {
		int target;

		if (!tied_inside(targets[k]))
			continue;
		target = slot_of(b, targets[k]->fd);
		if (emit)
			tie_calls(b, slot, target, f->entry->epfd->tfd[k]);
	}
}

void epoll_build(struct build *b)
{
	struct model *m = b->m;
	int slot = 0;

	/* All slots first: which numbers are free depends on how many there are. */
	for (int emit = 0; emit < 2; emit++)
		for (size_t i = 0; i < m->n_files; i++) {
			struct file_obj *f = m->files[i];

			if (f->entry && f->entry->type == FD_TYPES__EVENTPOLL &&
			    fd_work(f)->wanted && first_holder(m, f, &slot) == b->t)
				tie_all(b, f, slot, emit);
		}
}
