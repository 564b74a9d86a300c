// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System V semaphores (ipcns-sem-*.img): sets with their ids and values, who
 * did the last operation on each, and what tasks owe to them (SEM_UNDO; found
 * out in ipc_undo.c).
 */
#include <stdio.h>
#include <string.h>
#include <sys/sem.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "image/image.h"
#include "nsops/ipc-internal.h"

/* ipc/sem.c: SEMVMX; nsems has no limit but the sysctl's. */
#define VALUE_MAX 32767
#define NSEMS_MAX 65536

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
	struct seminfo *info;
};

static size_t padded(size_t bytes)
{
	return (bytes + 7) / 8 * 8;
}

static int set_values(int id, size_t n, unsigned short *values, struct err *e)
{
	if (n && semctl(id, 0, GETALL, (union semun){ .array = values }) < 0)
		return err_sys(e, "semctl", "semaphore set %d: GETALL", id);
	return 0;
}

/* Nobody of the tree, or nobody at all: 0. */
static int set_pids(struct model *m, int id, IpcSemEntry *se, struct err *e)
{
	bool any = false;

	se->stasis_pids = pool_alloc(m->pool, (se->nsems + 1) * sizeof(*se->stasis_pids));
	for (uint32_t i = 0; i < se->nsems; i++) {
		int pid = semctl(id, (int)i, GETPID);

		if (pid < 0)
			return err_sys(e, "semctl", "semaphore set %d: GETPID", id);
		se->stasis_pids[i] = ipc_pid_inward(m, pid);
		any |= se->stasis_pids[i] != 0;
	}
	se->n_stasis_pids = any ? se->nsems : 0;
	return 0;
}

static int set_dump(struct model *m, struct image_out *o, int id, const struct semid_ds *ds,
		    struct err *e)
{
	IpcSemEntry *se = pool_msg(m->pool, IpcSemEntry, ipc_sem_entry__init);
	size_t bytes = ds->sem_nsems * sizeof(unsigned short);
	unsigned short *values = pool_alloc(m->pool, padded(bytes) + 8);
	int r = ipc_desc_fill(m, &se->desc, &ds->sem_perm, id, e);

	se->nsems = (uint32_t)ds->sem_nsems;
	if (!r)
		r = set_values(id, ds->sem_nsems, values, e);
	if (!r)
		r = set_pids(m, id, se, e);
	if (r)
		return r;
	ipc_undo_fill(m, se);
	r = image_put(o, &se->base, e);
	return r ? r : image_put_raw(o, values, padded(bytes), e);
}

static int sem_dump(struct model *m, const struct ns *ns, struct err *e)
{
	struct seminfo info;
	struct image_out *o = NULL;
	int r = 0, max = semctl(0, 0, SEM_INFO, (union semun){ .info = &info });

	if (max < 0)
		return err_sys(e, "semctl", "SEM_INFO");
	for (int i = 0; !r && i <= max; i++) {
		struct semid_ds ds;
		int id = semctl(i, 0, SEM_STAT, (union semun){ .buf = &ds });

		if (id < 0)
			continue;
		if (!o)
			r = image_create(m->dir, IMG_IPCNS_SEM, ns->id, &o, e);
		if (!r)
			r = set_dump(m, o, id, &ds, e);
	}
	return image_out_end(o, r, e);
}

static int undo_check(const IpcSemEntry *se, struct image_in *in, struct err *e)
{
	for (size_t i = 0; i < se->n_stasis_undo; i++) {
		const IpcSemUndo *u = se->stasis_undo[i];

		if (u->num >= se->nsems || u->adj < -VALUE_MAX - 1 || u->adj > VALUE_MAX)
			return image_bad(in, e, "semaphore set %u: an impossible undo of %d",
					 se->desc->id, u->adj);
	}
	return 0;
}

static int set_read(struct model *m, struct ipc_state *s, IpcSemEntry *se, struct image_in *in,
		    struct err *e)
{
	struct ipc_sem sem = { .e = se };
	size_t bytes = se->nsems * sizeof(*sem.values);
	int r = ipc_desc_check(se->desc, "ipcns-sem image", e);

	if (r)
		return r;
	if (!se->nsems || se->nsems > NSEMS_MAX || image_left(in) < padded(bytes))
		return image_bad(in, e, "semaphore set %u is said to have %u semaphores",
				 se->desc->id, se->nsems);
	if (se->n_stasis_pids && se->n_stasis_pids != se->nsems)
		return image_bad(in, e, "semaphore set %u: %zu pids for %u semaphores",
				 se->desc->id, se->n_stasis_pids, se->nsems);
	sem.values = pool_alloc(m->pool, padded(bytes));
	r = image_get_raw(in, sem.values, padded(bytes), e);
	for (size_t i = 0; !r && i < se->nsems; i++)
		if (sem.values[i] > VALUE_MAX)
			r = image_bad(in, e, "semaphore set %u: %u is no value", se->desc->id,
				      sem.values[i]);
	if (!r)
		r = undo_check(se, in, e);
	if (r)
		return r;
	pool_push(m->pool, s->sems, s->n_sems, sem);
	return 0;
}

static int sem_read(struct model *m, const struct ns *ns, struct ipc_state *s, struct err *e)
{
	IpcSemEntry *se;
	struct image_in *in;
	int r;

	if (!image_exists(m->dir, IMG_IPCNS_SEM, ns->id))
		return 0;
	r = image_open(m->dir, IMG_IPCNS_SEM, ns->id, &in, e);
	if (r)
		return r;
	while ((r = image_get(in, &ipc_sem_entry__descriptor, &se, e)) > 0) {
		r = set_read(m, s, se, in, e);
		if (r)
			break;
	}
	image_in_close(in);
	return r;
}

static void op_add(struct sembuf *ops, size_t *n, uint32_t num, int op, short flags)
{
	ops[(*n)++] = (struct sembuf){ (unsigned short)num, (short)op, flags };
}

static void ops_call(struct prog *p, const IpcSemEntry *se, const struct sembuf *ops, size_t n)
{
	prog_call(p, "semaphore", SYS_semop, se->desc->id,
		  (uintptr_t)prog_dup(p, ops, n * sizeof(*ops)), n);
}

/*
 * What a task owes comes into being by an operation with SEM_UNDO; another one
 * takes its effect on the value back at once. In pieces, for neither value nor
 * debt may leave its range.
 */
static void undo_calls(struct prog *p, const struct ipc_sem *s, const IpcSemUndo *u)
{
	int value = s->values[u->num], left = u->adj < 0 ? -u->adj : u->adj;
	int sign = u->adj < 0 ? 1 : -1; /* of the operation that is undone */

	while (left) {
		int up = VALUE_MAX - value, down = value, step;
		struct sembuf ops[2];
		size_t n = 0;
		/* Upwards first, when there is more room above. */
		bool rise = up >= down;

		step = rise ? up : down;
		step = step < left ? step : left;
		if (rise == (sign > 0)) {
			op_add(ops, &n, u->num, sign * step, SEM_UNDO);
			op_add(ops, &n, u->num, -sign * step, 0);
		} else {
			op_add(ops, &n, u->num, -sign * step, 0);
			op_add(ops, &n, u->num, sign * step, SEM_UNDO);
		}
		ops_call(p, s->e, ops, n);
		left -= step;
	}
}

/* An operation that changes nothing: the task is the last one to have done any. */
static void touch_calls(struct prog *p, const struct ipc_sem *s, uint32_t num)
{
	int up = s->values[num] < VALUE_MAX ? 1 : -1;
	struct sembuf ops[2];
	size_t n = 0;

	op_add(ops, &n, num, up, 0);
	op_add(ops, &n, num, -up, 0);
	ops_call(p, s->e, ops, n);
}

static int set_people(struct maker *mk, const struct ipc_sem *s, struct task *t, bool undo,
		      struct err *e)
{
	struct prog p;
	int r;

	prog_init(&p, mk->p->arena);
	for (size_t i = 0; undo && i < s->e->n_stasis_undo; i++)
		if ((uint32_t)t->pid == s->e->stasis_undo[i]->pid)
			undo_calls(&p, s, s->e->stasis_undo[i]);
	for (uint32_t i = 0; !undo && i < s->e->n_stasis_pids; i++)
		if ((uint32_t)t->pid == s->e->stasis_pids[i])
			touch_calls(&p, s, i);
	r = p.n ? mk->run(mk, t, &p, e) : 0;
	prog_free(&p);
	return r ? err_in(e, "semaphore set %u", s->e->desc->id) : 0;
}

struct set_arg {
	const struct ipc_sem *s;
};

static int values_inside(void *arg, void *ret, struct err *e)
{
	const struct ipc_sem *s = ((struct set_arg *)arg)->s;

	for (uint32_t i = 0; i < s->e->nsems; i++)
		if (s->values[i] && semctl((int)s->e->desc->id, (int)i, SETVAL,
					   (union semun){ .val = s->values[i] }))
			return err_sys(e, "semctl", "semaphore set %u: SETVAL %u", s->e->desc->id,
				       s->values[i]);
	return 0;
}

static int set_make(struct maker *mk, const struct ipc_sem *s, struct err *e)
{
	const IpcDescEntry *d = s->e->desc;
	struct semid_ds ds = { 0 };
	struct ipc_new n = {
		.what = "semaphore set",
		.next_id = "sem_next_id",
		.desc = d,
		.nr = SYS_semget,
		.args = { d->key, s->e->nsems, IPC_CREAT | IPC_EXCL | 0600 },
		.set_nr = SYS_semctl,
		.ds = &ds,
		.ds_size = sizeof(ds),
	};
	struct set_arg a = { s };
	int r;

	ds.sem_perm.uid = d->uid;
	ds.sem_perm.gid = d->gid;
	ds.sem_perm.mode = (unsigned short)(d->mode & 0777);
	r = ipc_create(mk, &n, e);
	if (!r)
		r = ipc_inside(mk->m, values_inside, &a, NULL, e);
	/* Debts first: they count as operations, too. */
	for (int undo = 1; undo >= 0; undo--)
		for (size_t i = 0; !r && i < mk->m->n_tasks; i++)
			if (mk->m->tasks[i]->state != TASK_ZOMBIE)
				r = set_people(mk, s, mk->m->tasks[i], undo, e);
	return r;
}

static int sem_make(struct maker *mk, struct ipc_state *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->n_sems; i++)
		r = set_make(mk, &s->sems[i], e);
	return r;
}

const struct ipc_kind ipc_kind_sem = {
	.name = "System V semaphores",
	.dump = sem_dump,
	.read = sem_read,
	.make = sem_make,
};
