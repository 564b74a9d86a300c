/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compiling the plan into calls of the root stub. Order: our propagation is cut
 * off before anything else, so that nothing done here reaches the outside;
 * sources are opened before copies go away; mounts are attached private, and
 * get their peer groups when all stand, because a mount attached to a shared
 * parent would be copied to its peers.
 *
 * Runs in (as a program): the root stub, inside all its new namespaces.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "image/image.h"
#include "model/options.h"
#include "mounts/mounts-internal.h"

#define ATTR_ALL                                                                                   \
	(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |            \
	 MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOSYMFOLLOW)
#define PTR(s) ((uintptr_t)prog_strdup(p, s))

uint64_t mnt_attr_of_flags(uint32_t flags)
{
	uint64_t a = 0;

	a |= flags & MS_RDONLY ? MOUNT_ATTR_RDONLY : 0;
	a |= flags & MS_NOSUID ? MOUNT_ATTR_NOSUID : 0;
	a |= flags & MS_NODEV ? MOUNT_ATTR_NODEV : 0;
	a |= flags & MS_NOEXEC ? MOUNT_ATTR_NOEXEC : 0;
	a |= flags & MS_NODIRATIME ? MOUNT_ATTR_NODIRATIME : 0;
	a |= flags & MS_NOSYMFOLLOW ? MOUNT_ATTR_NOSYMFOLLOW : 0;
	if (flags & MS_NOATIME)
		a |= MOUNT_ATTR_NOATIME;
	else if (flags & MS_STRICTATIME)
		a |= MOUNT_ATTR_STRICTATIME;
	return a;
}

/* A clone of a slave is one too: what is made starts private. */
static void emit_attr(struct prog *p, const struct mnt *m)
{
	uint64_t set = mnt_attr_of_flags(m->flags);
	struct mount_attr attr = {
		.attr_set = set,
		.attr_clr = (ATTR_ALL & ~set) | MOUNT_ATTR__ATIME,
		.propagation = m->match ? 0 : MS_PRIVATE,
	};

	prog_call(p, "mount: flags", SYS_mount_setattr, AT_FDCWD, PTR(m->point), 0,
		  (uintptr_t)prog_dup(p, &attr, sizeof(attr)), sizeof(attr));
}

static void emit_propagation(struct prog *p, const char *path, unsigned long flag)
{
	prog_call(p, "mount: propagation", SYS_mount, 0, PTR(path), 0, flag, 0);
}

static void emit_close(struct prog *p, size_t call)
{
	prog_call(p, "mount: close", SYS_close, 0);
	prog_ref(p, call, 0);
}

static void emit_source(struct model *m, struct prog *p, struct mnt *mnt)
{
	mnt->source_call = p->n;
	prog_call(p, "mount: open source", SYS_open_tree, AT_FDCWD,
		  PTR(mnt_source_path(m->pool, mnt)),
		  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
}

/*
 * A mount point inside a filesystem that is made here and still empty: its
 * directories get their owners and modes later, with the content.
 */
static void emit_point(struct model *m, struct prog *p, const struct mnt *child)
{
	char *path = pool_strdup(m->pool, child->point);
	char *at = path + strlen(path) - strlen(child->rel);

	while ((at = strchr(at, '/'))) {
		*at = 0;
		prog_call(p, "mount: directory", SYS_mkdir | SV_IGN, PTR(path), 0755);
		*at++ = '/';
	}
	if (child->is_file)
		prog_call(p, "mount: file", SYS_mknod | SV_IGN, PTR(path), S_IFREG | 0644, 0);
	else
		prog_call(p, "mount: directory", SYS_mkdir | SV_IGN, PTR(path), 0755);
}

static void emit_fresh(struct prog *p, const struct mnt *mnt)
{
	/* With MS_RDONLY the filesystem would be read-only, too early for its content. */
	unsigned long flags = (mnt->flags & ~MS_RDONLY) | mnt->sb_flags;

	if (mnt->kind->content)
		flags &= ~MS_RDONLY;
	prog_call(p, "mount", SYS_mount, PTR(*mnt->source ? mnt->source : "none"), PTR(mnt->point),
		  PTR(mnt->kind->name), flags, *mnt->options ? PTR(mnt->options) : 0);
}

/* A source that was opened outside of the user namespace; see mounts_build_outer(). */
static void emit_attach_given(struct maker *mk, const struct mnt *mnt)
{
	struct prog *p = mk->p;
	int slot = maker_send(mk, mnt->source_fd);

	prog_call(p, "mount: attach", SYS_move_mount, slot, PTR(""), AT_FDCWD, PTR(mnt->point),
		  MOVE_MOUNT_F_EMPTY_PATH);
	prog_call(p, "mount: close", SYS_close, slot);
}

static void emit_mount(struct maker *mk, struct mnt *mnt)
{
	struct model *m = mk->m;
	struct prog *p = mk->p;

	if (mnt->source_mnt && mnt->source_fd >= 0) {
		emit_attach_given(mk, mnt);
	} else if (mnt->source_mnt) {
		if (!mnt->outside)
			emit_source(m, p, mnt);
		prog_call(p, "mount: attach", SYS_move_mount, 0, PTR(""), AT_FDCWD, PTR(mnt->point),
			  MOVE_MOUNT_F_EMPTY_PATH);
		prog_ref(p, mnt->source_call, 0);
		emit_close(p, mnt->source_call);
	} else {
		emit_fresh(p, mnt);
		if (mnt->kind->content)
			for (const struct mnt *c = mnt->child; c; c = c->sibling)
				if (*c->rel)
					emit_point(m, p, c);
	}
	emit_attr(p, mnt);
}

/* Both by path: everything with propagation of its own is visible (see the plan). */
static void emit_join(struct prog *p, const struct mnt *from, const struct mnt *to)
{
	if (from != to)
		prog_call(p, "mount: peer group", SYS_move_mount, AT_FDCWD, PTR(from->point),
			  AT_FDCWD, PTR(to->point), MOVE_MOUNT_SET_GROUP);
}

/* A group must exist before its slaves: masters of masters first. */
static void emit_group(struct prog *p, const struct mnt_tree *t, uint32_t group, bool *done,
		       size_t depth)
{
	const struct mnt *first = mnt_group_first(t, group);

	for (size_t i = 0; i < t->n; i++)
		if (t->v[i] == first && done[i])
			return;
	if (first->master && depth < t->n) {
		emit_group(p, t, first->master, done, depth + 1);
		emit_join(p, mnt_group_first(t, first->master), first);
		emit_propagation(p, first->point, MS_SLAVE);
	}
	emit_propagation(p, first->point, MS_SHARED);
	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i]->shared != group)
			continue;
		emit_join(p, first, t->v[i]);
		done[i] = true;
	}
}

static void emit_groups(struct model *m, struct prog *p, const struct mnt_tree *t)
{
	bool *done = pool_alloc(m->pool, t->n * sizeof(*done) + 1);

	for (size_t i = 0; i < t->n; i++)
		if (t->v[i]->shared && !done[i])
			emit_group(p, t, t->v[i]->shared, done, 0);
	for (size_t i = 0; i < t->n; i++) {
		const struct mnt *mnt = t->v[i];

		if (mnt->master && !mnt->shared && !mnt_is_outer_slave(t, mnt)) {
			emit_join(p, mnt_group_first(t, mnt->master), mnt);
			emit_propagation(p, mnt->point, MS_SLAVE);
		}
		if (mnt->unbindable)
			emit_propagation(p, mnt->point, MS_UNBINDABLE);
	}
}

/* First of all: nothing that is done here may reach the mounts that ours are peers of. */
void mnt_emit_cut(struct prog *p, const struct mounts_state *s)
{
	emit_propagation(p, "/", MS_REC | (s->outer_slaves ? MS_SLAVE : MS_PRIVATE));
}

/* Copies that are not to receive from ours, once what the tree does not have is gone. */
static void emit_private(struct prog *p, const struct mounts_state *s)
{
	for (size_t i = 0; s->outer_slaves && i < s->tree.n; i++) {
		const struct mnt *mnt = s->tree.v[i];

		if (mnt->match && mnt->match->shared && !mnt_is_outer_slave(&s->tree, mnt))
			emit_propagation(p, mnt->point, MS_PRIVATE);
	}
}

int mounts_check(struct model *m, struct err_list *problems, struct err *e)
{
	struct mounts_state *s = m->mnt_state;
	struct err_list first = { 0 };
	int r;

	if (!s && m->opt && m->opt->root) {
		err_set(e, ERR_USAGE, EINVAL, "use", "--root",
			"the tree has no mount namespace of its own whose root that could be");
		return err_hint(e, "leave it out: the tree lives in this machine's own root");
	}
	if (!s || s->planned)
		return 0;
	r = mnt_tree_read(m->pool, 0, &s->ours, e);
	if (r)
		return r;
	if (m->opt && m->opt->root) {
		s->planned = true;
		mounts_arrange(m, s, problems);
		return 0;
	}
	mounts_plan(m, s, &first);
	/* What our copy cannot become can often be put together. */
	if (first.n)
		mounts_arrange(m, s, problems);
	err_list_free(&first);
	return 0;
}

static int plan(struct model *m, struct err *e)
{
	struct err_list problems = { 0 };
	int r = mounts_check(m, &problems, e);

	if (!r && problems.n) {
		*e = problems.v[0];
		r = -e->code;
	}
	err_list_free(&problems);
	return r;
}

/* Our copies become what is kept of them. */
void mnt_emit_kept(struct prog *p, const struct mounts_state *s)
{
	for (size_t i = 0; i < s->n_away; i++)
		prog_call(p, "unmount", SYS_umount2, PTR(s->away[i]->point),
			  MNT_DETACH | UMOUNT_NOFOLLOW);
	emit_private(p, s);
	for (size_t i = 0; i < s->tree.n; i++)
		if (s->tree.v[i]->match && s->tree.v[i]->flags != s->tree.v[i]->match->flags)
			emit_attr(p, s->tree.v[i]);
}

static void emit_kept(struct maker *mk, const struct mounts_state *s)
{
	mnt_emit_cut(mk->p, s);
	for (size_t i = 0; i < s->n_order; i++)
		if (s->order[i]->outside && s->order[i]->source_mnt)
			emit_source(mk->m, mk->p, s->order[i]);
	mnt_emit_kept(mk->p, s);
}

/* To be locked inside it must stand when the user namespace's copy is made. */
static bool is_outer(const struct mnt *mnt)
{
	return mnt->locked && mnt->outside && mnt->source_mnt;
}

int mounts_build_outer(struct maker *mk, struct err *e)
{
	struct mounts_state *s = mk->m->mnt_state;
	int r = s ? plan(mk->m, e) : 0;

	if (r || !s)
		return r;
	if (s->assemble) {
		mnt_assemble_outer(mk, s);
		return 0;
	}
	emit_kept(mk, s);
	for (size_t i = 0; i < s->n_order; i++) {
		struct mnt *mnt = s->order[i];

		if (is_outer(mnt))
			emit_mount(mk, mnt);
		else if (mnt->outside && mnt->source_mnt)
			maker_want(mk, mnt->source_call, &mnt->source_fd);
	}
	return 0;
}

int mounts_build(struct maker *mk, struct err *e)
{
	struct model *m = mk->m;
	struct mounts_state *s = m->mnt_state;
	bool outer = model_has_own_ns(m, NS_USER);
	int r = s ? plan(m, e) : 0;

	if (r || !s)
		return r;
	if (s->assemble) {
		if (!outer)
			mnt_assemble_outer(mk, s);
		mnt_assemble_own(mk, s);
		return 0;
	}
	if (!outer)
		emit_kept(mk, s);
	for (size_t i = 0; i < s->n_order; i++)
		if (!outer || !is_outer(s->order[i]))
			emit_mount(mk, s->order[i]);
	emit_groups(m, mk->p, &s->tree);
	return 0;
}

int mounts_fill(struct model *m, pid_t root_pid, struct err *e)
{
	struct mounts_state *s = m->mnt_state;
	int r = 0;

	for (size_t i = 0; !r && s && s->assemble && i < s->tree.n; i++) {
		struct mnt *mnt = s->tree.v[i];

		if (mnt->yard == mnt && mnt->kind->content)
			r = mount_content_fill(m, mnt, mnt->source_fd, root_pid, e);
	}
	for (size_t i = 0; !r && s && s->assemble && i < s->tree.n; i++) {
		const struct mnt *mnt = s->tree.v[i];

		if (mnt->removed && mnt->yard && !mnt_removed_again(&s->tree, mnt))
			r = mnt_removed_make(m, mnt, root_pid, e);
	}
	for (size_t i = 0; !r && s && i < s->n_order; i++) {
		struct mnt *mnt = s->order[i];

		if (mnt->kind->content && !mnt->outside && !mnt->source_mnt)
			r = mount_content_fill(m, mnt, -EBADF, root_pid, e);
	}
	return r;
}
