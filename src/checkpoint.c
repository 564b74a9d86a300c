/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checkpoint, step by step. The preflight runs in the started process; all
 * else in a worker (base/watchdog.h), so that the death of either leaves one
 * who puts everything back.
 */
#define LOG_MODULE "checkpoint"
#include "checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/aside.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/watchdog.h"
#include "cgroup/cgroup.h"
#include "cgroup/freezer.h"
#include "freeze_glue.h"
#include "hooks/hooks.h"
#include "image/image.h"
#include "inventory.h"
#include "model/model.h"
#include "model/options.h"
#include "mounts/mounts.h"
#include "net_hold.h"
#include "netns/netns.h"
#include "nsops/nsops.h"
#include "parasite/remote.h"
#include "preflight.h"
#include "recover.h"
#include "src/fd/fd.h"
#include "src/mem/mem.h"
#include "src/task/task.h"
#include "stats.h"
#include "steps.h"
#include "undo.h"

/* Arena bytes for one task's programs and answers, and for each of its threads. */
#define ARENA_TASK (32u << 10)
#define ARENA_THREAD 2048u

struct checkpoint {
	const struct options *o;
	struct err_list *problems;
	struct model *m;
	struct hooks hooks;
	struct journal *j;
	struct journal_entry *images; /* of the journal: while they are unfinished */
	struct freezer *freezer;
	struct remote_freeze fz;
	struct remote *remote;
	int *ret_status; /* shared between worker and parent */
	int said;	 /* memfd: what the worker has put into problems */
	int attempt;
	struct net_hold net;
	bool committed; /* the images are whole: a veto leaves them */
	uint64_t t_freeze, t_frozen;
	struct dump_times times;
};

static const struct mem_file_ops file_ops = {
	.dump_file = fd_dump_file,
	.file_for_map = fd_file_for_map,
};

/* Nothing is touched while anything is known to stand in the way. */
static int step_preflight(void *ctx, struct err *e)
{
	struct checkpoint *c = ctx;
	int r = preflight_look(c->o, c->problems, e);

	return r ? r : preflight_sum_up(c->o, c->problems, e);
}

static int step_images(void *ctx, struct err *e)
{
	struct checkpoint *c = ctx;
	int r = image_dir_create(&c->m->dir, c->o->images_dir, c->m->pool, e);

	c->hooks.images_fd = r ? -1 : image_dir_fd(c->m->dir);
	return r ? r : undo_add_images(c->j, image_dir_fd(c->m->dir), &c->images, e);
}

static void undo_images(void *ctx)
{
	struct checkpoint *c = ctx;

	if (c->m->dir && !c->committed)
		image_dir_discard(c->m->dir);
	journal_done(c->images);
}

static int step_pre_dump(void *ctx, struct err *e)
{
	struct checkpoint *c = ctx;

	if (c->attempt)
		return 0;
	return hooks_run(&c->hooks, HOOK_PRE_DUMP, c->o->tree, NULL, e);
}

static int scan(void *ctx, pid_t **ret, size_t *ret_n, struct err *e)
{
	struct checkpoint *c = ctx;
	int r = task_tree_read(c->m, e);

	if (r)
		return r;
	r = task_tree_pids(c->m, ret, ret_n);
	return r ? err_set(e, ERR_SYSTEM, -r, "list", "the tree", "%s", strerror(-r)) : 0;
}

static int step_freeze(void *ctx, struct err *e)
{
	struct checkpoint *c = ctx;
	struct freezer_params p = {
		.root = c->o->tree,
		.path = c->o->freeze_cgroup,
		.timeout_us = c->o->timeout * 1000000ull,
		.scan = scan,
		.scan_ctx = c,
	};
	int r;

	c->t_freeze = now_us();
	r = freezer_freeze(&c->freezer, &p, c->j, e);
	c->t_frozen = now_us();
	c->times.freezing = c->t_frozen - c->t_freeze;
	if (!r)
		freeze_glue(c->freezer, &c->fz);
	return r;
}

static void undo_freeze(void *ctx)
{
	struct checkpoint *c = ctx;
	struct err late = { 0 };

	/*
	 * By the journal: it knows how far a freeze came that failed, and sees to
	 * calls that it interrupted when nobody was seized yet.
	 */
	if (journal_undo(c->j, undo_kinds, &late))
		log_warn("thawing: %s %s: %s", late.op, late.object, late.why);
	if (c->freezer)
		freezer_drop(c->freezer);
	c->freezer = NULL;
}

static void link_remote(struct task *t, struct remote_task *rt)
{
	t->rt = rt;
	for (size_t i = 0; i < t->n_threads; i++)
		for (size_t k = 0; k < rt->n_threads; k++)
			if (rt->threads[k].tid == t->threads[i].host)
				t->threads[i].rt = &rt->threads[k];
	/* What /proc showed was the freezer's state, not always job control's. */
	t->state = rt->threads[0].group_stopped ? TASK_STOPPED : TASK_ALIVE;
}

/* The tree as it is now that nothing moves; what the preflight saw may be gone. */
static int read_again(struct checkpoint *c, struct err *e)
{
	struct model *m = c->m;
	int r = task_tree_read_settled(m, e);

	for (size_t i = 0; !r && i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];

		if (t->state != TASK_ZOMBIE && !freezer_has(c->freezer, t->host))
			r = freezer_escaped(t->host, e);
		if (!r && t->state != TASK_ZOMBIE)
			r = ns_identify(m, t, c->problems, e);
		if (!r && t->state != TASK_ZOMBIE)
			r = task_preflight(m, t, c->problems, e);
	}
	if (r || !c->problems->n)
		return r;
	/* Only one error object travels from the worker; `check --tree` lists them all. */
	*e = c->problems->v[0];
	return err_in(e, "found when frozen, with %zu more", c->problems->n - 1);
}

/*
 * A caller's frozen cgroup is thawed for a moment: whoever else is in it must
 * not notice, so they are held too, and let go when it is frozen again.
 */
static int seize_bystanders(struct checkpoint *c, struct err *e)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0;
	int r = freezer_pids(c->freezer, &pids, &n, e);

	for (size_t i = 0; !r && i < n; i++) {
		struct remote_task *rt;
		struct proc_stat st;
		char object[96];

		if (remote_task_get(c->remote, pids[i]))
			continue;
		if (proc_stat_read(pids[i], &st, e) || st.state == 'Z') {
			err_clear(e);
			continue;
		}
		if (!c->o->leave_running && !c->o->leave_stopped) {
			snprintf(object, sizeof(object), "pid %d (%s)", pids[i], st.comm);
			err_set(e, ERR_UNSUPPORTED, EBUSY, "checkpoint and end", object,
				"it is in the frozen cgroup but not in the tree");
			return err_hint(e,
					"use --leave-running, or move it to another cgroup first");
		}
		r = remote_add_task(c->remote, pids[i], &rt, e);
	}
	return r;
}

static int seize(struct checkpoint *c, uint64_t deadline, struct err *e)
{
	struct model *m = c->m;
	int r = read_again(c, e);

	if (!r)
		r = remote_new(&c->remote, m->pool, c->j, &c->fz, e);
	for (size_t i = 0; !r && i < m->n_tasks; i++)
		if (m->tasks[i]->state != TASK_ZOMBIE)
			r = remote_add_task(c->remote, m->tasks[i]->host, &m->tasks[i]->rt, e);
	if (!r && freezer_was_frozen(c->freezer))
		r = seize_bystanders(c, e);
	if (!r)
		r = remote_stop(c->remote, deadline, e);
	if (!r)
		r = ns_time_note(m, e);
	for (size_t i = 0; !r && i < m->n_tasks; i++)
		if (m->tasks[i]->rt)
			link_remote(m->tasks[i], m->tasks[i]->rt);
	return r;
}

static void undo_seize(void *ctx)
{
	struct checkpoint *c = ctx;

	remote_free(c->remote);
	c->remote = NULL;
}

#define STOP_PAUSE_US 20000

/*
 * A parent in vfork(2) cannot stop before its child has called exec or exit,
 * which the frozen child never does: let all run for a moment and try again.
 */
static int step_seize(void *ctx, struct err *e)
{
	struct checkpoint *c = ctx;
	uint64_t deadline = now_us() + c->o->timeout * 1000000ull;
	struct err again = { 0 };

	for (;;) {
		int r = seize(c, deadline, e);

		/* One that was killed before the freeze dies when it is thawed to be stopped. */
		if (r == -ESRCH && proc_is_alive(c->o->tree))
			r = -EAGAIN;
		/* One that has still not stopped is traced by ourselves: the reason is the old one. */
		if (r && r != -EAGAIN && r != -ECANCELED && again.code) {
			*e = again;
			return r;
		}
		if (r == -EAGAIN)
			again = *e;
		if (r != -EAGAIN || now_us() + STOP_PAUSE_US > deadline || cancelled())
			return r;
		err_clear(e);
		undo_seize(c);
		undo_freeze(c);
		usleep(STOP_PAUSE_US);
		r = step_freeze(c, e);
		if (r)
			return r;
	}
}

static int step_network_lock(void *ctx, struct err *e)
{
	struct checkpoint *c = ctx;
	int r = net_hold_dump(&c->net, c->m, &c->hooks, e);

	return r ? r : hooks_run(&c->hooks, HOOK_QUERY_EXT_FILES, c->o->tree, NULL, e);
}

static void undo_network_lock(void *ctx)
{
	struct checkpoint *c = ctx;

	net_hold_end(&c->net, c->m, &c->hooks);
}

/* The only time when foreign code runs in the tasks: as short as can be. */
static int step_inside(void *ctx, struct err *e)
{
	struct checkpoint *c = ctx;
	struct model *m = c->m;
	struct err late = { 0 };
	size_t need = 0;
	int x, r = mem_dump_look(m, &need, e);

	if (r)
		return r;
	need += ARENA_TASK + task_inside_need(m);
	r = remote_enter(c->remote, need, ARENA_THREAD, e);
	for (size_t i = 0; !r && i < m->n_tasks; i++)
		if (m->tasks[i]->rt && !(r = cancel_check(e)))
			r = task_dump_calls(m, m->tasks[i], e);
	if (!r)
		mem_dump_calls(m);
	if (!r)
		r = remote_run(c->remote, e);
	for (size_t i = 0; !r && i < m->n_tasks; i++)
		if (m->tasks[i]->rt)
			r = task_dump_results(m, m->tasks[i], e);
	if (!r)
		mem_dump_results(m);
	r = r ? r : ns_dump_inside(m, c->remote, e);
	x = remote_leave(c->remote, r ? &late : e);
	if (r)
		return r;
	/* Should we die from here on, the tasks stay where they are until somebody thaws them. */
	return x ? x : freezer_set(c->freezer, true, false, e);
}

static int step_tasks(void *ctx, struct err *e)
{
	struct checkpoint *c = ctx;
	struct model *m = c->m;
	int r = task_ids_dump(m, e);

	for (size_t i = 0; !r && i < m->n_tasks; i++)
		if (!(r = cancel_check(e)))
			r = task_dump(m, m->tasks[i], e);
	return r;
}

static int step_files(void *ctx, struct err *e)
{
	struct checkpoint *c = ctx;
	struct model *m = c->m;
	int r = 0;

	fd_set_mount_id_fn(m, mounts_id_of);
	for (size_t i = 0; !r && i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];
		uint64_t brk;
		int dumpable;
		bool thp;

		if (!t->rt)
			continue;
		r = mem_dump_maps(m, t, &file_ops, e);
		if (!r)
			r = fd_dump_fs(m, t, e);
		if (!r)
			r = fd_dump_task(m, t, e);
		task_inside(t, &brk, &dumpable, &thp);
		mem_set_inside(m, t, brk, dumpable, thp);
		if (!r)
			r = cancel_check(e);
	}
	return r;
}

static int step_pages(void *ctx, struct err *e)
{
	struct checkpoint *c = ctx;
	struct model *m = c->m;
	uint64_t t0 = now_us();
	int r = 0;

	for (size_t i = 0; !r && i < m->n_tasks; i++) {
		if (!m->tasks[i]->rt)
			continue;
		r = mem_dump_pages(m, m->tasks[i], e);
		if (!r)
			r = cancel_check(e);
	}
	if (!r)
		r = mem_dump_finish(m, e);
	c->times.memdump = c->times.memwrite = now_us() - t0;
	return r;
}

static int step_namespaces(void *ctx, struct err *e)
{
	struct checkpoint *c = ctx;
	struct model *m = c->m;
	_cleanup_close_ int sock = -EBADF;
	int r = ns_dump(m, e);

	if (!r)
		r = mounts_dump(m, e);
	if (!r)
		r = cgroups_dump(m, c->freezer, e);
	if (!r && model_has_own_ns(m, NS_NET)) {
		r = ns_socket(m->root->host, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE,
			      &sock, e);
		if (!r)
			r = netns_dump(m, sock, e);
	}
	return r;
}

static int step_write(void *ctx, struct err *e)
{
	struct checkpoint *c = ctx;
	struct model *m = c->m;
	int r = fd_dump_finish(m, e);

	if (!r)
		r = task_dump_finish(m, e);
	net_hold_plan_leaving(&c->net, m);
	if (!r)
		r = inventory_write(m, e);
	if (!r)
		r = image_dir_commit(m->dir, !c->o->no_sync, e);
	c->committed = !r;
	if (!r) {
		journal_done(c->images);
		fd_links_keep(m);
	}
	return r;
}

static int step_post_dump(void *ctx, struct err *e)
{
	struct checkpoint *c = ctx;
	struct err late = { 0 };

	c->times.frozen = now_us() - c->t_frozen;
	stats_dump(c->m, &c->times);
	/* The checkpoint is whole: figures are not worth giving it up. */
	if (stats_write(c->m, "dump", &late))
		log_warn("statistics: %s %s: %s", late.op, late.object, late.why);
	return hooks_run(&c->hooks, HOOK_POST_DUMP, c->o->tree, c->ret_status, e);
}

/* The images are whole. From here on nothing is undone: the tasks die or go on. */
static int step_end(void *ctx, struct err *e)
{
	struct checkpoint *c = ctx;
	bool gone = !c->o->leave_running && !c->o->leave_stopped;
	int r;

	cancel_ignore();
	if (gone) {
		r = net_hold_leave(&c->net, c->m, e);
		/* A frozen v1 task cannot die. */
		if (!r)
			r = freezer_set(c->freezer, false, false, e);
		if (!r)
			r = remote_kill(c->remote, now_us() + c->o->timeout * 1000000ull, e);
		if (!r)
			net_hold_left(&c->net);
	} else {
		undo_network_lock(c);
		for (size_t i = 0; c->o->leave_stopped && i < c->m->n_tasks; i++)
			if (c->m->tasks[i]->rt)
				kill(c->m->tasks[i]->host, SIGSTOP);
		r = remote_detach(c->remote, e);
	}
	if (r)
		return r;
	r = freezer_end(c->freezer, gone, e);
	c->freezer = NULL;
	return r;
}

static const struct step steps[] = {
	{ "preflight", step_preflight, NULL },
	{ "image directory", step_images, undo_images },
	{ "hook pre-dump", step_pre_dump, NULL },
	{ "freeze", step_freeze, undo_freeze },
	{ "seize", step_seize, undo_seize },
	{ "network lock", step_network_lock, undo_network_lock },
	/* Before anything else is read: memory must show no trace of the parasite. */
	{ "ask inside", step_inside, NULL },
	{ "tasks", step_tasks, NULL },
	/* Files before pages: mappings name their files. */
	{ "mappings and files", step_files, NULL },
	{ "namespaces", step_namespaces, NULL },
	{ "pages", step_pages, NULL },
	/* The manifest is written last; it makes the checkpoint. */
	{ "write images", step_write, NULL },
	/* May veto, so nothing is killed before. */
	{ "hook post-dump", step_post_dump, NULL },
	{ "end", step_end, NULL },
};

static void begin(struct checkpoint *c)
{
	c->m = model_new(c->o);
	net_hold_init(&c->net);
	c->m->journal = c->j;
	c->m->undo_unlink = undo_add_unlink;
}

static void drop(struct checkpoint *c)
{
	if (c->remote)
		remote_free(c->remote);
	c->remote = NULL;
	image_dir_free(c->m->dir);
	model_free(c->m);
}

#define ATTEMPTS 6
#define ATTEMPT_PAUSE_US 20000

/*
 * What no look at the running tree had found, but the look at the frozen one
 * did, may be a matter of the moment: a connection that is not accepted yet, a
 * file open for a blink. Then the tree has gone on, and gets another chance.
 */
static bool of_the_moment(const struct checkpoint *c, int r, const struct err *e)
{
	return r && c->t_frozen && e->class == ERR_UNSUPPORTED && c->attempt < ATTEMPTS &&
	       !cancelled();
}

static int work(void *arg, struct err *e)
{
	struct checkpoint *c = arg;
	int r;

	/* This thread is going to trace: it must not wait for where the log lies. */
	if (log_fd() >= 0)
		aside_enable(log_fd());
	for (;; c->attempt++) {
		c->t_frozen = 0;
		begin(c);
		r = steps_run(steps, ARRAY_SIZE(steps), c, steps_patience(c->o), e);
		drop(c);
		if (!of_the_moment(c, r, e))
			break;
		log_info("again, since it may have passed: %s: %s", e->object, e->why);
		err_clear(e);
		err_list_free(c->problems);
		*c->problems = (struct err_list){ 0 };
		usleep(ATTEMPT_PAUSE_US << c->attempt);
	}
	/* Told to our parent, who prints them. */
	if (err_list_save(c->problems, c->said))
		log_warn("the list of what stands in the way: %m");
	return r;
}

int checkpoint_run(const struct options *o, struct err_list *problems, int *ret_status,
		   struct err *e)
{
	struct checkpoint c = { .o = o, .problems = problems, .said = -EBADF };
	struct err late = { 0 };
	int r;

	*ret_status = 0;
	c.ret_status =
		mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c.ret_status == MAP_FAILED)
		return err_sys(e, "mmap", "a shared page");
	c.hooks = steps_hooks(o);
	/* A run killed with all its processes may have left this very tree frozen. */
	if (recover_run(NULL, true, &late))
		log_warn("recovering earlier runs: %s %s: %s", late.op, late.object, late.why);
	r = preflight_not_ourselves(o, e);
	if (!r)
		r = err_list_file(&c.said, e);
	if (!r)
		r = journal_create(&c.j, NULL, "dump", o->tree, e);
	if (!r)
		r = watchdog_run(c.j, undo_kinds, work, &c, e);
	err_list_load(problems, c.said);
	*ret_status = *c.ret_status;
	munmap(c.ret_status, sizeof(int));
	cleanup_close(&c.said);
	journal_close(c.j);
	return r;
}
