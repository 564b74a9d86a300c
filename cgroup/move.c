// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Temporary cgroups. Each cgroup that tasks of the tree are in gets a child of
 * its own, so that all limits go on to apply and everybody goes back exactly to
 * where they were, also those who were born meanwhile: a child starts in its
 * parent's cgroup.
 */
#include "cgroup/cgroup-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/proc.h"

static int move(const char *dir, const char *file, pid_t id, struct err *e)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", id);
	return cgroup_file_write(dir, file, text, e);
}

static struct move_record *move_record(const struct part *p)
{
	return p->je_move ? (void *)p->je_move->data : NULL;
}

/* v2: processes of a threaded cgroup cannot go to an ordinary child, and threads could not be told back. */
static int source_check(const struct freezer *f, const char *source, struct err *e)
{
	char type[32];
	struct err none = { 0 };

	if (!f->h.ops->v2 || cgroup_file_read(source, "cgroup.type", type, sizeof(type), &none))
		return 0;
	type[strcspn(type, "\n")] = '\0';
	if (!strcmp(type, "domain"))
		return 0;
	err_set(e, ERR_UNSUPPORTED, ENOTSUP, "freeze", source,
		"it is a cgroup of type \"%s\" that holds more than the tree", type);
	return err_hint(e, "give the tree a cgroup of its own, or name one with --freeze-cgroup");
}

/* A freezer mounted together with cpuset: a new cgroup has neither processors nor memory. */
static int copy_cpuset(const char *source, const char *dir, struct err *e)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *text = NULL;
		char path[CGROUP_PATH + 32];
		int r;

		snprintf(path, sizeof(path), "%s/%s", source, files[i]);
		if (read_text_alloc(AT_FDCWD, path, &text) < 0)
			return 0;
		r = cgroup_file_write(dir, files[i], text, e);
		if (r)
			return r;
	}
	return 0;
}

/* The record comes before the directory; a name that somebody has is passed over. */
static int temp_mkdir(struct freezer *f, struct part *p, const char *source, struct err *e)
{
	for (int i = 0; i < 100; i++) {
		int r, n = snprintf(p->dir, sizeof(p->dir), i ? "%s/stasis-%d-%d" : "%s/stasis-%d",
				    source, getpid(), i);

		if ((size_t)n >= sizeof(p->dir))
			return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "make a cgroup in", source,
				       "its path is too long");
		r = journal_add(f->j, UNDO_RMDIR, p->dir, (size_t)n + 1, &p->je_rmdir, e);
		if (r || !mkdir(p->dir, 0755))
			return r;
		journal_done(p->je_rmdir);
		if (errno != EEXIST)
			break;
	}
	err_sys(e, "mkdir", "%s", p->dir);
	if (e->code == EAGAIN)
		return err_hint(e,
				"a cgroup.max.descendants or cgroup.max.depth above it is used up");
	return err_hint(
		e, "give the tree a cgroup of its own, so that none must be made for the freeze");
}

static int temp_make(struct freezer *f, const char *source, struct part **ret, struct err *e)
{
	struct move_record mv = { .v2 = f->h.ops->v2 };
	struct part *p;
	int r = source_check(f, source, e);

	if (r)
		return r;
	p = part_add(f, "");
	p->temp = true;
	r = temp_mkdir(f, p, source, e);
	if (r) {
		f->n_parts--;
		return r;
	}
	snprintf(mv.temp, sizeof(mv.temp), "%s", p->dir);
	snprintf(mv.source, sizeof(mv.source), "%s", source);
	r = journal_add(f->j, UNDO_MOVE_BACK, &mv, sizeof(mv), &p->je_move, e);
	if (!r && !f->h.ops->v2)
		r = copy_cpuset(source, p->dir, e);
	if (!r)
		*ret = p;
	return r;
}

/* Where tasks of @source go; NULL when they may stay, because the caller has frozen them there. */
static int part_for(struct freezer *f, const char *source, struct part **ret, struct err *e)
{
	int r;

	*ret = NULL;
	for (size_t i = 0; i < f->n_parts; i++) {
		const struct move_record *rec = move_record(&f->parts[i]);

		if (rec && !strcmp(rec->source, source)) {
			*ret = &f->parts[i];
			return 0;
		}
	}
	r = freezer_adopt(f, source, e);
	if (r || part_covers(f, source))
		return r;
	return temp_make(f, source, ret, e);
}

static int move_from(struct freezer *f, const char *source, const char *file, pid_t id,
		     size_t *moved, struct err *e)
{
	struct part *p;
	int r = part_for(f, source, &p, e);

	if (r || !p)
		return r;
	if (!strcmp(file, "tasks"))
		move_record(p)->by_thread = 1;
	r = move(p->dir, file, id, e);
	if (!r)
		(*moved)++;
	return r ? err_in(e, "moving pid %d to be frozen", id) : 0;
}

/* v1: where the threads of one process are in several cgroups, each goes on its own. */
static int place_threads(struct freezer *f, pid_t pid, const char *leader, size_t *moved,
			 struct err *e)
{
	_cleanup_free_ int *tids = NULL;
	char first[CGROUP_PATH] = "", at[CGROUP_PATH];
	bool split = false;
	size_t n = 0;
	int r = proc_list(pid, "task", &tids, &n, e);

	/* A dead leader stays where it was and does not count. */
	if (leader)
		snprintf(first, sizeof(first), "%s", leader);
	for (size_t i = 0; i < n && !r; i++) {
		if (tids[i] == pid)
			continue;
		r = hierarchy_dir_of(&f->h, pid, tids[i], at, sizeof(at), e);
		if (r == -ESRCH) {
			err_clear(e);
			r = 0;
			continue;
		}
		if (!*first)
			snprintf(first, sizeof(first), "%s", at);
		split |= strcmp(first, at) != 0;
		/* Where v2 has all threads together, one is as good as all. */
		if (f->h.ops->v2)
			break;
	}
	if (r || !split)
		return r || !*first || part_covers(f, first) ?
			       r :
			       move_from(f, first, "cgroup.procs", pid, moved, e);
	for (size_t i = 0; i < n && !r; i++) {
		r = hierarchy_dir_of(&f->h, pid, tids[i], at, sizeof(at), e);
		if (!r && !part_covers(f, at) && (leader || tids[i] != pid))
			r = move_from(f, at, "tasks", tids[i], moved, e);
		if (r == -ESRCH) {
			err_clear(e);
			r = 0;
		}
	}
	return r;
}

static int place(struct freezer *f, pid_t pid, size_t *moved, struct err *e)
{
	char dir[CGROUP_PATH];
	struct proc_stat st;
	int r = hierarchy_dir_of(&f->h, pid, 0, dir, sizeof(dir), e);

	if (r)
		return r;
	if (part_covers(f, dir) && f->h.ops->v2)
		return 0;
	r = proc_stat_read(pid, &st, e);
	if (r)
		return r;
	if (st.num_threads > 1 && (st.state == 'Z' || !f->h.ops->v2))
		return place_threads(f, pid, st.state == 'Z' ? NULL : dir, moved, e);
	if (st.state == 'Z' || part_covers(f, dir))
		return 0;
	return move_from(f, dir, "cgroup.procs", pid, moved, e);
}

int freezer_gather(struct freezer *f, const struct freezer_params *p, size_t *moved, struct err *e)
{
	_cleanup_free_ pid_t *tree = NULL;
	size_t n = 0;
	int r = p->scan(p->scan_ctx, &tree, &n, e);

	*moved = 0;
	for (size_t i = 0; !r && i < n; i++) {
		r = place(f, tree[i], moved, e);
		if (r == -ESRCH && tree[i] != p->root) {
			err_clear(e);
			r = 0;
		}
	}
	return r;
}

/* One round; *left: how many there were. */
static int move_round(const struct move_record *rec, size_t *left, struct err *e)
{
	const char *threads = rec->v2 ? freezer_v2.threads_file : freezer_v1.threads_file;
	const char *file = rec->by_thread ? threads : "cgroup.procs";
	struct pid_list l = { 0 };
	int r = cgroup_list(rec->temp, file, &l, e);

	/* Threads whose dead leader has stayed behind are listed only one by one. */
	if (!r && !l.n)
		r = cgroup_list(rec->temp, threads, &l, e);
	*left = l.n;
	for (size_t i = 0; i < l.n && !r; i++) {
		/* "0" would be ourselves. */
		r = l.v[i] > 0 ? move(rec->source, file, l.v[i], e) : 0;
		if (r == -ESRCH) {
			err_clear(e);
			r = 0;
		}
	}
	pid_list_free(&l);
	return r;
}

int cgroup_move_back(const struct move_record *rec, struct err *e)
{
	uint64_t deadline = now_us() + 5000000;
	size_t left, before = 0;
	useconds_t nap = 100;

	do {
		int r = move_round(rec, &left, e);

		if (r || !left)
			return r ? err_in(e, "moving tasks back from %s", rec->temp) : 0;
		/* Those who are dying stay until they are gone. */
		if (left == before) {
			usleep(nap);
			nap = nap < 5000 ? 2 * nap : nap;
		}
		before = left;
	} while (now_us() < deadline);
	return err_set(e, ERR_SYSTEM, EBUSY, "empty the cgroup", rec->temp,
		       "%zu tasks do not leave it", left);
}

int cgroup_rmdir(const char *dir, struct err *e)
{
	uint64_t deadline = now_us() + 3000000;
	useconds_t nap = 50;

	while (rmdir(dir) && errno != ENOENT) {
		if (errno != EBUSY || now_us() > deadline)
			return err_sys(e, "rmdir", "%s", dir);
		usleep(nap);
		nap = nap < 5000 ? 2 * nap : nap;
	}
	return 0;
}
