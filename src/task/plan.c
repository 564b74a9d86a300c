/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the tree is grown so that every task gets its parent, session and group.
 *
 * A session is inherited at birth or begun by setsid(2), never joined. So a
 * task is born by somebody who is in its session at that moment: its parent
 * before or after the parent's own setsid(2), or a sibling in the right session
 * that gives birth with CLONE_PARENT. Where the session's leader is dead, a
 * helper with the leader's pid begins the session, gives birth and ends.
 * Groups can be joined (setpgid(2)) once all are born; a group without leader
 * likewise gets a helper.
 */
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/err.h"
#include "parasite/stub.h"
#include "task/restore.h"
#include "task/task-internal.h"

struct plan {
	struct model *m;
	struct stub_set *s;
	struct err *e;
};

/* The session that a task is born into: its own for members, what its children need for leaders. */
static pid_t birth_session(const struct task *t)
{
	if (t->sid != t->pid)
		return t->sid;
	for (size_t i = 0; i < t->n_children; i++) {
		const struct task *c = t->children[i];
		pid_t s = c->sid == c->pid ? birth_session(c) : c->sid;

		/* A child of an older session was born before we became leader. */
		if (s != t->sid && s != c->pid && t->parent && s == t->parent->sid)
			return s;
	}
	return t->parent ? t->parent->sid : 0;
}

static bool is_outside(const struct model *m, pid_t id, pid_t root_id)
{
	return id == 0 || (id == root_id && root_id != m->root->pid);
}

/* A helper of the tree with that pid, or NULL. */
static struct stub *helper_find(struct plan *p, pid_t pid)
{
	for (size_t i = 0; i < p->s->n; i++)
		if (p->s->v[i]->pid == pid && !p->s->v[i]->owner)
			return p->s->v[i];
	return NULL;
}

static struct stub *helper_new(struct plan *p, struct stub *parent, pid_t pid)
{
	struct stub *h = stub_add(p->s, parent, pid, 1);
	struct prog *b = &h->birth;

	h->temporary = true;
	h->no_threads_wait = true;
	stub_bind_calls(b, h);
	/* Ends when the builds begin: by then everybody who needed it is there. */
	prog_call(&h->threads[0].build, "end", SYS_exit | SV_IGN, 0);
	return h;
}

/* Reaping leaves a SIGCHLD pending that nobody sent before: task_build() takes it away. */
static void helper_reap(struct prog *by, pid_t pid)
{
	prog_call(by, "reap the helper", SYS_wait4, pid, 0, __WALL);
}

static int grow(struct plan *p, struct task *t);

static int spawn_child(struct plan *p, struct prog *by, struct task *c, bool sibling)
{
	int r;

	c->stub = stub_add(p->s, c->parent->stub, c->pid, c->n_threads);
	c->stub->owner = c;
	stub_spawn_call(p->s, by, c->stub, sibling ? CLONE_PARENT : 0,
			sibling ? 0 : task_exit_signal(c));
	r = grow(p, c);
	return r;
}

/*
 * Somebody in session @sid who is, like @c, a child of @c's parent and was
 * already planned; born with CLONE_PARENT, @c takes over its exit signal.
 */
static struct stub *sibling_in_session(struct task *c, pid_t sid)
{
	for (size_t i = 0; i < c->parent->n_children; i++) {
		struct task *s = c->parent->children[i];

		/* One that is to be a zombie lives until the builds. */
		if (s != c && s->stub && s->sid == sid &&
		    task_exit_signal(s) == task_exit_signal(c))
			return s->stub;
	}
	return NULL;
}

static int spawn_foreign(struct plan *p, struct task *c)
{
	pid_t sid = birth_session(c);
	struct stub *by = sibling_in_session(c, sid);
	struct stub *parent = c->parent->stub;

	if (!by) {
		by = helper_find(p, sid);
		if (by || model_task_by_pid(p->m, sid))
			return err_set(
				p->e, ERR_UNSUPPORTED, ENOTSUP, "plan the tree", "sessions",
				"pid %d is in session %d but not below anybody of that session, or its exit signal is another",
				c->pid, sid);
		by = helper_new(p, parent, sid);
		prog_call(&by->birth, "begin a session", SYS_setsid);
		stub_spawn_call(p->s, &parent->birth, by, 0, task_exit_signal(c));
		helper_reap(&parent->threads[0].build, sid);
	}
	return spawn_child(p, &by->birth, c, true);
}

static int spawn_children(struct plan *p, struct task *t, int phase)
{
	pid_t before = birth_session(t);

	for (size_t i = 0; i < t->n_children; i++) {
		struct task *c = t->children[i];
		pid_t want = birth_session(c);
		bool outside = is_outside(p->m, want, p->m->root->sid);
		int when, r;

		/* 0: before our setsid, 1: after it, 2: by somebody else. */
		if (want == t->sid || (outside && is_outside(p->m, t->sid, p->m->root->sid)))
			when = 1;
		else if (want == before || (c->sid == c->pid && want != t->sid))
			when = t->sid == t->pid ? 0 : 1;
		else
			when = 2;
		if (when != phase)
			continue;
		r = when == 2 ? spawn_foreign(p, c) : spawn_child(p, &t->stub->birth, c, false);
		if (r)
			return r;
	}
	return 0;
}

static int grow(struct plan *p, struct task *t)
{
	struct prog *b = &t->stub->birth;
	int r;

	t->stub->temporary = t->stub->no_threads_wait = t->state == TASK_ZOMBIE;
	/* The root's own program begins like this too, before it drops what it inherited. */
	if (t->parent)
		stub_bind_calls(b, t->stub);
	r = spawn_children(p, t, 0);
	if (r)
		return r;
	if (t->sid == t->pid) {
		const struct ctty *tty = model_ctty(p->m, t->sid);

		prog_call(b, "begin a session", SYS_setsid);
		/* Whoever is born later has it, too. All cttys were inherited, in their order. */
		if (tty)
			prog_call(b, "take the controlling terminal", SYS_ioctl,
				  (uint64_t)(tty - p->m->cttys), TIOCSCTTY, 0);
	} else if (t->pgid == t->pid)
		prog_call(b, "begin a process group", SYS_setpgid, 0, 0);
	r = spawn_children(p, t, 1);
	return r ? r : spawn_children(p, t, 2);
}

/*
 * A group whose leader is dead: the first member makes a helper with the
 * leader's pid. Until the member has joined and reaped it the group exists
 * through the helper, afterwards through the member; so the others may join in
 * any order.
 */
static int group_join(struct plan *p, struct task *t)
{
	struct model *m = p->m;
	struct prog *b = &t->stub->threads[0].build;
	struct stub *h = NULL;

	if (t->pgid == t->pid || is_outside(m, t->pgid, m->root->pgid))
		return 0;
	if (!helper_find(p, t->pgid) && !model_task_by_pid(m, t->pgid)) {
		h = helper_new(p, t->stub, t->pgid);
		prog_call(&h->birth, "begin a process group", SYS_setpgid, 0, 0);
		stub_spawn_call(p->s, &t->stub->birth, h, 0, SIGCHLD);
	}
	/* Inherited by many already; joining the same group again changes nothing. */
	prog_call(b, "join the process group", SYS_setpgid, 0, t->pgid);
	if (h)
		helper_reap(b, h->pid);
	return 0;
}

/* Numbers of processes that are gone, for files about them: they live until those are open. */
static void plan_dead(struct plan *p)
{
	struct stub *root = p->m->root->stub, *h;

	for (size_t i = 0; i < p->m->n_dead_pids; i++) {
		pid_t pid = p->m->dead_pids[i];

		if (helper_find(p, pid) || model_task_by_pid(p->m, pid))
			continue;
		h = helper_new(p, root, pid);
		stub_spawn_call(p->s, &root->birth, h, 0, SIGCHLD);
		helper_reap(&root->threads[0].build, pid);
	}
}

int task_plan(struct model *m, struct stub_set *s, struct err *e)
{
	struct plan p = { m, s, e };
	int r;

	m->root->stub = stub_add(s, NULL, m->root->pid, m->root->n_threads);
	m->root->stub->owner = m->root;
	r = grow(&p, m->root);
	for (size_t i = 0; !r && i < m->n_tasks; i++) {
		struct task *t = m->tasks[i];

		for (size_t k = 0; k < t->n_threads; k++) {
			t->stub->threads[k].tid = t->threads[k].tid;
			t->stub->threads[k].owner = &t->threads[k];
		}
		r = group_join(&p, t);
	}
	if (!r)
		plan_dead(&p);
	return r;
}
