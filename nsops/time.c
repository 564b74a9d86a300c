// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Time (timens-0.img, time_namespaces(7)): CLOCK_MONOTONIC and CLOCK_BOOTTIME
 * of the tree at the moment of the checkpoint. A restored tree lives in a time
 * namespace in which they go on from there, whether it had one of its own
 * before or not: to it neither the time between nor another boot is visible.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/abi.h"
#define LOG_MODULE "nsops"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/probe.h"
#include "image/image.h"
#include "nsops/nsops-internal.h"

#define NS_PER_S ((int64_t)1000000000)
/* The kernel takes no clock beyond 146 years (KTIME_SEC_MAX / 2). */
#define CLOCK_S_MAX 4611686018ull

static const char *const clk_names[N_CLKS] = { "monotonic", "boottime" };

/* Of a process's time namespace against the initial one, in nanoseconds; zero without such namespaces. */
static int offsets_read(const char *path, int64_t ret[N_CLKS], struct err *e)
{
	char text[256];
	ssize_t n = read_text_at(AT_FDCWD, path, text, sizeof(text));

	ret[CLK_MONO] = ret[CLK_BOOT] = 0;
	if (n == -ENOENT)
		return 0;
	if (n < 0) {
		errno = (int)-n;
		return err_sys(e, "read", "%s", path);
	}
	for (int i = 0; i < N_CLKS; i++) {
		const char *at = strstr(text, clk_names[i]);
		int64_t s, ns;

		if (!at ||
		    sscanf(at + strlen(clk_names[i]), "%" SCNd64 " %" SCNd64, &s, &ns) != 2) {
			errno = EIO;
			return err_sys(e, "understand", "%s", path);
		}
		ret[i] = s * NS_PER_S + ns;
	}
	return 0;
}

int ns_time_note(struct model *m, struct err *e)
{
	struct clocks *c = &m->clocks;
	int64_t own[N_CLKS], tree[N_CLKS];
	char path[64];
	int r = offsets_read("/proc/self/timens_offsets", own, e);

	/* The file tells the namespace for children; the preflight saw that it is the task's own. */
	snprintf(path, sizeof(path), "/proc/%d/timens_offsets", m->root->host);
	if (!r)
		r = offsets_read(path, tree, e);
	for (int i = 0; !r && i < N_CLKS; i++) {
		c->ours[i] = model_clock_now(i);
		c->tree[i] = c->ours[i] + (uint64_t)(tree[i] - own[i]);
	}
	c->known = !r;
	return r;
}

int time_dump(struct model *m, struct err *e)
{
	TimensEntry te = TIMENS_ENTRY__INIT;
	Timespec ts[N_CLKS] = { TIMESPEC__INIT, TIMESPEC__INIT };

	for (int i = 0; i < N_CLKS; i++) {
		ts[i].tv_sec = m->clocks.tree[i] / NS_PER_S;
		ts[i].tv_nsec = m->clocks.tree[i] % NS_PER_S;
	}
	te.monotonic = &ts[CLK_MONO];
	te.boottime = &ts[CLK_BOOT];
	return image_put_one(m->dir, IMG_TIMENS, 0, &te.base, e);
}

int time_read(struct model *m, struct err *e)
{
	struct clocks *c = &m->clocks;
	TimensEntry *te;
	int r;

	if (!image_exists(m->dir, IMG_TIMENS, 0)) {
		if (model_has_own_ns(m, NS_TIME))
			return err_set(e, ERR_IMAGE, ENOENT, "read", "timens-0.img",
				       "the tree has a time namespace of its own, but its clocks "
				       "are missing");
		return 0;
	}
	r = image_get_one(m->dir, IMG_TIMENS, 0, &timens_entry__descriptor, &te, e);
	for (int i = 0; !r && i < N_CLKS; i++) {
		const Timespec *ts = i == CLK_MONO ? te->monotonic : te->boottime;

		if (ts->tv_sec > CLOCK_S_MAX || ts->tv_nsec >= NS_PER_S)
			return err_set(e, ERR_IMAGE, EINVAL, "read", "timens-0.img",
				       "the %s clock is out of range", clk_names[i]);
		c->tree[i] = ts->tv_sec * NS_PER_S + ts->tv_nsec;
	}
	c->known = !r;
	return r;
}

/*
 * Without time namespaces the tree sees our clocks. They may have run on, if
 * nobody relied on a namespace before; backwards they must not go.
 */
static int without(struct model *m, struct err *e)
{
	struct clocks *c = &m->clocks;

	for (int i = 0; i < N_CLKS; i++) {
		if (c->ours[i] >= c->tree[i] && !model_has_own_ns(m, NS_TIME))
			continue;
		return probe_require("ns_time", "let the tree's clocks go on", e);
	}
	log_warn("there are no time namespaces (probe ns_time): going on without one, "
		 "the tree sees its clocks jump by %" PRIu64 " s",
		 (c->ours[CLK_MONO] - c->tree[CLK_MONO]) / NS_PER_S);
	return 0;
}

int ns_birth(struct model *m, struct prog *p, struct err *e)
{
	struct clocks *c = &m->clocks;
	int64_t off[N_CLKS];
	char text[128], *at = text;
	size_t fd;
	int r;

	for (int i = 0; i < N_CLKS; i++)
		c->ours[i] = model_clock_now(i);
	if (!c->known)
		return 0;
	if (!probe_ok("ns_time"))
		return without(m, e);
	r = offsets_read("/proc/self/timens_offsets", off, e);
	if (r)
		return r;
	for (int i = 0; i < N_CLKS; i++) {
		int64_t v = off[i] + (int64_t)(c->tree[i] - c->ours[i]);
		int64_t ns = v % NS_PER_S < 0 ? v % NS_PER_S + NS_PER_S : v % NS_PER_S;

		at += sprintf(at, "%s %" PRId64 " %" PRId64 "\n", clk_names[i], (v - ns) / NS_PER_S,
			      ns);
	}
	/* Another user's /proc files are the machine's root's; the last words set it for good. */
	if (model_has_own_ns(m, NS_USER))
		prog_call(p, "own its /proc files", SYS_prctl, PR_SET_DUMPABLE, 1);
	/* The offsets can be written only while nobody is in it; only a process without threads may enter. */
	prog_call(p, "make a time namespace", SYS_unshare, CLONE_NEWTIME);
	fd = prog_call(p, "open its clocks", SYS_open,
		       (uint64_t)prog_strdup(p, "/proc/self/timens_offsets"), O_WRONLY | O_CLOEXEC);
	prog_call(p, "set its clocks", SYS_write, 0, (uint64_t)prog_strdup(p, text),
		  (uint64_t)(at - text));
	prog_ref(p, fd, 0);
	prog_call(p, "close its clocks", SYS_close, 0);
	prog_ref(p, fd, 0);
	fd = prog_call(p, "open the time namespace", SYS_open,
		       (uint64_t)prog_strdup(p, "/proc/self/ns/time_for_children"),
		       O_RDONLY | O_CLOEXEC);
	prog_call(p, "enter the time namespace", SYS_setns, 0, CLONE_NEWTIME);
	prog_ref(p, fd, 0);
	prog_call(p, "close the time namespace", SYS_close, 0);
	prog_ref(p, fd, 0);
	c->go_on = true;
	return 0;
}
