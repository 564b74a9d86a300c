// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves, for the freezers of v1 and v2: the right cgroups are frozen, nobody
 * else is; everybody ends exactly where they were, running or as the caller
 * had them; who does not freeze is named; and whenever the one who froze is
 * killed, the guard brings about the same. Needs root. Prints TAP and a line
 * of counts. Works in cgroups of its own only.
 */
#include "freezer_trees.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/journal.h"
#include "base/proc.h"
#include "base/watchdog.h"
#include "recover.h"
#include "undo.h"

static int passed, failed, skipped;

static int freeze_for(struct freezer **f, struct journal *j, pid_t root, const char *given,
		      uint64_t timeout_us, struct err *e)
{
	struct freezer_params p = {
		.root = root,
		.path = given,
		.force = t.version,
		.timeout_us = timeout_us,
		.scan = scan,
		.scan_ctx = &root,
	};

	return freezer_freeze(f, &p, j, e);
}

static int freeze(struct freezer **f, struct journal *j, pid_t root, const char *given,
		  struct err *e)
{
	return freeze_for(f, j, root, given, TIMEOUT_US, e);
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
	check(freezer_was_frozen(f) == adopted, "it is%s taken for frozen before",
	      adopted ? " not" : "");
	check(freezer_is_v2(f) == (t.version == 2), "the wrong freezer");
	after = tree_of(root);
	for (size_t i = 0; i < after.n; i++)
		check(freezer_has(f, after.v[i]), "pid %d escaped", after.v[i]);
	if (!strcmp(t.victims.home[0], path("a")) && t.victims.n == 1)
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
	cycle(t.victims.v[0], NULL, 0, false);
}

static void case_adopted(void)
{
	make("a");
	victim("a", body_tree);
	caller_freezes("a");
	cycle(t.victims.v[0], NULL, 0, true);
	check(is_frozen(path("a")), "what the caller had frozen is thawed");
	check_as_before(false);
	cycle(t.victims.v[0], path("a"), 0, true);
	check(is_frozen(path("a")), "what the caller had frozen is thawed");
}

static void case_adopted_above(void)
{
	make("a");
	make("a/b");
	victim("a/b", body_tick);
	victim("a", body_tick);
	caller_freezes("a");
	cycle(t.victims.v[0], NULL, 0, true);
	check(is_frozen(path("a")) && is_frozen(path("a/b")),
	      "what the caller had frozen is thawed");
}

static void case_adopted_below(void)
{
	make("a");
	make("a/b");
	make("a/c");
	victim("a", body_spread_inside);
	caller_freezes("a/b");
	cycle(t.victims.v[0], NULL, 0, true);
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
	snprintf(odd, sizeof(odd), "/%s//a//", t.base);
	cycle(t.victims.v[0], odd, 0, false);
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
	snprintf(self, sizeof(self), "pid %d ", t.victims.v[0]);
	refuse(t.victims.v[0], path("c"), EINVAL, path("c"), self);
	refuse(t.victims.v[0], path("none"), ENOENT, path("none"), "No such");
	refuse(t.victims.v[0], "/tmp", EINVAL, "/tmp", "not a cgroup");
	refuse(t.victims.v[0], t.both[t.version - 1].mount, EINVAL, t.both[t.version - 1].mount,
	       "the root");
	put(path("a"), "cgroup.procs", "0");
	refuse(t.victims.v[0], path("a"), EDEADLK, path("a"), "stasis itself");
	put(own, "cgroup.procs", "0");
	check_as_before(true);
}

static void case_stuck(void)
{
	struct journal *j = journal();
	struct freezer *f = NULL;
	struct err e = { 0 };
	char object[64];
	uint64_t t0;
	int r;

	make("a");
	victim("a", body_wait);
	snprintf(object, sizeof(object), "pid %d (wontfreeze)", victim("a", body_stuck));
	victim("a", body_tick);
	usleep(50000);
	if (waitpid(t.victims.v[1], NULL, WNOHANG)) {
		journal_close(j);
		snprintf(t.problem, sizeof(t.problem), "SKIP userfaultfd is refused");
		return;
	}
	r = freeze_for(&f, j, t.victims.v[0], path("a"), 300000, &e);
	check(r == -ETIMEDOUT && e.class == ERR_TIMEOUT && !strcmp(e.object, object) && e.hint[0],
	      "not named: %d %s %s: %s", r, e.op, e.object, e.why);
	t0 = now_us();
	check_ok(journal_undo(j, undo_kinds, &e), &e, "undo");
	check(now_us() - t0 < 3000000, "undoing took %llu ms",
	      (unsigned long long)(now_us() - t0) / 1000);
	journal_close(j);
	check(!t.sh->eintr, "a call returned EINTR");
	check_as_before(true);
}

static void case_vfork(void)
{
	make("a");
	victim("a", body_vfork);
	for (int i = 0; i < 1000 && !t.sh->progress[0]; i++)
		usleep(1000);
	usleep(20000);
	t.sh->progress[0] = 0;
	victim("a", body_tick);
	cycle(t.victims.v[0], NULL, 1, false);
}

/* The second thread of the first victim is where it should be. */
static void check_thread(const char *name)
{
	_cleanup_free_ int *tids = NULL;
	char at[CGROUP_PATH];
	struct err e = { 0 };
	size_t n = 0;

	check_ok(proc_list(t.victims.v[0], "task", &tids, &n, &e), &e, "threads");
	check(n == 2 && !strcmp(home_of(t.victims.v[0], tids[1], at, sizeof(at)), path(name)),
	      "the second thread is not in %s", path(name));
}

static void case_dead_leader(void)
{
	make("a");
	victim("a", body_dead_leader);
	usleep(20000);
	victim("a", body_tick);
	cycle(t.victims.v[0], NULL, 1, false);
	check_thread("a");
}

static void case_split(void)
{
	make("a");
	make("c");
	victim("a", body_split);
	victim("", body_tick);
	cycle(t.victims.v[0], NULL, 2, false);
	check_thread("c");
}

static void case_threaded(void)
{
	make("a");
	make("a/t");
	put(path("a/t"), "cgroup.type", "threaded");
	victim("a/t", body_tick);
	/* Alone: frozen where its domain is. */
	cycle(t.victims.v[0], NULL, 0, false);
	victim("a", body_tick);
	refuse(t.victims.v[0], NULL, ENOTSUP, path("a"), "of type");
	check_as_before(true);
}

/* One who freezes, and thaws again unless it is to do so only @once, until it is killed; with a guard. */
static void holder(pid_t root, struct journal *j, bool once)
{
	struct guard g;
	struct err e = { 0 };

	if (watchdog_guard(&g, j, undo_kinds, NULL, NULL, &e))
		_exit(3);
	t.sh->guarded = 1;
	for (;;) {
		struct freezer *f;

		if (freeze(&f, j, root, NULL, &e))
			_exit(4);
		while (once)
			pause();
		if (freezer_set(f, false, false, &e) || freezer_set(f, true, true, &e) ||
		    freezer_end(f, false, &e))
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
	t.sh->guarded = 0;
	pid = fork();
	if (!pid)
		holder(root, j, once);
	for (int i = 0; i < 10000 && !t.sh->guarded; i++)
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
	for (int i = 0; i < 40 && !t.problem[0]; i++) {
		int before = t.sh->eintr;

		kill_holder(t.victims.v[0], (useconds_t)(rand() % 8000), i % 2);
		check(!is_frozen(path("a")), "it stays frozen");
		check(i % 2 == 0 || t.sh->eintr == before, "a call returned EINTR");
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
	for (int i = 0; i < 40 && !t.problem[0]; i++) {
		kill_holder(root, (useconds_t)(rand() % 30000), false);
		check_as_before(true);
	}
}

static void case_killed_adopted(void)
{
	make("a");
	victim("a", body_tree);
	caller_freezes("a");
	for (int i = 0; i < 40 && !t.problem[0]; i++) {
		kill_holder(t.victims.v[0], (useconds_t)(rand() % 8000), false);
		for (int k = 0; k < 2000 && !is_frozen(path("a")); k++)
			usleep(1000);
		check(is_frozen(path("a")), "what the caller had frozen is thawed");
		check_as_before(false);
	}
}

/* Nobody survives who could undo: `stasis recover` does it later. */
static void case_recovered(void)
{
	struct err e = { 0 };

	make("a");
	victim("a", body_tree);
	victim("a", body_tick);
	for (int i = 0; i < 10 && !t.problem[0]; i++) {
		struct freezer *f = NULL;
		pid_t pid;

		t.sh->guarded = 0;
		pid = fork();
		if (!pid) {
			struct journal *j = journal();

			t.sh->guarded = 1;
			freeze(&f, j, t.victims.v[0], NULL, &e);
			for (;;)
				pause();
		}
		while (!t.sh->guarded)
			usleep(100);
		usleep((useconds_t)(rand() % 20000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		check_ok(recover_run(t.journal_dir, true, &e), &e, "recover");
		check_as_before(true);
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
	{ "killed with nobody left, recovered later", case_recovered, 0 },
};

static void one(size_t i, int n)
{
	t.problem[0] = '\0';
	memset(&t.victims, 0, sizeof(t.victims));
	memset(t.sh, 0, sizeof(*t.sh));
	snprintf(t.base, sizeof(t.base), "%s/st-freezer-%d", t.both[t.version - 1].mount, getpid());
	make("");
	cases[i].run();
	clean();
	if (!strncmp(t.problem, "SKIP ", 5)) {
		skipped++;
		printf("ok %d - v%d: %s # %s\n", n, t.version, cases[i].name, t.problem);
	} else if (t.problem[0]) {
		failed++;
		printf("not ok %d - v%d: %s\n# %s\n", n, t.version, cases[i].name, t.problem);
	} else {
		passed++;
		printf("ok %d - v%d: %s\n", n, t.version, cases[i].name);
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	int n = 0;

	srand((unsigned)now_us());
	strcpy(t.journal_dir, "/tmp/stasis-freezer-XXXXXX");
	t.sh = mmap(NULL, sizeof(*t.sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t.sh == MAP_FAILED || hierarchies_read(t.both, &e) || !mkdtemp(t.journal_dir))
		return 2;
	for (t.version = 1; t.version <= 2; t.version++) {
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			if ((cases[i].only && cases[i].only != t.version) ||
			    (argc > 1 && !strstr(cases[i].name, argv[1])))
				continue;
			n++;
			if (t.both[t.version - 1].ops && !geteuid()) {
				one(i, n);
				continue;
			}
			skipped++;
			printf("ok %d - v%d: %s # SKIP %s\n", n, t.version, cases[i].name,
			       geteuid() ? "needs root" : "no such hierarchy");
		}
	}
	rmdir(t.journal_dir);
	printf("1..%d\n%d passed, %d failed, %d skipped\n", n, passed, failed, skipped);
	return failed != 0;
}
