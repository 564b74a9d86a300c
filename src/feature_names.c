// SPDX-License-Identifier: GPL-2.0-or-later
/* Features by name: the probes, and the names by which others ask for them. */
#include "feature_names.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/probe.h"

/*
 * Names by which runtimes ask for a feature, where the probe has another. Those
 * without a probe belong to what is not built, so the answer is no.
 */
static const struct feature {
	const char *name, *probe;
} features[] = {
	{ "mem_dirty_track", NULL },
	{ "uffd-noncoop", NULL },
	{ "uffd", NULL },
	{ "lazy_pages", NULL },
	{ "pidfd_store", NULL },
	{ "timens", "ns_time" },
	{ "timer_cr_ids", "timer_ids" },
	{ "cgroupns", "ns_cgroup" },
	{ "userns", "ns_user" },
	{ "ns_pid", "ns_pid" },
	{ "network_lock_nftables", "nftables" },
	{ "get_rseq_conf", "ptrace_get_rseq" },
	{ "can_map_vdso", "arch_map_vdso" },
	{ "kcmp_epoll", "kcmp_epoll_tfd" },
	{ "seccomp_suspend", "ptrace_suspend_seccomp" },
	{ "compat_cr", NULL },
	{ "pagemap_scan_guard_pages", "madv_guard" },
};

/* Probe names first, then the features that are called otherwise. */
const char *feature_name_at(size_t i)
{
	if (i < probe_count())
		return probe_get(i)->name;
	i -= probe_count();
	return i < ARRAY_SIZE(features) ? features[i].name : NULL;
}

int feature_check(const char *name, bool *ret_ok)
{
	const struct probe *p = probe_find(name);
	size_t i;

	*ret_ok = false;
	for (i = 0; !p && i < ARRAY_SIZE(features); i++) {
		if (strcmp(features[i].name, name))
			continue;
		if (!features[i].probe)
			return -ENOTSUP;
		p = probe_find(features[i].probe);
	}
	if (!p)
		return -ENOENT;
	*ret_ok = !probe_run(p);
	return 0;
}
