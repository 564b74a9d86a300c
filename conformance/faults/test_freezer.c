// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves of the freezer, for v1 and v2: the right cgroups are frozen, nobody
 * else is; everybody ends exactly where they were, running or as the caller
 * had them; who does not freeze is named; and whenever the one who froze is
 * killed, the guard brings about the same. Needs root. Prints TAP and a line
 * of counts. Works in cgroups of its own only.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/journal.h"
#include "base/proc.h"
#include "base/watchdog.h"
#include "cgroup/cgroup-internal.h"
#include "undo.h"

#define MAX 64
#define TIMEOUT_US 5000000

static int passed, failed, skipped, version;
static char base[256], journal_dir[] = "/tmp/stasis-freezer-XXXXXX", problem[512];
static struct hierarchy both[2];

/* What victims tell: how far they are, and calls that came back for no reason of theirs. */
static struct shared {
	volatile long progress[MAX];
	volatile int ready[MAX], leader_dead[MAX], eintr, guarded;
	volatile long slot;
} *sh;

static struct {
	pid_t v[MAX];
	char home[MAX][300];
	size_t n;
} victims;

static bool check(bool ok, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool check(bool ok, const char *fmt, ...)
{
	va_list ap;

	if (ok || problem[0])
		return ok;
	va_start(ap, fmt);
	vsnprintf(problem, sizeof(problem), fmt, ap);
	va_end(ap);
	return false;
}

static bool check_ok(int r, const struct err *e, const char *what)
{
	char text[2000];

	err_format(e, text, sizeof(text));
	return check(!r, "%s: %s", what, text);
}

/* ---- cgroups and victims */

static const struct freezer_ops *ops(void)
{
	return version == 2 ? &freezer_v2 : &freezer_v1;
}

static const char *path(const char *name)
{
	static char buf[8][600];
	static int i;
	char *b = buf[i++ % 8];

	snprintf(b, sizeof(buf[0]), "%s%s%s", base, *name ? "/" : "", name);
	return b;
}

static void make(const char *name)
{
	check(!mkdir(path(name), 0755), "mkdir %s: %s", path(name), strerror(errno));
}

static void put(const char *dir, const char *file, const char *text)
{
	struct err e = { 0 };

	check_ok(cgroup_file_write(dir, file, text, &e), &e, "preparing");
}

static bool is_frozen(const char *dir)
{
	enum freeze_state st = THAWED;
	struct err e = { 0 };

	check_ok(ops()->state(dir, &st, &e), &e, "state");
	return st == FROZEN;
}

static void caller_freezes(const char *name)
{
	put(path(name), ops()->freeze_file, ops()->frozen_text);
	for (int i = 0; i < 5000 && !is_frozen(path(name)); i++)
		usleep(1000);
	check(is_frozen(path(name)), "%s was not frozen to begin with", name);
}

/* The cgroup that a thread is in, below our own. */
static const char *home_of(pid_t pid, pid_t tid, char *buf, size_t size)
{
	struct err e = { 0 };

	return hierarchy_dir_of(&both[version - 1], pid, tid, buf, size, &e) ? "nowhere" : buf;
}

typedef void (*victim_fn)(int slot);

static void victim_run(const char *name, int slot, victim_fn fn)
{
	setsid();
	put(path(name), "cgroup.procs", "0");
	sh->ready[slot] = 1;
	fn(slot);
	_exit(0);
}

static void wait_ready(int slot)
{
	for (int i = 0; i < 10000 && !sh->ready[slot]; i++)
		usleep(1000);
	check(sh->ready[slot], "victim %d did not start", slot);
}

static pid_t victim(const char *name, victim_fn fn)
{
	int slot = (int)sh->slot++;
	pid_t pid = fork();

	if (!pid)
		victim_run(name, slot, fn);
	wait_ready(slot);
	/* Its children are there, too. */
	for (int i = 0; i < 10000 && !sh->progress[slot]; i++)
		usleep(1000);
	victims.v[victims.n] = pid;
	snprintf(victims.home[victims.n++], sizeof(victims.home[0]), "%s", path(name));
	return pid;
}

static void body_tick(int slot)
{
	for (;;) {
		sh->progress[slot]++;
		usleep(500);
	}
}

/* A call that the kernel does not restart by itself: it shows whoever was careless. */
static void body_wait(int slot)
{
	int fd = epoll_create1(0);
	struct epoll_event ev;

	sh->progress[slot] = 1;
	for (;;) {
		if (epoll_wait(fd, &ev, 1, -1) < 0 && errno == EINTR)
			sh->eintr++;
	}
}

static void body_fork(int slot)
{
	for (;;) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
		sh->progress[slot]++;
	}
}

/* A child of the caller in a cgroup of its own choice; it stays there. */
static int spawn(const char *name, victim_fn fn)
{
	int slot = (int)__atomic_fetch_add(&sh->slot, 1, __ATOMIC_SEQ_CST);

	if (!fork())
		victim_run(name, slot, fn);
	wait_ready(slot);
	return slot;
}

static void body_tree(int slot)
{
	spawn("a", body_tick);
	spawn("a", body_wait);
	body_tick(slot);
}

static void body_spread(int slot)
{
	spawn("a/b", body_tick);
	spawn("c", body_tick);
	body_tick(slot);
}

static void body_spread_inside(int slot)
{
	spawn("a/b", body_tick);
	spawn("a/c", body_tick);
	body_tick(slot);
}

static void body_forkers(int slot)
{
	for (int i = 0; i < 10; i++)
		spawn("a", body_fork);
	body_tick(slot);
}

static void *thread_tick(void *arg)
{
	body_tick((int)(long)arg);
	return NULL;
}

/* v1: one thread of the process is in another cgroup. */
static void *thread_elsewhere(void *arg)
{
	put(path("c"), "tasks", "0");
	sh->ready[(long)arg] = 1;
	return thread_tick(arg);
}

static void body_split(int slot)
{
	pthread_t th;
	long other = __atomic_fetch_add(&sh->slot, 1, __ATOMIC_SEQ_CST);

	pthread_create(&th, NULL, thread_elsewhere, (void *)other);
	wait_ready((int)other);
	body_tick(slot);
}

static void body_dead_leader(int slot)
{
	pthread_t th;

	pthread_create(&th, NULL, thread_tick, (void *)(long)slot);
	sh->leader_dead[slot] = 1;
	syscall(SYS_exit, 0);
}

/* In the kernel on a page that nobody fills: not interruptible but by death. */
static void body_stuck(int slot)
{
	int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC), fds[2];
	struct uffdio_api api = { .api = UFFD_API };
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register reg = { .range = { .start = (unsigned long)p, .len = 4096 },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };

	prctl(PR_SET_NAME, "wontfreeze");
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &reg) || pipe(fds))
		_exit(1);
	sh->progress[slot] = 1;
	if (write(fds[1], "x", 1) != 1 || read(fds[0], p, 1) != 1)
		_exit(1);
}

static void body_vfork(int slot)
{
	sh->progress[slot] = 1;
	/* The child is a victim's, not a test's: it only sleeps. */
	if (!vfork()) {
		for (;;)
			syscall(SYS_pause);
	}
}

/* ---- the tree and what is expected of it */

static int scan_add(struct pid_list *l, pid_t pid, struct err *e)
{
	_cleanup_free_ pid_t *v = NULL;
	struct proc_stat st;
	size_t n = 0;
	int r = proc_stat_read(pid, &st, e);

	if (!r && st.state == 'Z' && st.num_threads < 2)
		return 0;
	if (!r)
		r = proc_children(pid, &v, &n, e);
	if (r == -ESRCH)
		return 0;
	if (r)
		return r;
	pid_list_add(l, pid);
	for (size_t i = 0; i < n && !r; i++)
		r = scan_add(l, v[i], e);
	return r;
}

static int scan(void *ctx, pid_t **ret, size_t *ret_n, struct err *e)
{
	struct pid_list l = { 0 };
	int r = scan_add(&l, *(pid_t *)ctx, e);

	*ret = l.v;
	*ret_n = l.n;
	return r;
}

static struct pid_list tree_of(pid_t pid)
{
	struct pid_list l = { 0 };
	struct err e = { 0 };

	check_ok(scan_add(&l, pid, &e), &e, "scan");
	pid_list_sort(&l);
	return l;
}

static int freeze(struct freezer **f, struct journal *j, pid_t root, const char *given, struct err *e)
{
	static pid_t ctx;
	struct freezer_params p = {
		.root = root, .path = given, .force = version, .timeout_us = TIMEOUT_US,
		.scan = scan, .scan_ctx = &ctx,
	};

	ctx = root;
	return freezer_freeze(f, &p, j, e);
}

static struct journal *journal(void)
{
	struct journal *j = NULL;
	struct err e = { 0 };

	check_ok(journal_create(&j, journal_dir, "test", 1, &e), &e, "journal");
	return j;
}

static long sum(void)
{
	long n = 0;

	for (int i = 0; i < MAX; i++)
		n += sh->progress[i];
	return n;
}

static int find_temp(void *ctx, const char *dir, struct err *e)
{
	if (strstr(strrchr(dir, '/'), "/stasis-"))
		(*(int *)ctx)++;
	return 0;
}

static int temps(void)
{
	struct pid_list l = { 0 };
	struct err e = { 0 };
	int n = 0;

	cgroup_members(base, &l, find_temp, &n, &e);
	pid_list_free(&l);
	return n;
}

/* Every victim and its threads where they were put, no cgroup of ours left, and it goes on. */
static void check_as_before(bool runs)
{
	char at[CGROUP_PATH];
	long before;

	/* A dead leader is in no cgroup that it would be moved from. */
	for (size_t i = 0; i < victims.n; i++)
		check(sh->leader_dead[i] || !strcmp(home_of(victims.v[i], 0, at, sizeof(at)), victims.home[i]),
		      "pid %d is in %s, not in %s", victims.v[i], at, victims.home[i]);
	check(!temps(), "temporary cgroups are left");
	before = sum();
	for (int i = 0; i < 3000 && runs && sum() == before; i++)
		usleep(1000);
	if (!runs)
		usleep(20000);
	check((sum() != before) == runs, runs ? "nothing runs again" : "it runs");
}

static void clean(void)
{
	struct pid_list l = { 0 };
	struct err e = { 0 };
	static const char *const names[] = { "a/b", "a/c", "a/t", "a", "c", "", NULL };

	for (int i = 0; names[i]; i++)
		if (!access(path(names[i]), F_OK) && !access(path(names[i]), F_OK))
			cgroup_file_write(path(names[i]), ops()->freeze_file, ops()->thawed_text, &e);
	for (int i = 0; i < 3000; i++) {
		l.n = 0;
		cgroup_members(base, &l, NULL, NULL, &e);
		if (!l.n)
			break;
		for (size_t k = 0; k < l.n; k++)
			if (l.v[k] > 0)
				kill(l.v[k], SIGKILL);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		usleep(1000);
	}
	for (int i = 0; names[i]; i++)
		cgroup_rmdir(path(names[i]), &e);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	pid_list_free(&l);
}

/* ---- the cases */

static void stands_still(void)
{
	long before = sum();

	usleep(20000);
	check(sum() == before, "something runs while it should be frozen");
}

/* Freeze and end, looking at everything in between. */
static void cycle(pid_t root, const char *given, int want_temps, bool adopted)
{
	struct pid_list before = tree_of(root), after;
	struct journal *j = journal();
	struct freezer *f = NULL;
	struct err e = { 0 };

	if (!check_ok(freeze(&f, j, root, given, &e), &e, "freeze")) {
		journal_undo(j, undo_kinds, &e);
		journal_close(j);
		return;
	}
	check(temps() == want_temps, "%d temporary cgroups, not %d", temps(), want_temps);
	check(freezer_was_frozen(f) == adopted, "it is%s taken for frozen before", adopted ? " not" : "");
	check(freezer_is_v2(f) == (version == 2), "the wrong freezer");
	after = tree_of(root);
	for (size_t i = 0; i < after.n; i++)
		check(freezer_has(f, after.v[i]), "pid %d escaped", after.v[i]);
	if (!strcmp(victims.home[0], path("a")) && victims.n == 1)
		stands_still();
	check_ok(freezer_set(f, false, false, &e), &e, "thaw for a while");
	usleep(5000);
	check_ok(freezer_set(f, true, true, &e), &e, "freeze again");
	check_ok(freezer_end(f, false, &e), &e, "end");
	check(!journal_undo(j, undo_kinds, &e), "the journal was not done with");
	journal_close(j);
	pid_list_free(&before);
	pid_list_free(&after);
	if (!adopted)
		check_as_before(true);
}

static void case_in_place(void)
{
	make("a");
	cycle(victim("a", body_tree), NULL, 0, false);
}

static void case_moved(void)
{
	pid_t root;

	make("a");
	root = victim("a", body_tree);
	victim("a", body_tick);
	cycle(root, NULL, 1, false);
}

static void case_stranger_runs(void)
{
	struct journal *j = journal();
	struct freezer *f = NULL;
	struct err e = { 0 };
	pid_t root;
	long before;

	make("a");
	root = victim("a", body_wait);
	victim("a", body_tick);
	if (check_ok(freeze(&f, j, root, NULL, &e), &e, "freeze")) {
		before = sum();
		usleep(20000);
		check(sum() != before, "a stranger was frozen, too");
		check_ok(freezer_end(f, false, &e), &e, "end");
	}
	journal_close(j);
	check_as_before(true);
}

static void case_forking(void)
{
	pid_t root;

	make("a");
	root = victim("a", body_forkers);
	victim("a", body_tick);
	for (int i = 0; i < 3; i++)
		cycle(root, NULL, 1, false);
}

static void case_spread(void)
{
	pid_t root;

	make("a");
	make("a/b");
	make("c");
	root = victim("a", body_spread);
	for (int i = 0; i < 3; i++)
		victim(i == 0 ? "a" : i == 1 ? "a/b" : "c", body_tick);
	cycle(root, NULL, 3, false);
}

static void case_common_ancestor(void)
{
	make("a");
	make("a/b");
	make("a/c");
	/* The root is in a leaf itself. */
	victim("a/b", body_spread_inside);
	cycle(victims.v[0], NULL, 0, false);
}

static void case_adopted(void)
{
	make("a");
	victim("a", body_tree);
	caller_freezes("a");
	cycle(victims.v[0], NULL, 0, true);
	check(is_frozen(path("a")), "what the caller had frozen is thawed");
	check_as_before(false);
	cycle(victims.v[0], path("a"), 0, true);
	check(is_frozen(path("a")), "what the caller had frozen is thawed");
}

static void case_adopted_above(void)
{
	make("a");
	make("a/b");
	victim("a/b", body_tick);
	victim("a", body_tick);
	caller_freezes("a");
	cycle(victims.v[0], NULL, 0, true);
	check(is_frozen(path("a")) && is_frozen(path("a/b")), "what the caller had frozen is thawed");
}

static void case_adopted_below(void)
{
	make("a");
	make("a/b");
	make("a/c");
	victim("a", body_spread_inside);
	caller_freezes("a/b");
	cycle(victims.v[0], NULL, 0, true);
	check_as_before(true);
	check(is_frozen(path("a/b")), "what the caller had frozen is thawed");
	check(!is_frozen(path("a")), "what the caller had not frozen stays frozen");
}

static void case_given(void)
{
	char odd[700];

	make("a");
	victim("a", body_tree);
	victim("a", body_tick);
	snprintf(odd, sizeof(odd), "/%s//a//", base);
	cycle(victims.v[0], odd, 0, false);
}

static void refuse(pid_t root, const char *given, int code, const char *object, const char *why)
{
	struct journal *j = journal();
	struct freezer *f = NULL;
	struct err e = { 0 };
	int r = freeze(&f, j, root, given, &e);

	check(r == -code && strstr(e.why, why) && strstr(e.object, object) && e.hint[0],
	      "not refused as it should be: %d %s %s: %s (%s)", r, e.op, e.object, e.why, e.hint);
	check(!journal_undo(j, undo_kinds, &e), "undo failed");
	journal_close(j);
}

static void case_refused(void)
{
	char self[64], own[CGROUP_PATH];

	home_of(getpid(), 0, own, sizeof(own));
	make("a");
	make("c");
	victim("a", body_tick);
	victim("c", body_tick);
	snprintf(self, sizeof(self), "pid %d ", victims.v[0]);
	refuse(victims.v[0], path("c"), EINVAL, path("c"), self);
	refuse(victims.v[0], path("none"), ENOENT, path("none"), "No such");
	refuse(victims.v[0], "/tmp", EINVAL, "/tmp", "not a cgroup");
	refuse(victims.v[0], both[version - 1].mount, EINVAL, both[version - 1].mount, "the root");
	put(path("a"), "cgroup.procs", "0");
	refuse(victims.v[0], path("a"), EDEADLK, path("a"), "stasis itself");
	put(own, "cgroup.procs", "0");
	check_as_before(true);
}

static void case_stuck(void)
{
	char object[64];
	pid_t root;

	make("a");
	root = victim("a", body_wait);
	victim("a", body_stuck);
	victim("a", body_tick);
	if (victims.v[1] && (usleep(50000), waitpid(victims.v[1], NULL, WNOHANG))) {
		snprintf(problem, sizeof(problem), "SKIP userfaultfd is refused");
		return;
	}
	snprintf(object, sizeof(object), "pid %d (wontfreeze)", victims.v[1]);
	{
		static pid_t ctx;
		struct freezer_params p = { .root = root, .path = path("a"), .force = version,
					    .timeout_us = 300000, .scan = scan, .scan_ctx = &ctx };
		struct journal *j = journal();
		struct freezer *f = NULL;
		struct err e = { 0 };
		uint64_t t0;
		int r;

		ctx = root;
		r = freezer_freeze(&f, &p, j, &e);
		check(r == -ETIMEDOUT && e.class == ERR_TIMEOUT && !strcmp(e.object, object) && e.hint[0],
		      "not named: %d %s %s: %s", r, e.op, e.object, e.why);
		t0 = now_us();
		check_ok(journal_undo(j, undo_kinds, &e), &e, "undo");
		check(now_us() - t0 < 3000000, "undoing took %llu ms", (unsigned long long)(now_us() - t0) / 1000);
		journal_close(j);
	}
	check(!sh->eintr, "a call returned EINTR");
	check_as_before(true);
}

static void case_vfork(void)
{
	make("a");
	victim("a", body_vfork);
	for (int i = 0; i < 1000 && !sh->progress[0]; i++)
		usleep(1000);
	usleep(20000);
	sh->progress[0] = 0;
	victim("a", body_tick);
	cycle(victims.v[0], NULL, 1, false);
}

static void case_dead_leader(void)
{
	make("a");
	victim("a", body_dead_leader);
	usleep(20000);
	victim("a", body_tick);
	cycle(victims.v[0], NULL, 1, false);
	/* The thread, too. */
	{
		_cleanup_free_ int *tids = NULL;
		char at[CGROUP_PATH];
		struct err e = { 0 };
		size_t n = 0;

		check_ok(proc_list(victims.v[0], "task", &tids, &n, &e), &e, "threads");
		check(n == 2 && !strcmp(home_of(victims.v[0], tids[1], at, sizeof(at)), path("a")),
		      "the thread of a dead leader is elsewhere");
	}
}

static void case_split(void)
{
	_cleanup_free_ int *tids = NULL;
	char at[CGROUP_PATH];
	struct err e = { 0 };
	size_t n = 0;

	make("a");
	make("c");
	victim("a", body_split);
	victim("", body_tick);
	cycle(victims.v[0], NULL, 2, false);
	check_ok(proc_list(victims.v[0], "task", &tids, &n, &e), &e, "threads");
	check(n == 2 && !strcmp(home_of(victims.v[0], tids[1], at, sizeof(at)), path("c")),
	      "a thread did not come back to its own cgroup");
}

static void case_threaded(void)
{
	make("a");
	make("a/t");
	put(path("a/t"), "cgroup.type", "threaded");
	victim("a/t", body_tick);
	/* Alone: frozen where its domain is. */
	cycle(victims.v[0], NULL, 0, false);
	victim("a", body_tick);
	refuse(victims.v[0], NULL, ENOTSUP, path("a"), "of type");
	check_as_before(true);
}

/* One who freezes, and thaws again unless it is to do so only @once, until it is killed; with a guard. */
static void holder(pid_t root, struct journal *j, bool once)
{
	struct guard g;
	struct err e = { 0 };

	if (watchdog_guard(&g, j, undo_kinds, NULL, NULL, &e))
		_exit(3);
	sh->guarded = 1;
	for (;;) {
		struct freezer *f;

		if (freeze(&f, j, root, NULL, &e))
			_exit(4);
		while (once)
			pause();
		if (freezer_set(f, false, false, &e) ||
		    freezer_set(f, true, true, &e) || freezer_end(f, false, &e))
			_exit(4);
	}
}

static void kill_holder(pid_t root, useconds_t after, bool once)
{
	struct journal *j = journal();
	char file[300];
	int status = 0;
	pid_t pid;

	snprintf(file, sizeof(file), "%s", journal_path(j));
	sh->guarded = 0;
	pid = fork();
	if (!pid)
		holder(root, j, once);
	for (int i = 0; i < 10000 && !sh->guarded; i++)
		usleep(100);
	usleep(after);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	check(WIFSIGNALED(status), "the freezer failed by itself: status %d", WEXITSTATUS(status));
	for (int i = 0; i < 10000 && !access(file, F_OK); i++)
		usleep(1000);
	check(access(file, F_OK), "the guard did not finish");
	journal_close(j);
}

static void case_killed_own(void)
{
	make("a");
	victim("a", body_tree);
	for (int i = 0; i < 40 && !problem[0]; i++) {
		int before = sh->eintr;

		kill_holder(victims.v[0], (useconds_t)(rand() % 8000), i % 2);
		check(!is_frozen(path("a")), "it stays frozen");
		check(i % 2 == 0 || sh->eintr == before, "a call returned EINTR");
		check_as_before(true);
	}
}

static void case_killed_moved(void)
{
	pid_t root;

	make("a");
	make("a/b");
	make("c");
	root = victim("a", body_spread);
	victim("a", body_tick);
	victim("c", body_tick);
	for (int i = 0; i < 40 && !problem[0]; i++) {
		kill_holder(root, (useconds_t)(rand() % 30000), false);
		check_as_before(true);
	}
}

static void case_killed_adopted(void)
{
	make("a");
	victim("a", body_tree);
	caller_freezes("a");
	for (int i = 0; i < 40 && !problem[0]; i++) {
		kill_holder(victims.v[0], (useconds_t)(rand() % 8000), false);
		for (int k = 0; k < 2000 && !is_frozen(path("a")); k++)
			usleep(1000);
		check(is_frozen(path("a")), "what the caller had frozen is thawed");
		check_as_before(false);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
	int only;
} cases[] = {
	{ "a cgroup that holds just the tree is frozen in place", case_in_place, 0 },
	{ "a tree among strangers is moved and moved back", case_moved, 0 },
	{ "a stranger goes on running", case_stranger_runs, 0 },
	{ "forking tasks do not escape", case_forking, 0 },
	{ "from several cgroups each goes back to its own", case_spread, 0 },
	{ "a common ancestor is frozen in place", case_common_ancestor, 0 },
	{ "a frozen cgroup is adopted and ends frozen", case_adopted, 0 },
	{ "frozen from above", case_adopted_above, 0 },
	{ "frozen below", case_adopted_below, 0 },
	{ "--freeze-cgroup, written oddly", case_given, 0 },
	{ "a wrong --freeze-cgroup is refused by name", case_refused, 0 },
	{ "who does not freeze is named, the others unharmed", case_stuck, 0 },
	{ "a vfork parent freezes", case_vfork, 0 },
	{ "threads of a dead leader", case_dead_leader, 0 },
	{ "threads of one process in several cgroups", case_split, 1 },
	{ "threaded cgroups", case_threaded, 2 },
	{ "killed while freezing in place", case_killed_own, 0 },
	{ "killed while moving", case_killed_moved, 0 },
	{ "killed while it has a caller's frozen cgroup", case_killed_adopted, 0 },
};

static void one(size_t i, int n)
{
	problem[0] = '\0';
	memset(&victims, 0, sizeof(victims));
	memset(sh, 0, sizeof(*sh));
	snprintf(base, sizeof(base), "%s/st-freezer-%d", both[version - 1].mount, getpid());
	make("");
	cases[i].run();
	clean();
	if (!strncmp(problem, "SKIP ", 5)) {
		skipped++;
		printf("ok %d - v%d: %s # %s\n", n, version, cases[i].name, problem);
	} else if (problem[0]) {
		failed++;
		printf("not ok %d - v%d: %s\n# %s\n", n, version, cases[i].name, problem);
	} else {
		passed++;
		printf("ok %d - v%d: %s\n", n, version, cases[i].name);
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	int n = 0;

	srand((unsigned)now_us());
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED || hierarchies_read(both, &e) || !mkdtemp(journal_dir))
		return 2;
	for (version = 1; version <= 2; version++) {
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			if ((cases[i].only && cases[i].only != version) ||
			    (argc > 1 && !strstr(cases[i].name, argv[1])))
				continue;
			n++;
			if (both[version - 1].ops && !geteuid()) {
				one(i, n);
				continue;
			}
			skipped++;
			printf("ok %d - v%d: %s # SKIP %s\n", n, version, cases[i].name,
			       geteuid() ? "needs root" : "no such hierarchy");
		}
	}
	rmdir(journal_dir);
	printf("1..%d\n%d passed, %d failed, %d skipped\n", n, passed, failed, skipped);
	return failed != 0;
}
