/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From stubs to tasks: seizing all, last words, taking the arena away, setting
 * registers, and the commit after which they outlive us.
 *
 * Every thread gets its registers while it stands in the kernel's signal path
 * (a PTRACE_INTERRUPT stop), so that the kernel itself finishes interrupted
 * calls: restart them, or return -EINTR when a handler is to run.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/proc.h"
#include "parasite/reap.h"
#include "parasite/stub.h"

#define XSTATE_MAX 16384
#define ERESTART_RESTARTBLOCK_ (-516)
#define SYSCALL_STOP (SIGTRAP | 0x80)
#define SEIZE_OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)
#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif

#define each_stub(s, st)                                                                           \
	for (size_t st##_i = 0; st##_i < (s)->n; st##_i++)                                         \
		if (((st) = (s)->v[st##_i])->temporary) {                                          \
		} else
#define each_thread(st, th)                                                                        \
	for ((th) = (st)->threads; (th) < (st)->threads + (st)->n_threads; (th)++)
/* Without a leader that is about to end, or has. */
#define each_living(st, th)                                                                        \
	for ((th) = (st)->threads + (st)->leader_dead; (th) < (st)->threads + (st)->n_threads;     \
	     (th)++)

/* The thread that acts for its process from outside. */
static pid_t driver(const struct stub *st)
{
	return st->threads[st->leader_dead].host;
}

static struct stub *by_pid(struct stub_set *s, pid_t pid)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i]->pid == pid)
			return s->v[i];
	return NULL;
}

static pid_t inner_pid(pid_t host, pid_t tid, struct err *e)
{
	struct proc_status st = { 0 };
	pid_t pid;

	if (proc_status_read(host, tid, &st, e))
		return -1;
	pid = st.nspid[st.nspid_n - 1];
	proc_status_free(&st);
	return pid;
}

static int find_threads(struct stub *st, struct err *e)
{
	_cleanup_free_ int *tids = NULL;
	size_t n;
	int r = proc_list(st->host, "task", &tids, &n, e);

	for (size_t i = 0; !r && i < n; i++) {
		pid_t tid = inner_pid(st->host, tids[i], e);
		struct stub_thread *th;

		if (tid < 0)
			return -e->code;
		each_thread(st, th)
			if (th->tid == tid)
				th->host = tids[i];
	}
	return r;
}

static int find_below(struct stub_set *s, struct stub *st, struct err *e)
{
	_cleanup_free_ pid_t *kids = NULL;
	size_t n = 0;
	int r;

	st->threads[0].host = st->host;
	if (st->n_threads > 1) {
		r = find_threads(st, e);
		if (r)
			return r;
	}
	r = proc_children(st->host, &kids, &n, e);
	for (size_t i = 0; !r && i < n; i++) {
		struct stub *c;
		pid_t pid = inner_pid(kids[i], kids[i], e);

		if (pid < 0)
			return -e->code;
		c = by_pid(s, pid);
		if (!c)
			continue;
		c->host = kids[i];
		if (!c->temporary)
			r = find_below(s, c, e);
	}
	return r;
}

int stubs_find(struct stub_set *s, bool own_pidns, struct err *e)
{
	struct stub *st;
	struct stub_thread *th;

	if (own_pidns)
		return find_below(s, s->v[0], e);
	for (size_t i = 0; i < s->n; i++) {
		st = s->v[i];
		st->host = st->pid;
		each_thread(st, th)
			th->host = th->tid;
	}
	return 0;
}

/*
 * A stop is told to the parent once. The dumped parent knew of it already, so
 * the stub stops while the parent is a stub, too, which waits for it and drops
 * the SIGCHLD. Children before parents: who is stopped cannot wait.
 */
static int stop_one(struct stub_set *s, struct stub *st, struct err *e)
{
	struct prog p;
	siginfo_t *si;
	uint64_t *set;
	struct timespec *now;
	int r = 0;

	prog_init(&p, &s->arena);
	prog_call(&p, "stop", SYS_kill, st->pid, SIGSTOP);
	prog_seal(&p);
	/* It answers only when it is continued under the tracer: nobody waits for that. */
	ring_post(st->threads[0].ring, &p);
	prog_free(&p);
	if (!st->parent) {
		siginfo_t own;

		while (waitid(P_PID, st->host, &own, WSTOPPED | __WALL) < 0)
			if (errno != EINTR)
				return err_sys(e, "wait for", "the stop of process %d", st->host);
		return 0;
	}
	prog_init(&p, &s->arena);
	si = prog_alloc(&p, sizeof(*si));
	set = prog_alloc(&p, sizeof(*set));
	now = prog_alloc(&p, sizeof(*now));
	*set = 1ull << (SIGCHLD - 1);
	prog_call(&p, "wait for the stop", SYS_waitid, P_PID, st->pid, (uint64_t)si, WSTOPPED, 0);
	prog_call(&p, "drop its SIGCHLD", SYS_rt_sigtimedwait | SV_IGN, (uint64_t)set, 0,
		  (uint64_t)now, 8);
	r = stub_run(s, st->parent, &p, e);
	prog_free(&p);
	return r;
}

int stubs_stop(struct stub_set *s, struct err *e)
{
	int r = 0;

	for (size_t i = s->n; !r && i-- > 0;)
		if (!s->v[i]->temporary && s->v[i]->stop_sig)
			r = stop_one(s, s->v[i], e);
	return r;
}

/* Seized in its stop it shows that first; from there the ring runs on. */
static int run_on(struct stub *st, struct err *e)
{
	const struct sv_ring *ring = st->threads[0].ring;
	uint64_t deadline = now_us() + 10ull * 1000 * 1000;
	int status;

	if (waitpid(st->host, &status, __WALL) != st->host)
		return err_sys(e, "wait for", "stopped process %d", st->host);
	if (ptrace(PTRACE_CONT, st->host, 0, 0))
		return err_sys(e, "continue", "stopped process %d", st->host);
	/* Its answer to the program that stopped it must not be counted as one to the next. */
	while (__atomic_load_n(&ring->last, __ATOMIC_ACQUIRE) != ring->seq) {
		if (now_us() > deadline)
			return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "wait for", "",
				       "stopped process %d does not run on", st->host);
		sched_yield();
	}
	return 0;
}

int stubs_seize(struct stub_set *s, struct err *e)
{
	struct stub *st;
	struct stub_thread *th;

	each_stub(s, st)
		each_thread(st, th) {
			if (!th->host)
				return err_set(e, ERR_GENERAL, ESRCH, "find the restored thread",
					       "", "tid %d of pid %d is not in /proc", th->tid,
					       st->pid);
			if (!ptrace(PTRACE_SEIZE, th->host, 0,
				    SEIZE_OPTIONS | PTRACE_O_SUSPEND_SECCOMP))
				continue;
			/* Without CAP_SYS_ADMIN filters cannot be suspended; only filtered tasks would need it. */
			if (ptrace(PTRACE_SEIZE, th->host, 0, SEIZE_OPTIONS))
				return err_sys(e, "seize", "pid %d, thread %d", st->pid, th->tid);
		}
	each_stub(s, st) {
		int r = st->stop_sig ? run_on(st, e) : 0;

		if (r)
			return r;
	}
	return 0;
}

static int final_post(struct stub_set *s)
{
	struct stub *st;
	struct stub_thread *th;
	uint32_t n = 0;

	each_stub(s, st)
		each_thread(st, th)
			if (th->final.n) {
				prog_seal(&th->final);
				n++;
			}
	s->arena.head->pending = n;
	each_stub(s, st)
		each_thread(st, th)
			if (th->final.n)
				ring_post(th->ring, &th->final);
	return n;
}

/* Only now: children of these threads no longer die with them. */
static void leaders_end(struct stub_set *s)
{
	struct stub *st;

	each_stub(s, st) {
		struct prog p;

		if (!st->leader_dead)
			continue;
		prog_init(&p, &s->arena);
		prog_call(&p, "end", SYS_exit, 0);
		prog_seal(&p);
		ring_post(st->threads[0].ring, &p);
		prog_free(&p);
	}
}

int stubs_final(struct stub_set *s, struct err *e)
{
	struct stub *st;
	struct stub_thread *th;
	int r;

	if (!final_post(s))
		return 0;
	r = head_wait(s->arena.head, 120ull * 1000 * 1000, NULL, NULL);
	each_stub(s, st)
		each_thread(st, th)
			if (th->final.n && th->ring->executed < th->final.n) {
				prog_err(&th->final, th->ring, e);
				return err_in(e, "last words of pid %d, thread %d", st->pid,
					      th->tid);
			}
	if (r)
		return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "wait for the tasks", "last words",
			       "%u have not answered", s->arena.head->pending);
	leaders_end(s);
	return 0;
}

/* Sleeping the rest for real makes the kernel's restart block what it was. */
static void nap_post(struct stub_set *s, struct stub_thread *th)
{
	struct prog p;
	struct timespec *ts = arena_alloc(&s->arena, sizeof(*ts));
	uint64_t now = now_us() * 1000, rest = th->nap_until > now ? th->nap_until - now : 0;

	ts->tv_sec = (time_t)(rest / 1000000000);
	ts->tv_nsec = (long)(rest % 1000000000);
	prog_init(&p, &s->arena);
	prog_call(&p, "sleep on", SYS_clock_nanosleep | SV_IGN, th->nap_clock, 0, (uint64_t)ts,
		  th->nap_rest);
	prog_seal(&p);
	ring_post(th->ring, &p);
	prog_free(&p);
}

static int wait_stop(pid_t tid, int *ret_status, struct err *e)
{
	int status;

	for (;;) {
		if (waitpid(tid, &status, __WALL) == tid)
			break;
		if (errno != EINTR)
			return err_sys(e, "wait for", "thread %d", tid);
	}
	if (!WIFSTOPPED(status))
		return err_set(e, ERR_GENERAL, ESRCH, "stop", "", "thread %d ended (%#x)", tid,
			       status);
	*ret_status = status;
	return 0;
}

/* Until the stop that PTRACE_INTERRUPT asked for; other stops on the way are passed over. */
static int wait_interrupted(pid_t tid, struct err *e)
{
	int status, r;

	for (;;) {
		r = wait_stop(tid, &status, e);
		if (r || status >> 16 == PTRACE_EVENT_STOP)
			return r;
		if (ptrace(PTRACE_CONT, tid, 0, 0))
			return err_sys(e, "continue", "thread %d", tid);
	}
}

static int get_regs(pid_t tid, struct user_regs_struct *r, struct err *e)
{
	struct iovec v = { r, sizeof(*r) };

	return ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &v) ?
		       err_sys(e, "read registers", "thread %d", tid) :
		       0;
}

static int set_regs(pid_t tid, struct user_regs_struct *r, struct err *e)
{
	struct iovec v = { r, sizeof(*r) };

	return ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &v) ?
		       err_sys(e, "set registers", "thread %d", tid) :
		       0;
}

/* A napping thread must be caught inside its sleep, neither before nor after. */
static int nap_settle(struct stub_thread *th, struct err *e)
{
	for (;;) {
		struct user_regs_struct r;
		int err = get_regs(th->host, &r, e);

		if (err)
			return err;
		if (r.orig_rax == SYS_clock_nanosleep && (int64_t)r.rax == ERESTART_RESTARTBLOCK_)
			return 0;
		if (__atomic_load_n(&th->ring->last, __ATOMIC_ACQUIRE) == th->ring->seq) {
			/* The rest was shorter than our way here: the sleep is over. */
			th->regs.rax = 0;
			th->regs.orig_rax = -1;
			return 0;
		}
		if (ptrace(PTRACE_CONT, th->host, 0, 0))
			return err_sys(e, "continue", "thread %d", th->host);
		usleep(50);
		if (ptrace(PTRACE_INTERRUPT, th->host, 0, 0))
			return err_sys(e, "interrupt", "thread %d", th->host);
		err = wait_interrupted(th->host, e);
		if (err)
			return err;
	}
}

static int stop_all(struct stub_set *s, struct err *e)
{
	struct stub *st;
	struct stub_thread *th;
	int r;

	each_stub(s, st)
		each_living(st, th)
			if (th->nap)
				nap_post(s, th);
	each_stub(s, st)
		each_living(st, th)
			if (ptrace(PTRACE_INTERRUPT, th->host, 0, 0))
				return err_sys(e, "interrupt", "thread %d", th->host);
	each_stub(s, st)
		each_living(st, th) {
			r = wait_interrupted(th->host, e);
			if (!r && th->nap)
				r = nap_settle(th, e);
			if (r)
				return r;
		}
	return 0;
}

static int next_syscall_stop(pid_t pid, struct err *e)
{
	int status, r;

	for (;;) {
		r = wait_stop(pid, &status, e);
		if (r || WSTOPSIG(status) == SYSCALL_STOP)
			return r;
		if (ptrace(PTRACE_SYSCALL, pid, 0, 0))
			return err_sys(e, "continue", "pid %d", pid);
	}
}

/*
 * The leader unmaps the arena through a `syscall` instruction of its final
 * memory while its other threads stand still in theirs; all tasks at once.
 */
static int drop_arena(struct stub_set *s, struct err *e)
{
	struct stub *st;
	int r;

	each_stub(s, st) {
		struct user_regs_struct regs;

		r = get_regs(driver(st), &regs, e);
		if (r)
			return r;
		regs.rip = st->final_gadget;
		regs.rax = SYS_munmap;
		regs.orig_rax = -1;
		regs.rdi = (uint64_t)s->arena.base;
		regs.rsi = s->arena.len;
		r = set_regs(driver(st), &regs, e);
		if (r)
			return r;
		if (ptrace(PTRACE_SYSCALL, driver(st), 0, 0))
			return err_sys(e, "continue", "pid %d", driver(st));
	}
	each_stub(s, st) {
		r = next_syscall_stop(driver(st), e);
		if (r)
			return r;
		if (ptrace(PTRACE_SYSCALL, driver(st), 0, 0))
			return err_sys(e, "continue", "pid %d", driver(st));
	}
	each_stub(s, st) {
		struct user_regs_struct regs;

		r = next_syscall_stop(driver(st), e);
		if (!r)
			r = get_regs(driver(st), &regs, e);
		if (r)
			return r;
		if (regs.rax)
			return err_set(e, ERR_GENERAL, -(int)regs.rax, "unmap the arena", "",
				       "pid %d: %s", st->pid, strerror(-(int)regs.rax));
		if (ptrace(PTRACE_INTERRUPT, driver(st), 0, 0) ||
		    ptrace(PTRACE_CONT, driver(st), 0, 0))
			return err_sys(e, "interrupt", "pid %d", driver(st));
	}
	each_stub(s, st) {
		r = wait_interrupted(driver(st), e);
		if (r)
			return r;
	}
	return 0;
}

int stubs_dress(struct stub_set *s,
		int (*xstate)(struct stub_thread *th, void *buf, size_t len, struct err *e),
		struct err *e)
{
	struct stub *st;
	struct stub_thread *th;
	void *buf = pool_alloc(s->pool, XSTATE_MAX);
	int r = stop_all(s, e);

	if (!r)
		r = drop_arena(s, e);
	if (r)
		return r;
	each_stub(s, st)
		each_living(st, th) {
			struct iovec v = { buf, XSTATE_MAX };

			if (ptrace(PTRACE_GETREGSET, th->host, NT_X86_XSTATE, &v))
				return err_sys(e, "read extended registers", "thread %d", th->host);
			r = xstate(th, buf, v.iov_len, e);
			if (r)
				return err_in(e, "pid %d, thread %d", st->pid, th->tid);
			if (ptrace(PTRACE_SETREGSET, th->host, NT_X86_XSTATE, &v))
				return err_sys(e, "set extended registers", "thread %d", th->host);
			r = set_regs(th->host, &th->regs, e);
			if (r)
				return r;
			if (ptrace(PTRACE_SETSIGMASK, th->host, sizeof(th->sigmask), &th->sigmask))
				return err_sys(e, "set the signal mask", "thread %d", th->host);
		}
	return 0;
}

int stubs_commit(struct stub_set *s, struct err *e)
{
	struct stub *st;
	struct stub_thread *th;

	/* The root's leader last: in a pid namespace its death would still take all with it. */
	for (int last = 0; last < 2; last++)
		each_stub(s, st)
			each_living(st, th) {
				if ((st->index == 0 && th->host == driver(st)) != last)
					continue;
				if (ptrace(PTRACE_SETOPTIONS, th->host, 0,
					   PTRACE_O_TRACESYSGOOD | PTRACE_O_SUSPEND_SECCOMP) &&
				    ptrace(PTRACE_SETOPTIONS, th->host, 0, PTRACE_O_TRACESYSGOOD))
					return err_sys(e, "commit", "thread %d", th->host);
			}
	s->released = true;
	return 0;
}

/*
 * Who is let go first may kill the next while we still trace it. Its death is
 * ours to take before its parent can, who would wait for ever when we stay to
 * wait for the root; the root's own is taken by whoever does that.
 */
int stubs_release(struct stub_set *s, bool stopped, struct err *e)
{
	_cleanup_free_ pid_t *killed = NULL;
	size_t n_killed = 0, n = 0;
	struct stub *st;
	struct stub_thread *th;
	int r = 0;

	each_stub(s, st)
		n += st->n_threads;
	killed = calloc(n + 1, sizeof(*killed));
	if (!killed)
		abort();

	each_stub(s, st)
		each_living(st, th) {
			/* Those in a stop already return to it. */
			if (stopped && th->host == driver(st) && !st->stop_sig)
				kill(st->host, SIGSTOP);
			if (!ptrace(PTRACE_DETACH, th->host, 0, 0))
				continue;
			if (errno == ESRCH && (st->index || th->host != st->host))
				killed[n_killed++] = th->host;
			else if (errno != ESRCH && !r)
				r = err_sys(e, "let go", "thread %d", th->host);
		}
	reap_killed(killed, n_killed);
	return r;
}

void stubs_kill(struct stub_set *s)
{
	if (!s->n || !s->v[0]->host)
		return;
	/* Children first would be re-parented; all get the signal, and die with the root in any case (PDEATHSIG). */
	for (size_t i = s->n; i-- > 0;)
		if (s->v[i]->host > 0)
			kill(s->v[i]->host, SIGKILL);
	for (;;) {
		pid_t p = waitpid(-1, NULL, __WALL);

		if (p < 0 && errno == EINTR)
			continue;
		if (p < 0 || p == s->v[0]->host)
			break;
	}
	s->v[0]->host = 0;
}
