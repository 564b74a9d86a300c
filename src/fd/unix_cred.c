// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whom a unix socket names as its peer (SO_PEERCRED, SO_PEERGROUPS): whoever
 * called socketpair, listen or connect at the time. Read on dump; on restore,
 * who differs from the maker, and needs a process of that number.
 */
#define LOG_MODULE "fd"
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <linux/sched.h>

#include "base/log.h"
#include "base/nshelper.h"
#include "base/proc.h"
#include "fd/procfs.h"
#include "fd/unix.h"
#include "model/ids.h"
#include "parasite/stub.h"

#define OVERFLOW_ID 65534  /* fs.overflowuid, what the kernel shows of ids without a number */
#define GROUPS_LIMIT 65536 /* NGROUPS_MAX, linux/limits.h */
#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59 /* asm-generic/socket.h (4.13) */
#endif

/* Runs in: a helper; its child is in the tree's pid namespace, where the kernel gives the inner number. */
static int ask_inside(void *arg, void *ret, struct err *e)
{
	int fd = *(int *)arg, p[2], status;
	pid_t child;
	ssize_t n;

	if (pipe(p))
		return err_sys(e, "pipe", "a helper");
	child = fork();
	if (child < 0)
		return err_sys(e, "fork", "a helper");
	if (!child) {
		struct ucred c = { 0 };
		socklen_t len = sizeof(c);

		_exit(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) ||
		      write(p[1], &c.pid, sizeof(c.pid)) != sizeof(c.pid));
	}
	close(p[1]);
	n = read(p[0], ret, sizeof(pid_t));
	waitpid(child, &status, 0);
	return n == sizeof(pid_t) ? 0 : err_sys(e, "getsockopt", "SO_PEERCRED inside the tree");
}

/* The tree's number of a process that we see as @host, which may be dead. */
static int pid_inside(struct fd_dump *d, const struct fd_look *l, pid_t host, pid_t *ret,
		      struct err *e)
{
	struct model *m = d->m;
	int fd = l->copy;

	*ret = host;
	for (size_t i = 0; i < m->n_tasks; i++) {
		if (m->tasks[i]->host == host) {
			*ret = m->tasks[i]->pid;
			return 0;
		}
	}
	if (!host || !m->pid_level)
		return 0;
	return ns_helper_run(m->root->host, CLONE_NEWPID, ask_inside, &fd, ret, sizeof(*ret), e);
}

static int groups_dump(struct fd_dump *d, const struct fd_look *l, UnixSkEntry *ue, struct err *e)
{
	const struct model *m = d->m;
	socklen_t len = 64 * sizeof(gid_t);
	gid_t *v = pool_alloc(m->pool, len);

	while (getsockopt(l->copy, SOL_SOCKET, SO_PEERGROUPS, v, &len)) {
		if (errno != ERANGE)
			return err_sys(e, "getsockopt", "pid %d, fd %d: SO_PEERGROUPS", l->t->host,
				       l->fd);
		v = pool_alloc(m->pool, len);
	}
	ue->n_peer_groups = len / sizeof(*v);
	ue->peer_groups = v;
	if (m->id_maps && ue->n_peer_groups && ue->n_peer_groups == m->n_kept_groups &&
	    !memcmp(v, m->kept_groups, len))
		ue->has_peer_groups_kept = ue->peer_groups_kept = 1;
	for (size_t i = 0; i < ue->n_peer_groups; i++)
		if (!model_gid_in(m, v[i], &v[i]))
			v[i] = OVERFLOW_ID;
	return 0;
}

int unix_cred_dump(struct fd_dump *d, const struct fd_look *l, UnixSkEntry *ue, struct err *e)
{
	struct ucred c = { 0 };
	socklen_t len = sizeof(c);
	pid_t pid;
	int r;

	if (getsockopt(l->copy, SOL_SOCKET, SO_PEERCRED, &c, &len))
		return err_sys(e, "getsockopt", "pid %d, fd %d: SO_PEERCRED", l->t->host, l->fd);
	if (c.uid == (uid_t)-1)
		return 0;
	r = pid_inside(d, l, c.pid, &pid, e);
	if (r)
		return r;
	ue->has_peer_pid = ue->has_peer_uid = ue->has_peer_gid = 1;
	ue->peer_pid = (uint32_t)pid;
	if (!model_uid_in(d->m, c.uid, &ue->peer_uid))
		ue->peer_uid = OVERFLOW_ID;
	if (!model_gid_in(d->m, c.gid, &ue->peer_gid))
		ue->peer_gid = OVERFLOW_ID;
	return groups_dump(d, l, ue, e);
}

int unix_cred_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e)
{
	const UnixSkEntry *ue = f->entry->usk;
	struct unix_cred *c;

	if (!ue->has_peer_pid)
		return 0;
	if (ue->peer_pid > PID_LIMIT || !ue->has_peer_uid || !ue->has_peer_gid ||
	    ue->peer_uid == UINT32_MAX || ue->peer_gid == UINT32_MAX)
		return image_bad(in, e, "file %u: the peer's credentials are out of range", f->id);
	if (ue->n_peer_groups > GROUPS_LIMIT)
		return image_bad(in, e, "file %u: the peer has too many groups", f->id);
	c = pool_alloc(r->m->pool, sizeof(*c));
	*c = (struct unix_cred){ .pid = (pid_t)ue->peer_pid,
				 .uid = ue->peer_uid,
				 .gid = ue->peer_gid,
				 .groups = ue->peer_groups,
				 .n_groups = ue->n_peer_groups,
				 .groups_kept = ue->has_peer_groups_kept && ue->peer_groups_kept };
	unix_kid(f)->cred = c;
	return 0;
}

int unix_cred_cmp(const struct unix_cred *a, const struct unix_cred *b)
{
	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	if (a->uid != b->uid)
		return a->uid < b->uid ? -1 : 1;
	if (a->gid != b->gid)
		return a->gid < b->gid ? -1 : 1;
	if (a->groups_kept || b->groups_kept)
		return a->groups_kept - b->groups_kept;
	if (a->n_groups != b->n_groups)
		return a->n_groups < b->n_groups ? -1 : 1;
	return a->n_groups ? memcmp(a->groups, b->groups, a->n_groups * sizeof(*a->groups)) : 0;
}

/* What a stub is until its last words. */
static const struct unix_cred *maker_cred(struct fd_restore *r)
{
	struct unix_restore *ur = r->unixes;
	struct model *m = r->m;
	uint32_t id, *groups;
	int n;

	if (ur->maker)
		return ur->maker;
	ur->maker = pool_alloc(m->pool, sizeof(*ur->maker));
	ur->maker->pid = m->root->pid;
	if (m->id_maps) {
		ur->maker->uid = model_uid_out(m, 0, &id) ? 0 : UINT32_MAX;
		ur->maker->gid = model_gid_out(m, 0, &id) ? 0 : UINT32_MAX;
		ur->maker->groups_kept = m->n_kept_groups > 0;
		return ur->maker;
	}
	ur->maker->uid = geteuid();
	ur->maker->gid = getegid();
	n = getgroups(0, NULL);
	groups = pool_alloc(m->pool, (n > 0 ? (size_t)n : 1) * sizeof(*groups));
	ur->maker->n_groups = n > 0 ? (size_t)getgroups(n, groups) : 0;
	ur->maker->groups = groups;
	return ur->maker;
}

const struct unix_cred *unix_cred_or_maker(struct fd_restore *r, const struct unix_cred *c)
{
	return c ? c : maker_cred(r);
}

static bool is_other(struct fd_restore *r, const struct unix_cred *c)
{
	return c && unix_cred_cmp(c, maker_cred(r));
}

/* A number of somebody who is gone is given to a process for a moment. */
static bool need(struct fd_restore *r, const struct unix_cred *c)
{
	if (!is_other(r, c))
		return false;
	if (c->pid && !model_task_by_pid(r->m, c->pid))
		proc_dead_pid(r->m, c->pid);
	return true;
}

/* Whom a server will see: the kernel does not say of who waits; most likely who holds the socket. */
static const struct unix_cred *holder_cred(struct fd_restore *r, const struct file_obj *f)
{
	const struct task *t = f->owner;
	const CredsEntry *ce = t && t->n_threads && t->threads[0].core &&
					       t->threads[0].core->thread_core ?
				       t->threads[0].core->thread_core->creds :
				       NULL;
	struct unix_cred *c;

	if (!ce || !unix_kid((struct file_obj *)f)->cred)
		return NULL;
	c = pool_alloc(r->m->pool, sizeof(*c));
	*c = (struct unix_cred){ .pid = t->pid,
				 .uid = ce->euid,
				 .gid = ce->egid,
				 .groups = ce->groups,
				 .n_groups = ce->n_groups,
				 .groups_kept = ce->has_groups_kept && ce->groups_kept };
	return c;
}

static struct file_obj *first_of_gone(const struct unix_restore *ur, const struct file_obj *f)
{
	for (size_t i = 0; i < ur->n; i++) {
		const struct unix_kid *k = unix_kid(ur->v[i]);

		if (k->role == UNIX_ACCEPTED && !k->listener &&
		    ur->v[i]->entry->usk->type == f->entry->usk->type &&
		    unix_same_name(ur->v[i]->entry->usk, f->entry->usk))
			return ur->v[i];
	}
	return NULL;
}

void unix_cred_plan(struct fd_restore *r)
{
	struct unix_restore *ur = r->unixes;

	for (size_t i = 0; i < ur->n; i++) {
		struct file_obj *f = ur->v[i], *ls = f;
		struct unix_kid *k = unix_kid(f);
		bool other = need(r, k->cred);

		if (k->cred && k->role == UNIX_ALONE && f->entry->usk->state != TCP_LISTEN)
			log_warn("file %u: a unix socket of a pair that has another peer now, "
				 "going on without what SO_PEERCRED says of it",
				 f->id);
		if (k->role == UNIX_ACCEPTED) {
			if (!k->listener)
				k->gone = first_of_gone(ur, f);
			ls = k->listener ? k->listener : k->gone;
			other |= k->peer && need(r, unix_kid(k->peer)->cred);
		} else if (k->role == UNIX_PENDING) {
			k->waits_as = holder_cred(r, f);
			other |= need(r, k->waits_as);
			ls = k->listener;
		} else if (k->role == UNIX_CLIENT || (k->role == UNIX_PAIR && !k->first)) {
			continue;
		}
		unix_kid(ls)->by_others |= other;
	}
}
