// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Probes of processes and memory. Where a call can be answered with an error
 * that tells "known and allowed" from "unknown" (clone3 of a taken pid), that
 * is preferred to doing it.
 */
#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/kcmp.h>
#include <linux/sched.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/abi.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/probe-internal.h"
#include "base/proc.h"

static int call_result(long r)
{
	return r < 0 ? -errno : 0;
}

/* The call failed as it should when it is known. */
static int failed_with(long r, int expected)
{
	if (r >= 0)
		return -EINVAL;
	return errno == expected ? 0 : -errno;
}

int probe_clone3(const struct probe *p)
{
	return failed_with(syscall(SYS_clone3, NULL, (size_t)0), EINVAL);
}

int probe_clone3_set_tid(const struct probe *p)
{
	pid_t tid = getpid();
	/* Our own pid is taken: nothing is born, but the permission is checked before. */
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = (uintptr_t)&tid,
				   .set_tid_size = 1 };
	long r = syscall(SYS_clone3, &args, sizeof(args));

	if (!r)
		_exit(0);
	return failed_with(r, EEXIST);
}

int probe_pidfd_getfd(const struct probe *p)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	_cleanup_close_ int fd = -EBADF;

	if (pidfd < 0)
		return -errno;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, pidfd, 0);
	return call_result(fd);
}

int probe_timer_ids(const struct probe *p)
{
	return call_result(
		prctl(PR_TIMER_CREATE_RESTORE_IDS, PR_TIMER_CREATE_RESTORE_IDS_GET, 0, 0, 0));
}

int probe_kcmp(const struct probe *p)
{
	int r = proc_kcmp(getpid(), getpid(), KCMP_VM, 0, 0);

	return r > 0 ? -EINVAL : r;
}

int probe_kcmp_epoll_tfd(const struct probe *p)
{
	_cleanup_close_ int ep = epoll_create1(EPOLL_CLOEXEC);
	_cleanup_close_ int ev = eventfd(0, EFD_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };
	struct kcmp_epoll_slot slot = { .efd = (unsigned)ep, .tfd = (unsigned)ev };
	int r;

	if (ep < 0 || ev < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, ev, &event))
		return -errno;
	r = proc_kcmp(getpid(), getpid(), KCMP_EPOLL_TFD, (unsigned long)ev, (unsigned long)&slot);
	return r > 0 ? -EINVAL : r;
}

int probe_process_vm(const struct probe *p)
{
	int from = 1, to = 0;
	struct iovec local = { &to, sizeof(to) }, remote = { &from, sizeof(from) };

	return call_result(process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
}

int probe_futex_waitv(const struct probe *p)
{
	return failed_with(syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0), EINVAL);
}

int probe_prctl_mm_map(const struct probe *p)
{
	unsigned size = 0;

	return call_result(prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0));
}

int probe_arch_map_vdso(const struct probe *p)
{
	/* We have one, so a kernel that knows the request says so. */
	long r = syscall(SYS_arch_prctl, ARCH_MAP_VDSO_64, 0);

	return r >= 0 ? 0 : failed_with(r, EEXIST);
}

int probe_proc_children(const struct probe *p)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	return call_result(access(path, R_OK));
}

int probe_memfd(const struct probe *p)
{
	_cleanup_close_ int fd = memfd_create("stasis-probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return call_result(fd);
}

/* A page of ours to try things on. */
struct page {
	unsigned char *at;
};

static void page_unmap(struct page *pg)
{
	if (pg->at)
		munmap(pg->at, page_size());
}
#define _cleanup_page_ _cleanup_(page_unmap)

static int page_map(struct page *pg, int flags)
{
	void *at = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	pg->at = at;
	return 0;
}

int probe_map_files(const struct probe *p)
{
	_cleanup_page_ struct page pg = { 0 };
	_cleanup_close_ int fd = -EBADF;
	char path[96];
	int r = page_map(&pg, MAP_SHARED);

	if (r)
		return r;
	/* The mapping may have merged with a neighbour, but not with one of another object. */
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)pg.at,
		 (unsigned long)pg.at + page_size());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return call_result(fd);
}

int probe_pagemap_scan(const struct probe *p)
{
	_cleanup_close_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	_cleanup_page_ struct page pg = { 0 };
	struct page_region region = { 0 };
	struct pm_scan_arg arg = { .size = sizeof(arg),
				   .category_mask = PAGE_IS_PRESENT,
				   .return_mask = PAGE_IS_PRESENT,
				   .vec_len = 1 };
	int r;

	if (fd < 0)
		return -errno;
	r = page_map(&pg, MAP_PRIVATE);
	if (r)
		return r;
	pg.at[0] = 1;
	arg.start = (uintptr_t)pg.at;
	arg.end = arg.start + page_size();
	arg.vec = (uintptr_t)&region;
	r = ioctl(fd, PAGEMAP_SCAN, &arg);
	if (r < 0)
		return -errno;
	return r == 1 && region.start == arg.start ? 0 : -EINVAL;
}

int probe_procmap_query(const struct probe *p)
{
	_cleanup_close_ int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	struct procmap_query q = { .size = sizeof(q), .query_addr = (uintptr_t)&q };

	if (fd < 0)
		return -errno;
	if (ioctl(fd, PROCMAP_QUERY, &q))
		return -errno;
	return q.vma_start <= q.query_addr && q.query_addr < q.vma_end ? 0 : -EINVAL;
}

int probe_soft_dirty(const struct probe *p)
{
	_cleanup_close_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	_cleanup_page_ struct page pg = { 0 };
	uint64_t entry;
	int r;

	if (fd < 0)
		return -errno;
	r = page_map(&pg, MAP_PRIVATE);
	if (r)
		return r;
	pg.at[0] = 1;
	r = pread_all(fd, &entry, sizeof(entry),
		      (off_t)((uintptr_t)pg.at / page_size() * sizeof(entry)));
	if (r)
		return r;
	/* Bit 55: what was just written to is dirty, where the kernel keeps count. */
	return entry >> 55 & 1 ? 0 : -EOPNOTSUPP;
}

int probe_uffd_wp_async(const struct probe *p)
{
	_cleanup_close_ int fd =
		(int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	struct uffdio_api api = { .api = UFFD_API,
				  .features = UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED };

	if (fd < 0)
		return -errno;
	return call_result(ioctl(fd, UFFDIO_API, &api));
}

static int try_madvise(int advice)
{
	_cleanup_page_ struct page pg = { 0 };
	int r = page_map(&pg, MAP_PRIVATE);

	return r ? r : call_result(madvise(pg.at, page_size(), advice));
}

int probe_madv_populate(const struct probe *p)
{
	return try_madvise(MADV_POPULATE_WRITE);
}

int probe_madv_guard(const struct probe *p)
{
	return try_madvise(MADV_GUARD_INSTALL);
}

int probe_capability(const struct probe *p)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data))
		return -errno;
	return data[p->arg / 32].effective >> (p->arg % 32) & 1 ? 0 : -EPERM;
}

int probe_namespace(const struct probe *p)
{
	char path[64], link[8];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", p->text);
	return call_result(readlink(path, link, sizeof(link)));
}
