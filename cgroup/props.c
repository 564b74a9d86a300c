// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of properties: which files of a cgroup are saved, and how each is
 * read and written (Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst).
 */
#include "cgroup/tree-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/pool.h"

#define UNLIMITED "9223372036854771712"

/*
 * In the order of writing: a group's period before its quota, a limit of memory
 * before that of memory and swap together.
 */
static const struct cg_prop props[] = {
	/* v1: nobody can enter a cpuset without processors and memory */
	{ "cpuset", "cpuset.cpus", CG_EARLY, CG_PLAIN, NULL },
	{ "cpuset", "cpuset.mems", CG_EARLY, CG_PLAIN, NULL },
	{ "cpuset", "cpuset.memory_migrate", CG_LATE, CG_PLAIN, "0" },
	{ "cpuset", "cpuset.cpu_exclusive", CG_LATE, CG_PLAIN, "0" },
	{ "cpuset", "cpuset.mem_exclusive", CG_LATE, CG_PLAIN, "0" },
	{ "cpuset", "cpuset.mem_hardwall", CG_LATE, CG_PLAIN, "0" },
	{ "cpuset", "cpuset.memory_spread_page", CG_LATE, CG_PLAIN, "0" },
	{ "cpuset", "cpuset.memory_spread_slab", CG_LATE, CG_PLAIN, "0" },
	{ "cpuset", "cpuset.sched_load_balance", CG_LATE, CG_PLAIN, "1" },
	{ "cpuset", "cpuset.sched_relax_domain_level", CG_LATE, CG_PLAIN, "-1" },
	{ "cpu", "cpu.shares", CG_LATE, CG_PLAIN, "1024" },
	{ "cpu", "cpu.cfs_period_us", CG_LATE, CG_PLAIN, "100000" },
	{ "cpu", "cpu.cfs_quota_us", CG_LATE, CG_PLAIN, "-1" },
	{ "cpu", "cpu.cfs_burst_us", CG_LATE, CG_PLAIN, "0" },
	/* A task with a real-time policy may not enter a group without real time. */
	{ "cpu", "cpu.rt_period_us", CG_EARLY, CG_PLAIN, "1000000" },
	{ "cpu", "cpu.rt_runtime_us", CG_EARLY, CG_PLAIN, "0" },
	{ "cpu", "cpu.uclamp.min", CG_LATE, CG_PLAIN, "0.00" },
	{ "cpu", "cpu.uclamp.max", CG_LATE, CG_PLAIN, "max" },
	{ "cpu", "cpu.idle", CG_LATE, CG_PLAIN, "0" },
	{ "memory", "memory.use_hierarchy", CG_EARLY, CG_PLAIN, "1" },
	{ "memory", "memory.limit_in_bytes", CG_LATE, CG_PLAIN, UNLIMITED },
	{ "memory", "memory.memsw.limit_in_bytes", CG_LATE, CG_PLAIN, UNLIMITED },
	{ "memory", "memory.soft_limit_in_bytes", CG_LATE, CG_PLAIN, UNLIMITED },
	{ "memory", "memory.kmem.limit_in_bytes", CG_EARLY, CG_PLAIN, UNLIMITED },
	{ "memory", "memory.kmem.tcp.limit_in_bytes", CG_LATE, CG_PLAIN, UNLIMITED },
	{ "memory", "memory.swappiness", CG_LATE, CG_PLAIN, NULL },
	{ "memory", "memory.move_charge_at_immigrate", CG_LATE, CG_PLAIN, "0" },
	{ "memory", "memory.oom_control", CG_LATE, CG_FIRST, "0" },
	{ "blkio", "blkio.weight", CG_LATE, CG_PLAIN, NULL },
	{ "blkio", "blkio.leaf_weight", CG_LATE, CG_PLAIN, NULL },
	{ "blkio", "blkio.bfq.weight", CG_LATE, CG_PLAIN, NULL },
	{ "blkio", "blkio.weight_device", CG_LATE, CG_LINES, "0" },
	{ "blkio", "blkio.throttle.read_bps_device", CG_LATE, CG_LINES, "0" },
	{ "blkio", "blkio.throttle.read_iops_device", CG_LATE, CG_LINES, "0" },
	{ "blkio", "blkio.throttle.write_bps_device", CG_LATE, CG_LINES, "0" },
	{ "blkio", "blkio.throttle.write_iops_device", CG_LATE, CG_LINES, "0" },
	{ "devices", "devices.list", CG_LATE, CG_DEVICES, "a *:* rwm" },
	{ "pids", "pids.max", CG_LATE, CG_PLAIN, "max" },
	{ "net_cls", "net_cls.classid", CG_LATE, CG_PLAIN, "0" },
	{ "net_prio", "net_prio.ifpriomap", CG_LATE, CG_LINES, "0" },
	{ "hugetlb", "hugetlb.*.limit_in_bytes", CG_LATE, CG_PLAIN, NULL },
	{ "rdma", "rdma.max", CG_LATE, CG_LINES, "hca_handle=max hca_object=max" },
	{ "misc", "misc.max", CG_LATE, CG_LINES, "max" },
	{ "freezer", "freezer.state", CG_FREEZE, CG_STATE, "THAWED" },
	{ "*", "cgroup.clone_children", CG_LATE, CG_PLAIN, "0" },
	{ "*", "notify_on_release", CG_LATE, CG_PLAIN, "0" },
	{ "*", "cgroup.procs", CG_PERMS, CG_PLAIN, "" },
	{ "*", "tasks", CG_PERMS, CG_PLAIN, "" },
	/* v2 */
	{ "", "cgroup.type", CG_EARLY, CG_TYPE, "domain" },
	/* When everybody is at the leaves: a cgroup with members gives no controllers on. */
	{ "", "cgroup.subtree_control", CG_LATE, CG_SUBTREE, "" },
	{ "", "cgroup.max.descendants", CG_LATE, CG_PLAIN, "max" },
	{ "", "cgroup.max.depth", CG_LATE, CG_PLAIN, "max" },
	{ "", "cgroup.pressure", CG_LATE, CG_PLAIN, "1" },
	{ "", "pids.max", CG_LATE, CG_PLAIN, "max" },
	{ "", "memory.max", CG_LATE, CG_PLAIN, "max" },
	{ "", "memory.high", CG_LATE, CG_PLAIN, "max" },
	{ "", "memory.low", CG_LATE, CG_PLAIN, "0" },
	{ "", "memory.min", CG_LATE, CG_PLAIN, "0" },
	{ "", "memory.swap.max", CG_LATE, CG_PLAIN, "max" },
	{ "", "memory.swap.high", CG_LATE, CG_PLAIN, "max" },
	{ "", "memory.zswap.max", CG_LATE, CG_PLAIN, "max" },
	{ "", "memory.zswap.writeback", CG_LATE, CG_PLAIN, "1" },
	{ "", "memory.oom.group", CG_LATE, CG_PLAIN, "0" },
	{ "", "cpu.weight", CG_LATE, CG_PLAIN, "100" },
	{ "", "cpu.max", CG_LATE, CG_PLAIN, "max 100000" },
	{ "", "cpu.max.burst", CG_LATE, CG_PLAIN, "0" },
	{ "", "cpu.uclamp.min", CG_LATE, CG_PLAIN, "0.00" },
	{ "", "cpu.uclamp.max", CG_LATE, CG_PLAIN, "max" },
	{ "", "cpu.idle", CG_LATE, CG_PLAIN, "0" },
	{ "", "cpuset.cpus", CG_LATE, CG_PLAIN, "" },
	{ "", "cpuset.mems", CG_LATE, CG_PLAIN, "" },
	{ "", "cpuset.cpus.exclusive", CG_LATE, CG_PLAIN, "" },
	{ "", "cpuset.cpus.partition", CG_LATE, CG_PLAIN, "member" },
	{ "", "io.weight", CG_LATE, CG_LINES, "default" },
	{ "", "io.bfq.weight", CG_LATE, CG_LINES, "default" },
	{ "", "io.max", CG_LATE, CG_LINES, "rbps=max wbps=max riops=max wiops=max" },
	{ "", "io.latency", CG_LATE, CG_LINES, "target=0" },
	{ "", "hugetlb.*.max", CG_LATE, CG_PLAIN, "max" },
	{ "", "rdma.max", CG_LATE, CG_LINES, "hca_handle=max hca_object=max" },
	{ "", "misc.max", CG_LATE, CG_LINES, "max" },
	{ "", "dmem.max", CG_LATE, CG_LINES, "max" },
	{ "", "cgroup.freeze", CG_FREEZE, CG_STATE, "0" },
	{ "", "cgroup.procs", CG_PERMS, CG_PLAIN, "" },
	{ "", "cgroup.threads", CG_PERMS, CG_PLAIN, "" },
};

/* What --cgroup-props names. */
static const struct cg_prop extra = { "", "", CG_LATE, CG_PLAIN, NULL };

static bool of_hier(const struct cg_hier *h, const char *ctl)
{
	if (h->v2)
		return !*ctl;
	return *ctl == '*' || (*ctl && cg_has_name(h->ctl, ctl, strlen(ctl)));
}

/* Of v2 the controllers are told by the names of their files. */
static bool spec_is_of(const struct cg_hier *h, const char *ctl, const char *name)
{
	size_t n = strlen(ctl);

	return h->v2 ? !strncmp(name, ctl, n) && name[n] == '.' : cg_has_name(h->ctl, ctl, n);
}

const struct cg_prop *cg_prop_of(const struct cg_hier *h, const struct cg_specs *specs,
				 const char *name)
{
	bool replaced = false, named = false;

	for (size_t i = 0; specs && i < specs->n; i++) {
		const struct cg_spec *s = &specs->v[i];
		size_t n = strlen(s->ctl);

		if (!spec_is_of(h, s->ctl, name))
			continue;
		replaced |= s->replace && !strncmp(name, s->ctl, n) && name[n] == '.';
		for (size_t k = 0; k < s->n; k++)
			named |= !strcmp(s->names[k], name);
	}
	for (size_t i = 0; (named || !replaced) && i < ARRAY_SIZE(props); i++)
		if (of_hier(h, props[i].ctl) && !fnmatch(props[i].name, name, 0))
			return &props[i];
	return named ? &extra : NULL;
}

bool cg_prop_allowed(const struct cg_hier *h, const char *name)
{
	/* Writing these does something at once, to whoever is named. */
	static const char *const acts[] = {
		"cgroup.kill",	 "cgroup.event_control", "memory.force_empty",	  "memory.reclaim",
		"devices.allow", "devices.deny",	 "memory.pressure_level", "release_agent",
	};
	size_t n = strcspn(name, ".");

	for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
		if (!strcmp(name, acts[i]))
			return false;
	if (!*name || strchr(name, '/') || strlen(name) >= 128)
		return false;
	if (cg_prop_of(h, NULL, name))
		return true;
	return name[n] && (h->v2 ? strncmp(name, "cgroup.", 7) != 0 : cg_has_name(h->ctl, name, n));
}

size_t cg_prop_rank(const struct cg_prop *k)
{
	return k == &extra ? ARRAY_SIZE(props) : (size_t)(k - props);
}

const struct cg_prop *cg_prop_saved(const struct cg_hier *h, const char *name)
{
	const struct cg_prop *k = cg_prop_of(h, NULL, name);

	return k ? k : cg_prop_allowed(h, name) ? &extra : NULL;
}

int cg_prop_read(struct pool *p, const char *dir, const char *name, enum cg_how how, char **ret,
		 struct err *e)
{
	_cleanup_free_ char *text = NULL;
	char path[CGROUP_PATH + 160];
	ssize_t n;
	char *v;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	n = read_text_alloc(AT_FDCWD, path, &text);
	/* Not in this cgroup, or nothing behind it on this machine. */
	if (n == -ENOENT || n == -EOPNOTSUPP || n == -ENODEV)
		return n == -ENODEV ? -ENOENT : (int)n;
	if (n < 0) {
		errno = (int)-n;
		return err_sys(e, "read", "%s", path);
	}
	while (n && text[n - 1] == '\n')
		text[--n] = '\0';
	v = text;
	if (how == CG_FIRST) {
		v[strcspn(v, "\n")] = '\0';
		v = strrchr(v, ' ') ? strrchr(v, ' ') + 1 : v;
	}
	*ret = pool_strdup(p, v);
	return 0;
}

static int put(const char *dir, const char *name, const char *text, struct err *e)
{
	/* The kernel does not get to see a write of nothing. */
	return cgroup_file_write(dir, name, *text ? text : "\n", e);
}

static bool has_line(const char *text, const char *line, size_t len)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		if (n == len && !memcmp(text, line, len))
			return true;
		text += n + (text[n] == '\n');
	}
	return false;
}

/* A line begins with the device, or the interface. */
static bool has_key(const char *text, const char *line)
{
	size_t len = strcspn(line, " \n");

	while (*text) {
		size_t n = strcspn(text, "\n");

		if (n >= len && !memcmp(text, line, len) && (n == len || text[len] == ' '))
			return true;
		text += n + (text[n] == '\n');
	}
	return false;
}

static int put_line(const char *dir, const char *name, const char *line, size_t len, struct err *e)
{
	char text[512];

	snprintf(text, sizeof(text), "%.*s", (int)len, line);
	return put(dir, name, text, e);
}

static int write_lines(const char *dir, const char *name, const struct cg_prop *k, const char *now,
		       const char *value, struct err *e)
{
	int r = 0;

	for (const char *l = now; *l && !r; l += strcspn(l, "\n"), l += *l == '\n') {
		char text[256];

		if (has_key(value, l) || !strncmp(l, "default", 7))
			continue;
		snprintf(text, sizeof(text), "%.*s %s", (int)strcspn(l, " \n"), l, k->normal);
		r = put(dir, name, text, e);
	}
	for (const char *l = value; *l && !r; l += strcspn(l, "\n"), l += *l == '\n')
		if (!has_line(now, l, strcspn(l, "\n")))
			r = put_line(dir, name, l, strcspn(l, "\n"), e);
	return r;
}

static int write_devices(const char *dir, const char *now, const char *value, struct err *e)
{
	int r = put(dir, "devices.deny", "a", e);

	/* With cgroups below it only one by one. */
	if (r == -EINVAL) {
		err_clear(e);
		r = 0;
		for (const char *l = now; *l && !r; l += strcspn(l, "\n"), l += *l == '\n')
			if (!has_line(value, l, strcspn(l, "\n")))
				r = put_line(dir, "devices.deny", l, strcspn(l, "\n"), e);
	}
	for (const char *l = value; *l && !r; l += strcspn(l, "\n"), l += *l == '\n')
		r = put_line(dir, "devices.allow", l, strcspn(l, "\n"), e);
	return r;
}

static int write_subtree(const char *dir, const char *now, const char *value, struct err *e)
{
	int r = 0;

	for (const char *w = value; *w && !r; w += strcspn(w, " "), w += *w == ' ') {
		size_t len = strcspn(w, " ");
		char text[64];
		bool is = false;

		for (const char *n = now; *n; n += strcspn(n, " "), n += *n == ' ')
			is |= strcspn(n, " ") == len && !memcmp(n, w, len);
		snprintf(text, sizeof(text), "+%.*s", (int)len, w);
		if (!is && len)
			r = put(dir, "cgroup.subtree_control", text, e);
		if (r != -ENOENT)
			continue;
		err_set(e, ERR_CONFLICT, ENOENT, "set", dir,
			"the controller %s is not there, and it was given on to the cgroups below",
			text + 1);
		err_hint(e, "enable it in cgroup.subtree_control of the cgroup above, or use "
			    "--manage-cgroups=none");
	}
	return r;
}

int cg_prop_write(struct pool *p, const char *dir, const char *name, const struct cg_prop *k,
		  const char *value, struct err *e)
{
	char *now;
	int r = cg_prop_read(p, dir, name, k->how, &now, e);

	if (!r && !strcmp(now, value))
		return 1;
	/* A controller that is not there limits nothing, as this value does not either. */
	if ((r == -ENOENT || r == -EOPNOTSUPP) && k->normal && !strcmp(k->normal, value))
		return 1;
	if (r == -ENOENT || r == -EOPNOTSUPP) {
		char path[CGROUP_PATH + 160];

		snprintf(path, sizeof(path), "%s/%s", dir, name);
		err_set(e, ERR_CONFLICT, -r, "set", path,
			"there is no such property, and it was \"%s\"", value);
		return err_hint(e, "enable its controller in the cgroup above "
				   "(cgroup.subtree_control), or use --manage-cgroups=none");
	}
	if (r)
		return r;
	switch (k->how) {
	case CG_LINES:
		r = write_lines(dir, name, k, now, value, e);
		break;
	case CG_DEVICES:
		r = write_devices(dir, now, value, e);
		break;
	case CG_SUBTREE:
		r = write_subtree(dir, now, value, e);
		break;
	case CG_TYPE:
		/* The other types come by themselves. */
		r = strcmp(value, "threaded") ? 0 : put(dir, name, value, e);
		break;
	case CG_PLAIN:
	case CG_FIRST:
	case CG_STATE:
		r = put(dir, name, value, e);
		break;
	default:
		r = err_set(e, ERR_GENERAL, ENOTSUP, "set", name, "nothing is known about it");
	}
	if (!r)
		return 0;
	return err_in(e, "setting %s of %s to \"%.80s\", was \"%.80s\"", name, dir, value, now);
}
