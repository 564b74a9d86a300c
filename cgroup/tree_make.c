// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Restore: the cgroups themselves. What is made goes into the journal before
 * it is there, and so does what is changed of cgroups that were there.
 */
#include "cgroup/tree-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/pool.h"

static bool exists(const char *dir)
{
	return !access(dir, F_OK);
}

/* The mount point is there whatever comes. */
static bool is_root(const struct cg_hier *h, const char *dir)
{
	return !strcmp(dir, h->mount);
}

static void problem(struct err_list *l, const char *dir, int code, const char *why,
		    const char *hint)
{
	struct err one = { 0 };

	err_set(&one, ERR_CONFLICT, code, "restore cgroups", dir, "%s", why);
	err_hint(&one, "%s", hint);
	err_list_add(l, &one);
}

/* Tasks that enter a frozen cgroup would never be built. */
static void check_frozen(const struct cg_place *pl, struct err_list *problems)
{
	const struct freezer_ops *ops = pl->h->v2 ? &freezer_v2 : &freezer_v1;
	char dir[CGROUP_PATH];
	enum freeze_state st = THAWED;
	struct err none = { 0 };

	if (!pl->h->v2 && !cg_has_name(pl->h->ctl, "freezer", 7))
		return;
	snprintf(dir, sizeof(dir), "%s", pl->dir);
	while (!exists(dir) && path_up(dir))
		;
	if (is_root(pl->h, dir) || ops->state(dir, &st, &none) || st == THAWED)
		return;
	problem(problems, dir, EBUSY, "it is frozen",
		"thaw it, or choose another by --cgroup-root");
}

int cgroups_check(struct model *m, struct err_list *problems, struct err *e)
{
	struct cg_restore *c = m->cg_state;

	for (size_t i = 0; c && i < c->n_targets; i++)
		for (size_t k = 0; k < c->targets[i].n; k++) {
			const struct cg_place *pl = &c->targets[i].places[k];

			check_frozen(pl, problems);
			if ((c->mode == CG_MODE_NONE || c->mode == CG_MODE_PROPS) &&
			    !exists(pl->dir))
				problem(problems, pl->dir, ENOENT, "this cgroup does not exist",
					"make it, or use --manage-cgroups=soft");
		}
	for (size_t i = 0; c && c->mode == CG_MODE_STRICT && i < c->n_nodes; i++)
		if (exists(c->nodes[i].dir))
			problem(problems, c->nodes[i].dir, EEXIST, "this cgroup exists already",
				"remove it, put the tree elsewhere by --cgroup-root, or use "
				"--manage-cgroups=soft or full");
	return 0;
}

/* v1: nobody can enter a cpuset without processors and memory; a new one has its parent's. */
static int cpuset_fill(const struct cg_hier *h, const char *dir, struct err *e)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	char parent[CGROUP_PATH];

	snprintf(parent, sizeof(parent), "%s", dir);
	if (h->v2 || !cg_has_name(h->ctl, "cpuset", 6) || !path_up(parent))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char text[1024], now[8];
		int r = cgroup_file_read(dir, files[i], now, sizeof(now), e);

		if (!r && now[0] > '\n')
			continue;
		err_clear(e);
		r = cgroup_file_read(parent, files[i], text, sizeof(text), e);
		if (!r)
			r = cgroup_file_write(dir, files[i], text, e);
		if (r)
			return r;
	}
	return 0;
}

/* It is not made when somebody else was faster. */
static int make_one(struct model *m, struct cg_node *n, struct err *e)
{
	struct journal_entry *je;
	int r = journal_add(m->journal, UNDO_RMDIR, n->dir, strlen(n->dir) + 1, &je, e);

	if (r)
		return r;
	if (!mkdir(n->dir, 0755)) {
		n->made = true;
		return n->entry ? 0 : cpuset_fill(n->h, n->dir, e);
	}
	journal_done(je);
	if (errno == EEXIST)
		return 0;
	r = err_sys(e, "mkdir", "%s", n->dir);
	if (r == -EROFS || r == -EACCES || r == -EPERM)
		err_hint(e, "the hierarchy must be mounted writable, or use "
			    "--manage-cgroups=none or ignore");
	if (r == -EAGAIN)
		err_hint(e, "a cgroup.max.descendants or cgroup.max.depth above it is used up");
	return r;
}

/* What is above is made too, as it comes: nothing is saved of it. */
static int make_path(struct model *m, struct cg_node *n, struct err *e)
{
	struct cg_restore *c = m->cg_state;
	char parent[CGROUP_PATH];

	snprintf(parent, sizeof(parent), "%s", n->dir);
	if (path_up(parent) && !is_root(n->h, parent) && !exists(parent)) {
		struct cg_node up = { .h = n->h, .dir = pool_strdup(m->pool, parent) };
		int r = make_path(m, &up, e);

		if (r)
			return r;
		pool_push(m->pool, c->above, c->n_above, up);
	}
	return make_one(m, n, e);
}

static bool is_set(const struct cg_restore *c, const struct cg_node *n)
{
	return n->made || c->mode == CG_MODE_PROPS || c->mode == CG_MODE_FULL;
}

struct write {
	const CgroupPropEntry *pe;
	const struct cg_prop *k;
	size_t rank;
};

static int write_cmp(const void *a, const void *b)
{
	const struct write *x = a, *y = b;

	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static size_t writes_list(struct model *m, const struct cg_node *n, enum cg_when when,
			  struct write **ret)
{
	size_t c = 0;

	*ret = NULL;
	for (size_t i = 0; n->entry && i < n->entry->n_properties; i++) {
		const CgroupPropEntry *pe = n->entry->properties[i];
		const struct cg_prop *k = cg_prop_saved(n->h, pe->name);
		struct write w = { pe, k, k ? cg_prop_rank(k) : 0 };
		enum cg_when at = k ? k->when : CG_PERMS;

		/* To begin with nothing allowed is forbidden once there are cgroups below. */
		if (k && k->how == CG_DEVICES && n->entry->n_children)
			at = CG_EARLY;
		if (!k || at != when || (!*pe->value && !k->normal))
			continue;
		pool_push(m->pool, *ret, c, w);
	}
	if (c)
		qsort(*ret, c, sizeof(**ret), write_cmp);
	return c;
}

/* So that a failure leaves a cgroup that is not ours as it was. */
static int note(struct model *m, const struct cg_node *n, const struct write *w, struct err *e)
{
	struct prop_record rec = { 0 };
	char *now;

	if (n->made || cg_prop_read(m->pool, n->dir, w->pe->name, w->k->how, &now, e))
		return e->code ? -e->code : 0;
	if (w->k->how != CG_PLAIN && w->k->how != CG_FIRST && w->k->how != CG_STATE)
		return 0;
	snprintf(rec.dir, sizeof(rec.dir), "%s", n->dir);
	snprintf(rec.name, sizeof(rec.name), "%s", w->pe->name);
	if ((size_t)snprintf(rec.value, sizeof(rec.value), "%s", now) >= sizeof(rec.value))
		return 0;
	return journal_add(m->journal, UNDO_CGROUP_PROP, &rec, sizeof(rec), NULL, e);
}

/* Unless the user asked for it, a property that cannot be set is told and the tree goes on. */
static int forgive(const struct cg_restore *c, int r, struct err *e)
{
	if (!r || c->asked)
		return r;
	log_warn("%s %s: %s%s%s: going on without it", e->op, e->object, e->why,
		 *e->hint ? "; " : "", e->hint);
	err_clear(e);
	return 0;
}

/*
 * Some values are only taken when another one is there already (a smaller limit
 * before a larger, or the other way round): what failed is tried once more.
 */
static int props_set(struct model *m, const struct cg_node *n, enum cg_when when, struct err *e)
{
	struct cg_restore *c = m->cg_state;
	struct write *w, *again = NULL;
	size_t count = writes_list(m, n, when, &w), n_again = 0;
	int r = 0;

	for (size_t i = 0; i < count && !r; i++) {
		struct err first = { 0 };

		r = note(m, n, &w[i], e);
		if (!r && cg_prop_write(m->pool, n->dir, w[i].pe->name, w[i].k, w[i].pe->value,
					&first) < 0)
			pool_push(m->pool, again, n_again, w[i]);
	}
	for (size_t i = 0; i < n_again && !r; i++) {
		r = cg_prop_write(m->pool, n->dir, again[i].pe->name, again[i].k,
				  again[i].pe->value, e);
		if (r < 0 && !*e->hint)
			err_hint(e, "use --manage-cgroups=soft to leave cgroups that exist as they "
				    "are, or none to set nothing");
		r = forgive(c, r < 0 ? r : 0, e);
	}
	return r;
}

static int owner_set(const char *path, const CgroupPerms *p, struct err *e)
{
	struct stat st;

	if (!p || stat(path, &st))
		return 0;
	if ((st.st_uid != p->uid || st.st_gid != p->gid) && lchown(path, p->uid, p->gid))
		return err_sys(e, "chown", "%s to %u:%u", path, p->uid, p->gid);
	if ((st.st_mode & 07777) != (p->mode & 07777) && chmod(path, p->mode & 07777))
		return err_sys(e, "chmod", "%s", path);
	return 0;
}

static int owners_set(const struct cg_node *n, struct err *e)
{
	char path[CGROUP_PATH + 160];
	int r = 0;

	for (size_t i = 0; n->entry && i < n->entry->n_properties && !r; i++) {
		const CgroupPropEntry *pe = n->entry->properties[i];

		/* Other tools keep the freezer's state without an owner. */
		if (!pe->perms || !S_ISREG(pe->perms->mode))
			continue;
		snprintf(path, sizeof(path), "%s/%s", n->dir, pe->name);
		r = owner_set(path, pe->perms, e);
	}
	return r || !n->entry ? r : owner_set(n->dir, n->entry->dir_perms, e);
}

/* Places and nodes of a hierarchy that cannot be changed here: the tasks stay where we are in it. */
static void give_up(struct cg_restore *c, const struct cg_hier *h)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->n_nodes; i++)
		if (c->nodes[i].h != h)
			c->nodes[kept++] = c->nodes[i];
	c->n_nodes = kept;
	for (size_t t = 0; t < c->n_targets; t++) {
		kept = 0;
		for (size_t i = 0; i < c->targets[t].n; i++)
			if (c->targets[t].places[i].h != h)
				c->targets[t].places[kept++] = c->targets[t].places[i];
		c->targets[t].n = kept;
	}
}

static bool is_forbidden(int r)
{
	return r == -EROFS || r == -EACCES || r == -EPERM;
}

static int make_all(struct model *m, struct err *e)
{
	struct cg_restore *c = m->cg_state;
	int r = 0;

	for (size_t i = 0; c->mode != CG_MODE_NONE && i < c->n_nodes && !r; i++) {
		struct cg_node *n = &c->nodes[i];

		if (!exists(n->dir)) {
			if (c->mode == CG_MODE_PROPS)
				continue;
			r = make_path(m, n, e);
			c->stuck = n->h;
		} else if (c->mode == CG_MODE_STRICT) {
			return err_set(e, ERR_CONFLICT, EEXIST, "restore cgroups", n->dir,
				       "this cgroup has come into being meanwhile");
		}
		if (!r && is_set(c, n))
			r = props_set(m, n, CG_EARLY, e);
	}
	return r;
}

/* Those that are there must let us in. */
static int enter_check(struct cg_restore *c, struct err *e)
{
	for (size_t i = 0; i < c->n_targets; i++)
		for (size_t k = 0; k < c->targets[i].n; k++) {
			const struct cg_place *pl = &c->targets[i].places[k];
			char file[CGROUP_PATH + 32];

			snprintf(file, sizeof(file), "%s/cgroup.procs", pl->dir);
			if (!strcmp(pl->path, pl->h->ours) || !access(file, W_OK) ||
			    errno == ENOENT)
				continue;
			c->stuck = pl->h;
			err_sys(e, "write", "%s", file);
			return err_hint(e, "the hierarchy must be mounted writable, or use "
					   "--manage-cgroups=ignore");
		}
	return 0;
}

int cgroups_make(struct model *m, struct err *e)
{
	struct cg_restore *c = m->cg_state;
	int r;

	if (!c)
		return 0;
	/* Nobody asked: where cgroups are not ours to make or enter, the tree can do without. */
	while (((r = enter_check(c, e)) || (r = make_all(m, e))) && !c->asked && is_forbidden(r)) {
		log_warn("%s %s: %s: tasks stay where stasis runs in this hierarchy", e->op,
			 e->object, e->why);
		err_clear(e);
		give_up(c, c->stuck);
	}
	return r;
}

/* Of cgroups that are made above the saved ones: what these need must reach them. */
static int above_enable(struct model *m, const struct cg_node *up, struct err *e)
{
	struct cg_restore *c = m->cg_state;
	char has[512], text[80];
	size_t len = strlen(up->dir);
	int r;

	if (!up->h->v2)
		return 0;
	r = cgroup_file_read(up->dir, "cgroup.controllers", has, sizeof(has), e);
	for (char *save = NULL, *w = strtok_r(has, " \n", &save); w && !r;
	     w = strtok_r(NULL, " \n", &save)) {
		bool wanted = false;

		for (size_t i = 0; i < c->n_nodes; i++) {
			const struct cg_node *n = &c->nodes[i];

			if (n->h != up->h || strncmp(n->dir, up->dir, len) || !n->entry)
				continue;
			for (size_t k = 0; k < n->entry->n_properties; k++) {
				const char *name = n->entry->properties[k]->name;

				wanted |= !strncmp(name, w, strlen(w)) && name[strlen(w)] == '.';
			}
		}
		snprintf(text, sizeof(text), "+%s", w);
		if (wanted)
			r = cgroup_file_write(up->dir, "cgroup.subtree_control", text, e);
	}
	return r;
}

/* A cgroup that was there is left alone, and the first difference told. */
static void tell_difference(struct model *m, const struct cg_node *n)
{
	struct err none = { 0 };
	struct write *w;
	size_t count = writes_list(m, n, CG_LATE, &w);

	for (size_t i = 0; i < count; i++) {
		char *now;

		if (cg_prop_read(m->pool, n->dir, w[i].pe->name, w[i].k->how, &now, &none) ||
		    !strcmp(now, w[i].pe->value))
			continue;
		log_warn("%s/%s is \"%.80s\" and was \"%.80s\": left so, because the cgroup exists "
			 "(--manage-cgroups=full sets it)",
			 n->dir, w[i].pe->name, now, w[i].pe->value);
		return;
	}
}

int cgroups_limit(struct model *m, struct err *e)
{
	struct cg_restore *c = m->cg_state;
	int r = 0;

	if (!c || c->mode == CG_MODE_NONE)
		return 0;
	for (size_t i = 0; i < c->n_above && !r; i++)
		r = forgive(c, above_enable(m, &c->above[i], e), e);
	for (size_t i = 0; i < c->n_nodes && !r; i++) {
		const struct cg_node *n = &c->nodes[i];

		if (c->mode == CG_MODE_SOFT && !n->made)
			tell_difference(m, n);
		if (!is_set(c, n) || !exists(n->dir))
			continue;
		r = props_set(m, n, CG_LATE, e);
		/* Of a cgroup that was there the owner is somebody's decision. */
		if (!r && n->made)
			r = forgive(c, owners_set(n, e), e);
	}
	return r ? err_in(e, "limits of cgroups") : 0;
}

int cgroups_freeze(struct model *m, struct err *e)
{
	struct cg_restore *c = m->cg_state;
	int r = 0;

	for (size_t i = c ? c->n_nodes : 0; i-- > 0 && !r;) {
		const struct cg_node *n = &c->nodes[i];
		struct write *w;
		char own[CGROUP_PATH];
		size_t count;

		if (c->mode == CG_MODE_NONE || !is_set(c, n))
			continue;
		count = writes_list(m, n, CG_FREEZE, &w);
		for (size_t k = 0; k < count && !r; k++) {
			if (!strcmp(w[k].pe->value, w[k].k->normal))
				continue;
			if (!cg_dir(n->h, n->h->ours, own, sizeof(own)) &&
			    path_is_inside(own, n->dir))
				return err_set(e, ERR_CONFLICT, EDEADLK, "freeze", n->dir,
					       "stasis runs in it");
			r = cgroup_file_write(n->dir, w[k].pe->name, w[k].pe->value, e);
		}
	}
	return r;
}
