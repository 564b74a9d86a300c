// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of mapping kinds. Order matters: kinds that are told by a special
 * name or flag come first, ordinary files and anonymous memory, which would
 * take anything, last. test_kinds.c asserts it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "mem/mem-internal.h"

const struct vma_kind *const vma_kinds[] = {
	/* by flags, whatever lies behind */
	&kind_hugetlb,
	&kind_shadow_stack,
	&kind_uffd,
	&kind_pkey,
	/* by name */
	&kind_vdso,
	&kind_vvar,
	&kind_vsyscall,
	&kind_uprobes,
	&kind_aio,
	&kind_io_uring,
	&kind_perf,
	&kind_secretmem,
	&kind_socket,
	&kind_anon_inode,
	/* on the kernel's own tmpfs */
	&kind_sysv,
	&kind_sysv_host,
	&kind_memfd_shared,
	&kind_memfd_private,
	&kind_shmem,
	&kind_shm_other,
	/* files: devices before what can be mapped again by name */
	&kind_device,
	&kind_file_shared,
	&kind_file_private,
	&kind_anon,
	NULL,
};

const struct vma_kind *vma_kind_of_line(const struct mem_state *s, const struct map_line *l)
{
	for (size_t i = 0; vma_kinds[i]; i++)
		if (vma_kinds[i]->match(s, l))
			return vma_kinds[i];
	return NULL;
}

const struct vma_kind *vma_kind_of_entry(const VmaEntry *ve)
{
	if (ve->flags & MAP_HUGETLB)
		return &kind_hugetlb;
	for (size_t i = 0; vma_kinds[i]; i++) {
		const struct vma_kind *k = vma_kinds[i];

		if (k->mask && (ve->status & k->mask) == k->status)
			return k;
	}
	return NULL;
}

int vma_refuse(const struct vma_kind *k, pid_t pid, uint64_t start, uint64_t end, const char *name,
	       struct err *e)
{
	char object[200];

	snprintf(object, sizeof(object), "mapping %" PRIx64 "-%" PRIx64 " of pid %d (%s%s%.80s)",
		 start, end, pid, k->name, *name ? ": " : "", name);
	err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", object, "%s", k->why);
	err_about(e, pid, k->name);
	return err_hint(e, "%s",
			k->hint ? k->hint : "let the program unmap it before the checkpoint");
}

void mem_kinds(kind_fn *fn, void *ctx)
{
	for (size_t i = 0; vma_kinds[i]; i++)
		fn(ctx, vma_kinds[i]->name, vma_kinds[i]->why, vma_kinds[i]->hint);
}
