/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tests behind the probe table; each returns 0 or -errno. */
#ifndef STASIS_PROBE_INTERNAL_H
#define STASIS_PROBE_INTERNAL_H

#include "base/probe.h"

/* probe_kernel.c: processes, memory, files, mounts */
int probe_clone3(const struct probe *p);
int probe_clone3_set_tid(const struct probe *p);
int probe_pidfd_getfd(const struct probe *p);
int probe_kcmp(const struct probe *p);
int probe_kcmp_epoll_tfd(const struct probe *p);
int probe_process_vm(const struct probe *p);
int probe_futex_waitv(const struct probe *p);
int probe_prctl_mm_map(const struct probe *p);
int probe_arch_map_vdso(const struct probe *p);
int probe_timer_ids(const struct probe *p);
int probe_proc_children(const struct probe *p);
int probe_memfd(const struct probe *p);
int probe_map_files(const struct probe *p);
int probe_pagemap_scan(const struct probe *p);
int probe_procmap_query(const struct probe *p);
int probe_soft_dirty(const struct probe *p);
int probe_uffd_wp_async(const struct probe *p);
int probe_madv_populate(const struct probe *p);
int probe_madv_guard(const struct probe *p);
int probe_capability(const struct probe *p);
int probe_namespace(const struct probe *p);

/* probe_system.c: mounts, control groups, network */
int probe_openat2(const struct probe *p);
int probe_listmount(const struct probe *p);
int probe_statmount(const struct probe *p);
int probe_mntns_id(const struct probe *p);
int probe_set_group(const struct probe *p);
int probe_mount_setattr(const struct probe *p);
int probe_fsopen(const struct probe *p);
int probe_freezer_v1(const struct probe *p);
int probe_freezer_v2(const struct probe *p);
int probe_freezer(const struct probe *p);
int probe_cgroup_kill(const struct probe *p);
int probe_nftables(const struct probe *p);
int probe_tcp_repair(const struct probe *p);
int probe_inet_diag(const struct probe *p);
int probe_unix_diag(const struct probe *p);

/* probe_ptrace.c: with one child of our own */
int probe_ptrace_seize(const struct probe *p);
int probe_ptrace_sigmask(const struct probe *p);
int probe_ptrace_xstate(const struct probe *p);
int probe_ptrace_get_rseq(const struct probe *p);
int probe_ptrace_suspend_seccomp(const struct probe *p);

#endif
