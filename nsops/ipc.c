/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IPC namespace: its limits (ipcns-var-*.img), and the table of the kinds of
 * objects in it. Limits and lists show the namespace of whoever opens the files,
 * so all of it happens in helpers inside.
 */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/nshelper.h"
#include "image/image.h"
#include "nsops/ipc-internal.h"

/* What a fresh namespace has (include/uapi/linux/{sem,msg,shm}.h, linux/ipc_namespace.h). */
#define SHM_ALL_DEFAULT (ULONG_MAX - (1ul << 24))

struct ipc_var {
	const char *path; /* below /proc/sys */
	size_t off, has_off;
	bool wide; /* 64 bits */
	uint64_t fresh;
};

#define VAR(path, field, wide, fresh)                                                              \
	{                                                                                          \
		path, offsetof(IpcVarEntry, field), 0, wide, fresh                                 \
	}
#define OPT(path, field, fresh)                                                                    \
	{                                                                                          \
		path, offsetof(IpcVarEntry, field), offsetof(IpcVarEntry, has_##field), false,     \
			fresh                                                                      \
	}

static const struct ipc_var ipc_vars[] = {
	VAR("kernel/msgmax", msg_ctlmax, false, 8192),
	VAR("kernel/msgmnb", msg_ctlmnb, false, 16384),
	VAR("kernel/msgmni", msg_ctlmni, false, 32000),
	VAR("kernel/auto_msgmni", auto_msgmni, false, 0),
	VAR("kernel/shmmax", shm_ctlmax, true, SHM_ALL_DEFAULT),
	VAR("kernel/shmall", shm_ctlall, true, SHM_ALL_DEFAULT),
	VAR("kernel/shmmni", shm_ctlmni, false, 4096),
	VAR("kernel/shm_rmid_forced", shm_rmid_forced, false, 0),
	VAR("fs/mqueue/queues_max", mq_queues_max, false, 256),
	VAR("fs/mqueue/msg_max", mq_msg_max, false, 10),
	VAR("fs/mqueue/msgsize_max", mq_msgsize_max, false, 8192),
	OPT("fs/mqueue/msg_default", mq_msg_default, 10),
	OPT("fs/mqueue/msgsize_default", mq_msgsize_default, 8192),
	OPT("kernel/msg_next_id", msg_next_id, UINT32_MAX),
	OPT("kernel/sem_next_id", sem_next_id, UINT32_MAX),
	OPT("kernel/shm_next_id", shm_next_id, UINT32_MAX),
};

#define N_SEM 4

struct ipc_limits {
	uint64_t vars[ARRAY_SIZE(ipc_vars)];
	bool has[ARRAY_SIZE(ipc_vars)];
	uint32_t sem[N_SEM];
};

static void var_set(IpcVarEntry *v, const struct ipc_var *d, uint64_t value)
{
	char *at = (char *)v + d->off;

	if (d->wide)
		*(uint64_t *)at = value;
	else
		*(uint32_t *)at = (uint32_t)value;
	if (d->has_off)
		*(protobuf_c_boolean *)((char *)v + d->has_off) = 1;
}

static uint64_t var_get(const IpcVarEntry *v, const struct ipc_var *d)
{
	const char *at = (const char *)v + d->off;

	if (d->has_off && !*(const protobuf_c_boolean *)((const char *)v + d->has_off))
		return d->fresh;
	return d->wide ? *(const uint64_t *)at : *(const uint32_t *)at;
}

static int vars_read(struct ipc_limits *s, struct err *e)
{
	char path[64], buf[128];
	ssize_t n;

	for (size_t i = 0; i < ARRAY_SIZE(ipc_vars); i++) {
		snprintf(path, sizeof(path), "/proc/sys/%s", ipc_vars[i].path);
		n = read_text_at(AT_FDCWD, path, buf, sizeof(buf));
		s->vars[i] = ipc_vars[i].fresh;
		s->has[i] = n >= 0;
		if (n == -ENOENT) /* a kernel without message queues */
			continue;
		if (n < 0) {
			errno = (int)-n;
			return err_sys(e, "read", "%s", path);
		}
		s->vars[i] = strtoull(buf, NULL, 10);
		/* No next id is -1. */
		if (!ipc_vars[i].wide)
			s->vars[i] = (uint32_t)s->vars[i];
	}
	n = read_text_at(AT_FDCWD, "/proc/sys/kernel/sem", buf, sizeof(buf));
	if (n < 0 ||
	    sscanf(buf, "%u %u %u %u", &s->sem[0], &s->sem[1], &s->sem[2], &s->sem[3]) != N_SEM) {
		errno = n < 0 ? (int)-n : EIO;
		return err_sys(e, "read", "/proc/sys/kernel/sem");
	}
	return 0;
}

static const struct ipc_kind *const ipc_kinds[] = {
	&ipc_kind_shm,
	&ipc_kind_sem,
	&ipc_kind_msg,
	&ipc_kind_mqueue,
};

struct work {
	struct model *m;
	const struct ns *ns;
	struct err_list *blockers;
};

void ipc_list_kinds(kind_fn *fn, void *ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(ipc_kinds); i++)
		fn(ctx, ipc_kinds[i]->name, NULL, NULL);
}

static int check_inside(void *arg, void *ret, struct err *e)
{
	const struct work *w = arg;
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(ipc_kinds); i++)
		r = ipc_kinds[i]->check ? ipc_kinds[i]->check(w->m, w->blockers, e) : 0;
	return r;
}

int ipc_preflight(struct model *m, const struct ns *ns, struct err_list *blockers, struct err *e)
{
	struct work w = { m, ns, blockers };
	int r = ns_helper_call(ns->holder->host, CLONE_NEWIPC, check_inside, &w, NULL, e);

	return r ? err_in(e, "IPC namespace of pid %d", ns->holder->host) : 0;
}

static int vars_dump(struct model *m, const struct ns *ns, struct err *e)
{
	IpcVarEntry v = IPC_VAR_ENTRY__INIT;
	struct ipc_limits s = { 0 };
	int r = vars_read(&s, e);

	if (r)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(ipc_vars); i++)
		if (s.has[i] || !ipc_vars[i].has_off)
			var_set(&v, &ipc_vars[i], s.vars[i]);
	v.n_sem_ctls = N_SEM;
	v.sem_ctls = s.sem;
	return image_put_one(m->dir, IMG_IPC_VAR, ns->id, &v.base, e);
}

static int dump_inside(void *arg, void *ret, struct err *e)
{
	const struct work *w = arg;
	int r = vars_dump(w->m, w->ns, e);

	for (size_t i = 0; !r && i < ARRAY_SIZE(ipc_kinds); i++)
		r = ipc_kinds[i]->dump(w->m, w->ns, e);
	return r;
}

int ipc_dump(struct model *m, const struct ns *ns, struct err *e)
{
	struct work w = { m, ns, NULL };
	int r = ns_helper_call(ns->holder->host, CLONE_NEWIPC, dump_inside, &w, NULL, e);

	return r ? err_in(e, "IPC namespace of pid %d", ns->holder->host) : 0;
}

static int var_read(struct model *m, const struct ns *ns, IpcVarEntry **ret, struct err *e)
{
	IpcVarEntry *v;
	int r = image_get_one(m->dir, IMG_IPC_VAR, ns->id, &ipc_var_entry__descriptor, &v, e);

	if (r)
		return r;
	if (v->n_sem_ctls != N_SEM)
		return err_set(e, ERR_IMAGE, EINVAL, "read", "ipcns-var image",
			       "it has %zu semaphore limits instead of %d", v->n_sem_ctls, N_SEM);
	*ret = v;
	return 0;
}

int ipc_read(struct model *m, const struct ns *ns, struct err *e)
{
	struct ipc_state *s = pool_alloc(m->pool, sizeof(*s));
	int r = var_read(m, ns, &s->var, e);

	m->ipc_state = s;
	for (size_t i = 0; !r && i < ARRAY_SIZE(ipc_kinds); i++)
		r = ipc_kinds[i]->read(m, ns, s, e);
	return r;
}

/* Calls for one object, for what one semaphore or undo needs, and the last message of a queue. */
#define NEED_OBJECT 4096
#define NEED_CALL 512

size_t ipc_arena_need(const struct model *m)
{
	const struct ipc_state *s = m->ipc_state;
	size_t need = (s->n_shms + s->n_sems + s->n_queues) * NEED_OBJECT;

	for (size_t i = 0; i < s->n_sems; i++) {
		const IpcSemEntry *se = s->sems[i].e;

		need += (se->n_stasis_pids + 8 * se->n_stasis_undo + m->n_tasks) * NEED_CALL;
	}
	for (size_t i = 0; i < s->n_queues; i++)
		if (s->queues[i].n)
			need += s->queues[i].v[s->queues[i].n - 1].e->msize;
	return need;
}

static int limit_write(const char *name, const char *value, struct err *e)
{
	char path[64];
	_cleanup_close_ int fd = -EBADF;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open", "%s", path);
	if (write(fd, value, strlen(value)) < 0)
		return err_sys(e, "write", "%s: %s", path, value);
	return 0;
}

/* Objects may be larger than the limits of the day allow: those come last. */
static int raise_inside(void *arg, void *ret, struct err *e)
{
	static const char *const high[][2] = {
		{ "kernel/shmmni", "32768" },
		{ "kernel/msgmax", "2147483647" },
		{ "kernel/msgmnb", "2147483647" },
		{ "kernel/sem", "65536 2147483647 500 32768" },
		{ "fs/mqueue/queues_max", "65536" },
		{ "fs/mqueue/msg_max", "65536" },
		{ "fs/mqueue/msgsize_max", "16777216" },
	};
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(high); i++)
		r = limit_write(high[i][0], high[i][1], e);
	return r;
}

int ipc_make(struct maker *mk, struct err *e)
{
	struct ipc_state *s = mk->m->ipc_state;
	int r = 0;

	if (s->n_shms + s->n_sems + s->n_queues + s->n_mqueues)
		r = ipc_inside(mk->m, raise_inside, NULL, NULL, e);
	for (size_t i = 0; !r && i < ARRAY_SIZE(ipc_kinds); i++)
		r = ipc_kinds[i]->make(mk, s, e);
	return r ? err_in(e, "IPC namespace") : 0;
}

/* Only what differs. kernel/shm_rmid_forced would destroy what is not attached yet. */
static int vars_write(const IpcVarEntry *v, struct err *e)
{
	struct ipc_limits now = { 0 };
	char buf[128];
	int r = vars_read(&now, e);

	for (size_t i = 0; !r && i < ARRAY_SIZE(ipc_vars); i++) {
		uint64_t value = var_get(v, &ipc_vars[i]);

		if (value == now.vars[i])
			continue;
		snprintf(buf, sizeof(buf), "%llu", (unsigned long long)value);
		r = limit_write(ipc_vars[i].path, buf, e);
	}
	if (r || !memcmp(v->sem_ctls, now.sem, sizeof(now.sem)))
		return r;
	snprintf(buf, sizeof(buf), "%u %u %u %u", v->sem_ctls[0], v->sem_ctls[1], v->sem_ctls[2],
		 v->sem_ctls[3]);
	return limit_write("kernel/sem", buf, e);
}

static int finish_inside(void *arg, void *ret, struct err *e)
{
	struct model *m = arg;
	struct ipc_state *s = m->ipc_state;
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(ipc_kinds); i++)
		r = ipc_kinds[i]->finish ? ipc_kinds[i]->finish(m, s, e) : 0;
	return r ? r : vars_write(s->var, e);
}

int ipc_finish(struct model *m, struct err *e)
{
	int r = ipc_inside(m, finish_inside, m, NULL, e);

	return r ? err_in(e, "IPC namespace") : 0;
}
