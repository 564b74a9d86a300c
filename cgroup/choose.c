// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which cgroups to freeze. In this order:
 *
 *	the caller's --freeze-cgroup;
 *	one that the caller has frozen already, itself or by one above it;
 *	one that holds the tree and nothing else, v1's freezer hierarchy first;
 *	a temporary one below each that the tree is in (move.c).
 *
 * Moving comes last not only because it changes what others can see: the first
 * move after a while waits for the kernel, 5 to 15 ms.
 */
#include "cgroup/cgroup-internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/proc.h"

struct part *part_add(struct freezer *f, const char *dir)
{
	struct part *p;

	f->parts = realloc(f->parts, (f->n_parts + 1) * sizeof(*f->parts));
	if (!f->parts)
		abort();
	p = &f->parts[f->n_parts++];
	*p = (struct part){ 0 };
	/* Longer paths were refused where they were found. */
	snprintf(p->dir, sizeof(p->dir), "%s", dir);
	return p;
}

bool part_covers(const struct freezer *f, const char *dir)
{
	for (size_t i = 0; i < f->n_parts; i++)
		if (path_is_inside(dir, f->parts[i].dir))
			return true;
	return false;
}

static int adopt_one(void *ctx, const char *dir, struct err *e)
{
	struct freezer *f = ctx;
	int self = cgroup_self_frozen(f->h.ops, dir, e);

	if (self <= 0)
		return self == -ENOENT ? 0 : self;
	for (size_t i = 0; i < f->n_parts; i++)
		if (!strcmp(f->parts[i].dir, dir))
			return 0;
	log_debug("%s was frozen already", dir);
	part_add(f, dir)->adopted = true;
	return 0;
}

int freezer_adopt(struct freezer *f, const char *dir, struct err *e)
{
	char at[CGROUP_PATH];

	snprintf(at, sizeof(at), "%s", dir);
	do {
		int self = cgroup_self_frozen(f->h.ops, at, e);

		/* The root cannot be frozen: that is how it is known, wherever it is mounted. */
		if (self < 0)
			return self == -ENOENT ? 0 : self;
		if (self) {
			self = adopt_one(f, at, e);
			if (self)
				return self;
		}
	} while (path_up(at));
	return 0;
}

/* What was frozen below a cgroup that we freeze as a whole: a thaw for a while must reach it, too. */
static int adopt_below(struct freezer *f, const char *dir, struct err *e)
{
	struct pid_list unused = { 0 };
	struct stat st;
	int r;

	if (!stat(dir, &st) && st.st_nlink <= 2)
		return 0;
	r = cgroup_members(dir, &unused, adopt_one, f, e);
	pid_list_free(&unused);
	return r;
}

static int scan(const struct freezer_params *p, struct pid_list *tree, struct err *e)
{
	int r;

	pid_list_free(tree);
	r = p->scan(p->scan_ctx, &tree->v, &tree->n, e);
	if (r)
		return r;
	tree->room = tree->n;
	pid_list_sort(tree);
	return 0;
}

/* Born after the scan: some ancestor is in the tree. One that has died is no stranger either. */
static bool descends(const struct pid_list *tree, pid_t pid)
{
	for (int depth = 0; depth < 64 && pid > 1; depth++) {
		struct proc_stat st;
		struct err e = { 0 };

		if (pid_list_has(tree, pid))
			return true;
		if (proc_stat_read(pid, &st, &e))
			return e.code == ESRCH;
		pid = st.ppid;
	}
	return false;
}

static bool all_of(const struct pid_list *members, const struct pid_list *tree)
{
	for (size_t i = 0; i < members->n; i++)
		if (!descends(tree, members->v[i]))
			return false;
	return true;
}

/* It has ended since the scan, or is about to: cgroup.procs does not list who is in exit(2). */
static bool is_over(pid_t pid)
{
	struct proc_stat st;
	struct err e = { 0 };

	return proc_stat_read(pid, &st, &e) || (st.num_threads <= 1 && proc_is_exiting(&st));
}

static bool all_in(const struct pid_list *tree, const struct pid_list *members)
{
	for (size_t i = 0; i < tree->n; i++)
		if (!pid_list_has(members, tree->v[i]) && !is_over(tree->v[i]))
			return false;
	return true;
}

static int count_threads(void *ctx, const char *dir, struct err *e)
{
	return cgroup_list(dir, "tasks", ctx, e);
}

static int is_split(const struct hierarchy *h, pid_t pid, const char *dir, bool *ret, struct err *e)
{
	_cleanup_free_ int *tids = NULL;
	size_t n = 0;
	int r = proc_list(pid, "task", &tids, &n, e);

	for (size_t i = 0; i < n && !r && !*ret; i++) {
		char at[CGROUP_PATH];

		r = hierarchy_dir_of(h, pid, tids[i], at, sizeof(at), e);
		if (!r)
			*ret = !path_is_inside(at, dir);
		else if (r == -ESRCH)
			r = 0;
	}
	if (r == -ESRCH)
		r = 0;
	err_clear(e);
	return r;
}

/* v1 lets the threads of one process be in different cgroups, and lists the process in each. */
static int any_split(const struct hierarchy *h, const struct pid_list *tree, const char *dir,
		     bool *ret, struct err *e)
{
	struct pid_list unused = { 0 }, tids = { 0 };
	int r = cgroup_members(dir, &unused, count_threads, &tids, e);
	size_t want = 0, have = tids.n;

	pid_list_free(&unused);
	pid_list_free(&tids);
	*ret = false;
	for (size_t i = 0; i < tree->n; i++) {
		char path[32];
		struct stat st;

		snprintf(path, sizeof(path), "/proc/%d/task", tree->v[i]);
		want += stat(path, &st) ? 0 : st.st_nlink - 2;
	}
	/* Equal numbers are enough; unequal ones may only mean that threads come and go. */
	for (size_t i = 0; !r && want != have && i < tree->n && !*ret; i++)
		r = is_split(h, tree->v[i], dir, ret, e);
	return r;
}

static bool is_threaded(const struct hierarchy *h, const char *dir)
{
	char type[32];
	struct err e = { 0 };

	return h->ops->v2 && !cgroup_file_read(dir, "cgroup.type", type, sizeof(type), &e) &&
	       !strncmp(type, "threaded", 8);
}

/* 1: @dir holds the tree and nothing else; 0: it also holds strangers; -ENOENT: not all of the tree. */
static int compare(const struct hierarchy *h, const struct pid_list *tree, const char *dir,
		   struct err *e)
{
	struct pid_list members = { 0 };
	bool split = false;
	int r = cgroup_members(dir, &members, NULL, NULL, e);

	pid_list_sort(&members);
	if (!r && !all_of(&members, tree))
		goto out;
	if (!r && !all_in(tree, &members))
		r = -ENOENT;
	else if (!r && !h->ops->v2)
		r = any_split(h, tree, dir, &split, e);
	if (!r)
		r = split ? -ENOENT : 1;
out:
	pid_list_free(&members);
	return r;
}

/* Up from the root's own cgroup as long as only the tree is in it. */
static int choose_in_place(struct freezer *f, const struct freezer_params *p,
			   const struct pid_list *tree, struct err *e)
{
	char dir[CGROUP_PATH], own[CGROUP_PATH] = "";
	int r = hierarchy_dir_of(&f->h, p->root, 0, dir, sizeof(dir), e);

	if (r)
		return r;
	if (hierarchy_dir_of(&f->h, getpid(), 0, own, sizeof(own), e))
		err_clear(e);
	do {
		r = cgroup_self_frozen(f->h.ops, dir, e);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		if (*own && path_is_inside(own, dir))
			return 0;
		/* Some threads of a process; its domain is above. */
		if (is_threaded(&f->h, dir))
			continue;
		r = compare(&f->h, tree, dir, e);
		if (r == 1) {
			part_add(f, dir);
			return adopt_below(f, dir, e);
		}
		if (r != -ENOENT)
			return r;
	} while (path_up(dir));
	return 0;
}

static int given_version(const struct hierarchy both[static 2], const char *dir,
			 struct hierarchy *ret, struct err *e)
{
	struct statfs fs;
	char file[CGROUP_PATH + 32];
	int v;

	if (statfs(dir, &fs))
		return err_sys(e, "statfs", "%s", dir);
	v = fs.f_type == CGROUP2_SUPER_MAGIC;
	if (!v && fs.f_type != CGROUP_SUPER_MAGIC) {
		err_set(e, ERR_USAGE, EINVAL, "freeze", dir, "it is not a cgroup");
		return err_hint(e, "--freeze-cgroup takes the directory of a cgroup");
	}
	snprintf(file, sizeof(file), "%s/%s", dir,
		 v ? freezer_v2.freeze_file : freezer_v1.freeze_file);
	if (access(file, F_OK)) {
		err_set(e, ERR_USAGE, EINVAL, "freeze", dir,
			v ? "it is the root of its hierarchy, which cannot be frozen" :
			    "it is the root of its hierarchy, or of a hierarchy without the freezer");
		return err_hint(
			e, "name a cgroup below the root of the v1 freezer or the v2 hierarchy");
	}
	*ret = both[v];
	if (!ret->ops)
		return err_set(e, ERR_SYSTEM, ENOENT, "freeze", dir,
			       "its hierarchy is not mounted here");
	return 0;
}

static int given_check(const char *dir, const struct freezer_params *p, struct pid_list *tree,
		       struct err *e)
{
	struct pid_list members = { 0 };
	pid_t outside = 0;
	bool own;
	int r = cgroup_members(dir, &members, NULL, NULL, e);

	if (!r)
		r = scan(p, tree, e);
	pid_list_sort(&members);
	own = pid_list_has(&members, getpid()) || pid_list_has(&members, getppid());
	for (size_t i = 0; i < tree->n && !outside; i++)
		if (!pid_list_has(&members, tree->v[i]))
			outside = tree->v[i];
	if (!pid_list_has(&members, p->root))
		outside = p->root;
	pid_list_free(&members);
	if (r)
		return r;
	if (own) {
		err_set(e, ERR_USAGE, EDEADLK, "freeze", dir, "stasis itself is in it");
		return err_hint(e, "run stasis outside of the cgroup that it is to freeze");
	}
	if (outside) {
		err_set(e, ERR_USAGE, EINVAL, "freeze", dir, "pid %d of the tree is not in it",
			outside);
		return err_hint(
			e, "name a cgroup that holds the whole tree, or leave --freeze-cgroup out");
	}
	return 0;
}

static int choose_given(struct freezer *f, const struct hierarchy both[static 2],
			const struct freezer_params *p, struct pid_list *tree, struct err *e)
{
	_cleanup_free_ char *dir = realpath(p->path, NULL);
	int r;

	if (!dir) {
		err_sys(e, "freeze", "%s", p->path);
		err_class_set(e, ERR_USAGE);
		return err_hint(e, "--freeze-cgroup takes the directory of a cgroup");
	}
	if (strlen(dir) >= CGROUP_PATH - 64)
		return err_set(e, ERR_USAGE, ENAMETOOLONG, "freeze", p->path,
			       "its path is too long");
	r = given_version(both, dir, &f->h, e);
	if (!r)
		r = given_check(dir, p, tree, e);
	if (!r)
		r = freezer_adopt(f, dir, e);
	if (r)
		return r;
	if (!part_covers(f, dir))
		part_add(f, dir);
	return adopt_below(f, dir, e);
}

/* What the tests or the user insist on. */
static int restrict_to(struct hierarchy both[static 2], int force, struct err *e)
{
	const char *env = force ? NULL : getenv("STASIS_FREEZER");

	if (env && *env) {
		force = !strcmp(env, "v1") ? 1 : !strcmp(env, "v2") ? 2 : -1;
		if (force < 0)
			return err_set(e, ERR_USAGE, EINVAL, "use STASIS_FREEZER", env,
				       "it is v1 or v2");
	}
	if (force)
		both[force == 1].ops = NULL;
	if (both[0].ops || both[1].ops)
		return 0;
	err_set(e, ERR_SYSTEM, ENOENT, "freeze",
		force ? (force == 1 ? "with cgroup v1" : "with cgroup v2") : "",
		"no such cgroup hierarchy is mounted");
	return err_hint(e, "mount -t cgroup2 none /sys/fs/cgroup");
}

int freezer_choose(struct freezer *f, const struct freezer_params *p, bool *move, struct err *e)
{
	struct hierarchy both[2];
	struct pid_list tree = { 0 };
	int r = hierarchies_read(both, e), usable = 0;
	struct err first = { 0 };

	*move = false;
	if (r)
		return r;
	if (p->path) {
		r = choose_given(f, both, p, &tree, e);
		pid_list_free(&tree);
		return r;
	}
	r = restrict_to(both, p->force, e);
	for (int i = 0; i < 2 && !r && !f->n_parts; i++) {
		char dir[CGROUP_PATH];
		struct err one = { 0 };

		if (!both[i].ops)
			continue;
		f->h = both[i];
		/* A hierarchy that does not show the tree's cgroup is none. */
		if (hierarchy_dir_of(&f->h, p->root, 0, dir, sizeof(dir), &one)) {
			both[i].ops = NULL;
			first = one;
			continue;
		}
		usable++;
		r = freezer_adopt(f, dir, e);
	}
	*move = f->n_parts;
	if (!r && !usable)
		return *e = first, -e->code;
	if (!r && !f->n_parts)
		r = scan(p, &tree, e);
	for (int i = 0; i < 2 && !r && !f->n_parts; i++) {
		if (!both[i].ops)
			continue;
		f->h = both[i];
		r = choose_in_place(f, p, &tree, e);
	}
	pid_list_free(&tree);
	if (r || f->n_parts)
		return r;
	f->h = both[0].ops ? both[0] : both[1];
	*move = true;
	return 0;
}
