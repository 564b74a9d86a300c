/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Peer groups of a tree that is put together. Its mounts stand all private; then
 * each gets its group, or its master, from a donor (MOVE_MOUNT_SET_GROUP): a
 * detached mount that shows at least as much of the filesystem. Donors of
 * filesystems of ours are made from our copy, which is a slave of ours by then,
 * or is still a peer.
 *
 * Runs in (as a program): the root stub, or who prepares its user namespace.
 */
#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "mounts/mounts-internal.h"

static bool belongs(const struct mnt_group *g, const struct mnt *mnt)
{
	if (g->id)
		return mnt->shared == g->id || mnt->master == g->id;
	return !mnt->shared && mnt->master == g->master;
}

/* Slaves of the outside each have their own: what they are copies of may differ. */
struct mnt_group *mnt_group_of(const struct mounts_state *s, const struct mnt *mnt)
{
	for (size_t i = 0; i < s->n_groups; i++) {
		struct mnt_group *g = &s->groups[i];

		if (mnt->shared ? g->id == mnt->shared :
				  !g->id && g->master == mnt->master &&
					  (!g->outer_slave || g->widest == mnt))
			return g;
	}
	return NULL;
}

/* All that belong to it show parts of what lies below @root of their filesystem. */
static bool covers(const struct mounts_state *s, const struct mnt_group *g, const char *root)
{
	for (size_t i = 0; i < s->tree.n; i++)
		if (belongs(g, s->tree.v[i]) && !mnt_path_below(s->tree.v[i]->root, root))
			return false;
	return true;
}

/*
 * What the donor is a copy of: the member whose source shows what all others do,
 * or else the mount of ours below which they all lie; of the tree's own any.
 */
static void choose_donor(struct model *m, const struct mounts_state *s, struct mnt_group *g,
			 struct mnt *first)
{
	for (size_t i = 0; i < s->tree.n && !g->widest; i++) {
		struct mnt *c = s->tree.v[i];

		if (!belongs(g, c) || (g->id && c->shared != g->id))
			continue;
		if (first->yard)
			g->widest = first;
		else if (covers(s, g, c->root))
			g->path = c->given ? c->given : mnt_source_path(m->pool, c);
		else if (!c->given && c->source_mnt && covers(s, g, c->source_mnt->root))
			g->path = c->source_mnt->point;
		if (g->path)
			g->widest = c;
	}
}

static void group_add(struct model *m, struct mounts_state *s, struct mnt *mnt,
		      struct err_list *problems)
{
	struct mnt_group g = {
		.id = mnt->shared,
		.master = mnt->master,
		.outer_shared = mnt->outer_shared,
		.outer_slave = mnt_is_outer_slave(&s->tree, mnt),
		.fd = -EBADF,
	};

	if ((!mnt->shared && !mnt->master) || mnt_group_of(s, mnt))
		return;
	if (!g.id && g.outer_slave) {
		g.widest = mnt;
		g.path = mnt->given	 ? mnt->given :
			 mnt->source_mnt ? mnt_source_path(m->pool, mnt) :
					   NULL;
	} else {
		choose_donor(m, s, &g, mnt);
	}
	if (!g.widest)
		mnt_problem(problems, mnt, NULL,
			    "no mount of its peer group shows what all others do");
	else
		pool_push(m->pool, s->groups, s->n_groups, g);
}

static void master_check(struct mounts_state *s, struct mnt_group *g, struct err_list *problems)
{
	size_t steps = 0;

	if (!g->master || g->outer_slave || g->outer_shared)
		return;
	for (size_t i = 0; i < s->n_groups; i++)
		if (s->groups[i].id == g->master)
			g->master_group = &s->groups[i];
	for (const struct mnt_group *up = g; up; up = up->master_group)
		if (steps++ > s->n_groups) {
			mnt_problem(problems, g->widest, NULL,
				    "the masters of its peer group go round in a circle");
			g->master_group = NULL;
			return;
		}
	if (!g->master_group || !mnt_same_sb(g->master_group->widest, g->widest))
		mnt_problem(problems, g->widest, NULL, "its master is of another filesystem");
}

void mnt_groups_plan(struct model *m, struct mounts_state *s, struct err_list *problems)
{
	for (size_t i = 0; i < s->tree.n; i++)
		group_add(m, s, s->tree.v[i], problems);
	for (size_t i = 0; i < s->n_groups; i++)
		master_check(s, &s->groups[i], problems);
}

static void emit_set(struct prog *p, size_t of, unsigned propagation)
{
	struct mount_attr attr = { .propagation = propagation };

	prog_call(p, "mount: peer group", SYS_mount_setattr, 0, (uintptr_t)prog_strdup(p, ""),
		  AT_EMPTY_PATH, (uintptr_t)prog_dup(p, &attr, sizeof(attr)), sizeof(attr));
	prog_ref(p, of, 0);
}

static void emit_clone(struct prog *p, const struct mnt_group *g, int yard)
{
	const struct mnt *w = g->widest;

	if (g->master_group) {
		prog_call(p, "mount: slave of a peer group", SYS_open_tree, 0,
			  (uintptr_t)prog_strdup(p, ""),
			  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
		prog_ref(p, g->master_group->call, 0);
	} else if (w->yard) {
		prog_call(p, "mount: peer group of our own", SYS_open_tree, yard,
			  (uintptr_t)prog_strdup(p, ""),
			  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	} else {
		prog_call(p, "mount: peer group", SYS_open_tree, AT_FDCWD,
			  (uintptr_t)prog_strdup(p, g->path), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	}
}

static void emit_group(struct maker *mk, struct mounts_state *s, struct mnt_group *g)
{
	struct prog *p = mk->p;

	if (g->done || g->busy)
		return;
	g->busy = true;
	if (g->master_group)
		emit_group(mk, s, g->master_group);
	{
		int yard = g->widest->yard && !g->master_group ?
				   maker_send(mk, g->widest->yard->source_fd) :
				   -1;

		g->call = p->n;
		emit_clone(p, g, yard);
	}
	if (!g->outer_shared) {
		/* Of our copy it is a slave already. */
		if (g->master_group)
			emit_set(p, g->call, MS_SLAVE);
		else if (!g->outer_slave)
			emit_set(p, g->call, MS_PRIVATE);
		if (g->id)
			emit_set(p, g->call, MS_SHARED);
	}
	maker_want(mk, g->call, &g->fd);
	g->busy = false;
	g->done = true;
}

void mnt_groups_emit(struct maker *mk, struct mounts_state *s, bool own)
{
	for (size_t i = 0; i < s->n_groups; i++) {
		struct mnt_group *g = &s->groups[i];

		if (!g->outer_shared && !g->widest->yard == !own)
			emit_group(mk, s, g);
	}
}
