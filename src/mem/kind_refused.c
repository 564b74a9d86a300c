// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kinds of mappings that are recognised in order to be refused by name. Each
 * moves to a file of its own once it is supported.
 */
#include <string.h>

#include "mem/mem-internal.h"

static bool name_is(const struct map_line *l, const char *prefix)
{
	return !strncmp(l->name, prefix, strlen(prefix));
}

static bool hugetlb_match(const struct mem_state *s, const struct map_line *l)
{
	/* Only smaps shows the flag; the names do for a first look. */
	return l->vm & VM_HUGETLB || (l->ino && name_is(l, "/anon_hugepage")) ||
	       (l->ino && l->dev != s->shm_dev && (name_is(l, "/memfd:") || name_is(l, "/SYSV")));
}

const struct vma_kind kind_hugetlb = {
	.name = "huge pages (hugetlbfs)",
	.match = hugetlb_match,
	.why = "memory from the reserved pool of huge pages is not supported",
	.hint = "let the program use transparent huge pages instead",
};

static bool shadow_stack_match(const struct mem_state *s, const struct map_line *l)
{
	return l->vm & VM_SHADOW_STACK;
}

const struct vma_kind kind_shadow_stack = {
	.name = "shadow stack",
	.status = VMA_SHSTK,
	.mask = VMA_SHSTK,
	.match = shadow_stack_match,
	.why = "user shadow stacks are not supported",
	.hint = "start the program without them (GLIBC_TUNABLES=glibc.cpu.hwcaps=-SHSTK)",
};

static bool uffd_match(const struct mem_state *s, const struct map_line *l)
{
	return l->vm & VM_UFFD;
}

const struct vma_kind kind_uffd = {
	.name = "memory watched by a userfaultfd",
	.match = uffd_match,
	.why = "its page faults are handled by a process through userfaultfd(2)",
};

/* The kernel itself gives one to memory that can only be executed; mapping it again does the same. */
static bool pkey_match(const struct mem_state *s, const struct map_line *l)
{
	return l->pkey && l->prot != PROT_EXEC;
}

const struct vma_kind kind_pkey = {
	.name = "memory with a protection key",
	.match = pkey_match,
	.why = "protection keys (pkey_mprotect(2)) are not supported",
	.hint = "let the program use mprotect(2)",
};

static bool uprobes_match(const struct mem_state *s, const struct map_line *l)
{
	return !l->ino && name_is(l, "[uprobes]");
}

const struct vma_kind kind_uprobes = {
	.name = "uprobes area",
	.status = VMA_UPROBES,
	.mask = VMA_UPROBES,
	.match = uprobes_match,
	.why = "a tracing tool has put probes into the program",
	.hint = "stop the tracing tool first",
};

static bool aio_match(const struct mem_state *s, const struct map_line *l)
{
	return l->ino && name_is(l, "/[aio]");
}

const struct vma_kind kind_aio = {
	.name = "AIO ring",
	.status = VMA_AIORING,
	.mask = VMA_AIORING,
	.match = aio_match,
	.why = "asynchronous I/O contexts (io_setup) are not supported",
};

static bool io_uring_match(const struct mem_state *s, const struct map_line *l)
{
	return name_is(l, "anon_inode:[io_uring]");
}

const struct vma_kind kind_io_uring = {
	.name = "io_uring",
	.match = io_uring_match,
	.why = "io_uring instances are not supported",
	.hint = "let the program use epoll, or start it where io_uring is switched off "
		"(sysctl kernel.io_uring_disabled)",
};

static bool perf_match(const struct mem_state *s, const struct map_line *l)
{
	return name_is(l, "anon_inode:[perf_event]");
}

const struct vma_kind kind_perf = {
	.name = "perf buffer",
	.match = perf_match,
	.why = "performance counters are not supported",
	.hint = "stop the profiler first",
};

static bool secretmem_match(const struct mem_state *s, const struct map_line *l)
{
	return l->ino && (name_is(l, "/secretmem") || name_is(l, "anon_inode:[secretmem]"));
}

const struct vma_kind kind_secretmem = {
	.name = "secret memory",
	.match = secretmem_match,
	.why = "memfd_secret(2) memory cannot be read by anybody else",
};

static bool socket_match(const struct mem_state *s, const struct map_line *l)
{
	return name_is(l, "socket:[");
}

const struct vma_kind kind_socket = {
	.name = "socket buffer",
	.status = VMA_SOCKET,
	.mask = VMA_SOCKET,
	.match = socket_match,
	.why = "mapped buffers of sockets are not supported",
};

static bool anon_inode_match(const struct mem_state *s, const struct map_line *l)
{
	return l->ino && *l->name != '/' && *l->name != '[';
}

const struct vma_kind kind_anon_inode = {
	.name = "kernel object",
	.match = anon_inode_match,
	.why = "a mapping of this object is not supported",
};

static bool shm_other_match(const struct mem_state *s, const struct map_line *l)
{
	return l->ino && l->dev == s->shm_dev;
}

const struct vma_kind kind_shm_other = {
	.name = "memory object of the kernel",
	.match = shm_other_match,
	.why = "it lies on the kernel's internal tmpfs and has no name to open it by",
};

/* Other devices are found when the file is opened: kind_file.c. */
static bool device_match(const struct mem_state *s, const struct map_line *l)
{
	return l->vm & VM_IO || name_is(l, "/dmabuf");
}

const struct vma_kind kind_device = {
	.name = "device memory",
	.match = device_match,
	.why = "what a device maps cannot be rebuilt",
};
