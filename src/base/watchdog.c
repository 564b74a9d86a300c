// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Two processes, each ready for the other's death.
 *
 * The worker learns of its parent's death by a signal (PR_SET_PDEATHSIG), the
 * parent and the guard of the other's by a pidfd. A pidfd tells of a death only
 * when the dead has let go of everything it traced, which a closed socket does
 * not: undoing may begin at once.
 *
 * Runs in: the started process, the worker (dump), the guard (restore).
 */
#define LOG_MODULE "watchdog"
#include "base/watchdog-internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hang.h"
#include "base/io.h"
#include "base/log.h"
#include "base/proc.h"

static const int cancel_signals[CANCEL_SIGNALS] = { SIGINT, SIGTERM, SIGHUP };
/* To the worker: the parent is dead, or passes a cancel on. */
#define WORKER_SIGNAL SIGTERM

/* What a signal handler can reach must be static; it is the process's own. */
static volatile sig_atomic_t cancel_seen, cancel_ignored;

static struct life *life;

void life_is(struct life *l)
{
	life = l;
}

bool cancelled(void)
{
	return cancel_seen && !cancel_ignored;
}

void watchdog_beat(void)
{
	if (life)
		__atomic_fetch_add(&life->beats, 1, __ATOMIC_RELAXED);
}

void watchdog_step(const char *what, unsigned seconds)
{
	if (!life)
		return;
	life->what = what;
	__atomic_store_n(&life->patience, seconds, __ATOMIC_RELAXED);
	watchdog_beat();
}

void watchdog_patient(bool on)
{
	if (life)
		__atomic_store_n(&life->patient, on, __ATOMIC_RELAXED);
	watchdog_beat();
}

int cancel_check(struct err *e)
{
	watchdog_beat();
	if (!cancelled())
		return 0;
	return err_set(e, ERR_CANCELLED, ECANCELED, "go on", "", "it was cancelled");
}

void cancel_ignore(void)
{
	cancel_ignored = 1;
}

static void on_cancel(int sig)
{
	cancel_seen = 1;
}

/* Signals that the caller ignores (nohup) go on being ignored. SA_RESTART: only who asks cancelled() is disturbed. */
static void handlers_set(struct sigaction saved[static CANCEL_SIGNALS])
{
	struct sigaction sa = { .sa_handler = on_cancel, .sa_flags = SA_RESTART };

	cancel_seen = cancel_ignored = 0;
	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < CANCEL_SIGNALS; i++) {
		sigaction(cancel_signals[i], NULL, &saved[i]);
		if (saved[i].sa_handler != SIG_IGN)
			sigaction(cancel_signals[i], &sa, NULL);
	}
}

static void handlers_restore(const struct sigaction saved[static CANCEL_SIGNALS])
{
	for (size_t i = 0; i < CANCEL_SIGNALS; i++)
		sigaction(cancel_signals[i], &saved[i], NULL);
}

static void cancel_set_of(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < CANCEL_SIGNALS; i++)
		sigaddset(set, cancel_signals[i]);
}

/* The worker's last word, in memory that both see. */
struct answer {
	int done;
	int ret;
	struct err e;
	struct life life;
};

struct watch {
	struct journal *j;
	const struct undo_kind *const *kinds;
	struct answer *answer;
	pid_t parent;
	sigset_t mask; /* as the caller had it */
};

#define OOM_ADJ "/proc/self/oom_score_adj"

static char oom_adj[16]; /* the caller's; empty in all but the worker */

/*
 * When memory runs out the kernel shall take the worker, and not the parent
 * that puts all in order again. Raising needs no capability.
 */
static void worker_first_to_die(void)
{
	int fd = open(OOM_ADJ, O_RDWR | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, oom_adj, sizeof(oom_adj) - 1);

	oom_adj[n < 0 ? 0 : n] = 0;
	if (n < 0 || pwrite(fd, "1000", 4, 0) < 0)
		log_debug(OOM_ADJ ": %m");
	cleanup_close(&fd);
}

void watchdog_before_exec(void)
{
	int fd = oom_adj[0] ? open(OOM_ADJ, O_WRONLY | O_CLOEXEC) : -1;

	/* It was allowed before; if not now, the script is only more likely to die with us. */
	if (fd >= 0 && write(fd, oom_adj, strlen(oom_adj)) >= 0)
		close(fd);
}

static void worker_settle(const struct watch *w)
{
	struct sigaction sa = { .sa_handler = on_cancel, .sa_flags = SA_RESTART };

	life_is(&w->answer->life);
	log_forked();
	setsid();
	prctl(PR_SET_NAME, "stasis-worker");
	worker_first_to_die();
	sigemptyset(&sa.sa_mask);
	sigaction(WORKER_SIGNAL, &sa, NULL);
	prctl(PR_SET_PDEATHSIG, WORKER_SIGNAL);
	/* It may have died before the kernel was asked to tell. */
	if (getppid() != w->parent)
		cancel_seen = 1;
	sigprocmask(SIG_SETMASK, &w->mask, NULL);
}

static void __attribute__((noreturn))
worker_main(const struct watch *w, int (*work)(void *arg, struct err *e), void *arg)
{
	struct err e = { 0 };
	int r;

	worker_settle(w);
	r = work(arg, &e);
	if (r && !e.code)
		err_set(&e, ERR_GENERAL, -r, "work", "", "%s", strerror(-r));
	w->answer->ret = r;
	w->answer->e = e;
	__atomic_store_n(&w->answer->done, 1, __ATOMIC_RELEASE);
	if (w->j && getppid() != w->parent) {
		/* Nobody is left to look at what we could not undo in order. */
		cancel_ignore();
		journal_undo(w->j, w->kinds, &e);
		journal_close(w->j);
	}
	log_flush();
	fflush(NULL);
	/* What exit() would run belongs to the parent. */
	_exit(0);
}

/* After a wish to stop the worker has this long, also where it has no limit otherwise. */
#define STOP_PATIENCE 10

bool life_hangs(const struct life *l, unsigned *beats, uint64_t *since)
{
	unsigned now = __atomic_load_n(&l->beats, __ATOMIC_RELAXED);
	unsigned patience = __atomic_load_n(&l->patience, __ATOMIC_RELAXED);

	if (now != *beats) {
		*beats = now;
		*since = now_us();
	}
	if (__atomic_load_n(&l->patient, __ATOMIC_RELAXED))
		patience = 0;
	if (!patience && cancel_seen)
		patience = STOP_PATIENCE;
	return patience && now_us() - *since > patience * 1000000ull;
}

static bool is_zombie(pid_t pid)
{
	struct proc_stat st;
	struct err e = { 0 };

	return !proc_stat_read(pid, &st, &e) && st.state == 'Z';
}

/* Until the worker is dead, all its threads gone and all that it traced let go. */
static int worker_wait(const struct watch *w, pid_t pid, int pidfd, siginfo_t *si, struct err *hung,
		       struct err *e)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	const struct timespec look = { .tv_nsec = LIFE_LOOK_NS };
	bool passed_on = false;
	unsigned beats = 0;
	uint64_t since = now_us();

	for (;;) {
		/* The cancel signals are blocked but for the sleep itself, so none comes unseen between look and sleep. */
		int n = ppoll(&p, 1, &look, &w->mask);

		if (n > 0)
			break;
		if (n < 0 && errno != EINTR)
			return err_sys(e, "poll", "the worker");
		if (cancel_seen && !passed_on) {
			syscall(SYS_pidfd_send_signal, pidfd, WORKER_SIGNAL, NULL, 0);
			passed_on = true;
		}
		if (!hung->code && !__atomic_load_n(&w->answer->done, __ATOMIC_ACQUIRE) &&
		    life_hangs(&w->answer->life, &beats, &since)) {
			hang_describe(pid, w->answer->life.what, (now_us() - since) / 1000000,
				      hung);
			syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		}
		/* One of its threads cannot die, but the one that traces has let go. */
		if (hung->code && is_zombie(pid)) {
			/* Not into the log, which may lie there, too. */
			err_in(hung, "process %d stays until it answers", pid);
			*si = (siginfo_t){ .si_code = CLD_KILLED, .si_status = SIGKILL };
			return 0;
		}
	}
	memset(si, 0, sizeof(*si));
	while (waitid(P_PIDFD, (id_t)pidfd, si, WEXITED) < 0)
		if (errno != EINTR)
			return err_sys(e, "waitid", "the worker");
	return 0;
}

static int worker_died(const siginfo_t *si, struct err *e)
{
	bool killed = si->si_code == CLD_KILLED || si->si_code == CLD_DUMPED;

	err_set(e, killed && si->si_status == SIGKILL ? ERR_SYSTEM : ERR_GENERAL, ECHILD, "go on",
		"",
		killed ? "the worker was killed by signal %d" : "the worker ended with status %d",
		si->si_status);
	if (killed && si->si_status == SIGKILL)
		err_hint(e, "the kernel's log tells whether memory ran out");
	return -ECHILD;
}

static int parent_main(const struct watch *w, pid_t pid, struct err *e)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct err late = { 0 }, hung = { 0 };
	siginfo_t si;
	int r;

	if (pidfd < 0) {
		err_sys(e, "pidfd_open", "the worker, pid %d", pid);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return -e->code;
	}
	r = worker_wait(w, pid, pidfd, &si, &hung, e);
	if (r)
		return r;
	/* From here on somebody's impatience must not leave things half undone. */
	cancel_ignore();
	if (__atomic_load_n(&w->answer->done, __ATOMIC_ACQUIRE)) {
		*e = w->answer->e;
		r = w->answer->ret;
	} else {
		r = worker_died(&si, e);
		if (hung.code)
			*e = hung;
	}
	/* Also after success: what its maker did not close is not meant to stay. */
	if (w->j && journal_undo(w->j, w->kinds, &late)) {
		log_warn("undoing: %s %s: %s", late.op, late.object, late.why);
		if (!r)
			return *e = late, -e->code;
		err_in(e, "NOT everything could be undone: %s %s: %s", late.op, late.object,
		       late.why);
		return err_hint(e, "`stasis recover` tries again");
	}
	if (r == -ECHILD && !w->answer->done)
		return err_in(e, "everything was undone");
	return r;
}

static int run_forked(struct watch *w, int (*work)(void *arg, struct err *e), void *arg,
		      struct err *e)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL }, chld;
	pid_t pid;
	int r;

	/* A caller that ignores SIGCHLD would have the kernel reap the worker before we know how it ended. */
	sigaction(SIGCHLD, &dfl, &chld);
	log_flush();
	fflush(NULL);
	w->parent = getpid();
	pid = fork();
	if (!pid)
		worker_main(w, work, arg);
	if (pid < 0) {
		r = err_sys(e, "fork", "the worker");
	} else {
		if (w->j)
			journal_set_owners(w->j, pid, w->parent);
		r = parent_main(w, pid, e);
	}
	sigaction(SIGCHLD, &chld, NULL);
	return r;
}

int watchdog_run(struct journal *j, const struct undo_kind *const *kinds,
		 int (*work)(void *arg, struct err *e), void *arg, struct err *e)
{
	struct watch w = { .j = j, .kinds = kinds };
	struct sigaction saved[CANCEL_SIGNALS];
	sigset_t cancel;
	int r;

	w.answer = mmap(NULL, sizeof(*w.answer), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (w.answer == MAP_FAILED)
		return err_sys(e, "mmap", "a shared page");
	cancel_set_of(&cancel);
	sigprocmask(SIG_BLOCK, &cancel, &w.mask);
	handlers_set(saved);
	r = run_forked(&w, work, arg, e);
	/* A cancel that came too late has nothing left to stop: its handler eats it here. */
	sigprocmask(SIG_SETMASK, &w.mask, NULL);
	handlers_restore(saved);
	munmap(w.answer, sizeof(*w.answer));
	return r;
}

/*
 * The guard keeps nothing of ours open: a pipe or socket whose last user it
 * would be, the caller's output that a reader waits for the end of, a mount.
 */
static void guard_close_all(const struct watch *w, int pidfd)
{
	int keep[] = { pidfd, journal_fd(w->j), -1 }, null = open("/dev/null", O_RDWR);
	unsigned from = 3;
	struct stat st;

	if (chdir("/"))
		log_debug("chdir: %m");
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (log_fd() > 2 && !fstat(log_fd(), &st) && S_ISREG(st.st_mode))
		keep[2] = log_fd();
	else
		log_open(-1, log_level, false, NULL);
	for (;;) {
		unsigned next = ~0u;

		for (size_t i = 0; i < ARRAY_SIZE(keep); i++)
			if (keep[i] >= (int)from && (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		if (next > from)
			close_range(from, next == ~0u ? next : next - 1, 0);
		if (next == ~0u)
			break;
		from = next + 1;
	}
}

static void __attribute__((noreturn)) guard_main(const struct watch *w, int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	struct err e = { 0 };

	log_forked();
	setsid();
	prctl(PR_SET_NAME, "stasis-guard");
	for (size_t i = 0; i < CANCEL_SIGNALS; i++)
		signal(cancel_signals[i], SIG_IGN);
	cancel_ignore();
	guard_close_all(w, pidfd);
	while (poll(&p, 1, -1) < 0)
		;
	log_info("the one who restored was killed: undoing");
	if (journal_undo(w->j, w->kinds, &e))
		log_warn("undoing: %s %s: %s; `stasis recover` tries again", e.op, e.object, e.why);
	journal_close(w->j);
	log_flush();
	_exit(0);
}

/*
 * In a small pid namespace the guard could be given a number that the caller
 * still needs: then it keeps that until another one was born with a better one.
 */
static pid_t guard_fork(const struct watch *w, int me, bool (*taken)(const void *ctx, pid_t pid),
			const void *ctx)
{
	enum { TRIES = 64 };
	pid_t passed[TRIES], pid;
	int n = 0;

	for (;;) {
		pid = fork();
		if (!pid)
			guard_main(w, me);
		if (pid < 0 || !taken || !taken(ctx, pid) || n == TRIES)
			break;
		passed[n++] = pid;
	}
	while (n-- > 0) {
		kill(passed[n], SIGKILL);
		waitpid(passed[n], NULL, 0);
	}
	return pid;
}

int watchdog_guard(struct guard *ret, struct journal *j, const struct undo_kind *const *kinds,
		   bool (*taken)(const void *ctx, pid_t pid), const void *ctx, struct err *e)
{
	struct watch w = { .j = j, .kinds = kinds };
	_cleanup_close_ int me = (int)syscall(SYS_pidfd_open, getpid(), 0);
	struct guard g = { .pidfd = -EBADF };

	if (me < 0)
		return err_sys(e, "pidfd_open", "ourselves");
	log_flush();
	fflush(NULL);
	g.pid = guard_fork(&w, me, taken, ctx);
	if (g.pid < 0)
		return err_sys(e, "fork", "the guard");
	g.pidfd = (int)syscall(SYS_pidfd_open, g.pid, 0);
	if (g.pidfd < 0) {
		err_sys(e, "pidfd_open", "the guard");
		kill(g.pid, SIGKILL);
		waitpid(g.pid, NULL, 0);
		return -e->code;
	}
	handlers_set(g.old);
	journal_set_owners(j, getpid(), g.pid);
	*ret = g;
	return 0;
}

/* It has nothing of its own to put in order, so the hard way is the quickest; reaped, so that nobody's wait() sees it. */
void watchdog_release(struct guard *g)
{
	if (g->pid <= 0)
		return;
	syscall(SYS_pidfd_send_signal, g->pidfd, SIGKILL, NULL, 0);
	/* A caller that ignores SIGCHLD has had it reaped. */
	while (waitid(P_PIDFD, (id_t)g->pidfd, NULL, WEXITED) < 0 && errno == EINTR)
		;
	close(g->pidfd);
	handlers_restore(g->old);
	g->pid = 0;
}
