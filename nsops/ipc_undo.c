// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What tasks owe to semaphores: the adjustments that semop(2) with SEM_UNDO
 * leaves for the end of the task. The kernel shows them to nobody. But an
 * operation with SEM_UNDO fails with ERANGE when the adjustment would leave its
 * range, and operations of one call happen all or not at all: a call whose last
 * operation cannot succeed (EAGAIN) tells by its errno whether the adjustment
 * is beyond a bound, and changes nothing. Halving finds the number.
 *
 * Runs in: the coordinator; the calls are made by the tasks themselves.
 */
#include <linux/kcmp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/nshelper.h"
#include "base/proc.h"
#include "nsops/ipc-internal.h"
#include "parasite/remote.h"

/* ipc/sem.c: SEMVMX and SEMAEM */
#define VALUE_MAX 32767
#define PROBE_OPS 5
/* Of one task at once: they must fit into its arena. */
#define PROBES_AT_ONCE 48

struct debt {
	struct task *t;
	struct thread *th;
	int id;
	uint32_t num;
	int value; /* of the semaphore */
	int sign;
	int lo, hi; /* the amount lies within */
	int asked;  /* "more than that?" */
	size_t call;
	bool in_run;
};

struct undo_dump {
	struct debt *v;
	size_t n;
};

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
	struct seminfo *info;
};

static int refuse(const struct task *t, const char *why, struct err *e)
{
	char object[64];

	snprintf(object, sizeof(object), "pid %d", t->host);
	return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", object,
		       "what it owes to semaphores (SEM_UNDO) cannot be found out: %s", why);
}

/* A thread through which to ask, or NULL: none has a list of adjustments. We are a fresh process without. */
static int who_owes(struct task *t, struct thread **ret, struct err *e)
{
	pid_t me = (pid_t)syscall(SYS_gettid);
	struct thread *first = NULL;

	for (size_t i = 0; i < t->n_threads; i++) {
		struct thread *th = &t->threads[i];
		int same;

		if (!th->rt || th->rt->exited)
			continue;
		same = proc_kcmp(me, th->host, KCMP_SYSVSEM, 0, 0);
		if (same < 0) {
			errno = -same;
			return err_sys(e, "kcmp", "pid %d: KCMP_SYSVSEM", th->host);
		}
		if (!same)
			continue;
		if (first && proc_kcmp(first->host, th->host, KCMP_SYSVSEM, 0, 0))
			return refuse(t, "its threads have lists of their own", e);
		first = first ? first : th;
	}
	*ret = first;
	return 0;
}

static void add_debts(struct model *m, struct undo_dump *u, struct task *t, struct thread *th,
		      int id, const unsigned short *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int sign = 1; sign >= -1; sign -= 2) {
			struct debt d = {
				.t = t,
				.th = th,
				.id = id,
				.num = (uint32_t)i,
				.value = values[i],
				.sign = sign,
				.hi = sign > 0 ? VALUE_MAX : VALUE_MAX + 1,
			};

			pool_push(m->pool, u->v, u->n, d);
		}
}

static int add_task(struct model *m, struct undo_dump *u, struct task *t, struct err *e)
{
	struct seminfo info;
	struct thread *th = NULL;
	int r = who_owes(t, &th, e), max;

	if (r || !th)
		return r;
	max = semctl(0, 0, SEM_INFO, (union semun){ .info = &info });
	for (int i = 0; i <= max; i++) {
		struct semid_ds ds;
		unsigned short *values;
		int id = semctl(i, 0, SEM_STAT, (union semun){ .buf = &ds });

		/* No operation was ever made on it. */
		if (id < 0 || !ds.sem_otime)
			continue;
		values = pool_alloc(m->pool, ds.sem_nsems * sizeof(*values));
		if (semctl(id, 0, GETALL, (union semun){ .array = values }) < 0)
			return err_sys(e, "semctl", "semaphore set %d: GETALL", id);
		add_debts(m, u, t, th, id, values, ds.sem_nsems);
	}
	return 0;
}

static int collect_inside(void *arg, void *ret, struct err *e)
{
	struct model *m = arg;
	int r = 0;

	for (size_t i = 0; !r && i < m->n_tasks; i++)
		if (m->tasks[i]->rt)
			r = add_task(m, ret, m->tasks[i], e);
	return r;
}

static void op_add(struct sembuf *ops, size_t *n, uint32_t num, int op, int flags)
{
	if (op)
		ops[(*n)++] = (struct sembuf){ (unsigned short)num, (short)op,
					       (short)(flags | IPC_NOWAIT) };
}

/* ERANGE: the adjustment is more than @d->asked in its direction. EAGAIN: it is not. */
static size_t probe_ops(const struct debt *d, struct sembuf *ops)
{
	int dist = VALUE_MAX + 1 - d->asked, half = dist / 2;
	size_t n = 0;

	if (d->sign > 0) {
		op_add(ops, &n, d->num, VALUE_MAX - d->value, 0);
		op_add(ops, &n, d->num, d->asked - VALUE_MAX, SEM_UNDO);
		op_add(ops, &n, d->num, -d->asked - 1, 0);
		return n;
	}
	/* One operation cannot go that far. */
	op_add(ops, &n, d->num, -d->value, 0);
	op_add(ops, &n, d->num, half, SEM_UNDO);
	op_add(ops, &n, d->num, -half, 0);
	op_add(ops, &n, d->num, dist - half, SEM_UNDO);
	op_add(ops, &n, d->num, half - dist - 1, 0);
	return n;
}

static void probe_call(struct prog *p, struct debt *d)
{
	struct sembuf ops[PROBE_OPS];
	size_t n;

	d->asked = d->lo ? d->lo + (d->hi - d->lo) / 2 : 0;
	n = probe_ops(d, ops);
	d->call = prog_call(p, "ask for a semaphore's undo", SYS_semop | SV_IGN, (uint64_t)d->id,
			    (uintptr_t)prog_dup(p, ops, n * sizeof(*ops)), n);
	d->in_run = true;
}

static int probe_result(const struct prog *p, struct debt *d, struct err *e)
{
	int64_t res = prog_res(p, d->call);
	char why[64];

	d->in_run = false;
	if (res == -ERANGE) {
		d->lo = d->asked + 1;
		return 0;
	}
	if (res == -EAGAIN) {
		d->hi = d->asked;
		return 0;
	}
	snprintf(why, sizeof(why), "semaphore set %d: %s", d->id, strerror((int)-res));
	return refuse(d->t, why, e);
}

/* Some of those that are not known yet, of every task. False: all are known. */
static bool round_begin(struct undo_dump *u)
{
	struct prog *p = NULL;
	bool any = false;
	size_t n = 0;

	for (size_t i = 0; i < u->n; i++) {
		struct debt *d = &u->v[i];

		if (p != &d->th->rt->prog) {
			p = &d->th->rt->prog;
			n = 0;
			prog_free(p);
			prog_init(p, &d->th->rt->task->arena);
		}
		if (d->lo == d->hi || n == PROBES_AT_ONCE)
			continue;
		probe_call(p, d);
		any = true;
		n++;
	}
	return any;
}

static int round_end(struct undo_dump *u, struct err *e)
{
	for (size_t i = 0; i < u->n; i++) {
		struct debt *d = &u->v[i];
		int r = d->in_run ? probe_result(&d->th->rt->prog, d, e) : 0;

		if (r)
			return r;
	}
	return 0;
}

int ipc_undo_dump(struct model *m, const struct ns *ns, struct remote *remote, struct err *e)
{
	struct undo_dump *u = pool_alloc(m->pool, sizeof(*u));
	size_t *used = pool_alloc(m->pool, (m->n_tasks + 1) * sizeof(*used));
	int r;

	m->ipc_state = u;
	r = ns_helper_call(ns->holder->host, CLONE_NEWIPC, collect_inside, m, u, e);
	for (size_t i = 0; i < m->n_tasks; i++)
		used[i] = m->tasks[i]->rt ? m->tasks[i]->rt->arena.used : 0;
	while (!r && round_begin(u)) {
		r = remote_run(remote, e);
		if (!r)
			r = round_end(u, e);
		/* The next round's calls take the place of these. */
		for (size_t i = 0; i < m->n_tasks; i++)
			if (m->tasks[i]->rt)
				m->tasks[i]->rt->arena.used = used[i];
	}
	return r;
}

void ipc_undo_fill(struct model *m, IpcSemEntry *se)
{
	const struct undo_dump *u = m->ipc_state;

	for (size_t i = 0; u && i < u->n; i++) {
		const struct debt *d = &u->v[i];
		IpcSemUndo *su;

		if (d->id != (int)se->desc->id || !d->lo)
			continue;
		su = pool_msg(m->pool, IpcSemUndo, ipc_sem_undo__init);
		su->pid = (uint32_t)d->t->pid;
		su->num = d->num;
		su->adj = d->sign * d->lo;
		pool_push(m->pool, se->stasis_undo, se->n_stasis_undo, su);
	}
}
