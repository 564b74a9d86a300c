// SPDX-License-Identifier: GPL-2.0-or-later
/* Scratch cgroups and the trees in them: see freezer_trees.h. Runs in: the test, and every victim. */
#include "freezer_trees.h"

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

struct test t;

bool check(bool ok, const char *fmt, ...)
{
	va_list ap;

	if (ok || t.problem[0])
		return ok;
	va_start(ap, fmt);
	vsnprintf(t.problem, sizeof(t.problem), fmt, ap);
	va_end(ap);
	return false;
}

bool check_ok(int r, const struct err *e, const char *what)
{
	char text[2000];

	err_format(e, text, sizeof(text));
	return check(!r, "%s: %s", what, text);
}

/* ---- cgroups and victims */

static const struct freezer_ops *ops(void)
{
	return t.version == 2 ? &freezer_v2 : &freezer_v1;
}

const char *path(const char *name)
{
	static char buf[8][600];
	static int i;
	char *b = buf[i++ % 8];

	snprintf(b, sizeof(buf[0]), "%s%s%s", t.base, *name ? "/" : "", name);
	return b;
}

void make(const char *name)
{
	check(!mkdir(path(name), 0755), "mkdir %s: %s", path(name), strerror(errno));
}

void put(const char *dir, const char *file, const char *text)
{
	struct err e = { 0 };

	check_ok(cgroup_file_write(dir, file, text, &e), &e, "preparing");
}

bool is_frozen(const char *dir)
{
	enum freeze_state st = THAWED;
	struct err e = { 0 };

	check_ok(ops()->state(dir, &st, &e), &e, "state");
	return st == FROZEN;
}

void caller_freezes(const char *name)
{
	put(path(name), ops()->freeze_file, ops()->frozen_text);
	for (int i = 0; i < 5000 && !is_frozen(path(name)); i++)
		usleep(1000);
	check(is_frozen(path(name)), "%s was not frozen to begin with", name);
}

/* The cgroup that a thread is in, below our own. */
const char *home_of(pid_t pid, pid_t tid, char *buf, size_t size)
{
	struct err e = { 0 };

	return hierarchy_dir_of(&t.both[t.version - 1], pid, tid, buf, size, &e) ? "nowhere" : buf;
}

typedef void (*victim_fn)(int slot);

static void victim_run(const char *name, int slot, victim_fn fn)
{
	setsid();
	put(path(name), "cgroup.procs", "0");
	t.sh->ready[slot] = 1;
	fn(slot);
	_exit(0);
}

static void wait_ready(int slot)
{
	for (int i = 0; i < 10000 && !t.sh->ready[slot]; i++)
		usleep(1000);
	check(t.sh->ready[slot], "victim %d did not start", slot);
}

pid_t victim(const char *name, victim_fn fn)
{
	int slot = (int)t.sh->slot++;
	pid_t pid = fork();

	if (!pid)
		victim_run(name, slot, fn);
	wait_ready(slot);
	/* Its children are there, too. */
	for (int i = 0; i < 10000 && !t.sh->progress[slot]; i++)
		usleep(1000);
	t.victims.v[t.victims.n] = pid;
	snprintf(t.victims.home[t.victims.n++], sizeof(t.victims.home[0]), "%s", path(name));
	return pid;
}

void body_tick(int slot)
{
	for (;;) {
		t.sh->progress[slot]++;
		usleep(500);
	}
}

/* A call that the kernel does not restart by itself: it shows whoever was careless. */
void body_wait(int slot)
{
	int fd = epoll_create1(0);
	struct epoll_event ev;

	t.sh->progress[slot] = 1;
	for (;;) {
		if (epoll_wait(fd, &ev, 1, -1) < 0 && errno == EINTR)
			t.sh->eintr++;
	}
}

static void body_fork(int slot)
{
	for (;;) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
		t.sh->progress[slot]++;
	}
}

/* A child of the caller in a cgroup of its own choice; it stays there. */
static int spawn(const char *name, victim_fn fn)
{
	int slot = (int)__atomic_fetch_add(&t.sh->slot, 1, __ATOMIC_SEQ_CST);

	if (!fork())
		victim_run(name, slot, fn);
	wait_ready(slot);
	return slot;
}

void body_tree(int slot)
{
	spawn("a", body_tick);
	spawn("a", body_wait);
	body_tick(slot);
}

void body_spread(int slot)
{
	spawn("a/b", body_tick);
	spawn("c", body_tick);
	body_tick(slot);
}

void body_spread_inside(int slot)
{
	spawn("a/b", body_tick);
	spawn("a/c", body_tick);
	body_tick(slot);
}

void body_forkers(int slot)
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
	t.sh->ready[(long)arg] = 1;
	return thread_tick(arg);
}

void body_split(int slot)
{
	pthread_t th;
	long other = __atomic_fetch_add(&t.sh->slot, 1, __ATOMIC_SEQ_CST);

	pthread_create(&th, NULL, thread_elsewhere, (void *)other);
	wait_ready((int)other);
	body_tick(slot);
}

void body_dead_leader(int slot)
{
	pthread_t th;

	pthread_create(&th, NULL, thread_tick, (void *)(long)slot);
	t.sh->leader_dead[slot] = 1;
	syscall(SYS_exit, 0);
}

/* In the kernel on a page that nobody fills: not interruptible but by death. */
void body_stuck(int slot)
{
	int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC), fds[2];
	struct uffdio_api api = { .api = UFFD_API };
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register reg = { .range = { .start = (unsigned long)p, .len = 4096 },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };

	prctl(PR_SET_NAME, "wontfreeze");
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &reg) ||
	    pipe(fds))
		_exit(1);
	t.sh->progress[slot] = 1;
	if (write(fds[1], "x", 1) != 1 || read(fds[0], p, 1) != 1)
		_exit(1);
}

void body_vfork(int slot)
{
	t.sh->progress[slot] = 1;
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

int scan(void *ctx, pid_t **ret, size_t *ret_n, struct err *e)
{
	struct pid_list l = { 0 };
	int r = scan_add(&l, *(pid_t *)ctx, e);

	*ret = l.v;
	*ret_n = l.n;
	return r;
}

struct pid_list tree_of(pid_t pid)
{
	struct pid_list l = { 0 };
	struct err e = { 0 };

	check_ok(scan_add(&l, pid, &e), &e, "scan");
	pid_list_sort(&l);
	return l;
}

struct journal *journal(void)
{
	struct journal *j = NULL;
	struct err e = { 0 };

	check_ok(journal_create(&j, t.journal_dir, "test", 1, &e), &e, "journal");
	return j;
}

long sum(void)
{
	long n = 0;

	for (int i = 0; i < MAX_VICTIMS; i++)
		n += t.sh->progress[i];
	return n;
}

static int find_temp(void *ctx, const char *dir, struct err *e)
{
	if (strstr(strrchr(dir, '/'), "/stasis-"))
		(*(int *)ctx)++;
	return 0;
}

int temps(void)
{
	struct pid_list l = { 0 };
	struct err e = { 0 };
	int n = 0;

	cgroup_members(t.base, &l, find_temp, &n, &e);
	pid_list_free(&l);
	return n;
}

/* Every victim and its threads where they were put, no cgroup of ours left, and it goes on. */
void check_as_before(bool runs)
{
	char at[CGROUP_PATH];
	long before;

	/* A dead leader is in no cgroup that it would be moved from. */
	for (size_t i = 0; i < t.victims.n; i++)
		check(t.sh->leader_dead[i] || !strcmp(home_of(t.victims.v[i], 0, at, sizeof(at)),
						      t.victims.home[i]),
		      "pid %d is in %s, not in %s", t.victims.v[i], at, t.victims.home[i]);
	check(!temps(), "temporary cgroups are left");
	before = sum();
	for (int i = 0; i < 3000 && runs && sum() == before; i++)
		usleep(1000);
	if (!runs)
		usleep(20000);
	check((sum() != before) == runs, runs ? "nothing runs again" : "it runs");
}

void clean(void)
{
	struct pid_list l = { 0 };
	struct err e = { 0 };
	static const char *const names[] = { "a/b", "a/c", "a/t", "a", "c", "", NULL };

	for (int i = 0; names[i]; i++)
		if (!access(path(names[i]), F_OK))
			cgroup_file_write(path(names[i]), ops()->freeze_file, ops()->thawed_text,
					  &e);
	for (int i = 0; i < 3000; i++) {
		l.n = 0;
		cgroup_members(t.base, &l, NULL, NULL, &e);
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
