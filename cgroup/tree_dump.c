// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Dump: the set of every thread, and what the cgroups of the tree are like.
 *
 * A cgroup that was made for the freeze is none: its tasks are told to be where
 * they came from. What lies in the root of a hierarchy belongs to the machine
 * and not to the tree, so a tree that sits there has no cgroup to be saved.
 */
#include "cgroup/tree-internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/nshelper.h"
#include "base/pool.h"
#include "image/image.h"

/* Levels of cgroups below one another that are followed; the reader has a limit too. */
#define DEPTH_MAX 32

struct dumper {
	struct model *m;
	struct pool *pool;
	const struct freezer *f;
	struct cg_hiers hiers;
	struct cg_specs specs;
	const char **texts; /* of /proc/PID/cgroup, seen so far */
	uint32_t *text_sets;
	size_t n_texts;
	CgroupEntry *image;
	CgSetEntry *ours;
	bool threaded; /* a thread is not where its process is */
	uint32_t
		*prefixes; /* by hierarchy: length of the cgroup namespace's root, 0: "/" or none */
};

/* Whether --cgroup-dump-controller lets it in. */
static bool is_wanted(const struct options *o, const struct cg_hier *h)
{
	for (size_t i = 0; i < o->n_cgroup_controllers; i++) {
		const char *c = o->cgroup_controllers[i];

		if (h->v2 ? !*c || !strcmp(c, "v2") : cg_has_name(h->ctl, c, strlen(c)))
			return true;
	}
	return !o->n_cgroup_controllers;
}

static int hiers_read(struct dumper *d, struct err *e)
{
	const struct options *o = d->m->opt;
	struct cg_hiers all = { 0 };
	int r = cg_hiers_read(d->pool, o->cgroup_yard, &all, e);

	if (r)
		return r;
	for (size_t i = 0; i < o->n_cgroup_controllers; i++) {
		const char *c = o->cgroup_controllers[i];
		const struct cg_hier *h = cg_hier_of(&all, c, strlen(c));

		if (strcmp(c, "v2") && (!h || (h->v2 && *c))) {
			err_set(e, ERR_USAGE, ENOENT, "use", "--cgroup-dump-controller",
				"there is no hierarchy with the controller \"%s\"", c);
			return err_hint(e, "the second column of /proc/self/cgroup lists them; "
					   "\"v2\" is the one without a name");
		}
	}
	for (size_t i = 0; i < all.n && !r; i++) {
		const char *given;

		r = cg_root_for(d->pool, o, &all, &all.v[i], &given, e);
		if (is_wanted(o, &all.v[i]))
			pool_push(d->pool, d->hiers.v, d->hiers.n, all.v[i]);
	}
	return r;
}

static int specs_read(struct dumper *d, struct err *e)
{
	const struct options *o = d->m->opt;
	_cleanup_free_ char *file = NULL;
	int r = 0;

	if (o->cgroup_props)
		r = cg_specs_parse(d->pool, pool_strdup(d->pool, o->cgroup_props), "--cgroup-props",
				   &d->specs, e);
	if (r || !o->cgroup_props_file)
		return r;
	r = (int)read_text_alloc(AT_FDCWD, o->cgroup_props_file, &file);
	if (r < 0) {
		errno = -r;
		err_sys(e, "read", "--cgroup-props-file %s", o->cgroup_props_file);
		return err_class_set(e, ERR_USAGE);
	}
	return cg_specs_parse(d->pool, file, o->cgroup_props_file, &d->specs, e);
}

/* Where a thread would be if it had not been frozen by us. */
static const char *path_before(struct dumper *d, const struct cg_hier *h, const char *path)
{
	char source[CGROUP_PATH];
	bool freezes = h->v2 || cg_has_name(h->ctl, "freezer", 7);

	if (freezes && freezer_source(d->f, h->v2, path, source, sizeof(source)))
		return pool_strdup(d->pool, source);
	return path;
}

static int member_cmp(const void *a, const void *b)
{
	return strcmp((*(CgMemberEntry *const *)a)->name, (*(CgMemberEntry *const *)b)->name);
}

static CgSetEntry *set_make(struct dumper *d, const char *text)
{
	CgSetEntry *s = pool_msg(d->pool, CgSetEntry, cg_set_entry__init);

	for (size_t i = 0; i < d->hiers.n; i++) {
		const struct cg_hier *h = &d->hiers.v[i];
		CgMemberEntry *mb = pool_msg(d->pool, CgMemberEntry, cg_member_entry__init);
		size_t len, prefix = d->prefixes[i];
		const char *path = cg_line(text, h->ctl, &len);
		char *copy;

		if (!path)
			continue;
		copy = pool_dup(d->pool, path, len + 1);
		copy[len] = '\0';
		mb->name = (char *)h->ctl;
		mb->path = (char *)path_before(d, h, copy);
		if (prefix && strlen(mb->path) >= prefix &&
		    (!mb->path[prefix] || mb->path[prefix] == '/')) {
			mb->has_cgns_prefix = 1;
			mb->cgns_prefix = (uint32_t)prefix;
		}
		pool_push(d->pool, s->ctls, s->n_ctls, mb);
	}
	if (s->n_ctls)
		qsort(s->ctls, s->n_ctls, sizeof(*s->ctls), member_cmp);
	return s;
}

static bool set_equal(const CgSetEntry *a, const CgSetEntry *b)
{
	if (a->n_ctls != b->n_ctls)
		return false;
	for (size_t i = 0; i < a->n_ctls; i++)
		if (strcmp(a->ctls[i]->name, b->ctls[i]->name) ||
		    strcmp(a->ctls[i]->path, b->ctls[i]->path))
			return false;
	return true;
}

static uint32_t set_of(struct dumper *d, const char *text)
{
	CgSetEntry *s;

	for (size_t i = 0; i < d->n_texts; i++)
		if (!strcmp(d->texts[i], text))
			return d->text_sets[i];
	s = set_make(d, text);
	s->id = 0;
	/* A tree with a cgroup namespace of its own is never just where we are. */
	if (set_equal(s, d->ours) && !model_has_own_ns(d->m, NS_CGROUP))
		s->id = 1;
	for (size_t i = 0; i < d->image->n_sets && !s->id; i++)
		if (set_equal(s, d->image->sets[i]))
			s->id = d->image->sets[i]->id;
	if (!s->id) {
		s->id = (uint32_t)d->image->n_sets + 2;
		pool_push(d->pool, d->image->sets, d->image->n_sets, s);
	}
	d->text_sets = pool_grow(d->pool, d->text_sets, d->n_texts, sizeof(*d->text_sets));
	d->text_sets[d->n_texts] = s->id;
	pool_push(d->pool, d->texts, d->n_texts, pool_strdup(d->pool, text));
	return s->id;
}

static int text_read(const char *path, char **ret, struct err *e)
{
	ssize_t n = read_text_alloc(AT_FDCWD, path, ret);

	if (n >= 0)
		return 0;
	errno = (int)-n;
	return err_sys(e, "read", "%s", path);
}

static int task_sets(struct dumper *d, struct task *t, struct err *e)
{
	uint32_t first = 0;

	for (size_t i = 0; i < t->n_threads; i++) {
		struct thread *th = &t->threads[i];
		_cleanup_free_ char *text = NULL;
		char path[64];
		int r;

		if (!th->core || !th->core->thread_core || (!th->rt && t->n_threads > 1))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%d/cgroup", t->host, th->host);
		r = text_read(path, &text, e);
		if (r)
			return r;
		th->core->thread_core->has_cg_set = 1;
		th->core->thread_core->cg_set = set_of(d, text);
		d->threaded |= first && first != th->core->thread_core->cg_set;
		first = th->core->thread_core->cg_set;
	}
	return 0;
}

/* Runs in: the tree's cgroup namespace. */
static int read_inside(void *arg, void *ret, struct err *e)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cgroup", *(const pid_t *)arg);
	return text_read(path, ret, e);
}

/* What the namespace shows is the end of what we see; what is before is its root. */
static int prefixes_find(struct dumper *d, struct err *e)
{
	_cleanup_free_ char *in = NULL;
	_cleanup_free_ char *out = NULL;
	pid_t pid = d->m->root->host;
	int r;

	d->prefixes = pool_alloc(d->pool, (d->hiers.n + 1) * sizeof(*d->prefixes));
	if (!model_has_own_ns(d->m, NS_CGROUP))
		return 0;
	r = read_inside(&pid, &out, e);
	if (!r)
		r = ns_helper_call(pid, CLONE_NEWCGROUP, read_inside, &pid, &in, e);
	for (size_t i = 0; !r && i < d->hiers.n; i++) {
		const struct cg_hier *h = &d->hiers.v[i];
		size_t n_in, n_out;
		const char *p_in = cg_line(in, h->ctl, &n_in),
			   *p_out = cg_line(out, h->ctl, &n_out);

		if (!p_in || !p_out)
			continue;
		n_in = n_in == 1 ? 0 : n_in;
		if (n_in > n_out || memcmp(p_out + n_out - n_in, p_in, n_in) ||
		    (n_in >= 3 && !memcmp(p_in, "/..", 3))) {
			char object[64];

			snprintf(object, sizeof(object), "the cgroup namespace of pid %d", pid);
			err_set(e, ERR_UNSUPPORTED, ENOTSUP, "checkpoint", object,
				"its root in the hierarchy %s is not above its first process, "
				"which is in %.*s",
				cg_name(h), (int)n_out, p_out);
			return err_hint(e, "move the process back below it");
		}
		d->prefixes[i] = (uint32_t)(n_out - n_in > 1 ? n_out - n_in : 0);
	}
	return r;
}

static CgroupPerms *perms_of(struct dumper *d, const struct stat *st)
{
	CgroupPerms *p = pool_msg(d->pool, CgroupPerms, cgroup_perms__init);

	p->mode = st->st_mode;
	p->uid = st->st_uid;
	p->gid = st->st_gid;
	return p;
}

/* Of the freezer's state what was before us. */
static const char *state_before(struct dumper *d, const struct cg_hier *h, const char *path,
				const char *dir, struct err *e)
{
	int was = freezer_state_before(d->f, h->v2, path);

	if (was < 0)
		was = cgroup_self_frozen(h->v2 ? &freezer_v2 : &freezer_v1, dir, e);
	if (was < 0)
		return NULL;
	return h->v2 ? (was ? "1" : "0") : (was ? "FROZEN" : "THAWED");
}

static int prop_dump(struct dumper *d, const struct cg_hier *h, const char *path, const char *dir,
		     const char *name, CgroupDirEntry *de, struct err *e)
{
	const struct cg_prop *k = cg_prop_of(h, &d->specs, name);
	CgroupPropEntry *pe;
	char file[CGROUP_PATH + 300], *value = "";
	struct stat st;
	int r = 0;

	snprintf(file, sizeof(file), "%s/%s", dir, name);
	if (stat(file, &st))
		return errno == ENOENT ? 0 : err_sys(e, "stat", "%s", file);
	/* What was given to somebody else is kept for its owner. */
	if (!k && !st.st_uid && !st.st_gid)
		return 0;
	if (k && k->how == CG_STATE)
		value = (char *)state_before(d, h, path, dir, e);
	else if (k && k->when != CG_PERMS)
		r = cg_prop_read(d->pool, dir, name, k->how, &value, e);
	if (r == -ENOENT || r == -EOPNOTSUPP || !value)
		return e->code ? -e->code : 0;
	if (r)
		return r;
	pe = pool_msg(d->pool, CgroupPropEntry, cgroup_prop_entry__init);
	pe->name = pool_strdup(d->pool, name);
	pe->value = value;
	pe->perms = perms_of(d, &st);
	pool_push(d->pool, de->properties, de->n_properties, pe);
	return 0;
}

/* One cgroup and, from its children on, all below. */
static int dir_dump(struct dumper *d, const struct cg_hier *h, const char *path, const char *name,
		    int depth, CgroupDirEntry **ret, struct err *e)
{
	_cleanup_closedir_ DIR *dp = NULL;
	char dir[CGROUP_PATH], sub[CGROUP_PATH], source[CGROUP_PATH];
	struct dirent *de;
	struct stat st;
	int r = cg_dir(h, path, dir, sizeof(dir));

	if (!r && (depth > DEPTH_MAX || !(dp = opendir(dir))))
		return depth > DEPTH_MAX ?
			       err_set(e, ERR_UNSUPPORTED, ELOOP, "checkpoint", path,
				       "cgroups lie more than %d below one another", DEPTH_MAX) :
			       err_sys(e, "open", "%s", dir);
	if (!r && fstat(dirfd(dp), &st))
		return err_sys(e, "stat", "%s", dir);
	if (r)
		return err_set(e, ERR_SYSTEM, -r, "find", path, "%s", strerror(-r));
	*ret = pool_msg(d->pool, CgroupDirEntry, cgroup_dir_entry__init);
	(*ret)->dir_name = pool_strdup(d->pool, name);
	(*ret)->dir_perms = perms_of(d, &st);
	while (!r && (de = readdir(dp))) {
		CgroupDirEntry *child;

		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (de->d_type != DT_DIR) {
			r = prop_dump(d, h, path, dir, de->d_name, *ret, e);
			continue;
		}
		if ((size_t)snprintf(sub, sizeof(sub), "%s/%s", path, de->d_name) >= sizeof(sub))
			return err_set(e, ERR_UNSUPPORTED, ENAMETOOLONG, "checkpoint", path,
				       "a cgroup in it has too long a path");
		if (freezer_source(d->f, h->v2, sub, source, sizeof(source)))
			continue;
		r = dir_dump(d, h, sub, de->d_name, depth + 1, &child, e);
		if (!r)
			pool_push(d->pool, (*ret)->children, (*ret)->n_children, child);
	}
	return r;
}

static bool head_covers(const CgControllerEntry *c, const char *path)
{
	for (size_t i = 0; i < c->n_dirs; i++) {
		char head[CGROUP_PATH];

		snprintf(head, sizeof(head), "/%s", c->dirs[i]->dir_name);
		if (path_is_inside(path, head))
			return true;
	}
	return false;
}

static int head_add(struct dumper *d, const struct cg_hier *h, CgControllerEntry *c,
		    const char *path, struct err *e)
{
	CgroupDirEntry *de;
	int r;

	if (!strcmp(path, "/") || head_covers(c, path))
		return 0;
	if (!h->mount || !path_is_inside(path, h->root)) {
		log_warn(
			"the cgroup %s of hierarchy %s cannot be seen here: going on without its properties",
			path, cg_name(h));
		return 0;
	}
	r = dir_dump(d, h, path, path + 1, 0, &de, e);
	if (!r)
		pool_push(d->pool, c->dirs, c->n_dirs, de);
	return r ? err_in(e, "cgroups of hierarchy %s", cg_name(h)) : 0;
}

static const char *member_path(const CgSetEntry *s, const char *ctl, uint32_t *ret_prefix)
{
	for (size_t i = 0; i < s->n_ctls; i++)
		if (!strcmp(s->ctls[i]->name, ctl)) {
			*ret_prefix = s->ctls[i]->has_cgns_prefix ? s->ctls[i]->cgns_prefix : 0;
			return s->ctls[i]->path;
		}
	return NULL;
}

/* The topmost cgroup that is the tree's: as the user says, the namespace's root, or the root task's own. */
static int base_add(struct dumper *d, const struct cg_hier *h, CgControllerEntry *c,
		    const CgSetEntry *root, struct err *e)
{
	const char *given, *path;
	uint32_t prefix;
	char base[CGROUP_PATH], dir[CGROUP_PATH];
	struct stat st;
	int r = cg_root_for(d->pool, d->m->opt, &d->hiers, h, &given, e);

	path = member_path(root, h->ctl, &prefix);
	if (r || !path)
		return r;
	snprintf(base, sizeof(base), "%s", given ? given : path);
	if (!given && prefix)
		base[prefix] = '\0';
	if (given && !cg_dir(h, given, dir, sizeof(dir)) && stat(dir, &st)) {
		err_sys(e, "use", "--cgroup-root %s:%s", h->ctl, given);
		return err_class_set(e, ERR_USAGE);
	}
	return head_add(d, h, c, base, e);
}

static int controllers_dump(struct dumper *d, struct err *e)
{
	uint32_t root_id = d->m->root->threads[0].core->thread_core->cg_set, prefix;
	const CgSetEntry *root = d->image->sets[0];
	int r = 0;

	for (size_t i = 0; i < d->image->n_sets; i++)
		if (d->image->sets[i]->id == root_id)
			root = d->image->sets[i];
	for (size_t i = 0; !r && i < d->hiers.n; i++) {
		const struct cg_hier *h = &d->hiers.v[i];
		CgControllerEntry *c =
			pool_msg(d->pool, CgControllerEntry, cg_controller_entry__init);

		for (const char *n = h->ctl;; n += strcspn(n, ",") + 1) {
			char *name = pool_dup(d->pool, n, strcspn(n, ",") + 1);

			name[strcspn(n, ",")] = '\0';
			pool_push(d->pool, c->cnames, c->n_cnames, name);
			if (!n[strcspn(n, ",")])
				break;
		}
		if (h->v2 && d->threaded)
			c->has_is_threaded = c->is_threaded = 1;
		r = root_id == 1 ? 0 : base_add(d, h, c, root, e);
		for (size_t k = 0; !r && k < d->image->n_sets; k++) {
			const char *path = member_path(d->image->sets[k], h->ctl, &prefix);

			if (path)
				r = head_add(d, h, c, path, e);
		}
		if (c->n_dirs)
			pool_push(d->pool, d->image->controllers, d->image->n_controllers, c);
	}
	return r;
}

int cgroups_dump(struct model *m, const struct freezer *f, struct err *e)
{
	struct dumper d = { .m = m, .pool = m->pool, .f = f };
	_cleanup_free_ char *ours = NULL;
	bool asked;
	enum cg_mode mode = cg_mode(m->opt, &asked);
	int r;

	if (mode == CG_MODE_IGNORE)
		return 0;
	r = hiers_read(&d, e);
	if (!r)
		r = specs_read(&d, e);
	if (!r)
		r = prefixes_find(&d, e);
	if (!r)
		r = text_read("/proc/self/cgroup", &ours, e);
	if (r)
		return r;
	d.image = pool_msg(m->pool, CgroupEntry, cgroup_entry__init);
	d.ours = set_make(&d, ours);
	for (size_t i = 0; !r && i < m->n_tasks; i++)
		if (m->tasks[i]->state != TASK_ZOMBIE)
			r = task_sets(&d, m->tasks[i], e);
	m->inventory->has_root_cg_set = 1;
	m->inventory->root_cg_set = 1;
	if (r || !d.image->n_sets)
		return r;
	if (mode != CG_MODE_NONE)
		r = controllers_dump(&d, e);
	return r ? r : image_put_one(m->dir, IMG_CGROUP, 0, &d.image->base, e);
}
