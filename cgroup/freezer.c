/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Getting a tree frozen and thawed again.
 *
 * A cgroup that holds exactly the tree is frozen where it is. Otherwise the
 * tree's processes move into a temporary child of the cgroup each of them is
 * in (limits go on to apply), and back at the end. The set is closed when two
 * scans of the tree, taken after everything known was moved, agree: a new
 * process is born into its parent's cgroup, so none escapes the freeze.
 */
#define LOG_MODULE "cgroup"
#include "cgroup/freezer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
#include "base/watchdog.h"
#include "cgroup/cgroup-internal.h"

/* One frozen cgroup. temp: made by us, its tasks came from source. */
struct part {
	char dir[CGROUP_PATH];
	char source[CGROUP_PATH];
	bool temp;
	bool adopted;
	struct journal_entry *je_rmdir, *je_move, *je_freeze;
};

struct freezer {
	struct hierarchy h;
	struct journal *j;
	struct part *parts;
	size_t n_parts;
	uint64_t timeout_us;
};

static bool is_inside(const char *dir, const char *parent)
{
	size_t n = strlen(parent);

	return !strncmp(dir, parent, n) && (!dir[n] || dir[n] == '/');
}

static bool is_root(const struct freezer *f, const char *dir)
{
	return !strcmp(dir, f->h.mount) && !strcmp(f->h.root, "/");
}

/* Never freeze ourselves. */
static int not_our_own(struct freezer *f, const char *dir, struct err *e)
{
	char own[CGROUP_PATH];
	int r = hierarchy_dir_of(&f->h, getpid(), own, sizeof(own), e);

	if (r)
		return r;
	if (!is_inside(own, dir))
		return 0;
	err_set(e, ERR_USAGE, EDEADLK, "freeze", dir, "this program is in that cgroup itself");
	return err_hint(e, "name a cgroup that holds the tree alone, or run stasis outside it");
}

static struct part *part_add(struct freezer *f, const char *dir)
{
	struct part *p;

	/* Longer paths were refused where they were found. */
	f->parts = realloc(f->parts, (f->n_parts + 1) * sizeof(*f->parts));
	if (!f->parts)
		abort();
	p = &f->parts[f->n_parts++];
	*p = (struct part){ 0 };
	memcpy(p->dir, dir, strnlen(dir, sizeof(p->dir) - 1));
	return p;
}

/* A multiple slash or a trailing one is no difference. */
static void path_clean(const char *in, char *out, size_t size)
{
	size_t o = 0;

	for (; *in && o + 1 < size; in++)
		if (*in != '/' || !o || out[o - 1] != '/')
			out[o++] = *in;
	while (o > 1 && out[o - 1] == '/')
		o--;
	out[o] = '\0';
}

static int use_given(struct freezer *f, const struct freezer_params *p, struct err *e)
{
	char dir[CGROUP_PATH], root_dir[CGROUP_PATH], probe[CGROUP_PATH + 32];
	int r, want;

	path_clean(p->path, dir, sizeof(dir));
	snprintf(probe, sizeof(probe), "%s/freezer.state", dir);
	want = access(probe, F_OK) ? 2 : 1;
	snprintf(probe, sizeof(probe), "%s/cgroup.freeze", dir);
	if (want == 2 && access(probe, F_OK)) {
		err_set(e, ERR_USAGE, ENOENT, "freeze", dir,
			"it has neither freezer.state nor cgroup.freeze: not a cgroup that can be frozen");
		return err_hint(e, "--freeze-cgroup wants the directory of a cgroup below the root "
				   "of a v1 freezer or v2 hierarchy");
	}
	r = hierarchy_find(want, &f->h, e);
	if (!r)
		r = hierarchy_dir_of(&f->h, p->root, root_dir, sizeof(root_dir), e);
	if (r)
		return r;
	if (!is_inside(root_dir, dir))
		return err_set(e, ERR_USAGE, EINVAL, "freeze", dir, "process %d is not in it but in %s",
			       p->root, root_dir);
	r = not_our_own(f, dir, e);
	if (!r)
		part_add(f, dir);
	return r;
}

static int pid_cmp(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

/* Whether @dir and below hold exactly the tree now. */
static int holds_exactly(struct freezer *f, const struct freezer_params *p, const char *dir, bool *ret,
			 struct err *e)
{
	_cleanup_free_ pid_t *tree = NULL, *members = NULL;
	size_t n = 0, m = 0;
	int r = p->scan(p->scan_ctx, &tree, &n, e);

	if (!r)
		r = cgroup_pids(dir, true, &members, &m, e);
	if (r)
		return r;
	if (m)
		qsort(members, m, sizeof(*members), pid_cmp);
	*ret = true;
	for (size_t i = 0; i < n && *ret; i++)
		*ret = m && bsearch(&tree[i], members, m, sizeof(*members), pid_cmp);
	if (n)
		qsort(tree, n, sizeof(*tree), pid_cmp);
	/* A member born after the scan of the tree is no stranger when its parent is of the tree. */
	for (size_t i = 0; i < m && *ret; i++) {
		struct proc_stat st;
		pid_t pid = members[i];

		if (n && bsearch(&pid, tree, n, sizeof(*tree), pid_cmp))
			continue;
		*ret = !proc_stat_read(pid, &st, e) && n &&
		       bsearch(&st.ppid, tree, n, sizeof(*tree), pid_cmp);
		err_clear(e);
	}
	return 0;
}

static struct part *part_of_source(struct freezer *f, const char *source)
{
	for (size_t i = 0; i < f->n_parts; i++)
		if (f->parts[i].temp && !strcmp(f->parts[i].source, source))
			return &f->parts[i];
	return NULL;
}

static int temp_make(struct freezer *f, const char *source, struct part **ret, struct err *e)
{
	struct move_record mv = { 0 };
	char dir[CGROUP_PATH];
	struct part *p;
	int r;

	if ((size_t)snprintf(dir, sizeof(dir), "%s/stasis-%d", source, getpid()) >= sizeof(dir))
		return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "make a cgroup in", source,
			       "its path is too long");
	p = part_add(f, dir);
	p->temp = true;
	memcpy(p->source, source, strnlen(source, sizeof(p->source) - 1));
	r = journal_add(f->j, UNDO_RMDIR, dir, strlen(dir) + 1, &p->je_rmdir, e);
	if (r)
		return r;
	if (mkdir(dir, 0755)) {
		err_sys(e, "make the cgroup", "%s", dir);
		return err_hint(e, "name a cgroup that holds the tree alone with --freeze-cgroup");
	}
	memcpy(mv.temp, p->dir, sizeof(mv.temp));
	memcpy(mv.source, p->source, sizeof(mv.source));
	r = journal_add(f->j, UNDO_MOVE_BACK, &mv, sizeof(mv), &p->je_move, e);
	*ret = p;
	return r;
}

static bool in_some_part(const struct freezer *f, const char *dir)
{
	for (size_t i = 0; i < f->n_parts; i++)
		if (is_inside(dir, f->parts[i].dir))
			return true;
	return false;
}

/* Move every process of the tree that is not in one of our cgroups yet; *moved counts. */
static int gather(struct freezer *f, const struct freezer_params *p, size_t *moved, struct err *e)
{
	_cleanup_free_ pid_t *tree = NULL;
	size_t n = 0;
	int r = p->scan(p->scan_ctx, &tree, &n, e);

	*moved = 0;
	for (size_t i = 0; !r && i < n; i++) {
		char dir[CGROUP_PATH];
		struct part *part;

		r = hierarchy_dir_of(&f->h, tree[i], dir, sizeof(dir), e);
		if (r == -ESRCH && tree[i] != p->root) {
			err_clear(e);
			r = 0;
			continue;
		}
		if (r || in_some_part(f, dir))
			continue;
		part = part_of_source(f, dir);
		if (!part)
			r = temp_make(f, dir, &part, e);
		if (!r)
			r = cgroup_move(part->dir, tree[i], e);
		if (r == -ESRCH && tree[i] != p->root) {
			err_clear(e);
			r = 0;
		}
		(*moved)++;
	}
	return r;
}

static int use_temporary(struct freezer *f, const struct freezer_params *p, struct err *e)
{
	uint64_t deadline = now_us() + p->timeout_us;
	size_t moved = 0;
	int quiet = 0, r = 0;

	/* Two scans in a row that find nobody outside. */
	while (!r && quiet < 2) {
		r = gather(f, p, &moved, e);
		quiet = moved ? 0 : quiet + 1;
		if (!r)
			r = cancel_check(e);
		if (!r && now_us() > deadline)
			r = err_set(e, ERR_TIMEOUT, ETIMEDOUT, "gather the tree", f->parts[0].dir,
				    "it forks faster than it can be moved");
	}
	return r;
}

/* Which cgroup: the caller's, the tree's own, or temporary ones. */
static int choose(struct freezer *f, const struct freezer_params *p, struct err *e)
{
	const char *force = getenv("STASIS_FREEZER");
	int want = force && !strcmp(force, "v2") ? 2 : force && !strcmp(force, "v1") ? 1 : 0;
	char dir[CGROUP_PATH], own[CGROUP_PATH];
	enum freeze_state st;
	bool exact = false, self = false;
	int r;

	if (p->path)
		return use_given(f, p, e);
	r = hierarchy_find(want, &f->h, e);
	if (!r)
		r = hierarchy_dir_of(&f->h, p->root, dir, sizeof(dir), e);
	if (!r)
		r = hierarchy_dir_of(&f->h, getpid(), own, sizeof(own), e);
	if (r)
		return r;
	if (is_root(f, dir))
		return use_temporary(f, p, e);
	r = cgroup_freeze_state(dir, f->h.v2, &st, &self, e);
	if (!r && !is_inside(own, dir))
		r = holds_exactly(f, p, dir, &exact, e);
	if (r)
		return r;
	if (exact) {
		part_add(f, dir);
		return 0;
	}
	if (st != THAWED) {
		err_set(e, ERR_USAGE, EBUSY, "freeze", dir,
			"it is frozen already and holds more than the tree");
		return err_hint(e, "name it with --freeze-cgroup to take its other processes along frozen");
	}
	return use_temporary(f, p, e);
}

static int record(struct freezer *f, struct part *p, uint32_t kind, struct err *e)
{
	struct freeze_record rec = { .v2 = f->h.v2 };

	snprintf(rec.dir, sizeof(rec.dir), "%s", p->dir);
	return journal_add(f->j, kind, &rec, sizeof(rec), &p->je_freeze, e);
}

/* Who does not freeze: in the kernel, not interruptible. */
static int culprit(struct freezer *f, const struct part *p, struct err *e)
{
	_cleanup_free_ pid_t *v = NULL;
	size_t n = 0;
	int r = cgroup_pids(p->dir, true, &v, &n, e);

	if (r)
		return r;
	for (size_t i = 0; i < n; i++) {
		struct proc_stat st;
		char path[64], wchan[128] = "", object[96];

		if (proc_stat_read(v[i], &st, e) || (st.state != 'D' && st.state != 'R')) {
			err_clear(e);
			continue;
		}
		snprintf(path, sizeof(path), "/proc/%d/wchan", v[i]);
		if (read_text_at(AT_FDCWD, path, wchan, sizeof(wchan)) < 0 || !strcmp(wchan, "0"))
			wchan[0] = '\0';
		snprintf(object, sizeof(object), "pid %d (%s)", v[i], st.comm);
		err_set(e, ERR_TIMEOUT, ETIMEDOUT, "freeze", object,
			"it is in state %c%s%s and did not stop within %llu ms", st.state,
			wchan[0] ? " in " : "", wchan, (unsigned long long)f->timeout_us / 1000);
		return err_hint(e, strstr(wchan, "vfork") ?
					   "it waits for the child of its vfork; try again when that has called exec" :
					   "it waits for a device or filesystem; try again later or raise --timeout");
	}
	return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "freeze", p->dir, "not frozen after %llu ms",
		       (unsigned long long)f->timeout_us / 1000);
}

static int wait_frozen(struct freezer *f, const struct part *p, uint64_t deadline, struct err *e)
{
	_cleanup_close_ int events = -EBADF;
	char path[PATH_MAX];
	useconds_t nap = 20;

	if (f->h.v2) {
		snprintf(path, sizeof(path), "%s/cgroup.events", p->dir);
		events = open(path, O_RDONLY | O_CLOEXEC);
	}
	for (;;) {
		enum freeze_state st;
		int r = cgroup_freeze_state(p->dir, f->h.v2, &st, NULL, e);

		if (r || st == FROZEN)
			return r;
		r = cancel_check(e);
		if (r)
			return r;
		if (now_us() > deadline)
			return culprit(f, p, e);
		if (events >= 0) {
			struct pollfd pfd = { .fd = events, .events = POLLPRI };

			poll(&pfd, 1, 1);
		} else {
			/* v1 looks for stragglers only when it is asked again. */
			usleep(nap);
			nap = nap < 2000 ? nap * 2 : 2000;
		}
	}
}

static int part_freeze(struct freezer *f, struct part *p, struct err *e)
{
	enum freeze_state st;
	bool self = false;
	int r = cgroup_freeze_state(p->dir, f->h.v2, &st, &self, e);

	if (r)
		return r;
	if (st != THAWED && !self) {
		err_set(e, ERR_USAGE, EBUSY, "freeze", p->dir,
			"a cgroup above it is frozen, so the tree could not be thawed for a while");
		return err_hint(e, "thaw the parent cgroup, or name it with --freeze-cgroup");
	}
	p->adopted = self;
	r = record(f, p, self ? UNDO_REFREEZE : UNDO_THAW, e);
	return r || self ? r : cgroup_freeze_write(p->dir, f->h.v2, true, e);
}

int freezer_freeze(struct freezer **ret, const struct freezer_params *p, struct journal *j,
		   struct err *e)
{
	struct freezer *f = calloc(1, sizeof(*f));
	struct err late = { 0 };
	uint64_t deadline;
	int r;

	if (!f)
		return err_set(e, ERR_SYSTEM, ENOMEM, "freeze", "", "out of memory");
	f->j = j;
	f->timeout_us = p->timeout_us;
	r = choose(f, p, e);
	deadline = now_us() + p->timeout_us;
	for (size_t i = 0; !r && i < f->n_parts; i++)
		r = part_freeze(f, &f->parts[i], e);
	for (size_t i = 0; !r && i < f->n_parts; i++)
		r = wait_frozen(f, &f->parts[i], deadline, e);
	if (r) {
		if (freezer_end(f, false, &late))
			log_warn("%s %s: %s", late.op, late.object, late.why);
		return r;
	}
	for (size_t i = 0; i < f->n_parts; i++)
		log_debug("frozen: %s%s", f->parts[i].dir, f->parts[i].temp ? " (temporary)" : "");
	*ret = f;
	return 0;
}

int freezer_pids(struct freezer *f, pid_t **ret, size_t *ret_n, struct err *e)
{
	pid_t *v = NULL;
	size_t n = 0;

	for (size_t i = 0; i < f->n_parts; i++) {
		int r = cgroup_pids(f->parts[i].dir, true, &v, &n, e);

		if (r) {
			free(v);
			return r;
		}
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

int freezer_set(struct freezer *f, bool frozen, bool wait, struct err *e)
{
	uint64_t deadline = now_us() + f->timeout_us;
	int r = 0;

	for (size_t i = 0; !r && i < f->n_parts; i++)
		r = cgroup_freeze_write(f->parts[i].dir, f->h.v2, frozen, e);
	for (size_t i = 0; !r && frozen && wait && i < f->n_parts; i++)
		r = wait_frozen(f, &f->parts[i], deadline, e);
	return r;
}

bool freezer_is_v2(const struct freezer *f)
{
	return f->h.v2;
}

bool freezer_was_frozen(const struct freezer *f)
{
	return f->n_parts && f->parts[0].adopted;
}

static int part_end(struct freezer *f, struct part *p, bool gone, struct err *e)
{
	int r = 0;

	/* The dead need no thaw, but a caller's cgroup stays as it was found. */
	if (p->je_freeze)
		r = cgroup_freeze_write(p->dir, f->h.v2, p->adopted, e);
	if (!r)
		journal_done(p->je_freeze);
	if (!p->temp)
		return r;
	/* Thawed first: all start at once, and moving runs behind them unseen. */
	if (!r && p->je_move)
		r = cgroup_move_all(p->dir, p->source, e);
	if (!r)
		journal_done(p->je_move);
	/* The dying leave their cgroup a moment after they are gone for everybody else. */
	for (int i = 0; !r && p->je_rmdir && rmdir(p->dir) && errno != ENOENT; i++) {
		if (errno != EBUSY || i == 2000)
			r = err_sys(e, "remove the cgroup", "%s", p->dir);
		usleep(500);
	}
	if (!r)
		journal_done(p->je_rmdir);
	return r;
}

int freezer_end(struct freezer *f, bool gone, struct err *e)
{
	int first = 0;

	if (!f)
		return 0;
	for (size_t i = f->n_parts; i-- > 0;) {
		struct err one = { 0 };
		int r = part_end(f, &f->parts[i], gone, &one);

		if (r && !first) {
			*e = one;
			first = r;
		}
	}
	free(f->parts);
	free(f);
	return first;
}

int freezer_from_journal(struct freezer **ret, struct journal *j, struct err *e)
{
	static const uint32_t kinds[] = { UNDO_THAW, UNDO_REFREEZE };
	struct freezer *f = calloc(1, sizeof(*f));

	if (!f)
		return err_set(e, ERR_SYSTEM, ENOMEM, "thaw", "", "out of memory");
	f->timeout_us = 2000000;
	f->j = j;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		_cleanup_free_ struct journal_entry **v = NULL;
		size_t n = journal_entries(j, kinds[k], &v);

		for (size_t i = 0; i < n; i++) {
			struct freeze_record *rec = (void *)v[i]->data;

			if (v[i]->len != sizeof(*rec) || !memchr(rec->dir, 0, sizeof(rec->dir)))
				continue;
			f->h.v2 = rec->v2;
			part_add(f, rec->dir)->adopted = kinds[k] == UNDO_REFREEZE;
		}
	}
	*ret = f;
	return 0;
}

void freezer_drop(struct freezer *f)
{
	if (f)
		free(f->parts);
	free(f);
}
