// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Private anonymous memory: heap, stacks, everything without a file. The heap
 * carries a bit of its own in the image; a stack is told by MAP_GROWSDOWN.
 */
#include <string.h>
#include <sys/syscall.h>

#include "base/err.h"
#include "mem/mem-internal.h"

static bool anon_match(const struct mem_state *s, const struct map_line *l)
{
	return true;
}

/* "[anon:NAME]" was given by prctl(PR_SET_VMA_ANON_NAME). */
static void take_name(struct model *m, const struct map_line *l, VmaEntry *ve)
{
	size_t n = strlen(l->name);

	if (n > 7 && !strncmp(l->name, "[anon:", 6) && l->name[n - 1] == ']')
		ve->stasis_name = pool_printf(m->pool, "%.*s", (int)(n - 7), l->name + 6);
}

static int anon_dump(struct mem_dump *d, const struct map_line *l, struct vma *v, struct err *e)
{
	v->e->flags |= MAP_ANONYMOUS;
	/* What can be dropped at any moment starts empty; the type replaces MAP_PRIVATE. */
	if (l->vm & VM_DROPPABLE)
		v->e->flags = (v->e->flags & ~(MAP_PRIVATE | MAP_NORESERVE)) | MAP_DROPPABLE;
	if (!strcmp(l->name, "[heap]"))
		v->e->status |= VMA_HEAP;
	take_name(d->m, l, v->e);
	return 0;
}

static int anon_map(struct build *b, const struct mem_file_ops *ops, int root_fd, struct vma *v,
		    unsigned prot, struct err *e)
{
	const VmaEntry *ve = v->e;
	unsigned type = ve->flags & MAP_DROPPABLE ? MAP_DROPPABLE : MAP_PRIVATE;

	prog_call(b->p, "map anonymous memory", SYS_mmap, ve->start, ve->end - ve->start, prot,
		  type | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE |
			  (ve->flags & (MAP_GROWSDOWN | MAP_NORESERVE)),
		  (uint64_t)-1, 0);
	return 0;
}

const struct vma_kind kind_anon = {
	.name = "anonymous memory",
	.status = VMA_ANON_PRIVATE,
	.mask = VMA_ANON_PRIVATE | VMA_VDSO | VMA_VVAR | VMA_VSYSCALL | VMA_AIORING | VMA_SHSTK |
		VMA_UPROBES,
	.pages = true,
	.match = anon_match,
	.dump = anon_dump,
	.map = anon_map,
};
