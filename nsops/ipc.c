/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IPC namespace: its limits (ipcns-var-*.img). Objects in it (System V
 * segments, semaphores, message queues, POSIX queues) are found and refused by
 * name. Limits and lists show the namespace of whoever opens the files.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/nshelper.h"
#include "image/image.h"
#include "nsops/nsops-internal.h"

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
};

#define N_SEM 4
static const uint32_t sem_fresh[N_SEM] = { 32000, 1024000000, 500, 32000 };

struct ipc_state {
	uint64_t vars[ARRAY_SIZE(ipc_vars)];
	bool has[ARRAY_SIZE(ipc_vars)];
	uint32_t sem[N_SEM];
	char objects[4][96]; /* one of each kind, if any */
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

static int vars_read(struct ipc_state *s, struct err *e)
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
	}
	n = read_text_at(AT_FDCWD, "/proc/sys/kernel/sem", buf, sizeof(buf));
	if (n < 0 ||
	    sscanf(buf, "%u %u %u %u", &s->sem[0], &s->sem[1], &s->sem[2], &s->sem[3]) != N_SEM) {
		errno = n < 0 ? (int)-n : EIO;
		return err_sys(e, "read", "/proc/sys/kernel/sem");
	}
	return 0;
}

/* The second line of a /proc/sysvipc file is its first object. */
static int sysv_first(const char *name, const char *what, char *ret, size_t size, struct err *e)
{
	char path[64], *next;
	_cleanup_free_ char *text = NULL;
	ssize_t n;
	int key, id;

	snprintf(path, sizeof(path), "/proc/sysvipc/%s", name);
	n = read_text_alloc(AT_FDCWD, path, &text);
	if (n == -ENOENT)
		return 0;
	if (n < 0) {
		errno = (int)-n;
		return err_sys(e, "read", "%s", path);
	}
	next = strchr(text, '\n');
	if (next && sscanf(next + 1, "%d %d", &key, &id) == 2)
		snprintf(ret, size, "%s %d (key 0x%x)", what, id, (unsigned)key);
	return 0;
}

/* Listed through a mount of our own that is attached nowhere. */
static int mqueue_first(char *ret, size_t size, struct err *e)
{
	_cleanup_close_ int fs = fsopen("mqueue", FSOPEN_CLOEXEC);
	_cleanup_close_ int mnt = -EBADF;
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *de;

	if (fs < 0 && errno == ENODEV)
		return 0;
	if (fs >= 0 && !fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (mnt < 0)
		return err_sys(e, "mount", "mqueue, to list message queues");
	d = fdopendir(openat(mnt, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (!d)
		return err_sys(e, "open", "mqueue, to list message queues");
	while ((de = readdir(d)))
		if (de->d_name[0] != '.')
			snprintf(ret, size, "POSIX message queue /%.60s", de->d_name);
	return 0;
}

static int state_read(void *arg, void *ret, struct err *e)
{
	struct ipc_state *s = ret;
	const size_t size = sizeof(s->objects[0]);
	int r = vars_read(s, e);

	if (!r)
		r = sysv_first("shm", "shared memory segment", s->objects[0], size, e);
	if (!r)
		r = sysv_first("sem", "semaphore set", s->objects[1], size, e);
	if (!r)
		r = sysv_first("msg", "message queue", s->objects[2], size, e);
	if (!r)
		r = mqueue_first(s->objects[3], size, e);
	return r;
}

static int state_get(const struct ns *ns, struct ipc_state *s, struct err *e)
{
	int r = ns_helper_call(ns->holder->host, CLONE_NEWIPC, state_read, NULL, s, e);

	return r ? err_in(e, "IPC namespace of pid %d", ns->holder->host) : 0;
}

static int object_error(const char *object, struct err *e)
{
	err_set(e, ERR_UNSUPPORTED, ENOTSUP, "checkpoint", object,
		"objects in an IPC namespace of the tree's own are not supported yet");
	err_about(e, 0, "ipc object");
	return err_hint(e, "remove it (ipcrm, mq_unlink) before the checkpoint");
}

int ipc_preflight(struct model *m, const struct ns *ns, struct err_list *blockers, struct err *e)
{
	struct ipc_state s = { 0 };
	int r = state_get(ns, &s, e);

	for (size_t i = 0; !r && i < ARRAY_SIZE(s.objects); i++) {
		struct err b = { 0 };

		if (!s.objects[i][0])
			continue;
		object_error(s.objects[i], &b);
		err_list_add(blockers, &b);
	}
	return r;
}

int ipc_dump(struct model *m, const struct ns *ns, struct err *e)
{
	IpcVarEntry v = IPC_VAR_ENTRY__INIT;
	struct ipc_state s = { 0 };
	int r = state_get(ns, &s, e);

	if (r)
		return r;
	/* The list before the freeze was a warning; what counts is what is there now. */
	for (size_t i = 0; i < ARRAY_SIZE(s.objects); i++)
		if (s.objects[i][0])
			return object_error(s.objects[i], e);
	for (size_t i = 0; i < ARRAY_SIZE(ipc_vars); i++)
		if (s.has[i] || !ipc_vars[i].has_off)
			var_set(&v, &ipc_vars[i], s.vars[i]);
	v.n_sem_ctls = N_SEM;
	v.sem_ctls = s.sem;
	return image_put_one(m->dir, IMG_IPC_VAR, ns->id, &v.base, e);
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
	static const enum image_id ids[] = { IMG_IPCNS_SHM, IMG_IPCNS_SEM, IMG_IPCNS_MSG };
	IpcVarEntry *v;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct image_in *in = NULL;
		uint64_t left;
		int r;

		if (!image_exists(m->dir, ids[i], ns->id))
			continue;
		r = image_open(m->dir, ids[i], ns->id, &in, e);
		if (r)
			return r;
		left = image_left(in);
		image_in_close(in);
		if (left)
			return err_set(e, ERR_UNSUPPORTED, ENOTSUP, "restore", "IPC namespace",
				       "System V objects in it are not supported yet");
	}
	return var_read(m, ns, &v, e);
}

static void limit_write(struct prog *p, const char *path, const char *value)
{
	size_t open_at = p->n;

	prog_call(p, "IPC limit: open", SYS_openat, AT_FDCWD, (uintptr_t)prog_strdup(p, path),
		  O_WRONLY | O_CLOEXEC);
	prog_call(p, "IPC limit: write", SYS_write, 0, (uintptr_t)prog_strdup(p, value),
		  strlen(value));
	prog_ref(p, open_at, 0);
	prog_call(p, "IPC limit: close", SYS_close, 0);
	prog_ref(p, open_at, 0);
}

/* Only what differs from a fresh namespace: usually nothing. */
int ipc_build(struct maker *mk, const struct ns *ns, struct err *e)
{
	IpcVarEntry *v;
	char path[64], buf[128];
	int r = var_read(mk->m, ns, &v, e);

	if (r)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(ipc_vars); i++) {
		uint64_t value = var_get(v, &ipc_vars[i]);

		if (value == ipc_vars[i].fresh)
			continue;
		snprintf(path, sizeof(path), "/proc/sys/%s", ipc_vars[i].path);
		snprintf(buf, sizeof(buf), "%llu", (unsigned long long)value);
		limit_write(mk->p, path, buf);
	}
	if (memcmp(v->sem_ctls, sem_fresh, sizeof(sem_fresh))) {
		snprintf(buf, sizeof(buf), "%u %u %u %u", v->sem_ctls[0], v->sem_ctls[1],
			 v->sem_ctls[2], v->sem_ctls[3]);
		limit_write(mk->p, "/proc/sys/kernel/sem", buf);
	}
	return 0;
}
