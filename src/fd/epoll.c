// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epoll, dump side and messages. A target is a description together with the
 * number it had when it was added; the number may long be closed, or belong to
 * something else. kcmp(2) knows which description an entry means. See
 * epoll_ties.c for the other direction.
 */
#include <linux/kcmp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "fd/epoll.h"
#include "fd/kinds.h"
#include "fd/procfs.h"

/* linux/eventpoll.h (6.9) */
struct busy_poll_params {
	uint32_t usecs;
	uint16_t budget;
	uint8_t prefer, pad;
};
#define GET_PARAMS _IOR(0x8A, 0x02, struct busy_poll_params)

struct epoll_dump {
	struct file_obj **v;
	size_t n;
};

static bool epoll_is(const struct fd_look *l)
{
	return !strcmp(l->link, "anon_inode:[eventpoll]");
}

/*
 * "tfd: 5 events: 19 data: 4d pos:0 ino:40e sdev:10", numbers of all but tfd
 * and pos in hexadecimal. 1: an entry, 0: not such a line, negative: unreadable.
 */
int epoll_parse_line(const char *line, EventpollTfdEntry *ret)
{
	unsigned long long data, ino;
	unsigned tfd, events, dev;
	long long pos;

	if (strncmp(line, "tfd:", 4))
		return 0;
	if (sscanf(line, "tfd: %u events: %x data: %llx pos:%lli ino:%llx sdev:%x", &tfd, &events,
		   &data, &pos, &ino, &dev) != 6)
		return -EINVAL;
	ret->tfd = tfd;
	ret->events = events;
	ret->data = data;
	ret->has_dev = ret->has_inode = ret->has_pos = 1;
	ret->dev = dev;
	ret->inode = ino;
	ret->pos = (uint64_t)pos;
	return 1;
}

static int epoll_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, struct err *e)
{
	struct pool *pool = d->m->pool;
	EventpollFileEntry *pe = pool_msg(pool, EventpollFileEntry, eventpoll_file_entry__init);
	struct busy_poll_params bp = { 0 };

	if (!ioctl(l->copy, GET_PARAMS, &bp) && bp.usecs)
		return fd_refuse(l, e, "it polls busily (EPIOCSPARAMS): not supported");
	file_entry_new(d, f, FD_TYPES__EVENTPOLL)->epfd = pe;
	pe->id = f->id;
	pe->flags = l->info.flags;
	for (const char *p = l->info.text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		EventpollTfdEntry te = EVENTPOLL_TFD_ENTRY__INIT;
		int r = epoll_parse_line(p, &te);

		if (r < 0)
			return fd_refuse(l, e, "the kernel shows its targets in an unknown form");
		if (!r)
			continue;
		te.id = f->id;
		pool_push(pool, pe->tfd, pe->n_tfd, pool_dup(pool, &te, sizeof(te)));
	}
	if (!d->epolls)
		d->epolls = pool_alloc(pool, sizeof(*d->epolls));
	pool_push(pool, d->epolls->v, d->epolls->n, f);
	return fown_dump(d, l, &pe->fown, e);
}

struct seek {
	struct file_obj *ep;
	struct kcmp_epoll_slot slot;
	struct file_obj *found;
	int error;
};

static int is_target(struct file_obj *f, void *ctx)
{
	struct seek *s = ctx;
	long r = syscall(SYS_kcmp, fd_task_tid(f->owner), fd_task_tid(s->ep->owner), KCMP_EPOLL_TFD,
			 f->owner_fd, &s->slot);

	if (r < 0) {
		s->error = -errno;
		return 1;
	}
	if (r)
		return 0;
	s->found = f;
	return 1;
}

static struct file_obj *own_fd(const struct task *t, uint32_t fd)
{
	size_t lo = 0, hi = t->n_fds;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if ((uint32_t)t->fds[mid].fd == fd)
			return t->fds[mid].file;
		if ((uint32_t)t->fds[mid].fd < fd)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static int find_target(struct fd_dump *d, struct file_obj *ep, EventpollTfdEntry *te, uint32_t nth,
		       struct err *e)
{
	/* sdev is in the kernel's own encoding. */
	dev_t dev = makedev(te->dev >> 20, te->dev & 0xfffff);
	struct seek s = { .ep = ep };
	struct file_obj *here = own_fd(ep->owner, te->tfd);
	char who[160];

	s.slot = (struct kcmp_epoll_slot){ .efd = (uint32_t)ep->owner_fd,
					   .tfd = te->tfd,
					   .toff = nth };
	if (!here || here->st.st_ino != te->inode || !is_target(here, &s) || !s.found)
		file_index_visit(d, dev, te->inode, is_target, &s);
	else if (!late_is(d->root_fd, here))
		return 0;
	snprintf(who, sizeof(who), "pid %d, fd %d (eventpoll)", ep->owner->pid, ep->owner_fd);
	if (s.found && late_is(d->root_fd, s.found)) {
		err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", who,
			"it watches %.150s, a file about a thread: not supported",
			s.found->entry->reg->name);
		return err_hint(e, "let the program take it out of the epoll first");
	}
	if (s.found) {
		te->has_file_id = 1;
		te->file_id = s.found->id;
		return 0;
	}
	if (s.error) {
		errno = -s.error;
		return err_sys(e, "kcmp", "%s, target %u", who, te->tfd);
	}
	err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", who,
		"it watches a file (added as descriptor %u, inode %llu) that no task of the tree has open",
		te->tfd, (unsigned long long)te->inode);
	return err_hint(e, "a process outside the tree holds it: end that process, or dump it too");
}

/* Sorted by the file's address, then the number: the same number may come again later. */
static int find_targets(struct fd_dump *d, struct file_obj *ep, struct err *e)
{
	EventpollFileEntry *pe = ep->entry->epfd;
	uint32_t *seen, highest = 0;

	for (size_t k = 0; k < pe->n_tfd; k++)
		highest = pe->tfd[k]->tfd > highest ? pe->tfd[k]->tfd : highest;
	seen = pool_alloc(d->m->pool, ((size_t)highest + 1) * sizeof(*seen));
	for (size_t k = 0; k < pe->n_tfd; k++) {
		int r = find_target(d, ep, pe->tfd[k], seen[pe->tfd[k]->tfd]++, e);

		if (r)
			return r;
	}
	return 0;
}

static int epoll_dump_end(struct fd_dump *d, struct err *e)
{
	for (size_t i = 0; d->epolls && i < d->epolls->n; i++) {
		int r = find_targets(d, d->epolls->v[i], e);

		if (r)
			return r;
	}
	return 0;
}

static int epoll_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e)
{
	const EventpollFileEntry *pe = f->entry->epfd;

	for (size_t i = 0; i < pe->n_tfd; i++)
		if (pe->tfd[i]->tfd > FD_NUMBER_MAX)
			return image_bad(in, e, "file %u: target %u is no descriptor number", f->id,
					 pe->tfd[i]->tfd);
	return 0;
}

static int epoll_open(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	f->fd = epoll_create1(EPOLL_CLOEXEC);
	if (f->fd < 0)
		return err_sys(e, "epoll_create1", "file %u", f->id);
	return fd_set_flags(f->fd, f->entry->epfd->flags, "eventpoll", e);
}

const struct file_kind file_kind_epoll = {
	.name = "epoll",
	.type = FD_TYPES__EVENTPOLL,
	.is = epoll_is,
	.dump = epoll_dump,
	.dump_end = epoll_dump_end,
	FILE_KIND_ENTRY(epfd, EventpollFileEntry),
	.read = epoll_read,
	.read_end = epoll_link,
	.open = epoll_open,
	.made = epoll_tie,
};
