/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which namespaces the tree has, by the inode numbers of /proc/PID/ns, and
 * their ids in the images. The ids of the dumper's own namespaces are kept in
 * the inventory (root_ids): a task with the same id has none of its own.
 *
 * So far a tree has at most one namespace of each type, its root's.
 */
#include "nsops/nsops.h"

#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/abi.h"
#include "base/cleanup.h"
#include "base/nshelper.h"
#include "base/proc.h"
#include "nsops/nsops-internal.h"

#define IDS(field)                                                                                 \
	.ids_off = offsetof(TaskKobjIdsEntry, field),                                              \
	.ids_has_off = offsetof(TaskKobjIdsEntry, has_##field)

const struct ns_kind ns_kinds[NS_TYPES] = {
	[NS_USER] = { NS_USER, "user", CLONE_NEWUSER, IDS(user_ns_id), NULL },
	[NS_PID] = { NS_PID, "pid", CLONE_NEWPID, IDS(pid_ns_id), NULL },
	[NS_MNT] = { NS_MNT, "mnt", CLONE_NEWNS, IDS(mnt_ns_id), NULL },
	[NS_NET] = { NS_NET, "net", CLONE_NEWNET, IDS(net_ns_id), NULL },
	[NS_IPC] = { NS_IPC, "ipc", CLONE_NEWIPC, IDS(ipc_ns_id), NULL },
	[NS_UTS] = { NS_UTS, "uts", CLONE_NEWUTS, IDS(uts_ns_id), NULL },
	[NS_CGROUP] = { NS_CGROUP, "cgroup", CLONE_NEWCGROUP, IDS(cgroup_ns_id), NULL },
	[NS_TIME] = { NS_TIME, "time", CLONE_NEWTIME, IDS(time_ns_id), NULL },
};

/* Ids are given in this order, so that images look alike whoever wrote them. */
static const enum ns_type id_order[NS_TYPES] = { NS_PID,  NS_NET, NS_IPC,  NS_UTS,
						 NS_TIME, NS_MNT, NS_USER, NS_CGROUP };

static void ids_set(TaskKobjIdsEntry *ids, const struct ns_kind *k, uint32_t id)
{
	*(uint32_t *)((char *)ids + k->ids_off) = id;
	*(protobuf_c_boolean *)((char *)ids + k->ids_has_off) = 1;
}

static uint32_t ids_get(const TaskKobjIdsEntry *ids, const struct ns_kind *k)
{
	if (!*(const protobuf_c_boolean *)((const char *)ids + k->ids_has_off))
		return 0;
	return *(const uint32_t *)((const char *)ids + k->ids_off);
}

const struct ns *ns_own(const struct model *m, enum ns_type type)
{
	return model_has_own_ns(m, type) ? m->root->ns[type] : NULL;
}

static int ns_dir(const char *path, int *ret, struct err *e)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "open", "%s", path);
	*ret = fd;
	return 0;
}

/* Inode of one namespace; 0 when this kernel has no such kind. */
static int ns_ino(int dir, const char *path, const char *name, uint64_t *ret, struct err *e)
{
	struct stat st;

	if (!fstatat(dir, name, &st, 0)) {
		*ret = st.st_ino;
		return 0;
	}
	if (errno == ENOENT) {
		*ret = 0;
		return 0;
	}
	return err_sys(e, "stat", "%s/%s", path, name);
}

/* Our own namespaces get the first ids. */
static int ours_identify(struct model *m, struct err *e)
{
	_cleanup_close_ int dir = -EBADF;
	int r;

	if (!m->inventory)
		m->inventory = pool_msg(m->pool, InventoryEntry, inventory_entry__init);
	if (m->inventory->root_ids)
		return 0;
	r = ns_dir("/proc/self/ns", &dir, e);
	if (r)
		return r;
	m->inventory->root_ids = pool_msg(m->pool, TaskKobjIdsEntry, task_kobj_ids_entry__init);
	m->inventory->root_ids->vm_id = 1;
	m->inventory->root_ids->files_id = 1;
	m->inventory->root_ids->fs_id = 1;
	m->inventory->root_ids->sighand_id = 1;
	if (m->next_obj_id == 1)
		m->next_obj_id = 2;
	for (size_t i = 0; i < NS_TYPES; i++) {
		const struct ns_kind *k = &ns_kinds[id_order[i]];
		struct ns *ns;
		uint64_t ino;

		r = ns_ino(dir, "/proc/self/ns", k->name, &ino, e);
		if (r)
			return r;
		if (!ino)
			continue;
		ns = model_ns_get(m, k->type, ino);
		ns->ours = true;
		ids_set(m->inventory->root_ids, k, ns->id);
	}
	return 0;
}

/* @why holds one %s, for @name. */
static void block(struct err_list *blockers, const struct task *t, const char *why,
		  const char *name, const char *hint)
{
	struct err b = { 0 };
	char obj[64], kind[48];

	snprintf(obj, sizeof(obj), "pid %d", t->host);
	err_set(&b, ERR_UNSUPPORTED, ENOTSUP, "checkpoint", obj, why, name);
	if (hint)
		err_hint(&b, "%s", hint);
	else
		err_hint(&b, "let all of the tree live in the namespaces of its root");
	snprintf(kind, sizeof(kind), "%s namespace", name);
	err_about(&b, t->host, kind);
	err_list_add(blockers, &b);
}

/* Children would be born into another namespace than their parent's. */
static int children_identify(const struct task *t, int dir, const char *path,
			     struct err_list *blockers, struct err *e)
{
	static const enum ns_type types[] = { NS_PID, NS_TIME };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const struct ns_kind *k = &ns_kinds[types[i]];
		char name[32];
		uint64_t ino;
		int r;

		snprintf(name, sizeof(name), "%s_for_children", k->name);
		r = ns_ino(dir, path, name, &ino, e);
		if (r)
			return r;
		/* A pid namespace for children reads as missing until its init is born: 0. */
		if (ino != (t->ns[k->type] ? t->ns[k->type]->ino : 0))
			block(blockers, t,
			      "its children are to live in another %s namespace than itself",
			      k->name,
			      types[i] == NS_PID ? "checkpoint that namespace's init instead" :
						   NULL);
	}
	return 0;
}

/* A thread may have left its process's namespaces by setns(2) or unshare(2). */
static int threads_identify(const struct task *t, struct err_list *blockers, struct err *e)
{
	static const enum ns_type types[] = { NS_NET, NS_UTS, NS_IPC, NS_CGROUP };

	for (size_t i = 1; i < t->n_threads; i++) {
		_cleanup_close_ int dir = -EBADF;
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/task/%d/ns", t->host, t->threads[i].host);
		dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 && errno == ENOENT)
			continue; /* ended meanwhile */
		if (dir < 0)
			return err_sys(e, "open", "%s", path);
		for (size_t n = 0; n < ARRAY_SIZE(types); n++) {
			const struct ns_kind *k = &ns_kinds[types[n]];
			uint64_t ino;
			int r = ns_ino(dir, path, k->name, &ino, e);

			if (r)
				return r;
			/* None of the leader's: it has ended since. */
			if (ino && t->ns[k->type] && ino != t->ns[k->type]->ino)
				block(blockers, t,
				      "one of its threads has a %s namespace of its own", k->name,
				      NULL);
		}
	}
	return 0;
}

static int kind_identify(struct model *m, struct task *t, const struct ns_kind *k, int dir,
			 const char *path, struct err_list *blockers, struct err *e)
{
	struct ns *ns;
	uint64_t ino;
	int r = ns_ino(dir, path, k->name, &ino, e);

	if (r || !ino)
		return r;
	ns = model_ns_get(m, k->type, ino);
	t->ns[k->type] = ns;
	if (t == m->root || !ns->holder)
		ns->holder = t;
	ids_set(t->ids, k, ns->id);
	if (t == m->root) {
		if (!ns->ours && k->unsupported)
			block(blockers, t, "it has a %s namespace of its own", k->name,
			      k->unsupported);
		if (!ns->ours && k->type == NS_IPC)
			return ipc_preflight(m, ns, blockers, e);
		return 0;
	}
	if (m->root->ns[k->type] && ns != m->root->ns[k->type])
		block(blockers, t, "it has another %s namespace than the root of its tree", k->name,
		      "nested namespaces are not supported yet");
	return 0;
}

void ns_list_kinds(kind_fn *fn, void *ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(ns_kinds); i++)
		fn(ctx, ns_kinds[i].name, ns_kinds[i].unsupported,
		   "start it in the machine's own namespace of this type");
	ipc_list_kinds(fn, ctx);
}

int ns_identify(struct model *m, struct task *t, struct err_list *blockers, struct err *e)
{
	_cleanup_close_ int dir = -EBADF;
	char path[64];
	int r = ours_identify(m, e);

	if (r)
		return r;
	if (!t->ids)
		t->ids = pool_msg(m->pool, TaskKobjIdsEntry, task_kobj_ids_entry__init);
	if (t->state == TASK_ZOMBIE) { /* has left its namespaces; they go by its parent's */
		for (size_t i = 0; i < NS_TYPES; i++)
			t->ns[i] = t->parent ? t->parent->ns[i] : NULL;
		return 0;
	}
	snprintf(path, sizeof(path), "/proc/%d/ns", t->host);
	r = ns_dir(path, &dir, e);
	for (size_t i = 0; !r && i < NS_TYPES; i++)
		r = kind_identify(m, t, &ns_kinds[id_order[i]], dir, path, blockers, e);
	if (!r && t == m->root) {
		m->id_maps = NULL;
		if (model_has_own_ns(m, NS_USER))
			r = user_identify(m, blockers, e);
	}
	if (!r)
		r = children_identify(t, dir, path, blockers, e);
	if (!r)
		r = threads_identify(t, blockers, e);
	return r ? err_in(e, "namespaces of pid %d", t->host) : 0;
}

int ns_dump_inside(struct model *m, struct remote *remote, struct err *e)
{
	const struct ns *ipc = ns_own(m, NS_IPC);

	return ipc ? ipc_undo_dump(m, ipc, remote, e) : 0;
}

int ns_dump(struct model *m, struct err *e)
{
	const struct ns *uts = ns_own(m, NS_UTS), *ipc = ns_own(m, NS_IPC);
	const struct ns *user = ns_own(m, NS_USER);
	int r = user ? user_dump(m, user, e) : 0;

	if (!r && uts)
		r = uts_dump(m, uts, e);
	if (!r)
		r = time_dump(m, e);
	if (!r && ipc)
		r = ipc_dump(m, ipc, e);
	return r;
}

static int task_ns_read(struct model *m, struct task *t, struct err *e)
{
	const TaskKobjIdsEntry *ours = m->inventory->root_ids;
	char obj[64];

	snprintf(obj, sizeof(obj), "ids-%d.img", t->pid);
	for (size_t i = 0; i < NS_TYPES; i++) {
		const struct ns_kind *k = &ns_kinds[id_order[i]];
		uint32_t id = ids_get(t->ids, k), our = ids_get(ours, k);
		struct ns *ns;

		if (!id)
			id = t == m->root || !m->root->ns[k->type] ? our : m->root->ns[k->type]->id;
		if (!id)
			continue;
		ns = model_ns_get(m, k->type, id);
		ns->id = id;
		ns->ours = id == our;
		if (!ns->holder)
			ns->holder = t;
		t->ns[k->type] = ns;
		if (!ns->ours && k->unsupported)
			return err_set(e, ERR_UNSUPPORTED, ENOTSUP, "restore", obj,
				       "the task has a %s namespace of its own: %s", k->name,
				       k->unsupported);
		if (m->root->ns[k->type] && ns != m->root->ns[k->type])
			return err_set(e, ERR_UNSUPPORTED, ENOTSUP, "restore", obj,
				       "the task has another %s namespace than its root: nested "
				       "namespaces are not supported yet",
				       k->name);
	}
	return 0;
}

int ns_read(struct model *m, struct err *e)
{
	const struct ns *own;
	int r = 0;

	if (!m->inventory || !m->inventory->root_ids)
		return err_set(e, ERR_IMAGE, EINVAL, "read", "inventory.img",
			       "it does not say which namespaces were the dumper's (root_ids)");
	for (size_t i = 0; i < m->n_tasks; i++) {
		if (!m->tasks[i]->ids) /* zombies have none */
			continue;
		r = task_ns_read(m, m->tasks[i], e);
		if (r)
			return r;
	}
	own = ns_own(m, NS_USER);
	if (own)
		r = user_read(m, own, e);
	own = ns_own(m, NS_UTS);
	if (!r && own)
		r = uts_read(m, own, e);
	own = ns_own(m, NS_IPC);
	if (!r && own)
		r = ipc_read(m, own, e);
	return r ? r : time_read(m, e);
}

uint64_t ns_clone_flags(const struct model *m)
{
	uint64_t flags = 0;

	for (size_t i = 0; i < NS_TYPES; i++)
		/* Whoever is born into a time namespace can no longer set its clocks: ns_birth(). */
		/* A cgroup namespace's root is where its maker is: unshared by the root when it is there. */
		if (i != NS_TIME && i != NS_CGROUP && model_has_own_ns(m, ns_kinds[i].type))
			flags |= ns_kinds[i].clone_flag;
	return flags;
}

int ns_build(struct maker *mk, struct err *e)
{
	const struct ns *uts = ns_own(mk->m, NS_UTS);

	return uts ? uts_build(mk, uts, e) : 0;
}

int ns_make(struct maker *mk, struct err *e)
{
	return ns_own(mk->m, NS_IPC) ? ipc_make(mk, e) : 0;
}

int ns_finish(struct model *m, struct err *e)
{
	return ns_own(m, NS_IPC) ? ipc_finish(m, e) : 0;
}

size_t ns_arena_need(const struct model *m)
{
	return ns_own(m, NS_IPC) ? ipc_arena_need(m) : 0;
}

int ns_socket(pid_t pid, int domain, int type, int protocol, int *ret_fd, struct err *e)
{
	return ns_helper_socket(pid, domain, type, protocol, ret_fd, e);
}
