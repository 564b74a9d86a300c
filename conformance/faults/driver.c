// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What gets killed: a checkpoint as far as the targets notice it. Journal,
 * freeze, seize, parasite in, a few batches, out again, detach, thaw; the same
 * two processes and the same undo as the command's.
 */
#include "killtest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/journal.h"
#include "base/pool.h"
#include "base/watchdog.h"
#include "parasite/remote.h"

/* The least that is a freezer. */
struct cg {
	char path[200];
	int v2;
};

static int cg_set(void *ctx, bool frozen, struct err *e)
{
	struct cg *c = ctx;
	char file[240];
	int ret;

	snprintf(file, sizeof(file), "%s/%s", c->path, c->v2 ? "cgroup.freeze" : "freezer.state");
	ret = write_text_at(AT_FDCWD, file,
			    c->v2  ? (frozen ? "1" : "0") :
			    frozen ? "FROZEN" :
				     "THAWED");
	if (!ret)
		return 0;
	errno = -ret;
	return err_sys(e, "write", "%s", file);
}

static bool cg_is_frozen(const struct cg *c)
{
	char file[240], text[256];

	snprintf(file, sizeof(file), "%s/%s", c->path, c->v2 ? "cgroup.events" : "freezer.state");
	if (read_text_at(AT_FDCWD, file, text, sizeof(text)) < 0)
		return false;
	return c->v2 ? !!strstr(text, "frozen 1") : !strncmp(text, "FROZEN", 6);
}

static int cg_freeze(struct cg *c, struct err *e)
{
	uint64_t end = now_us() + 2000000;
	int ret = cg_set(c, true, e);

	while (!ret && !cg_is_frozen(c)) {
		ret = cancel_check(e);
		if (!ret && now_us() > end)
			ret = err_set(e, ERR_TIMEOUT, ETIMEDOUT, "freeze", c->path,
				      "not frozen in time");
		usleep(20);
	}
	return ret;
}

#define PIDS 4096

static size_t cg_pids(const struct cg *c, pid_t *v, size_t max)
{
	char file[240];
	size_t n = 0;
	FILE *f;

	snprintf(file, sizeof(file), "%s/cgroup.procs", c->path);
	f = fopen(file, "re");
	while (f && n < max && fscanf(f, "%d", &v[n]) == 1)
		n++;
	if (f)
		fclose(f);
	return n;
}

/* The cgroup is named by the freeze's record, which is older than any other. */
static struct cg *cg_of(struct journal *j)
{
	_cleanup_free_ struct journal_entry **v = NULL;

	return journal_entries(j, UNDO_THAW, &v) ? (struct cg *)v[0]->data : NULL;
}

static int cure(struct journal *j, struct journal_entry *const *entries, size_t n, struct err *e)
{
	static pid_t pids[PIDS];
	struct cg *c = cg_of(j);
	struct remote_freeze fz = { .set = cg_set, .ctx = c };

	if (!c)
		return err_set(e, ERR_GENERAL, ENOENT, "find", "cgroup", "no record of the freeze");
	fz.stops_frozen = c->v2;
	cg_set(c, true, e);
	return remote_cure(entries, n, pids, cg_pids(c, pids, PIDS), &fz, e);
}

/* Cure, then thaw: nobody may run before it is put right. */
static int thaw(struct journal *j, struct journal_entry *const *entries, size_t n, struct err *e)
{
	int ret = cure(j, NULL, 0, e);

	return ret ? ret : cg_set(entries[0]->data, false, e);
}

static const struct undo_kind undo_cure = { .id = UNDO_CURE,
					    .name = "cure",
					    .undo = cure,
					    .blocks = true };
static const struct undo_kind undo_thaw = { .id = UNDO_THAW, .name = "thaw", .undo = thaw };
static const struct undo_kind *const kinds[] = { &undo_cure, &undo_thaw, NULL };

struct work {
	const struct drive *d;
	struct journal *j;
};

static void batch(struct remote *r)
{
	struct remote_task **tasks;
	size_t n = remote_tasks(r, &tasks);

	for (size_t k = 0; k < n; k++) {
		for (size_t i = 0; i < tasks[k]->n_threads; i++) {
			struct remote_thread *th = &tasks[k]->threads[i];

			if (th->exited)
				continue;
			prog_free(&th->prog);
			prog_init(&th->prog, &tasks[k]->arena);
			for (int c = 0; c < 20; c++)
				prog_call(&th->prog, "who", SYS_gettid, 0);
			prog_call(&th->prog, "stack", SYS_sigaltstack, 0,
				  (uint64_t)prog_alloc(&th->prog, 24));
		}
	}
}

static int held(const struct work *w, struct remote *r, struct cg *c, struct err *e)
{
	static pid_t pids[PIDS];
	size_t n = cg_pids(c, pids, PIDS);
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++)
		ret = remote_add_task(r, pids[i], NULL, e);
	if (!ret)
		ret = remote_stop(r, now_us() + 5000000, e);
	if (!ret)
		ret = remote_enter(r, 16384, 16384, e);
	for (int k = rand() % 4; k > 0 && !ret; k--) {
		batch(r);
		ret = remote_run(r, e);
	}
	if (!ret)
		ret = remote_leave(r, e);
	if (!ret)
		usleep((useconds_t)(rand() % 300));
	return ret;
}

static int work(void *arg, struct err *e)
{
	const struct work *w = arg;
	_cleanup_(pool_freep) struct pool *pool = pool_new();
	struct cg c = { .v2 = w->d->v2 };
	struct remote_freeze fz = { .set = cg_set, .ctx = &c, .stops_frozen = c.v2 };
	struct journal_entry *je;
	struct remote *r;
	int ret;

	*w->d->worker = getpid();
	srand(w->d->seed);
	snprintf(c.path, sizeof(c.path), "%s", w->d->cgroup);
	ret = journal_add(w->j, UNDO_THAW, &c, sizeof(c), &je, e);
	if (!ret)
		ret = remote_new(&r, pool, w->j, &fz, e);
	if (ret)
		return ret;
	ret = cg_freeze(&c, e);
	if (!ret)
		ret = held(w, r, &c, e);
	remote_free(r);
	if (ret) {
		struct err other = { 0 };

		journal_undo(w->j, kinds, &other);
		return ret;
	}
	ret = cg_set(&c, false, e);
	if (!ret)
		journal_done(je);
	return ret;
}

int drive(const struct drive *d)
{
	struct work w = { .d = d };
	struct err e = { 0 };
	char text[2048];
	int ret = journal_create(&w.j, d->journals, "dump", getpid(), &e);

	if (!ret) {
		ret = watchdog_run(w.j, kinds, work, &w, &e);
		journal_close(w.j);
	}
	/* A killed worker is what the test is about; whatever else goes wrong is not. */
	if (ret && ret != -ECHILD) {
		err_format(&e, text, sizeof(text));
		fprintf(stderr, "driver: %s\n", text);
		return 1;
	}
	return ret ? 2 : 0;
}
