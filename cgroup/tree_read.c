// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cgroup.img: checked, and turned into what is to be on this machine: which
 * directories (nodes), and where the tasks of each set go (targets).
 *
 * The base of a hierarchy in the images is the saved cgroup that the root task
 * was in or below; --cgroup-root puts it, with all below, somewhere else.
 */
#include "cgroup/tree-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/pool.h"
#include "image/image.h"

/* Longest path in a hierarchy: with the mount point it must fit into a record. */
#define PATH_ROOM (CGROUP_PATH / 2)

enum cg_mode cg_mode(const struct options *o, bool *ret_asked)
{
	static const char *const names[] = { "ignore", "none", "props", "soft", "full", "strict" };

	*ret_asked = o->manage_cgroups != NULL;
	for (size_t i = 0; o->manage_cgroups && i < ARRAY_SIZE(names); i++)
		if (!strcmp(o->manage_cgroups, names[i]))
			return (enum cg_mode)i;
	return CG_MODE_SOFT;
}

/* Absolute, and without "..", empty and "." parts. */
static bool path_ok(const char *path)
{
	if (*path != '/' || strlen(path) >= PATH_ROOM)
		return false;
	while (path[0] && path[1]) {
		size_t n = strcspn(path + 1, "/");

		if (!n || (n == 1 && path[1] == '.') || (n == 2 && !memcmp(path + 1, "..", 2)))
			return false;
		path += n + 1;
	}
	return !path[0] || path[0] == '/';
}

/* One slash before each part and none at the end. */
static const char *path_tidy(struct pool *p, const char *path)
{
	char *out = pool_alloc(p, strlen(path) + 3), *o = out;

	while (*path) {
		size_t n;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (n) {
			*o++ = '/';
			memcpy(o, path, n);
			o += n;
		}
		path += n;
	}
	if (o == out)
		*o = '/';
	return out;
}

int cg_root_for(struct pool *p, const struct options *o, const struct cg_hiers *all,
		const struct cg_hier *h, const char **ret, struct err *e)
{
	const char *found = NULL;
	bool exact = false;

	*ret = NULL;
	for (size_t i = 0; i < o->n_cgroup_roots; i++) {
		const char *s = o->cgroup_roots[i], *colon = *s == '/' ? NULL : strchr(s, ':');
		size_t len = colon ? (size_t)(colon - s) : 0;

		if (colon && (h->v2 && !len ? false : cg_hier_of(all, s, len) != h))
			continue;
		if (!colon && exact)
			continue;
		exact = colon != NULL;
		found = colon ? colon + 1 : s;
	}
	if (!found)
		return 0;
	*ret = path_tidy(p, found);
	if (path_ok(*ret))
		return 0;
	return err_set(e, ERR_USAGE, EINVAL, "use", "--cgroup-root",
		       "\"%s\" is not the path of a cgroup in its hierarchy", found);
}

static int bad(struct err *e, const char *what, const char *why)
{
	return err_set(e, ERR_IMAGE, EINVAL, "read", "cgroup.img", "%s: \"%.200s\"", why, what);
}

static int dir_check(const CgroupDirEntry *d, bool head, struct err *e)
{
	char path[PATH_ROOM + 2];
	int r = 0;

	if (strlen(d->dir_name) >= PATH_ROOM)
		return bad(e, d->dir_name, "a cgroup's name is too long");
	snprintf(path, sizeof(path), "/%s", d->dir_name);
	if (!path_ok(path) || (!head && (strchr(d->dir_name, '/') || !*d->dir_name)))
		return bad(e, d->dir_name, "it is no name of a cgroup");
	for (size_t i = 0; i < d->n_properties; i++) {
		const char *name = d->properties[i]->name;

		if (!*name || strchr(name, '/') || strlen(name) >= 128 || !strcmp(name, ".."))
			return bad(e, name, "it is no name of a property");
	}
	for (size_t i = 0; !r && i < d->n_children; i++)
		r = dir_check(d->children[i], false, e);
	return r;
}

static int image_check(const CgroupEntry *im, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < im->n_sets; i++) {
		const CgSetEntry *s = im->sets[i];

		for (size_t k = 0; k < s->n_ctls; k++) {
			const CgMemberEntry *mb = s->ctls[k];

			if (!path_ok(mb->path))
				return bad(e, mb->path, "it is no path of a cgroup");
			if (mb->has_cgns_prefix &&
			    (mb->cgns_prefix > strlen(mb->path) ||
			     (mb->path[mb->cgns_prefix] && mb->path[mb->cgns_prefix] != '/')))
				return bad(e, mb->path,
					   "the root of the cgroup namespace is not above");
		}
	}
	for (size_t i = 0; i < im->n_controllers; i++) {
		const CgControllerEntry *c = im->controllers[i];

		if (!c->n_cnames)
			return bad(e, "", "cgroups without a controller");
		for (size_t k = 0; !r && k < c->n_dirs; k++)
			r = dir_check(c->dirs[k], true, e);
	}
	return r;
}

static const CgMemberEntry *member_of(const CgSetEntry *s, const char *name)
{
	for (size_t i = 0; s && i < s->n_ctls; i++) {
		const char *ctl = s->ctls[i]->name;

		if (!strcmp(ctl, name) || (*name && cg_has_name(ctl, name, strlen(name))))
			return s->ctls[i];
	}
	return NULL;
}

static const CgControllerEntry *controller_of(const CgroupEntry *im, const CgMemberEntry *mb)
{
	for (size_t i = 0; i < im->n_controllers; i++)
		for (size_t k = 0; k < im->controllers[i]->n_cnames; k++) {
			const char *name = im->controllers[i]->cnames[k];

			if (*name ? cg_has_name(mb->name, name, strlen(name)) : !*mb->name)
				return im->controllers[i];
		}
	return NULL;
}

static const CgSetEntry *set_by_id(const CgroupEntry *im, uint32_t id)
{
	for (size_t i = 0; im && i < im->n_sets; i++)
		if (im->sets[i]->id == id)
			return im->sets[i];
	return NULL;
}

struct reading {
	struct model *m;
	struct cg_restore *c;
	const CgSetEntry *root; /* of the root task, or NULL */
};

/* The base in the images, of the hierarchy with controller @name. */
static const char *base_of(struct reading *r, const char *name, size_t len)
{
	char *ctl = pool_dup(r->m->pool, name, len + 1);
	const CgMemberEntry *mb;
	const CgControllerEntry *c;
	char *path;

	ctl[len] = '\0';
	mb = member_of(r->root, ctl);
	if (!mb)
		return NULL;
	c = controller_of(r->c->image, mb);
	for (size_t i = 0; c && i < c->n_dirs; i++) {
		path = pool_printf(r->m->pool, "/%s", c->dirs[i]->dir_name);
		if (path_is_inside(mb->path, path))
			return path;
	}
	path = pool_strdup(r->m->pool, mb->path);
	if (mb->has_cgns_prefix)
		path[mb->cgns_prefix] = '\0';
	return *path ? path : "/";
}

/* Where the saved @path is to be. */
static int path_here(struct reading *r, const struct cg_hier *h, const char *name, size_t len,
		     const char *path, const char **ret, struct err *e)
{
	const char *base = base_of(r, name, len), *to;
	int x = cg_root_for(r->m->pool, r->m->opt, &r->c->hiers, h, &to, e);

	*ret = path;
	if (x || !to || !base || !path_is_inside(path, base))
		return x;
	if (strcmp(base, "/"))
		path += strlen(base);
	*ret = path_tidy(r->m->pool, pool_printf(r->m->pool, "%s/%s", to, path));
	return 0;
}

static int missing(struct reading *r, const char *name, const char *path, const char *why,
		   struct err *e)
{
	/* The root of a hierarchy is where everybody is who is nowhere else. */
	if (!strcmp(path, "/"))
		return 0;
	if (!r->c->asked) {
		log_warn(
			"the tree was in cgroup %s of hierarchy \"%s\", which %s: going on without it",
			path, *name ? name : "v2", why);
		return 0;
	}
	err_set(e, ERR_SYSTEM, ENOENT, "restore cgroups", path, "the hierarchy \"%s\" %s",
		*name ? name : "v2", why);
	return err_hint(e, "mount it (mount -t %s), or use --manage-cgroups=ignore",
			*name ? "cgroup" : "cgroup2");
}

/* Of co-mounted controllers here and there: the different hierarchies of ours that have @ctl's. */
static size_t hiers_for(struct cg_restore *c, const char *ctl, const struct cg_hier *ret[],
			const char *names[], size_t room)
{
	size_t n = 0;

	for (const char *s = ctl;; s += strcspn(s, ",") + 1) {
		size_t len = strcspn(s, ",");
		const struct cg_hier *h = cg_hier_of(&c->hiers, s, len);
		bool seen = false;

		if (h && h->v2 && len)
			h = NULL;
		for (size_t i = 0; i < n; i++)
			seen |= ret[i] == h && h;
		if (!seen && n < room) {
			names[n] = s;
			ret[n++] = h;
		}
		if (!s[len])
			return n;
	}
}

static const struct cg_node *node_find(const struct cg_restore *c, const char *dir)
{
	for (size_t i = 0; i < c->n_nodes; i++)
		if (!strcmp(c->nodes[i].dir, dir))
			return &c->nodes[i];
	return NULL;
}

static int node_add(struct reading *r, const struct cg_hier *h, const char *path,
		    const CgroupDirEntry *de, struct err *e)
{
	struct cg_node n = { .h = h, .entry = de };
	char dir[CGROUP_PATH];
	int x = cg_dir(h, path, dir, sizeof(dir));

	if (x)
		return missing(r, h->ctl, path, "is not mounted here, or not that part of it", e);
	if (strcmp(path, "/") && !node_find(r->c, dir)) {
		n.dir = pool_strdup(r->m->pool, dir);
		pool_push(r->m->pool, r->c->nodes, r->c->n_nodes, n);
	}
	for (size_t i = 0; de && !x && i < de->n_children; i++)
		x = node_add(r, h,
			     pool_printf(r->m->pool, "%s/%s", path, de->children[i]->dir_name),
			     de->children[i], e);
	return x;
}

static int nodes_read(struct reading *r, struct err *e)
{
	const CgroupEntry *im = r->c->image;
	int x = 0;

	for (size_t i = 0; !x && i < im->n_controllers; i++) {
		const CgControllerEntry *c = im->controllers[i];
		const struct cg_hier *seen[32];
		size_t n = 0;

		for (size_t k = 0; k < c->n_cnames && !x; k++) {
			const char *name = c->cnames[k], *path;
			const struct cg_hier *h = cg_hier_of(&r->c->hiers, name, strlen(name));
			bool again = !h || (h->v2 && *name) || n == ARRAY_SIZE(seen);

			for (size_t s = 0; s < n; s++)
				again |= seen[s] == h;
			if (again)
				continue;
			seen[n++] = h;
			/* What lies in the root itself is the machine's. */
			for (size_t s = 0; s < c->n_dirs && !x; s++) {
				if (!*c->dirs[s]->dir_name)
					continue;
				path = pool_printf(r->m->pool, "/%s", c->dirs[s]->dir_name);
				x = path_here(r, h, name, strlen(name), path, &path, e);
				if (!x)
					x = node_add(r, h, path, c->dirs[s], e);
			}
		}
	}
	return x;
}

static int place_add(struct reading *r, struct cg_target *t, const CgMemberEntry *mb,
		     const struct cg_hier *h, const char *name, struct err *e)
{
	struct cg_place pl = { .h = h };
	size_t len = strcspn(name, ",");
	const char *path = mb->path, *birth;
	char dir[CGROUP_PATH];
	int x;

	if (!h)
		return missing(r, pool_printf(r->m->pool, "%.*s", (int)len, name), path,
			       "is not on this machine", e);
	birth = pool_strdup(r->m->pool, path);
	if (model_has_own_ns(r->m, NS_CGROUP))
		((char *)birth)[mb->has_cgns_prefix && mb->cgns_prefix ? mb->cgns_prefix : 1] =
			'\0';
	x = path_here(r, h, name, len, path, &path, e);
	if (!x)
		x = path_here(r, h, name, len, birth, &birth, e);
	if (x)
		return x;
	pl.path = path;
	if (cg_dir(h, path, dir, sizeof(dir)))
		return strcmp(path, h->ours) ?
			       missing(r, h->ctl, path,
				       "is not mounted here, or not that part of it", e) :
			       0;
	pl.dir = pool_strdup(r->m->pool, dir);
	pl.birth = pl.dir;
	pl.birth_path = birth;
	if (strcmp(birth, path)) {
		x = cg_dir(h, birth, dir, sizeof(dir));
		if (x)
			return missing(r, h->ctl, birth, "does not show this part of it", e);
		pl.birth = pool_strdup(r->m->pool, dir);
	}
	pool_push(r->m->pool, t->places, t->n, pl);
	x = node_add(r, h, birth, NULL, e);
	return x ? x : node_add(r, h, path, NULL, e);
}

static int targets_read(struct reading *r, struct err *e)
{
	const CgroupEntry *im = r->c->image;
	int x = 0;

	for (size_t i = 0; !x && i < im->n_sets; i++) {
		struct cg_target t = { .id = im->sets[i]->id };

		for (size_t k = 0; k < im->sets[i]->n_ctls && !x; k++) {
			const CgMemberEntry *mb = im->sets[i]->ctls[k];
			const struct cg_hier *h[32] = { NULL };
			const char *names[32];
			size_t n = hiers_for(r->c, mb->name, h, names, ARRAY_SIZE(h));

			for (size_t s = 0; s < n && !x; s++)
				x = place_add(r, &t, mb, h[s], names[s], e);
		}
		pool_push(r->m->pool, r->c->targets, r->c->n_targets, t);
	}
	return x;
}

static uint32_t set_id(const struct task *t, size_t k)
{
	const CoreEntry *core = t->threads[k].core;

	if (core && core->thread_core && core->thread_core->has_cg_set)
		return core->thread_core->cg_set;
	/* Older writers have it once for the process. */
	core = t->threads[0].core;
	if (core && core->tc && core->tc->has_cg_set)
		return core->tc->cg_set;
	if (!k && t->n_threads > 1)
		return set_id(t, 1);
	return 0;
}

const struct cg_target *cg_target_of(const struct cg_restore *c, const struct thread *th)
{
	uint32_t id = set_id(th->task, (size_t)(th - th->task->threads));

	for (size_t i = 0; i < c->n_targets; i++)
		if (c->targets[i].id == id)
			return &c->targets[i];
	return NULL;
}

static int ids_check(struct reading *r, uint32_t ours, struct err *e)
{
	for (size_t i = 0; i < r->m->n_tasks; i++) {
		const struct task *t = r->m->tasks[i];

		for (size_t k = 0; k < t->n_threads; k++) {
			uint32_t id = set_id(t, k);
			char file[32];

			if (!id || id == ours || set_by_id(r->c->image, id))
				continue;
			snprintf(file, sizeof(file), "core-%d.img", t->threads[k].tid);
			return err_set(e, ERR_IMAGE, EINVAL, "read", file,
				       "its cgroups are set %u, which cgroup.img does not have",
				       id);
		}
	}
	return 0;
}

int cg_plan(struct model *m, struct cg_restore *c, struct err *e)
{
	struct reading r = { .m = m, .c = c };
	uint32_t ours = m->inventory->has_root_cg_set ? m->inventory->root_cg_set : 0;
	int x = image_check(c->image, e);

	if (!x)
		x = ids_check(&r, ours, e);
	if (x)
		return x;
	r.root = set_by_id(c->image, set_id(m->root, 0));
	x = nodes_read(&r, e);
	if (!x)
		x = targets_read(&r, e);
	if (x)
		return x;
	c->root = cg_target_of(c, &m->root->threads[0]);
	c->entered = pool_alloc(m->pool, c->hiers.n * sizeof(*c->entered));
	m->cg_state = c;
	return 0;
}

int cgroups_read(struct model *m, struct err *e)
{
	struct cg_restore *c = pool_alloc(m->pool, sizeof(*c));
	int x;

	c->mode = cg_mode(m->opt, &c->asked);
	c->v2_fd = -EBADF;
	if (c->mode == CG_MODE_IGNORE)
		return 0;
	if (!image_exists(m->dir, IMG_CGROUP, 0)) {
		if (m->opt->n_cgroup_roots)
			log_warn(
				"the images have no cgroups, because the tree was where its dump ran: "
				"going on without --cgroup-root");
		return 0;
	}
	x = image_get_one(m->dir, IMG_CGROUP, 0, &cgroup_entry__descriptor, &c->image, e);
	if (!x)
		x = cg_hiers_read(m->pool, m->opt->cgroup_yard, &c->hiers, e);
	return x ? x : cg_plan(m, c, e);
}
