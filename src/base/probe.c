// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The probe table and its lookup. Results are kept for the life of the
 * process; two threads that ask at the same time may both run a test, which
 * does no harm.
 */
#include "base/probe.h"

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/probe-internal.h"

/* What one may lack, and what must be there. */
#define MAY(probe, fn, needed, instead)                                                            \
	{                                                                                          \
		.name = probe, .test = fn, .needed_by = needed, .hint = instead                    \
	}
#define MUST(probe, fn, needed, instead)                                                           \
	{                                                                                          \
		.name = probe, .test = fn, .needed_by = needed, .hint = instead, .required = true  \
	}
#define CAP(probe, number, needed, instead)                                                        \
	{                                                                                          \
		.name = probe, .test = probe_capability, .arg = number, .needed_by = needed,       \
		.hint = instead                                                                    \
	}
#define NS(probe, file, needed)                                                                    \
	{                                                                                          \
		.name = probe, .test = probe_namespace, .text = file, .needed_by = needed,         \
		.hint = "build the kernel with this namespace kind"                                \
	}
#define CR_KERNEL "build the kernel with CONFIG_CHECKPOINT_RESTORE"

static const struct probe probes[] = {
	/* processes */
	MUST("ptrace_seize", probe_ptrace_seize, "reading the state of every thread",
	     "allow ptrace: CAP_SYS_PTRACE, kernel.yama.ptrace_scope, seccomp"),
	MUST("ptrace_sigmask", probe_ptrace_sigmask, "signal masks", CR_KERNEL),
	MUST("ptrace_xstate", probe_ptrace_xstate, "floating point and vector registers",
	     "the kernel must give NT_X86_XSTATE"),
	MAY("ptrace_get_rseq", probe_ptrace_get_rseq, "tasks with restartable sequences",
	    "needs Linux 5.13 and CONFIG_RSEQ; rseq areas are then taken from the C library's layout"),
	MAY("ptrace_suspend_seccomp", probe_ptrace_suspend_seccomp, "tasks with seccomp filters",
	    "needs CAP_SYS_ADMIN in the initial user namespace and CONFIG_CHECKPOINT_RESTORE"),
	MUST("clone3", probe_clone3, "creating tasks on restore", "needs Linux 5.3"),
	MAY("clone3_set_tid", probe_clone3_set_tid, "restoring process ids",
	    "needs Linux 5.5 and CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN"),
	MUST("pidfd_getfd", probe_pidfd_getfd, "fetching descriptors out of tasks",
	     "needs Linux 5.6"),
	MUST("kcmp", probe_kcmp, "finding what tasks share", "build the kernel with CONFIG_KCMP"),
	MAY("kcmp_epoll_tfd", probe_kcmp_epoll_tfd, "epoll sets with descriptors since closed",
	    "needs Linux 4.13"),
	MAY("process_vm", probe_process_vm, "reading memory from outside",
	    "build the kernel with CONFIG_CROSS_MEMORY_ATTACH"),
	MAY("futex_waitv", probe_futex_waitv, "leaving a task when stasis dies",
	    "needs Linux 5.16"),
	MAY("prctl_mm_map", probe_prctl_mm_map, "restoring the layout of memory", CR_KERNEL),
	MAY("arch_map_vdso", probe_arch_map_vdso, "the vDSO at its old place", CR_KERNEL),
	MAY("timer_ids", probe_timer_ids, "restoring timers' ids",
	    "needs Linux 6.15; ids are counted up to instead, small ones only"),
	MUST("proc_children", probe_proc_children, "finding a tree's processes",
	     "build the kernel with CONFIG_PROC_CHILDREN"),
	/* memory */
	MUST("memfd", probe_memfd, "shared memory and the restore's arena", "needs Linux 3.17"),
	MAY("map_files", probe_map_files, "shared memory, deleted and covered files",
	    "needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN"),
	MAY("pagemap_scan", probe_pagemap_scan, "finding the pages to save",
	    "needs Linux 6.7; /proc/PID/pagemap is read instead"),
	MAY("procmap_query", probe_procmap_query, "reading mappings fast",
	    "needs Linux 6.11; the text of /proc/PID/maps is read instead"),
	MAY("soft_dirty", probe_soft_dirty, "iterative checkpoints, the old way",
	    "build the kernel with CONFIG_MEM_SOFT_DIRTY"),
	MAY("uffd_wp_async", probe_uffd_wp_async, "iterative checkpoints",
	    "needs Linux 6.7 and userfaultfd"),
	MAY("madv_populate", probe_madv_populate, "filling memory fast",
	    "needs Linux 5.14; pages are faulted one by one instead"),
	MAY("madv_guard", probe_madv_guard, "tasks with guard pages", "needs Linux 6.13"),
	/* files and mounts */
	MUST("openat2", probe_openat2, "opening files below the restored root", "needs Linux 5.6"),
	MAY("listmount", probe_listmount, "reading mount trees",
	    "needs Linux 6.8; mountinfo is read instead"),
	MAY("statmount", probe_statmount, "reading mount trees",
	    "needs Linux 6.8; mountinfo is read instead"),
	MAY("mntns_id", probe_mntns_id, "reading mount trees of other namespaces",
	    "needs Linux 6.11"),
	MAY("move_mount_set_group", probe_set_group, "mounts that share propagation",
	    "needs Linux 5.15 and CAP_SYS_ADMIN"),
	MAY("mount_setattr", probe_mount_setattr, "restoring the attributes of mounts",
	    "needs Linux 5.12 and CAP_SYS_ADMIN"),
	MAY("fsopen", probe_fsopen, "making mounts", "needs Linux 5.2 and CAP_SYS_ADMIN"),
	/* control groups */
	MUST("freezer", probe_freezer, "stopping a tree without signals",
	     "mount the cgroup v2 hierarchy, or the v1 freezer, where stasis may make a group"),
	MAY("freezer_v1", probe_freezer_v1, "freezing on v1 hosts",
	    "the v2 freezer is used instead"),
	MAY("freezer_v2", probe_freezer_v2, "freezing on v2 hosts",
	    "the v1 freezer is used instead"),
	MAY("cgroup_kill", probe_cgroup_kill, "clearing a failed restore away in one go",
	    "needs Linux 5.14 and cgroup v2; tasks are killed one by one instead"),
	/* network */
	MAY("nftables", probe_nftables, "locking the network",
	    "needs CAP_NET_ADMIN and CONFIG_NF_TABLES; or use --network-lock"),
	MAY("tcp_repair", probe_tcp_repair, "TCP connections",
	    "needs CAP_NET_ADMIN; or close them first"),
	MAY("inet_diag", probe_inet_diag, "TCP and UDP sockets",
	    "load the modules inet_diag and tcp_diag"),
	MAY("unix_diag", probe_unix_diag, "unix sockets", "load the module unix_diag"),
	/* namespaces */
	NS("ns_user", "user", "user namespaces"),
	NS("ns_pid", "pid", "pid namespaces"),
	NS("ns_mnt", "mnt", "mount namespaces"),
	NS("ns_net", "net", "network namespaces"),
	NS("ns_ipc", "ipc", "IPC namespaces"),
	NS("ns_uts", "uts", "host names"),
	NS("ns_cgroup", "cgroup", "cgroup namespaces"),
	NS("ns_time", "time", "time namespaces"),
	/* privileges */
	CAP("cap_checkpoint_restore", CAP_CHECKPOINT_RESTORE,
	    "choosing process ids, map_files, exe", "CAP_SYS_ADMIN serves as well"),
	CAP("cap_sys_ptrace", CAP_SYS_PTRACE, "tasks of other users", "run as root"),
	CAP("cap_sys_admin", CAP_SYS_ADMIN, "namespaces, mounts, seccomp filters", "run as root"),
	CAP("cap_net_admin", CAP_NET_ADMIN, "network namespaces, the network lock, TCP",
	    "run as root"),
	CAP("cap_sys_resource", CAP_SYS_RESOURCE, "raising limits, lowering oom_score_adj",
	    "limits above our own are refused on restore"),
	CAP("cap_kill", CAP_KILL, "ending tasks of other users", "run as root"),
	CAP("cap_setuid", CAP_SETUID, "restoring user ids", "run as root"),
	CAP("cap_setgid", CAP_SETGID, "restoring group ids", "run as root"),
	CAP("cap_setpcap", CAP_SETPCAP, "restoring capability sets", "run as root"),
	CAP("cap_dac_override", CAP_DAC_OVERRIDE, "opening files of other users", "run as root"),
	CAP("cap_chown", CAP_CHOWN, "restoring deleted files and pipes of other users",
	    "run as root"),
};

/* 0: not run yet, 1: works, negative: -errno. */
static int results[ARRAY_SIZE(probes)];

size_t probe_count(void)
{
	return ARRAY_SIZE(probes);
}

const struct probe *probe_get(size_t i)
{
	return i < ARRAY_SIZE(probes) ? &probes[i] : NULL;
}

static const struct probe *find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		if (!strncmp(probes[i].name, name, len) && !probes[i].name[len])
			return &probes[i];
	return NULL;
}

const struct probe *probe_find(const char *name)
{
	return find(name, strlen(name));
}

int probe_run(const struct probe *p)
{
	int *result = &results[p - probes];
	int r = __atomic_load_n(result, __ATOMIC_RELAXED);

	if (!r) {
		int saved = errno;

		r = p->test(p);
		errno = saved;
		r = r < 0 ? r : 1;
		__atomic_store_n(result, r, __ATOMIC_RELAXED);
	}
	return r < 0 ? r : 0;
}

bool probe_ok(const char *name)
{
	const struct probe *p = probe_find(name);

	return p && !probe_run(p);
}

int probe_require(const char *name, const char *op, struct err *e)
{
	const struct probe *p = probe_find(name);
	int r = p ? probe_run(p) : -ENOENT;

	if (!r)
		return 0;
	if (!p)
		return err_set(e, ERR_GENERAL, EINVAL, op, "", "there is no probe %s", name);
	if (r == -ECANCELED)
		return err_set(e, ERR_SYSTEM, EOPNOTSUPP, op, "",
			       "%s is switched off by STASIS_DISABLE", name);
	err_set(e, ERR_SYSTEM, -r, op, "", "%s does not work here (%s)", name, strerror(-r));
	return err_hint(e, "%s", p->hint);
}

int probe_disable(const char *list, struct err *e)
{
	while (list && *list) {
		size_t len = strcspn(list, ", ");
		const struct probe *p = len ? find(list, len) : NULL;
		char name[64];

		if (len && !p) {
			snprintf(name, sizeof(name), "%.*s", (int)len, list);
			err_set(e, ERR_USAGE, EINVAL, "switch off", name, "there is no such probe");
			return err_hint(e,
					"`stasis check` lists the names that STASIS_DISABLE takes");
		}
		if (p)
			__atomic_store_n(&results[p - probes], -ECANCELED, __ATOMIC_RELAXED);
		list += len;
		list += *list != '\0';
	}
	return 0;
}
