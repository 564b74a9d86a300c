/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compiling a tree that is put together from pieces: all of it, or what our
 * copy, which its namespace starts with, does not have. Three times calls run
 * inside, and the coordinator has the descriptors meanwhile:
 *
 *	1. copies of what is ours are opened, filesystems of its own are made
 *	(they are filled from outside then, attached nowhere);
 *	2. a detached mount is made of each, all mount points are opened while
 *	nothing lies over anything; the root is attached, pivot_root(2) makes it
 *	the root and our copy goes; the others follow, parents first;
 *	3. peer groups are given, by the coordinator, which may do so whatever
 *	user namespace the mounts belong to.
 *
 * Until then all mounts are private, so none is copied anywhere.
 *
 * Runs in (as a program): the root stub, inside all its new namespaces.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/image.h"
#include "mounts/mounts-internal.h"

#define ATTR_ALL                                                                                   \
	(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |            \
	 MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOSYMFOLLOW)
#define PTR(s) ((uintptr_t)prog_strdup(p, s))

/* An unbindable one cannot be copied again: @last says that it will not be. */
static void emit_attr(struct prog *p, const struct mnt *m, size_t call, bool last)
{
	uint64_t set = mnt_attr_of_flags(m->flags);
	struct mount_attr attr = {
		.attr_set = set,
		.attr_clr = (ATTR_ALL & ~set) | MOUNT_ATTR__ATIME,
		.propagation = last && m->unbindable ? MS_UNBINDABLE : MS_PRIVATE,
	};

	prog_call(p, "mount: flags", SYS_mount_setattr, 0, PTR(""), AT_EMPTY_PATH,
		  (uintptr_t)prog_dup(p, &attr, sizeof(attr)), sizeof(attr));
	prog_ref(p, call, 0);
}

static void emit_copy(struct maker *mk, struct mnt *mnt)
{
	struct prog *p = mk->p;
	const char *path = mnt->given ? mnt->given : mnt_source_path(mk->m->pool, mnt);
	size_t call = p->n;

	prog_call(p, pool_printf(mk->m->pool, "copy for %s", mnt->point), SYS_open_tree, AT_FDCWD,
		  PTR(path), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	emit_attr(p, mnt, call, model_has_own_ns(mk->m, NS_USER) && mnt->parent);
	maker_want(mk, call, &mnt->source_fd);
}

static void emit_outer_peers(struct maker *mk, struct mounts_state *s)
{
	for (size_t i = 0; i < s->n_groups; i++) {
		struct mnt_group *g = &s->groups[i];
		struct prog *p = mk->p;

		if (!g->outer_shared)
			continue;
		g->call = p->n;
		prog_call(p, "mount: peer of ours", SYS_open_tree, AT_FDCWD, PTR(g->path),
			  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		maker_want(mk, g->call, &g->fd);
		g->done = true;
	}
}

void mnt_assemble_outer(struct maker *mk, struct mounts_state *s)
{
	struct prog *p = mk->p;

	emit_outer_peers(mk, s);
	mnt_emit_cut(p, s);
	for (size_t i = 0; i < s->tree.n; i++)
		if (!s->tree.v[i]->yard && !s->tree.v[i]->match)
			emit_copy(mk, s->tree.v[i]);
	mnt_groups_emit(mk, s, false);
	mnt_emit_kept(p, s);
}

static void emit_option(struct prog *p, size_t fs, const char *key, const char *value)
{
	prog_call(p, "mount: option", SYS_fsconfig, 0,
		  value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, PTR(key), value ? PTR(value) : 0,
		  0);
	prog_ref(p, fs, 0);
}

static const struct {
	uint32_t flag;
	const char *name;
} sb_names[] = {
	{ MS_RDONLY, "ro" },	   { MS_SYNCHRONOUS, "sync" },	{ MS_MANDLOCK, "mand" },
	{ MS_DIRSYNC, "dirsync" }, { MS_LAZYTIME, "lazytime" },
};

/* fsconfig(2) takes no longer value: of overlays the layers one by one then. */
#define VALUE_MAX 255

static void emit_layers(struct model *m, struct prog *p, size_t fs, const char *dirs)
{
	char *save = NULL, *copy = pool_strdup(m->pool, dirs);

	for (char *d = strtok_r(copy, ":", &save); d; d = strtok_r(NULL, ":", &save))
		emit_option(p, fs, "lowerdir+", d);
}

static void emit_options(struct model *m, struct prog *p, size_t fs, const struct mnt *mnt)
{
	char *save = NULL, *copy = pool_strdup(m->pool, mnt->options);

	if (*mnt->source)
		emit_option(p, fs, "source", mnt->source);
	for (char *o = strtok_r(copy, ",", &save); o; o = strtok_r(NULL, ",", &save)) {
		char *value = strchr(o, '=');

		if (value)
			*value++ = 0;
		if (value && strlen(value) > VALUE_MAX && !strcmp(o, "lowerdir"))
			emit_layers(m, p, fs, value);
		else
			emit_option(p, fs, o, value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sb_names); i++)
		/* Read-only too early: its content is still to come. */
		if ((mnt->sb_flags & sb_names[i].flag) &&
		    !(mnt->kind->content && sb_names[i].flag == MS_RDONLY))
			emit_option(p, fs, sb_names[i].name, NULL);
}

/* Detached, and never attached itself: it goes with the last descriptor. */
static void emit_yard(struct maker *mk, struct mnt *mnt)
{
	struct prog *p = mk->p;
	size_t fs = p->n, call;
	const char *name = *mnt->kind->name ? mnt->kind->name : mnt->fsname;

	prog_call(p, "mount: new filesystem", SYS_fsopen, PTR(name), FSOPEN_CLOEXEC);
	emit_options(mk->m, p, fs, mnt);
	prog_call(p, "mount: make filesystem", SYS_fsconfig, 0, FSCONFIG_CMD_CREATE, 0, 0, 0);
	prog_ref(p, fs, 0);
	call = p->n;
	prog_call(p, "mount: mount filesystem", SYS_fsmount, 0, FSMOUNT_CLOEXEC,
		  mnt_attr_of_flags(mnt->flags) &
			  ~(uint64_t)(mnt->kind->content ? MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV :
							   0));
	prog_ref(p, fs, 0);
	prog_call(p, "mount: close", SYS_close, 0);
	prog_ref(p, fs, 0);
	maker_want(mk, call, &mnt->source_fd);
}

void mnt_assemble_own(struct maker *mk, struct mounts_state *s)
{
	for (size_t i = 0; i < s->tree.n; i++)
		if (s->tree.v[i]->yard == s->tree.v[i])
			emit_yard(mk, s->tree.v[i]);
}

bool mounts_has_pieces(const struct model *m)
{
	const struct mounts_state *s = m->mnt_state;

	return s && s->assemble;
}

int mounts_max_fds(const struct model *m)
{
	const struct mounts_state *s = m->mnt_state;

	/* What is received, a piece, a mount point and a donor of each. */
	return mounts_has_pieces(m) ? (int)(5 * s->tree.n + s->n_groups + 16) : 0;
}

static size_t index_of(const struct mnt_tree *t, const struct mnt *mnt)
{
	size_t i = 0;

	while (t->v[i] != mnt)
		i++;
	return i;
}

/* The number of a mount's descriptor in the program, or of the call that returns it. */
struct piece {
	int slot; /* -1: see call */
	size_t call;
};

/*
 * Mounts are listed in the order of their birth, and the kernel finds the root
 * of a namespace by its being born next after the hidden one: copies are copied
 * again, in the order that the tree had. What was copied for another user
 * namespace must stand somewhere for that; of those only the root is.
 */
static void emit_copied(struct maker *mk, struct mnt *mnt, struct piece *pc)
{
	struct prog *p = mk->p;
	bool outer = model_has_own_ns(mk->m, NS_USER);
	int slot = maker_send(mk, mnt->source_fd);

	if (outer && (mnt->parent || mnt->match)) {
		pc->slot = slot;
		mnt->fd = mnt->source_fd;
		return;
	}
	if (outer)
		prog_call(p, "mount: attach the root for a while", SYS_move_mount, slot, PTR(""),
			  AT_FDCWD, PTR("/"), MOVE_MOUNT_F_EMPTY_PATH);
	pc->call = p->n;
	prog_call(p, pool_printf(mk->m->pool, "copy for %s", mnt->point), SYS_open_tree, slot,
		  PTR(""), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	emit_attr(p, mnt, pc->call, true);
	maker_want(mk, pc->call, &mnt->fd);
}

static void emit_piece(struct maker *mk, struct mnt *mnt, struct piece *pc)
{
	struct prog *p = mk->p;
	int yard;

	pc->slot = -1;
	if (mnt->match) {
		if (!mnt->reached)
			return;
		pc->call = p->n;
		prog_call(p, pool_printf(mk->m->pool, "open %s", mnt->point), SYS_open,
			  PTR(mnt->point), O_PATH | O_NOFOLLOW | O_CLOEXEC);
		maker_want(mk, pc->call, &mnt->fd);
		return;
	}
	if (!mnt->yard) {
		emit_copied(mk, mnt, pc);
		return;
	}
	yard = maker_send(mk, mnt->yard->source_fd);
	pc->call = p->n;
	prog_call(p, pool_printf(mk->m->pool, "clone for %s", mnt->point), SYS_open_tree, yard,
		  PTR(mnt->root + 1),
		  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW |
			  (mnt->root[1] ? 0 : AT_EMPTY_PATH));
	emit_attr(p, mnt, pc->call, true);
	maker_want(mk, pc->call, &mnt->fd);
}

/* Nothing is attached yet: no step of the way can lead into another mount. */
static void emit_point(struct maker *mk, struct mnt *mnt, const struct piece *parent)
{
	struct prog *p = mk->p;
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH,
	};

	if (!*mnt->rel || mnt->match)
		return;
	maker_want(mk, p->n, &mnt->point_fd);
	prog_call(p, pool_printf(mk->m->pool, "open mount point %s", mnt->point), SYS_openat2,
		  parent->slot, PTR(mnt->rel), (uintptr_t)prog_dup(p, &how, sizeof(how)),
		  sizeof(how));
	if (parent->slot < 0)
		prog_ref(p, parent->call, 0);
}

int mounts_open(struct maker *mk, struct err *e)
{
	struct mounts_state *s = mk->m->mnt_state;
	struct mnt_tree *t = &s->tree;
	struct piece *pcs = pool_alloc(mk->m->pool, t->n * sizeof(*pcs));

	emit_piece(mk, t->root, &pcs[index_of(t, t->root)]);
	for (size_t i = t->n; i-- > 0;) /* oldest first: the image has them reversed */
		if (t->v[i] != t->root)
			emit_piece(mk, t->v[i], &pcs[i]);
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i]->parent)
			emit_point(mk, t->v[i], &pcs[index_of(t, t->v[i]->parent)]);
	mnt_groups_emit(mk, s, true);
	return 0;
}

static void emit_root(struct maker *mk, const struct mnt *root)
{
	struct prog *p = mk->p;
	int fd = maker_send(mk, root->fd);

	prog_call(p, "mount: attach the root", SYS_move_mount, fd, PTR(""), AT_FDCWD, PTR("/"),
		  MOVE_MOUNT_F_EMPTY_PATH);
	prog_call(p, "mount: enter the root", SYS_fchdir, fd);
	prog_call(p, "mount: pivot_root", SYS_pivot_root, PTR("."), PTR("."));
	/* The first copy of the root lies over ours: see emit_copied(). */
	if (model_has_own_ns(mk->m, NS_USER) && !root->yard)
		prog_call(p, "mount: leave the first copy", SYS_umount2, PTR("."), MNT_DETACH);
	prog_call(p, "mount: leave our copy", SYS_umount2, PTR("."), MNT_DETACH);
}

static void emit_attach(struct maker *mk, const struct mnt *mnt)
{
	int fd = maker_send(mk, mnt->fd);
	int to = maker_send(mk, *mnt->rel ? mnt->point_fd : mnt->parent->fd);

	prog_call(mk->p, pool_printf(mk->m->pool, "attach %s", mnt->point), SYS_move_mount, fd,
		  (uintptr_t)prog_strdup(mk->p, ""), to, (uintptr_t)prog_strdup(mk->p, ""),
		  MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

/* Parents first; among siblings any order does. */
static void emit_others(struct maker *mk, const struct mnt_tree *t)
{
	bool progress = true;

	for (size_t i = 0; i < t->n; i++)
		t->v[i]->stands = t->v[i] == t->root || t->v[i]->match;
	while (progress) {
		progress = false;
		for (size_t i = 0; i < t->n; i++) {
			struct mnt *mnt = t->v[i];

			if (mnt->stands || !mnt->parent->stands)
				continue;
			emit_attach(mk, mnt);
			mnt->stands = progress = true;
		}
	}
}

int mounts_attach(struct maker *mk, struct err *e)
{
	struct mounts_state *s = mk->m->mnt_state;

	if (!s->tree.root->match)
		emit_root(mk, s->tree.root);
	emit_others(mk, &s->tree);
	if (mounts_root_is_covered(mk->m)) {
		int fd = maker_send(mk, mnt_tree_top(&s->tree)->fd);

		prog_call(mk->p, "mount: enter what covers the root", SYS_fchdir, fd);
		prog_call(mk->p, "mount: change the root", SYS_chroot,
			  (uintptr_t)prog_strdup(mk->p, "."));
	}
	return 0;
}

bool mounts_root_is_covered(const struct model *m)
{
	const struct mounts_state *s = m->mnt_state;

	return s && mnt_tree_top(&s->tree) != s->tree.root;
}

static int join(const struct mounts_state *s, const struct mnt *mnt, struct err *e)
{
	const struct mnt_group *g;
	struct mnt *src = mnt->given ? (struct mnt *)mnt : NULL;

	if (!mnt->shared && !mnt->master)
		return 0;
	/* A copy that receives from ours does so already. */
	if (mnt->match && !mnt->shared && mnt_is_outer_slave(&s->tree, mnt))
		return 0;
	g = mnt_group_of(s, mnt);
	if (!syscall(SYS_move_mount, g->fd, "", mnt->fd, "",
		     MOVE_MOUNT_SET_GROUP | MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH))
		return 0;
	/* What was given receives nothing here: then neither does this. */
	if (src && g->outer_slave && !g->id && errno == EINVAL)
		return 0;
	return err_sys(e, "move_mount", "peer group of mount %s (%s)", mnt->point, mnt->fsname);
}

int mounts_join(struct model *m, struct err *e)
{
	struct mounts_state *s = m->mnt_state;
	int r = 0;

	for (size_t i = 0; !r && i < s->tree.n; i++)
		r = join(s, s->tree.v[i], e);
	for (size_t i = 0; !r && i < s->tree.n; i++) {
		const struct mnt *mnt = s->tree.v[i];

		if (mnt->removed && mnt->yard && !mnt_removed_again(&s->tree, mnt))
			r = mnt_removed_unlink(mnt, e);
	}
	for (size_t i = 0; i < s->tree.n; i++) {
		struct mnt *mnt = s->tree.v[i];

		if (mnt->fd != mnt->source_fd)
			cleanup_close(&mnt->fd);
		cleanup_close(&mnt->source_fd);
		cleanup_close(&mnt->point_fd);
		mnt->fd = mnt->source_fd = mnt->point_fd = -EBADF;
	}
	for (size_t i = 0; i < s->n_groups; i++) {
		cleanup_close(&s->groups[i].fd);
		s->groups[i].fd = -EBADF;
	}
	return r;
}
