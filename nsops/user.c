/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user namespace: its maps, whether setgroups(2) is forbidden, who made it
 * (userns-*.img); and which of the tree's other namespaces belong to it.
 *
 * Ids in the image's maps are ours on one side: the namespace is a child of
 * the one we are in. At restore a namespace is made by clone3(2) of the root
 * stub and its maps are written from outside, by ns_user_fill().
 */
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/proc.h"
#include "image/image.h"
#include "model/ids.h"
#include "nsops/nsops-internal.h"

/* NGROUPS_MAX, linux/limits.h */
#define GROUPS_LIMIT 65536

struct user_state {
	bool deny; /* setgroups(2) */
	uint32_t owner;
	uint32_t *groups; /* what the root task has kept from before */
	size_t n_groups;
};

static int map_read(struct model *m, pid_t pid, const char *name, struct id_map *ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	struct id_extent x;
	int len, n;
	ssize_t r;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	r = read_text_alloc(AT_FDCWD, path, &text);
	if (r < 0) {
		errno = (int)-r;
		return err_sys(e, "read", "%s", path);
	}
	for (const char *at = text;
	     (n = sscanf(at, "%u %u %u%n", &x.first, &x.lower, &x.count, &len)) == 3; at += len)
		pool_push(m->pool, ret->v, ret->n, x);
	return 0;
}

/* Opens what @request (NS_GET_USERNS, NS_GET_PARENT) leads to from the namespace @name of @pid. */
static int related_ino(pid_t pid, const char *name, unsigned long request, uint64_t *ret,
		       struct err *e)
{
	_cleanup_close_ int ns = -EBADF, fd = -EBADF;
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return err_sys(e, "open", "%s", path);
	fd = ioctl(ns, request);
	if (fd < 0 && errno == EPERM) { /* outside of what we may see */
		*ret = 0;
		return 0;
	}
	if (fd < 0 || fstat(fd, &st))
		return err_sys(e, "find the owner of", "%s", path);
	*ret = st.st_ino;
	return 0;
}

static int owner_uid(pid_t pid, uint32_t *ret, struct err *e)
{
	_cleanup_close_ int ns = -EBADF;
	char path[64];
	uid_t uid;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return err_sys(e, "open", "%s", path);
	if (ioctl(ns, NS_GET_OWNER_UID, &uid))
		return err_sys(e, "find the maker of", "%s", path);
	*ret = uid;
	return 0;
}

static void block(struct err_list *l, pid_t pid, const char *why, const char *name,
		  const char *hint)
{
	struct err b = { 0 };
	char obj[64];

	snprintf(obj, sizeof(obj), "user namespace of pid %d", pid);
	err_set(&b, ERR_UNSUPPORTED, ENOTSUP, "checkpoint", obj, why, name);
	if (hint)
		err_hint(&b, "%s", hint);
	err_list_add(l, &b);
}

/* Every namespace that the tree has for itself must be its user namespace's, and that one ours. */
static int owners_check(struct model *m, struct err_list *l, struct err *e)
{
	const struct task *t = m->root;
	uint64_t own = t->ns[NS_USER]->ino, ours, parent, of;
	int r = proc_ns_ino(getpid(), "user", &ours, e);

	if (!r)
		r = related_ino(t->host, "user", NS_GET_PARENT, &parent, e);
	if (r)
		return r;
	if (parent != ours)
		block(l, t->host, "it is not a child of the %s namespace that stasis runs in",
		      "user", "run stasis in its parent user namespace");
	if (!model_has_own_ns(m, NS_PID))
		block(l, t->host,
		      "the tree has a user namespace of its own but no %s namespace of its own, "
		      "which is not supported yet",
		      "pid", "start it with a pid namespace too (unshare --user --pid --fork)");
	for (size_t i = 0; i < NS_TYPES; i++) {
		if (i == NS_USER || !t->ns[i] || t->ns[i]->ours)
			continue;
		r = related_ino(t->host, ns_kinds[i].name, NS_GET_USERNS, &of, e);
		if (r)
			return r;
		if (of != own)
			block(l, t->host,
			      "the tree's %s namespace belongs to another user namespace than "
			      "its tasks, which is not supported yet",
			      ns_kinds[i].name, "make both by one clone(2) or unshare(2)");
	}
	return 0;
}

static bool deny_read(pid_t pid)
{
	char path[64], buf[16];

	snprintf(path, sizeof(path), "/proc/%d/setgroups", pid);
	return read_text_at(AT_FDCWD, path, buf, sizeof(buf)) > 0 && !strncmp(buf, "deny", 4);
}

static int state_read(struct model *m, struct user_state *s, struct err *e)
{
	pid_t pid = m->root->host;
	struct proc_status st = { 0 };
	int r = owner_uid(pid, &s->owner, e);

	s->deny = deny_read(pid);
	if (!r)
		r = proc_status_read(pid, pid, &st, e);
	if (r)
		return r;
	s->n_groups = st.ngroups;
	s->groups = pool_dup(m->pool, st.groups, st.ngroups * sizeof(*st.groups));
	proc_status_free(&st);
	return 0;
}

int user_identify(struct model *m, struct err_list *blockers, struct err *e)
{
	pid_t pid = m->root->host;
	struct id_maps *maps = pool_alloc(m->pool, sizeof(*maps));
	struct user_state s = { 0 };
	uint32_t id;
	int r = map_read(m, pid, "uid_map", &maps->uid, e);

	if (!r)
		r = map_read(m, pid, "gid_map", &maps->gid, e);
	if (!r)
		r = owners_check(m, blockers, e);
	if (!r)
		r = state_read(m, &s, e);
	if (r)
		return r;
	m->id_maps = maps;
	m->kept_groups = s.groups;
	m->n_kept_groups = s.n_groups;
	m->groups_fixed = s.deny;
	for (size_t i = 0; !s.deny && i < s.n_groups; i++)
		if (!id_map_in(&maps->gid, s.groups[i], &id))
			return 0;
	if (!s.deny)
		m->n_kept_groups = 0; /* every list of groups can be set inside */
	return 0;
}

static void extents_put(struct pool *p, const struct id_map *map, UidGidExtent ***ret,
			size_t *ret_n)
{
	for (size_t i = 0; i < map->n; i++) {
		UidGidExtent *x = pool_msg(p, UidGidExtent, uid_gid_extent__init);

		x->first = map->v[i].first;
		x->lower_first = map->v[i].lower;
		x->count = map->v[i].count;
		pool_push(p, *ret, *ret_n, x);
	}
}

int user_dump(struct model *m, const struct ns *ns, struct err *e)
{
	UsernsEntry u = USERNS_ENTRY__INIT;
	int r = owner_uid(ns->holder->host, &u.owner, e);

	if (r)
		return r;
	u.has_owner = 1;
	extents_put(m->pool, &m->id_maps->uid, &u.uid_map, &u.n_uid_map);
	extents_put(m->pool, &m->id_maps->gid, &u.gid_map, &u.n_gid_map);
	u.has_setgroups_deny = u.setgroups_deny = m->groups_fixed;
	u.kept_groups = m->kept_groups;
	u.n_kept_groups = m->n_kept_groups;
	return image_put_one(m->dir, IMG_USERNS, ns->id, &u.base, e);
}

static int bad(struct err *e, const char *what)
{
	return err_set(e, ERR_IMAGE, EINVAL, "read", "userns image", "%s", what);
}

/* Nothing may run over the end, or overlap on either side: the kernel would say only EINVAL. */
static int extents_get(struct pool *p, UidGidExtent *const *v, size_t n, struct id_map *ret,
		       struct err *e)
{
	if (n > ID_EXTENTS_MAX)
		return bad(e, "a map has too many lines");
	for (size_t i = 0; i < n; i++) {
		struct id_extent x = { v[i]->first, v[i]->lower_first, v[i]->count };

		if (!x.count || x.first + x.count < x.first || x.lower + x.count < x.lower)
			return bad(e, "a line of a map is empty or runs over the last id");
		for (size_t k = 0; k < ret->n; k++) {
			const struct id_extent *o = &ret->v[k];

			if ((x.first < o->first + o->count && o->first < x.first + x.count) ||
			    (x.lower < o->lower + o->count && o->lower < x.lower + x.count))
				return bad(e, "two lines of a map overlap");
		}
		pool_push(p, ret->v, ret->n, x);
	}
	return 0;
}

static int entry_read(struct model *m, const struct ns *ns, UsernsEntry **ret, struct err *e)
{
	return image_get_one(m->dir, IMG_USERNS, ns->id, &userns_entry__descriptor, ret, e);
}

int user_read(struct model *m, const struct ns *ns, struct err *e)
{
	struct id_maps *maps = pool_alloc(m->pool, sizeof(*maps));
	UsernsEntry *u;
	int r;

	if (!model_has_own_ns(m, NS_PID))
		return err_set(e, ERR_UNSUPPORTED, ENOTSUP, "restore", "user namespace",
			       "a user namespace without a pid namespace of its own is not "
			       "supported yet");
	r = entry_read(m, ns, &u, e);
	if (!r)
		r = extents_get(m->pool, u->uid_map, u->n_uid_map, &maps->uid, e);
	if (!r)
		r = extents_get(m->pool, u->gid_map, u->n_gid_map, &maps->gid, e);
	if (!r && u->n_kept_groups > GROUPS_LIMIT)
		r = bad(e, "too many groups");
	if (r)
		return r;
	m->id_maps = maps;
	m->groups_fixed = u->has_setgroups_deny && u->setgroups_deny;
	m->kept_groups = u->kept_groups;
	m->n_kept_groups = u->n_kept_groups;
	m->has_user_owner = u->has_owner;
	m->user_owner = u->owner;
	return 0;
}

static int map_write(pid_t pid, const char *name, const struct id_map *map, struct err *e)
{
	char path[64], text[ID_EXTENTS_MAX * 33 + 1];
	size_t n = 0;
	int r;

	if (!map->n)
		return 0;
	for (size_t i = 0; i < map->n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%u %u %u\n", map->v[i].first,
				      map->v[i].lower, map->v[i].count);
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	r = write_text_at(AT_FDCWD, path, text);
	if (!r)
		return 0;
	errno = -r;
	err_sys(e, "write", "%s", path);
	return err_hint(e,
			"mapping ids needs CAP_SETUID and CAP_SETGID (and CAP_SETFCAP for root)");
}

int ns_user_fill(struct model *m, pid_t pid, struct err *e)
{
	char path[64];
	int r = 0;

	if (!model_has_own_ns(m, NS_USER))
		return 0;
	if (m->groups_fixed) {
		snprintf(path, sizeof(path), "/proc/%d/setgroups", pid);
		r = write_text_at(AT_FDCWD, path, "deny");
		if (r) {
			errno = -r;
			return err_sys(e, "write", "%s", path);
		}
	}
	r = map_write(pid, "uid_map", &m->id_maps->uid, e);
	return r ? r : map_write(pid, "gid_map", &m->id_maps->gid, e);
}
