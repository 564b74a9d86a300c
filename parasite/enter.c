// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bringing the parasite in, and running programs in it.
 *
 * Everything is decided and written to the journal first. Then, frozen, all
 * threads are parked. Then one thread of each process, its driver, makes the
 * one call needed, mmap of the arena at the place chosen, all tasks at the
 * same time: it is sent into a call that sleeps for ever, and at that call's
 * entry the call is replaced, with a return address that goes nowhere. We map
 * the same pages at the same address through /proc/PID/map_files, fill them,
 * and send all threads to their rings.
 */
#include "parasite/remote-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/watchdog.h"

/* How long a batch of calls may take. */
#define RUN_US 30000000ull
/* Turns to spin when one thread works with us on a machine that has room for both. */
#define SPIN_TURNS 2000

static int look_all(struct remote *r, struct err *e)
{
	for (size_t k = 0; k < r->n; k++) {
		struct task_priv *t = r->tasks[k];
		int ret;

		for (size_t i = 0; i < t->pub.n_threads; i++)
			t->pub.no_parasite |= !t->pub.threads[i].exited && t->pub.threads[i].compat;
		if (t->pub.no_parasite) {
			err_set(e, ERR_UNSUPPORTED, ENOTSUP, "enter", "process",
				"pid %d runs 32-bit code", t->pub.pid);
			return err_hint(e, "only 64-bit processes can be checkpointed");
		}
		ret = text_find(r, t, e);
		if (ret)
			return ret;
	}
	return 0;
}

static int look_filters(struct remote *r, struct err *e)
{
	for_each_thread(r, t, i)
	{
		int ret = seccomp_look(r, t, i, e);

		if (ret)
			return ret;
	}
	for (size_t k = 0; k < r->n; k++) {
		if (!r->tasks[k]->strict)
			continue;
		log_debug("filters of pid %d forbid our calls: suspended, under a guard",
			  r->tasks[k]->pub.pid);
		guard_begin(r);
	}
	return 0;
}

static int journal_threads(struct remote *r, struct err *e)
{
	size_t n = 0;
	int ret;

	for_each_thread(r, t, i) n++;
	ret = journal_reserve(r->j, n * (sizeof(struct journal_entry) + sizeof(struct cure_record)),
			      e);
	if (ret)
		return ret;
	for_each_thread(r, t, i)
	{
		const struct remote_thread *th = &t->pub.threads[i];
		struct cure_record c = {
			.size = sizeof(c),
			.pid = t->pub.pid,
			.tid = th->tid,
			.sleep_nr = t->tp[i].sleep_nr | (t->tp[i].sleep_ok ? 0 : CURE_NO_SLEEP),
			.starttime = t->starttime,
			.arena_at = t->arena_at,
			.arena_len = t->arena_len,
			.gadget = t->gadget,
			.spin = t->spin,
			.spin_flags = t->spin_flags,
			.sigmask = th->sigmask,
			.regs = th->regs,
		};

		ret = journal_add(r->j, UNDO_CURE, &c, sizeof(c), &t->tp[i].je, e);
		if (ret)
			return ret;
		t->tp[i].parked = true;
	}
	return 0;
}

/* Registers that lead nowhere if we die. */
static int park(struct task_priv *t, size_t i, struct err *e)
{
	struct user_regs_struct regs = t->pub.threads[i].regs;

	if (t->tp[i].sleep_ok)
		regs_for_call(&regs, t->gadget, t->tp[i].sleep_nr);
	else
		regs_for_spin(&regs, t->spin, t->spin_flags);
	if (regs_set(t->pub.threads[i].tid, &regs))
		return thread_error(t, i, "ptrace", e);
	return 0;
}

int threads_park(struct remote *r, struct err *e)
{
	static const uint64_t all = ~0ull;

	for_each_thread(r, t, i)
	{
		int ret;

		if (!t->tp[i].parked || t->tp[i].stop == STOP_NONE)
			continue;
		if (ptrace(PTRACE_SETSIGMASK, t->pub.threads[i].tid, sizeof(all), &all))
			ret = thread_error(t, i, "ptrace", e);
		else
			ret = park(t, i, e);
		if (ret && !(ret == -ESRCH && t->going_out))
			return ret;
	}
	return 0;
}

/* Somebody killed it: going in, an error; going out, one less to care for. */
static int driver_lost(struct task_priv *t, int ret)
{
	if (ret == -ESRCH && t->going_out) {
		t->driven = false;
		return 0;
	}
	return ret;
}

int driver_to_entry(struct remote *r, struct err *e)
{
	int ret;

	for (size_t k = 0; k < r->n; k++) {
		struct task_priv *t = r->tasks[k];
		struct user_regs_struct regs;

		if (!t->driven)
			continue;
		regs = t->pub.threads[t->driver].regs;
		regs_for_call(&regs, t->gadget, t->tp[t->driver].sleep_nr);
		if (regs_set(t->pub.threads[t->driver].tid, &regs) ||
		    ptrace(PTRACE_SYSCALL, t->pub.threads[t->driver].tid, 0, 0)) {
			ret = driver_lost(t, thread_error(t, t->driver, "ptrace", e));
			if (ret)
				return ret;
			continue;
		}
		t->tp[t->driver].stop = STOP_NONE;
	}
	for (size_t k = 0; k < r->n; k++) {
		struct task_priv *t = r->tasks[k];

		if (!t->driven)
			continue;
		ret = thread_until(r, t, t->driver, STOP_ENTRY, now_us() + STEP_US, e);
		if (ret && (ret = driver_lost(t, ret)))
			return ret;
	}
	return 0;
}

int driver_call(struct remote *r, struct task_priv *t, uint64_t nr, const uint64_t a[6],
		struct err *e)
{
	struct user_regs_struct regs = t->pub.threads[t->driver].regs;

	regs_replace_call(&regs, nr, a, t->spin, t->spin_flags);
	if (regs_set(t->pub.threads[t->driver].tid, &regs))
		return thread_error(t, t->driver, "ptrace", e);
	return 0;
}

/* One call by the drivers of all tasks marked driven; results in t->result. */
static int drivers_call(struct remote *r, uint64_t nr, const uint64_t *(*args)(struct task_priv *),
			struct err *e)
{
	int ret = driver_to_entry(r, e);

	for (size_t k = 0; k < r->n && !ret; k++) {
		struct task_priv *t = r->tasks[k];

		if (!t->driven)
			continue;
		ret = driver_call(r, t, nr, args(t), e);
		if (ret)
			return ret;
		if (ptrace(PTRACE_SYSCALL, t->pub.threads[t->driver].tid, 0, 0))
			return thread_error(t, t->driver, "ptrace", e);
		t->tp[t->driver].stop = STOP_NONE;
	}
	for (size_t k = 0; k < r->n && !ret; k++) {
		struct task_priv *t = r->tasks[k];
		struct user_regs_struct regs;

		if (!t->driven)
			continue;
		ret = thread_until(r, t, t->driver, STOP_EXIT, now_us() + STEP_US, e);
		if (ret)
			return ret;
		if (regs_get(t->pub.threads[t->driver].tid, &regs))
			return thread_error(t, t->driver, "ptrace", e);
		t->result = regs_result(&regs);
	}
	return ret;
}

static uint64_t code_len(void)
{
	return page_up((uint64_t)(parasite_blob_end - parasite_blob_start));
}

static const uint64_t *mmap_args(struct task_priv *t)
{
	static uint64_t a[6];

	a[0] = t->arena_at;
	a[1] = t->arena_len;
	a[2] = t->no_wx ? PROT_READ | PROT_EXEC : ARENA_PROT;
	a[3] = ARENA_FLAGS;
	a[4] = (uint64_t)-1;
	/* Should we be killed now, it may be there. */
	t->arena_there = true;
	return a;
}

static const uint64_t *mprotect_args(struct task_priv *t)
{
	static uint64_t a[6];

	a[0] = t->arena_at + code_len();
	a[1] = t->arena_len - code_len();
	a[2] = PROT_READ | PROT_WRITE;
	return a;
}

static int map_result(struct task_priv *t, const char *call, bool good, struct err *e)
{
	if (good)
		return 0;
	errno = (int)-t->result;
	err_sys(e, call, "memory for our calls inside pid %d", t->pub.pid);
	if (t->result == -EAGAIN)
		err_hint(e, "it locks all memory to come (mlockall(2)) and may lock no more: "
			    "raise its limit (prlimit --memlock)");
	return -e->code;
}

/* Writable and executable at once where that is allowed: one call less. */
static int map_inside(struct remote *r, struct err *e)
{
	bool again = false;
	int ret;

	for (size_t k = 0; k < r->n; k++)
		r->tasks[k]->driven = true;
	ret = drivers_call(r, SYS_mmap, mmap_args, e);
	for (size_t k = 0; k < r->n && !ret; k++) {
		struct task_priv *t = r->tasks[k];

		t->arena_there = (uint64_t)t->result == t->arena_at;
		t->driven = t->no_wx = t->result == -EACCES;
		again |= t->no_wx;
		ret = map_result(t, "mmap", t->arena_there || t->no_wx, e);
	}
	if (ret || !again)
		return ret;
	ret = drivers_call(r, SYS_mmap, mmap_args, e);
	for (size_t k = 0; k < r->n && !ret; k++) {
		struct task_priv *t = r->tasks[k];

		if (!t->driven)
			continue;
		t->arena_there = (uint64_t)t->result == t->arena_at;
		ret = map_result(t, "mmap", t->arena_there, e);
	}
	if (!ret)
		ret = drivers_call(r, SYS_mprotect, mprotect_args, e);
	for (size_t k = 0; k < r->n && !ret; k++) {
		if (r->tasks[k]->driven)
			ret = map_result(r->tasks[k], "mprotect", !r->tasks[k]->result, e);
	}
	return ret;
}

static int map_here(struct remote *r, struct task_priv *t, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	char path[96];
	void *p;

	/* Either part of one split in two leads to the whole file. */
	snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", task_mm_pid(t), t->arena_at,
		 t->arena_at + (t->no_wx ? code_len() : t->arena_len));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		int ret = err_sys(e, "open", "%s", path);

		if (ret != -EPERM && ret != -EACCES)
			return ret;
		return err_hint(e, "this needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN");
	}
	p = mmap((void *)t->arena_at, t->arena_len, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, "mmap", "%s", path);
	return arena_init(&t->pub.arena, p, t->arena_len, e);
}

static int start(struct remote *r, struct task_priv *t, uint32_t spin, struct err *e)
{
	t->pub.arena.head->spin = spin;
	for (size_t i = 0; i < t->pub.n_threads; i++) {
		struct remote_thread *th = &t->pub.threads[i];
		struct user_regs_struct regs = th->regs;

		if (!thread_parked(t, i))
			continue;
		th->ring = arena_ring(&t->pub.arena);
		prog_init(&th->prog, &t->pub.arena);
		regs_for_blob(&regs, (uint64_t)t->pub.arena.blob_entry, (uint64_t)th->ring,
			      arena_ring_sp(th->ring));
		if (regs_set(th->tid, &regs) || ptrace(PTRACE_CONT, th->tid, 0, 0))
			return thread_error(t, i, "ptrace", e);
		t->tp[i].stop = STOP_NONE;
	}
	return 0;
}

static int enter(struct remote *r, struct err *e)
{
	size_t threads = 0;
	bool room = sysconf(_SC_NPROCESSORS_ONLN) > 1;
	int ret = remote_frozen(r, true, e);

	if (!ret)
		ret = threads_park(r, e);
	if (!ret)
		ret = remote_frozen(r, false, e);
	if (!ret)
		ret = map_inside(r, e);
	if (ret)
		return ret;
	for_each_thread(r, t, i) threads++;
	for (size_t k = 0; k < r->n; k++) {
		ret = map_here(r, r->tasks[k], e);
		if (!ret)
			ret = start(r, r->tasks[k], threads == 1 && room ? SPIN_TURNS : 0, e);
		if (ret)
			return ret;
	}
	return 0;
}

int remote_enter(struct remote *r, size_t data_size, size_t data_thread, struct err *e)
{
	int ret = look_all(r, e);

	if (!ret)
		ret = arenas_place(r, data_size, data_thread, e);
	if (!ret)
		ret = look_filters(r, e);
	if (!ret)
		ret = journal_threads(r, e);
	if (!ret) {
		r->inside = true;
		ret = enter(r, e);
	} else {
		guard_end(r);
		/* Records without a change: they say what is so anyway. */
		for_each_thread(r, t, i)
		{
			journal_done(t->tp[i].je);
			t->tp[i].parked = false;
		}
	}
	if (ret && r->inside) {
		struct err other = { 0 };

		if (remote_leave(r, &other))
			log_warn("going back: %s %s: %s", other.op, other.object, other.why);
	}
	return ret ? err_in(e, "bringing the parasite in") : 0;
}

/* The call that a ring hangs in or ended at. */
static int run_error(struct task_priv *t, size_t i, struct err *e)
{
	const struct remote_thread *th = &t->pub.threads[i];
	int ret = prog_err(&th->prog, th->ring, e);

	err_in(e, "thread %d of pid %d", th->tid, t->pub.pid);
	return ret;
}

static int run_late(struct remote *r, struct task_priv *t, struct err *e)
{
	for (size_t i = 0; i < t->pub.n_threads; i++) {
		struct remote_thread *th = &t->pub.threads[i];
		struct sv_ring *ring = th->ring;

		if (!thread_parked(t, i) || !ring || ring->last == ring->seq)
			continue;
		if (ring->executed < th->prog.n)
			th->prog.calls[ring->executed].res = -ETIMEDOUT;
		return run_error(t, i, e);
	}
	return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "run", "calls", "inside pid %d", t->pub.pid);
}

struct run_wait {
	struct remote *r;
	struct err *e;
};

static int run_alive(void *ctx)
{
	struct run_wait *w = ctx;
	int ret = cancel_check(w->e);

	return ret ? ret : threads_attend(w->r, w->e);
}

static bool to_run(const struct task_priv *t, size_t i)
{
	const struct remote_thread *th = &t->pub.threads[i];

	return thread_parked(t, i) && th->prog.n && !th->prog.sealed;
}

static void post_all(struct remote *r, bool *ran)
{
	for (size_t k = 0; k < r->n; k++) {
		struct task_priv *t = r->tasks[k];
		uint32_t n = 0;

		for (size_t i = 0; i < t->pub.n_threads; i++)
			n += to_run(t, i);
		ran[k] = n;
		if (!n)
			continue;
		__atomic_store_n(&t->pub.arena.head->pending, n, __ATOMIC_SEQ_CST);
		for (size_t i = 0; i < t->pub.n_threads; i++) {
			if (!to_run(t, i))
				continue;
			prog_seal(&t->pub.threads[i].prog);
			ring_post(t->pub.threads[i].ring, &t->pub.threads[i].prog);
		}
	}
}

int remote_run(struct remote *r, struct err *e)
{
	struct run_wait w = { r, e };
	_cleanup_free_ bool *ran = calloc(r->n + 1, sizeof(*ran));
	int ret;

	if (!ran)
		return err_sys(e, "calloc", "list of tasks");
	post_all(r, ran);
	for (size_t k = 0; k < r->n; k++) {
		struct task_priv *t = r->tasks[k];

		if (!ran[k])
			continue;
		ret = head_wait(t->pub.arena.head, RUN_US, run_alive, &w);
		if (ret == -ETIMEDOUT)
			return run_late(r, t, e);
		if (ret)
			return ret;
	}
	for_each_thread(r, t, i)
	{
		const struct remote_thread *th = &t->pub.threads[i];

		if (th->ring && th->prog.sealed && th->ring->calls == th->prog.calls &&
		    th->ring->executed < th->prog.n)
			return run_error(t, i, e);
	}
	return 0;
}
