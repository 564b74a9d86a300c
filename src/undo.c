// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which module undoes which record, and the undos that belong to no module.
 *
 * Runs in: whoever survives: parent, guard, worker without a parent, recover.
 */
#define LOG_MODULE "undo"
#include "undo.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/proc.h"
#include "cgroup/freezer.h"
#include "freeze_glue.h"
#include "image/image.h"
#include "net_hold.h"
#include "netns/tcp_repair.h"
#include "nsops/nsops.h"
#include "parasite/remote.h"

/* Without records nothing of ours is in them: who cannot be stopped now need not be. */
static void leave_stuck_out(struct freezer *f, pid_t *pids, size_t *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++)
		if (!freezer_is_stuck(f, pids[i]))
			pids[kept++] = pids[i];
	*n = kept;
}

/* Tasks are put right while their cgroup lies frozen; the thaw has its own record, undone later. */
static int cure_frozen(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	_cleanup_free_ pid_t *pids = NULL;
	struct remote_freeze fz;
	struct err slow = { 0 };
	struct freezer *f;
	size_t n_pids = 0;
	int r = freezer_from_journal(&f, j, e);

	if (r)
		return r;
	freeze_glue(f, &fz);
	r = freezer_pids(f, &pids, &n_pids, e);
	/* Who is still on the way into the freezer looks like one who never gets there. */
	if (!r && !n && freezer_set(f, true, true, &slow))
		leave_stuck_out(f, pids, &n_pids);
	if (!r)
		r = remote_cure(v, n, pids, n_pids, &fz, e);
	freezer_drop(f);
	return r;
}

static int undo_cure(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	return cure_frozen(j, v, n, e);
}

/*
 * Calls that the freeze alone interrupted are put right before the thaw, also
 * when death came before any task was recorded. Should that fail, thawed tasks
 * with an EINTR too many are still better than frozen ones.
 */
static int undo_thaw(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	struct err late = { 0 };

	if (cure_frozen(j, NULL, 0, &late))
		log_warn("%s %s: %s", late.op, late.object, late.why);
	return freezer_undo_thaw.undo(j, v, n, e);
}

struct kill_record {
	int32_t pid;
	uint32_t pad;
	uint64_t starttime;
};

int undo_add_kill(struct journal *j, pid_t pid, struct err *e)
{
	struct kill_record rec = { .pid = pid };
	struct proc_stat st;
	int r = proc_stat_read(pid, &st, e);

	if (r)
		return r;
	rec.starttime = st.starttime;
	return journal_add(j, UNDO_KILL, &rec, sizeof(rec), NULL, e);
}

/* The pidfd is opened before the look, so that what was looked at is what dies. */
static int kill_one(const struct kill_record *rec, struct err *e)
{
	_cleanup_close_ int pidfd = -EBADF;
	struct proc_stat st;
	int r;

	if (rec->pid <= 1 || rec->pid == getpid())
		return 0;
	pidfd = (int)syscall(SYS_pidfd_open, rec->pid, 0);
	if (pidfd < 0)
		return errno == ESRCH ? 0 : err_sys(e, "pidfd_open", "pid %d", rec->pid);
	r = proc_stat_read(rec->pid, &st, e);
	if (r == -ESRCH || (!r && st.starttime != rec->starttime)) {
		err_clear(e);
		return 0;
	}
	if (!r && syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) && errno != ESRCH)
		r = err_sys(e, "kill", "pid %d", rec->pid);
	return r;
}

static int undo_kill(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		if (v[i]->len >= sizeof(struct kill_record))
			r = kill_one((const void *)v[i]->data, e);
	return r;
}

int undo_add_unlink(struct journal *j, const char *path, struct journal_entry **ret, struct err *e)
{
	return journal_add(j, UNDO_UNLINK, path, strlen(path) + 1, ret, e);
}

static int undo_unlink(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const char *path = (const char *)v[i]->data;

		if (v[i]->len && !path[v[i]->len - 1] && *path == '/' && unlink(path) &&
		    errno != ENOENT)
			return err_sys(e, "unlink", "%s", path);
	}
	return 0;
}

int undo_add_images(struct journal *j, int dir, struct journal_entry **ret, struct err *e)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return err_sys(e, "readlink", "%s", link);
	path[n] = 0;
	return journal_add(j, UNDO_IMAGES, path, (size_t)n + 1, ret, e);
}

struct removal {
	struct err e;
};

/* The filesystem may be the one that hung: the removal may take so long, in a process of its own. */
#define REMOVAL_MS 2000

static int remove_images(const char *path, struct removal *said, struct err *e)
{
	struct pollfd p = { .fd = -1, .events = POLLIN };
	pid_t pid = fork();

	if (pid < 0)
		return err_sys(e, "fork", "to remove images");
	if (!pid) {
		log_forked();
		image_dir_remove_unfinished(path, &said->e);
		_exit(0);
	}
	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p.fd < 0 || poll(&p, 1, REMOVAL_MS) == 0) {
		err_set(&said->e, ERR_TIMEOUT, ETIMEDOUT, "remove images in", path,
			"the filesystem does not answer");
		kill(pid, SIGKILL);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	cleanup_close(&p.fd);
	if (!said->e.code || said->e.code == ENOENT)
		return 0;
	*e = said->e;
	return -e->code;
}

/* Only what bears our mark of an unfinished checkpoint is removed. */
static int undo_images(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	struct removal *said = mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int r = 0;

	if (said == MAP_FAILED)
		return err_sys(e, "mmap", "a shared page");
	for (size_t i = 0; i < n && !r; i++) {
		const char *path = (const char *)v[i]->data;

		if (v[i]->len && !path[v[i]->len - 1] && *path == '/')
			r = remove_images(path, said, e);
	}
	munmap(said, sizeof(*said));
	return r;
}

/* A task that could not be put right must stay frozen: nothing older is undone. */
static const struct undo_kind cure = {
	.id = UNDO_CURE,
	.name = "put threads right",
	.undo = undo_cure,
	.blocks = true,
};
static const struct undo_kind thaw = { .id = UNDO_THAW, .name = "thaw", .undo = undo_thaw };
static const struct undo_kind kill_process = { .id = UNDO_KILL, .name = "kill", .undo = undo_kill };
static const struct undo_kind unlink_file = {
	.id = UNDO_UNLINK,
	.name = "unlink",
	.undo = undo_unlink,
	.lasting = true,
};

static const struct undo_kind unfinished_images = {
	.id = UNDO_IMAGES,
	.name = "remove unfinished images",
	.undo = undo_images,
	.lasting = true,
};

const struct undo_kind *const undo_kinds[] = {
	&cure,
	&thaw,
	&freezer_undo_refreeze,
	&freezer_undo_move_back,
	&cgroup_undo_rmdir,
	&cgroup_undo_kill,
	&cgroup_undo_prop,
	&kill_process,
	&unlink_file,
	&unfinished_images,
	&ns_undo_mqueue,
	&tcp_undo_repair,
	&net_undo_left,
	NULL,
};
