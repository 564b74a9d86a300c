/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Restore, step by step. The coordinator reads and checks everything, lets the
 * stubs grow the tree, makes the objects meanwhile, builds all tasks at once,
 * and lets them go together. Until the commit a failure leaves nothing behind.
 */
#define LOG_MODULE "restore"
#include "restore.h"
#include "restore-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/watchdog.h"
#include "cgroup/cgroup.h"
#include "hooks/hooks.h"
#include "image/image.h"
#include "model/build.h"
#include "model/ids.h"
#include "model/model.h"
#include "model/options.h"
#include "mounts/mounts.h"
#include "netns/netns.h"
#include "nsops/nsops.h"
#include "parasite/stub.h"
#include "recover.h"
#include "src/fd/fd.h"
#include "src/mem/mem.h"
#include "src/task/restore.h"
#include "src/task/task.h"
#include "stats.h"
#include "steps.h"
#include "undo.h"

#include <linux/netlink.h>
#include <linux/sched.h>
#include <sys/socket.h>

/* A number taken by a zombie that its parent is about to reap is worth waiting for. */
#define PID_WAIT_US (2ull * 1000 * 1000)

static int too_many(struct restore *r, const char *what, struct err *e)
{
	if (!r->problems->n)
		return 0;
	*e = r->problems->v[0];
	if (r->problems->n == 1)
		return -e->code;
	return err_set(e, e->class, e->code, what, "", "%zu things stand in the way",
		       r->problems->n);
}

static int step_images(void *ctx, struct err *e)
{
	struct restore *r = ctx;
	struct model *m = r->m;
	int x = image_dir_open(&m->dir, r->o->images_dir, m->pool, &m->foreign, e);

	if (!x && m->foreign)
		log_warn(
			"%s holds no manifest: images of another tool, going on without their checksums",
			r->o->images_dir);
	if (!x)
		x = image_get_one(m->dir, IMG_INVENTORY, 0, &inventory_entry__descriptor,
				  &m->inventory, e);
	if (!x)
		x = task_read(m, e);
	if (!x)
		x = ns_read(m, e);
	if (!x)
		x = fd_read(m, e);
	if (!x)
		x = mem_read(m, e);
	if (!x)
		x = mounts_read(m, e);
	if (!x)
		x = netns_read(m, e);
	if (!x)
		x = cgroups_read(m, e);
	r->hooks.images_fd = x ? -1 : image_dir_fd(m->dir);
	return x;
}

/* Numbers that the tree needs in our own pid namespace. */
static bool is_pid_of_tree(const void *ctx, pid_t pid)
{
	const struct model *m = ctx;

	if (model_has_own_ns(m, NS_PID))
		return false;
	for (size_t i = 0; i < m->n_tasks; i++)
		for (size_t k = 0; k < m->tasks[i]->n_threads; k++)
			if (m->tasks[i]->threads[k].tid == pid)
				return true;
	return false;
}

static int step_guard(void *ctx, struct err *e)
{
	struct restore *r = ctx;
	int x = watchdog_self(r->o->give_up, r->o->give_up_ctx, is_pid_of_tree, r->m, e);

	if (!x)
		x = journal_create(&r->j, NULL, "restore", getpid(), e);
	r->m->journal = r->j;
	r->m->undo_unlink = undo_add_unlink;
	return x ? x : watchdog_guard(&r->guard, r->j, undo_kinds, is_pid_of_tree, r->m, e);
}

static int step_check(void *ctx, struct err *e)
{
	struct restore *r = ctx;
	uint64_t deadline = now_us() + PID_WAIT_US;
	int x;

	for (;;) {
		x = task_conflicts(r->m, r->problems, e);
		if (x || !r->problems->n || now_us() > deadline || cancelled())
			break;
		err_list_free(r->problems);
		usleep(2000);
	}
	if (!x)
		x = task_privileges(r->m, r->problems, e);
	if (!x)
		x = mounts_check(r->m, r->problems, e);
	if (!x)
		x = cgroups_check(r->m, r->problems, e);
	return x ? x : too_many(r, "restore", e);
}

static int hook(struct restore *r, enum hook_point p, struct err *e)
{
	pid_t pid = r->stubs && r->stubs->n ? r->stubs->v[0]->host : 0;

	return hooks_run(&r->hooks, p, pid, NULL, e);
}

static int step_pre_restore(void *ctx, struct err *e)
{
	return hook(ctx, HOOK_PRE_RESTORE, e);
}

static int max_fd(const struct model *m)
{
	int max = 0;

	for (size_t i = 0; i < m->n_tasks; i++) {
		const struct task *t = m->tasks[i];

		if (t->n_fds && t->fds[t->n_fds - 1].fd > max)
			max = t->fds[t->n_fds - 1].fd;
		/* Slots are numbered from 0: descriptors, files of mappings, a few more. */
		if ((int)(t->n_fds + t->n_vmas) + 16 > max)
			max = t->n_fds + t->n_vmas + 16;
	}
	if (mounts_max_fds(m) > max)
		max = mounts_max_fds(m);
	return max;
}

static int step_arena(void *ctx, struct err *e)
{
	struct restore *r = ctx;
	uint64_t(*ranges)[2];
	size_t n;
	int x = mem_ranges(r->m, &ranges, &n, e);

	if (!x)
		x = stubs_new(&r->stubs, r->m->pool, (const uint64_t(*)[2])ranges, n, max_fd(r->m),
			      r->m->n_tasks, r->m->n_threads,
			      mem_arena_need(r->m) + ns_arena_need(r->m) + task_arena_need(r->m),
			      e);
	return x ? x : task_plan(r->m, r->stubs, e);
}

static void undo_arena(void *ctx)
{
	struct restore *r = ctx;

	stubs_free(r->stubs);
	r->stubs = NULL;
}

static int write_maps(void *ctx, pid_t root, struct err *e)
{
	struct restore *r = ctx;

	return ns_user_fill(r->m, root, e);
}

/* What the midwife opened is in our table. */
static void outer_take(const struct maker *mk)
{
	for (size_t i = 0; i < mk->n_wishes; i++)
		*mk->wishes[i].ret_fd = (int)prog_res(mk->p, mk->wishes[i].call);
}

static int step_birth(void *ctx, struct err *e)
{
	struct restore *r = ctx;
	struct model *m = r->m;
	struct prog outer, first;
	struct maker mk = { .m = m, .p = &outer };
	struct stub_birth b = {
		.first = &first,
		.flags = ns_clone_flags(m) | (r->o->restore_sibling ? CLONE_PARENT : 0),
		.set_pid = true,
		.alone = m->n_cttys > 0,
		.cgroup = -EBADF,
		.owner = m->has_user_owner ? m->user_owner : geteuid(),
		.groups = m->kept_groups,
		.n_groups = m->n_kept_groups,
		.map = write_maps,
		.ctx = r,
	};
	uint32_t id;
	int x = 0;

	b.root_uid = model_uid_out(m, 0, &id);
	b.root_gid = model_gid_out(m, 0, &id);
	prog_init(&outer, &r->stubs->arena);
	if (model_has_own_ns(m, NS_USER) && model_has_own_ns(m, NS_MNT)) {
		x = mounts_build_outer(&mk, e);
		prog_seal(&outer);
		b.outer = &outer;
	}
	prog_init(&first, &r->stubs->arena);
	if (!x)
		x = ns_birth(m, &first, e);
	if (!x && model_has_own_ns(m, NS_CGROUP))
		/* Its root is where the caller is. */
		prog_call(&first, "make the cgroup namespace", SYS_unshare, CLONE_NEWCGROUP);
	if (!x)
		x = cgroups_enter(m, &b.cgroup, e);
	if (!x)
		x = stubs_birth(r->stubs, &b, e);
	cgroups_leave(m);
	if (!x)
		outer_take(&mk);
	prog_free(&outer);
	prog_free(&first);
	return x ? x : undo_add_kill(r->j, r->stubs->v[0]->host, e);
}

static bool has_own_namespaces(const struct restore *r)
{
	return ns_clone_flags(r->m) != 0;
}

static int fill_net(struct restore *r, struct err *e)
{
	_cleanup_close_ int sock = -EBADF;
	int x;

	if (!model_has_own_ns(r->m, NS_NET))
		return 0;
	x = ns_socket(r->stubs->v[0]->host, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE,
		      &sock, e);
	return x ? x : netns_fill(r->m, r->stubs->v[0]->host, sock, e);
}

static int run_in_task(struct maker *mk, struct task *t, struct prog *p, struct err *e)
{
	struct restore *r = mk->run_ctx;

	return stub_run(r->stubs, t->stub, p, e);
}

static int step_namespaces(void *ctx, struct err *e)
{
	struct restore *r = ctx;
	struct prog p;
	struct maker mk = { .m = r->m, .p = &p, .run = run_in_task, .run_ctx = r };
	int x = stubs_born(r->stubs, e);

	r->t_forked = now_us();
	if (!x)
		x = restore_place_born(r, e);
	if (x || !has_own_namespaces(r))
		return x;
	x = hook(r, HOOK_SETUP_NAMESPACES, e);
	prog_init(&p, &r->stubs->arena);
	if (!x)
		x = ns_make(&mk, e);
	if (!x)
		x = ns_build(&mk, e);
	if (!x)
		x = mounts_build(&mk, e);
	if (!x)
		x = restore_maker_run(r, &mk, e);
	if (!x && mk.n_wishes)
		x = restore_maker_empty(r, e);
	if (!x)
		x = mounts_fill(r->m, r->stubs->v[0]->host, e);
	if (!x)
		x = restore_mounts(r, e);
	if (!x)
		x = fill_net(r, e);
	prog_free(&p);
	return x ? x : hook(r, HOOK_POST_SETUP_NAMESPACES, e);
}

/*
 * A controlling terminal is inherited at birth, and terminals need the tree's
 * devpts: where there are any, only the root was born until now.
 */
static int step_terminals(void *ctx, struct err *e)
{
	struct restore *r = ctx;
	struct model *m = r->m;
	char path[64] = "/";
	int *fds, x;

	if (model_has_own_ns(r->m, NS_MNT))
		snprintf(path, sizeof(path), "/proc/%d/root", r->stubs->v[0]->host);
	r->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r->root_fd < 0)
		return err_sys(e, "open", "%s", path);
	x = fd_open_ttys(m, r->root_fd, e);
	if (x || !m->n_cttys)
		return x;
	fds = pool_alloc(m->pool, m->n_cttys * sizeof(*fds));
	for (size_t i = 0; i < m->n_cttys; i++)
		fds[i] = m->cttys[i].fd;
	x = stubs_grow(r->stubs, fds, m->n_cttys, e);
	return x ? x : restore_place_born(r, e);
}

static int step_objects(void *ctx, struct err *e)
{
	struct restore *r = ctx;
	struct prog p;
	struct maker mk = { .m = r->m, .p = &p, .stubs = r->stubs };
	int x;

	prog_init(&p, &r->stubs->arena);
	x = net_hold_restore(&r->net, r->m, r->stubs->v[0]->host, e);
	if (!x)
		x = mem_open(r->m, &restore_file_ops, r->root_fd, e);
	if (!x)
		x = fd_open(r->m, &mk, r->root_fd, e);
	if (!x)
		x = restore_maker_run(r, &mk, e);
	if (!x)
		x = fd_open_made(r->m, r->root_fd, e);
	if (!x && mk.n_wishes)
		x = restore_maker_empty(r, e);
	prog_free(&p);
	return x;
}

static void undo_objects(void *ctx)
{
	struct restore *r = ctx;

	fd_tcp_done(r->m, true);
	net_hold_end(&r->net, r->m, NULL);
}

static void undo_terminals(void *ctx)
{
	struct restore *r = ctx;

	if (r->root_fd >= 0)
		close(r->root_fd);
	r->root_fd = -EBADF;
}

static int step_seize(void *ctx, struct err *e)
{
	struct restore *r = ctx;
	int x = stubs_find(r->stubs, model_has_own_ns(r->m, NS_PID), e);

	if (!x)
		x = cgroups_place(r->m, true, e);
	if (!x)
		x = fd_place_late(r->m, r->stubs, r->root_fd, e);
	if (!x)
		x = stubs_stop(r->stubs, e);
	if (!x)
		x = stubs_seize(r->stubs, e);
	for (size_t i = 0; !x && i < r->m->n_tasks; i++)
		if (r->m->tasks[i]->state != TASK_ZOMBIE)
			x = task_build_final(r->m, r->m->tasks[i], e);
	if (!x)
		x = task_shared_filters(r->m, r->stubs, e);
	if (!x)
		x = stubs_final(r->stubs, e);
	if (!x)
		x = fd_finish(r->m, e);
	if (!x)
		x = ns_finish(r->m, e);
	if (!x)
		x = task_outside(r->m, e);
	return x;
}

static int step_dress(void *ctx, struct err *e)
{
	struct restore *r = ctx;

	return stubs_dress(r->stubs, task_xstate, e);
}

static int step_post_restore(void *ctx, struct err *e)
{
	struct restore *r = ctx;
	int x = hook(r, HOOK_POST_RESTORE, e);

	if (!x && (model_has_own_ns(r->m, NS_NET) || r->hooks.notify))
		x = hook(r, HOOK_NETWORK_UNLOCK, e);
	return x ? x : hook(r, HOOK_PRE_RESUME, e);
}

static int write_pidfile(struct restore *r, struct err *e)
{
	char text[16];
	int x, fd;

	if (!r->o->pidfile)
		return 0;
	fd = open(r->o->pidfile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(e, "open", "%s", r->o->pidfile);
	snprintf(text, sizeof(text), "%d", r->stubs->v[0]->host);
	x = write_all(fd, text, strlen(text));
	close(fd);
	if (x)
		return err_set(e, ERR_SYSTEM, -x, "write", r->o->pidfile, "%s", strerror(-x));
	return 0;
}

static int step_commit(void *ctx, struct err *e)
{
	struct restore *r = ctx;
	/* Large files were checked meanwhile. */
	int x = image_dir_verified(r->m->dir, e);

	if (!x)
		x = write_pidfile(r, e);
	if (!x)
		x = fd_tcp_wake(r->m, e);
	if (x)
		return x;
	/*
	 * EXITKILL covers every task now. A guard that killed the root of a tree
	 * already committed would leave the others without it.
	 */
	journal_forget(r->j);
	x = stubs_commit(r->stubs, e);
	if (x)
		return x;
	net_hold_free(&r->net, r->m, r->stubs->v[0]->host);
	fd_tcp_done(r->m, false);
	if (r->root_fd >= 0)
		fd_links_remove(r->m, r->root_fd);
	return 0;
}

static const struct step steps[] = {
	{ "read the images", step_images, NULL },
	{ "guard", step_guard, NULL },
	{ "check the target", step_check, NULL },
	{ "hook pre-restore", step_pre_restore, NULL },
	{ "plan", step_arena, undo_arena },
	{ "cgroups", restore_cgroups, NULL },
	{ "grow the tree", step_birth, NULL },
	{ "namespaces", step_namespaces, NULL },
	{ "terminals", step_terminals, undo_terminals },
	{ "objects", step_objects, undo_objects },
	{ "build the tasks", restore_build, NULL },
	/* Credentials drop here, so everything that needs privilege comes before. */
	{ "last words", step_seize, NULL },
	{ "registers", step_dress, NULL },
	{ "limits", restore_limits, NULL },
	{ "hook post-restore", step_post_restore, NULL },
	/* Nothing below may fail: from the commit on the tasks outlive us. */
	{ "commit", step_commit, NULL },
};

/* As a shell would: 128 + signal for a signalled end. */
static int wait_for_root(pid_t pid, int *ret_status, struct err *e)
{
	int status;

	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return err_sys(e, "wait for", "root task %d", pid);
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

static int let_go(struct restore *r, pid_t *ret_root, int *ret_status, struct err *e)
{
	pid_t root = r->stubs->v[0]->host;
	struct err late = { 0 };
	int x;

	cancel_ignore();
	/* They are held by us: frozen here they do not run before. */
	if (cgroups_freeze(r->m, &late)) {
		log_warn("%s %s: %s", late.op, late.object, late.why);
		err_clear(&late);
	}
	x = stubs_release(r->stubs, r->o->leave_stopped, e);
	if (x)
		return x;
	*ret_root = root;
	stats_restore(r->m, r->t_forked - r->t_start, now_us() - r->t_start);
	x = stats_write(r->m, "restore", e);
	if (hook(r, HOOK_POST_RESUME, &late))
		log_warn("hook post-resume: %s", late.why);
	if (x)
		return x;
	log_info("restored %zu processes, root %d", r->m->n_tasks, root);
	stubs_free(r->stubs);
	r->stubs = NULL;
	if (r->o->restore_detached || r->o->restore_sibling || r->o->leave_stopped)
		return 0;
	if (r->o->exec_cmd) {
		log_flush();
		execvp(r->o->exec_cmd[0], r->o->exec_cmd);
		return err_sys(e, "exec", "%s", r->o->exec_cmd[0]);
	}
	return wait_for_root(root, ret_status, e);
}

int restore_run(const struct options *o, struct err_list *problems, pid_t *ret_root,
		int *ret_status, struct err *e)
{
	struct restore r = { .o = o, .problems = problems, .root_fd = -EBADF, .t_start = now_us() };
	struct err late = { 0 };
	int x;

	*ret_status = 0;
	*ret_root = 0;
	r.m = model_new(o);
	net_hold_init(&r.net);
	r.hooks = steps_hooks(o);
	if (recover_run(NULL, true, &late))
		log_warn("recovering earlier runs: %s %s: %s", late.op, late.object, late.why);
	x = watchdog_self(o->give_up, o->give_up_ctx, NULL, NULL, e);
	if (!x)
		x = steps_run(steps, ARRAY_SIZE(steps), &r, steps_patience(o), e);
	watchdog_self_end();
	if (r.j && x)
		journal_undo(r.j, undo_kinds, &late);
	watchdog_release(&r.guard);
	journal_close(r.j);
	mem_close(r.m);
	if (!x)
		x = let_go(&r, ret_root, ret_status, e);
	if (r.planned) {
		err_clear(e);
		x = 0;
	}
	if (r.root_fd >= 0)
		close(r.root_fd);
	cgroups_close(r.m);
	image_dir_free(r.m->dir);
	model_free(r.m);
	return x;
}
