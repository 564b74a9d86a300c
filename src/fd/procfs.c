// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files of /proc about a process: /proc/PID/stat, /proc/PID/net/tcp ... They
 * are opened again by name. On restore the processes are there when files are
 * opened, but not yet their threads and descriptors: files about those are
 * opened late (late.c). A file about a process that is gone needs one that
 * goes again: the restored tree gets a helper with its number, which ends
 * before anybody looks.
 */
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>

#include "base/proc.h"
#include "fd/procfs.h"

#define PROC_ROOT_INO 1 /* linux/proc_fs.h */

static bool is_number(const char *p, size_t len)
{
	return len && len < 10 && p[0] != '0' && strspn(p, "0123456789") >= len;
}

/* The top of a proc filesystem that the first @len bytes of @path lead to, or -1. */
static int proc_top(int root_fd, const char *path, size_t len)
{
	_cleanup_free_ char *dir = strndup(path, len);
	_cleanup_close_ int fd = -EBADF;
	struct statfs fs;
	struct stat st;

	if (!dir)
		return -1;
	fd = open_in_root(root_fd, len ? dir : "/", O_PATH | O_DIRECTORY, 0);
	if (fd < 0 || fstatfs(fd, &fs) || fstat(fd, &st))
		return -1;
	if (fs.f_type != PROC_SUPER_MAGIC || st.st_ino != PROC_ROOT_INO)
		return -1;
	return take_fd(fd);
}

static const char *skip(const char *p, size_t len)
{
	p += len;
	return p + (*p == '/');
}

/* @p: what stands behind a proc filesystem's top: a number first. */
static void parse(const char *p, struct proc_name *ret)
{
	size_t len = strcspn(p, "/");

	*ret = (struct proc_name){ .pid = atoi(p) };
	p = skip(p, len);
	if (!strncmp(p, "task/", 5) && is_number(p + 5, strcspn(p + 5, "/"))) {
		p += 5;
		ret->tid = atoi(p);
		p = skip(p, strcspn(p, "/"));
	}
	ret->rest = p;
}

bool proc_name_find(int root_fd, const char *path, struct proc_name *ret, int *ret_top)
{
	for (const char *p = path; *p == '/';) {
		size_t len = strcspn(++p, "/");
		int top;

		if (is_number(p, len)) {
			top = proc_top(root_fd, path, (size_t)(p - path - 1));
			if (top >= 0) {
				parse(p, ret);
				*ret_top = top;
				return true;
			}
		}
		p += len;
	}
	return false;
}

bool proc_name_is(int root_fd, const char *path)
{
	_cleanup_close_ int top = -EBADF;
	struct proc_name n;

	return proc_name_find(root_fd, path, &n, &top);
}

bool proc_name_is_late(const struct proc_name *n)
{
	static const char *const dirs[] = { "fd/", "fdinfo/", "map_files/" };

	if (n->tid && n->tid != n->pid)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (!strncmp(n->rest, dirs[i], strlen(dirs[i])))
			return true;
	return false;
}

/* Numbers that mean nothing in the tree: it has a pid namespace, the proc filesystem shows ours. */
static bool shows_foreign_pids(const struct model *m, int top)
{
	char self[16], ours[16];
	ssize_t n;

	if (!model_has_own_ns(m, NS_PID))
		return false;
	n = readlinkat(top, "self", self, sizeof(self) - 1);
	if (n < 0)
		return false;
	self[n] = 0;
	snprintf(ours, sizeof(ours), "%d", getpid());
	return !strcmp(self, ours);
}

/* The kernel remembers of these who opened them, and decides by that. */
static bool asks_for_opener(const struct proc_name *n, unsigned flags)
{
	static const char *const written[] = { "uid_map", "gid_map", "projid_map", "setgroups" };

	if (flags & O_PATH)
		return false;
	if (!strcmp(n->rest, "pagemap"))
		return true;
	if ((flags & O_ACCMODE) == O_RDONLY)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(written); i++)
		if (!strcmp(n->rest, written[i]))
			return true;
	return !strncmp(n->rest, "attr/", 5);
}

/*
 * Below a living process, but itself gone. A process that is gone serves as
 * well as a thread: every use fails with ESRCH.
 */
static int part_gone(struct fd_dump *d, const struct fd_look *l, const struct proc_name *n,
		     struct fd_name *nm, pid_t *ret_dead, struct err *e)
{
	const char *task = strstr(nm->path, "/task/");
	size_t top;

	if (!n->tid || n->tid == n->pid || !task) {
		fd_refuse(l, e, "the descriptor or mapping that it is about is gone");
		return err_hint(e, "close it before the checkpoint, or try again");
	}
	for (top = (size_t)(task - nm->path); nm->path[top - 1] != '/'; top--)
		;
	nm->path = pool_printf(d->m->pool, "%.*s%d%s", (int)top, nm->path, n->tid, task);
	*ret_dead = n->tid;
	return 0;
}

int proc_check(struct fd_dump *d, const struct fd_look *l, struct fd_name *nm, pid_t *ret_dead,
	       struct err *e)
{
	_cleanup_close_ int top = -EBADF;
	struct proc_name n;

	*ret_dead = 0;
	if (!proc_name_find(d->root_fd, nm->path, &n, &top))
		return 0;
	if (shows_foreign_pids(d->m, top)) {
		fd_refuse(l, e,
			  "it is about a process by its number outside the tree's pid namespace");
		return err_hint(e, "mount a proc of its own in the tree");
	}
	if (asks_for_opener(&n, l->info.flags)) {
		fd_refuse(l, e, "the kernel judges its use by who opened it: not supported");
		return err_hint(e, "close the descriptor before the checkpoint");
	}
	if (l->info.pos > INT64_MAX)
		return fd_refuse(l, e, "its position is beyond what can be sought");
	if (!nm->deleted)
		return 0;
	if (model_task_by_pid(d->m, n.pid))
		return part_gone(d, l, &n, nm, ret_dead, e);
	*ret_dead = n.pid;
	return 0;
}

static bool is_thread(const struct model *m, pid_t tid)
{
	for (size_t i = 0; i < m->n_tasks; i++)
		for (size_t k = 0; k < m->tasks[i]->n_threads; k++)
			if (m->tasks[i]->threads[k].tid == tid)
				return true;
	return false;
}

static void add_dead(struct model *m, pid_t pid)
{
	for (size_t i = 0; i < m->n_dead_pids; i++)
		if (m->dead_pids[i] == pid)
			return;
	pool_push(m->pool, m->dead_pids, m->n_dead_pids, pid);
}

int proc_remap(struct fd_restore *r, struct file_obj *f, uint32_t pid, struct image_in *in,
	       struct err *e)
{
	if (!pid || pid > PID_LIMIT || is_thread(r->m, (pid_t)pid))
		return image_bad(in, e, "file %u (%s): %u is not the number of a dead process",
				 f->id, f->entry->reg->name, pid);
	add_dead(r->m, (pid_t)pid);
	return 0;
}

void proc_dead_pid(struct model *m, pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (!is_thread(m, pid) && (model_has_own_ns(m, NS_PID) || access(path, F_OK)))
		add_dead(m, pid);
}

/* Someone else's process may have ended since: that, too, is a process that is gone. */
void proc_find_dead(struct model *m)
{
	for (size_t i = 0; i < m->n_files; i++) {
		const struct file_obj *f = m->files[i];
		const char *name = f->entry->type == FD_TYPES__REG ? f->entry->reg->name : "";
		struct proc_name n;

		if (strncmp(name, "/proc/", 6) || !is_number(name + 6, strcspn(name + 6, "/")))
			continue;
		parse(name + 6, &n);
		proc_dead_pid(m, n.pid);
	}
}
