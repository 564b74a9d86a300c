// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kinds of System V objects share: descriptions of owners, and making
 * an object with the id that it had (sysctls kernel.*_next_id).
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "model/ids.h"
#include "nsops/ipc-internal.h"
#include "parasite/stub.h"

int ipc_desc_fill(struct model *m, IpcDescEntry **ret, const struct ipc_perm *p, int id,
		  struct err *e)
{
	IpcDescEntry *d = pool_msg(m->pool, IpcDescEntry, ipc_desc_entry__init);
	char object[48];

	d->id = (uint32_t)id;
	d->key = (uint32_t)p->__key;
	d->mode = p->mode;
	*ret = d;
	if (model_uid_in(m, p->uid, &d->uid) && model_gid_in(m, p->gid, &d->gid) &&
	    model_uid_in(m, p->cuid, &d->cuid) && model_gid_in(m, p->cgid, &d->cgid))
		return 0;
	snprintf(object, sizeof(object), "System V object %d", id);
	return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", object,
		       "its owner %u:%u or its maker %u:%u has no number in the tree's user "
		       "namespace",
		       p->uid, p->gid, p->cuid, p->cgid);
}

int ipc_desc_check(const IpcDescEntry *d, const char *what, struct err *e)
{
	/* 03000: SHM_DEST and SHM_LOCKED */
	if (d->id <= IPC_ID_MAX && !(d->mode & ~03777u))
		return 0;
	return err_set(e, ERR_IMAGE, EINVAL, "read", what, "id %u or mode %o is out of range",
		       d->id, d->mode);
}

uint32_t ipc_pid_inward(const struct model *m, pid_t host)
{
	for (size_t i = 0; host > 0 && i < m->n_tasks; i++)
		if (m->tasks[i]->host == host)
			return (uint32_t)m->tasks[i]->pid;
	return 0;
}

struct task *ipc_task(const struct model *m, uint32_t pid)
{
	for (size_t i = 0; pid && i < m->n_tasks; i++)
		if ((uint32_t)m->tasks[i]->pid == pid && m->tasks[i]->state != TASK_ZOMBIE)
			return m->tasks[i];
	return NULL;
}

static void next_id_calls(struct prog *p, const struct ipc_new *n)
{
	size_t open_at = p->n;
	char buf[64];

	snprintf(buf, sizeof(buf), "/proc/sys/kernel/%s", n->next_id);
	prog_call(p, "next IPC id: open", SYS_openat, AT_FDCWD, (uintptr_t)prog_strdup(p, buf),
		  O_WRONLY | O_CLOEXEC);
	snprintf(buf, sizeof(buf), "%u", n->desc->id);
	prog_call(p, "next IPC id: write", SYS_write, 0, (uintptr_t)prog_strdup(p, buf),
		  strlen(buf));
	prog_ref(p, open_at, 0);
	prog_call(p, "next IPC id: close", SYS_close, 0);
	prog_ref(p, open_at, 0);
}

/* The maker's ids become the object's: cuid and cgid cannot be set otherwise. */
static size_t make_calls(struct prog *p, const struct model *m, const struct ipc_new *n)
{
	const IpcDescEntry *d = n->desc;
	const uint64_t keep = (uint64_t)-1;
	uid_t uid = m->id_maps ? 0 : geteuid();
	gid_t gid = m->id_maps ? 0 : getegid();
	bool other = d->cuid != uid || d->cgid != gid;
	uint32_t ours;
	size_t at;

	if (other) {
		prog_call(p, "IPC object: group", SYS_setresgid, keep, d->cgid, keep);
		prog_call(p, "IPC object: user", SYS_setresuid, keep, d->cuid, keep);
	}
	at = prog_call(p, n->what, n->nr, n->args[0], n->args[1], n->args[2]);
	if (other) {
		/* Without a root inside there is no way back, and none is needed: no power was lost. */
		if (model_uid_out(m, uid, &ours))
			prog_call(p, "IPC object: user", SYS_setresuid, keep, uid, keep);
		if (model_gid_out(m, gid, &ours))
			prog_call(p, "IPC object: group", SYS_setresgid, keep, gid, keep);
		/* Lost with the change of ids. */
		prog_call(p, "die with the parent", SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
	}
	return at;
}

int ipc_create(struct maker *mk, const struct ipc_new *n, struct err *e)
{
	struct prog p;
	char object[64];
	size_t at;
	int r;

	prog_init(&p, mk->p->arena);
	next_id_calls(&p, n);
	at = make_calls(&p, mk->m, n);
	if (n->set_nr) {
		uint64_t ds = (uintptr_t)prog_dup(&p, n->ds, n->ds_size);

		if (n->set_nr == SYS_semctl)
			prog_call(&p, "IPC object: owner", SYS_semctl, n->desc->id, 0, IPC_SET, ds);
		else
			prog_call(&p, "IPC object: owner", n->set_nr, n->desc->id, IPC_SET, ds);
	}
	snprintf(object, sizeof(object), "%s %u (key %#x)", n->what, n->desc->id, n->desc->key);
	r = mk->run(mk, n->by ? n->by : mk->m->root, &p, e);
	if (!r && prog_res(&p, at) != n->desc->id)
		r = err_set(e, ERR_SYSTEM, EEXIST, "create", object, "it got the id %ld",
			    (long)prog_res(&p, at));
	else if (r)
		err_in(e, "%s", object);
	prog_free(&p);
	return r;
}

struct inside {
	ns_helper_fn fn;
	void *arg, *ret;
};

static int become_root(void *arg, void *ret, struct err *e)
{
	const struct inside *i = arg;

	/* Where nobody is root inside the limits belong to the machine's root, which we are. */
	if ((syscall(SYS_setresgid, 0, 0, 0) && errno != EINVAL) ||
	    (syscall(SYS_setresuid, 0, 0, 0) && errno != EINVAL))
		return err_sys(e, "setresuid", "root of the tree's user namespace");
	return i->fn(i->arg, i->ret, e);
}

int ipc_inside(const struct model *m, ns_helper_fn fn, void *arg, void *ret, struct err *e)
{
	struct inside i = { fn, arg, ret };

	/* Limits of the namespace are its own root's to set. */
	if (m->id_maps)
		return ns_helper_call(m->root->stub->host, CLONE_NEWUSER | CLONE_NEWIPC,
				      become_root, &i, NULL, e);
	return ns_helper_call(m->root->stub->host, CLONE_NEWIPC, fn, arg, ret, e);
}
