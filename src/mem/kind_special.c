// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel maps by itself: the vDSO with its data pages, and the
 * vsyscall page. The code of the vDSO is stored as ordinary pages, so that a
 * restore can compare it with what its own kernel has (vdso.c).
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "mem/mem-internal.h"

static bool vdso_match(const struct mem_state *s, const struct map_line *l)
{
	return !l->ino && !strcmp(l->name, "[vdso]");
}

static bool vvar_match(const struct mem_state *s, const struct map_line *l)
{
	return !l->ino && (!strcmp(l->name, "[vvar]") || !strcmp(l->name, "[vvar_vclock]"));
}

static bool vsyscall_match(const struct mem_state *s, const struct map_line *l)
{
	return !l->ino && !strcmp(l->name, "[vsyscall]");
}

/* A program that changed or cut these cannot be given the same again. */
static int special_refuse(struct mem_dump *d, const struct map_line *l, struct err *e)
{
	char object[96];

	snprintf(object, sizeof(object), "mapping %lx-%lx of pid %d (%s)", l->start, l->end,
		 d->t->host, l->name);
	err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", object,
		"it is not as the kernel made it");
	return err_hint(e, "let the program leave the kernel's own mappings alone");
}

static int special_dump(struct mem_dump *d, const struct map_line *l, struct vma *v, struct err *e)
{
	bool code = v->e->status & VMA_VDSO;

	if (code && l->end - l->start != d->s->vdso.size)
		return special_refuse(d, l, e);
	if (!(v->e->status & VMA_VSYSCALL) && l->prot != (PROT_READ | (code ? PROT_EXEC : 0u)))
		return special_refuse(d, l, e);
	v->e->flags |= MAP_ANONYMOUS;
	v->e->pgoff = 0;
	/* The kernel seals and reserves these by itself. */
	v->e->has_stasis_flags = 0;
	v->e->stasis_flags = 0;
	return 0;
}

/* As a whole, too: a restore can put all of it back, all but the code, or nothing. */
int special_check(struct mem_dump *d, const struct map_line *lines, size_t n, struct err *e)
{
	const struct map_line *code = NULL, *first = NULL, *last = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct map_line *l = &lines[i];

		if (vdso_match(d->s, l)) {
			if (code || (first && last->end != l->start))
				return special_refuse(d, l, e);
			code = l;
		} else if (vvar_match(d->s, l)) {
			if (code || (last && last->end != l->start))
				return special_refuse(d, l, e);
			first = first ? first : l;
			last = l;
		}
	}
	if (first ? last->end - first->start != d->s->vdso.data : code && d->s->vdso.data)
		return special_refuse(d, first ? first : code, e);
	return 0;
}

const struct vma_kind kind_vdso = {
	.name = "vDSO",
	.status = VMA_VDSO | VMA_ANON_PRIVATE,
	.mask = VMA_VDSO | VMA_ANON_PRIVATE | VMA_VVAR | VMA_VSYSCALL,
	.match = vdso_match,
	.dump = special_dump,
};

const struct vma_kind kind_vvar = {
	.name = "data of the vDSO",
	.status = VMA_VVAR | VMA_ANON_PRIVATE,
	.mask = VMA_VVAR | VMA_ANON_PRIVATE | VMA_VDSO | VMA_VSYSCALL,
	.match = vvar_match,
	.dump = special_dump,
};

/* The same address in every process; there is nothing to restore. The entry has no REGULAR bit. */
const struct vma_kind kind_vsyscall = {
	.name = "vsyscall page",
	.status = VMA_VSYSCALL | VMA_ANON_PRIVATE,
	.mask = VMA_VSYSCALL | VMA_ANON_PRIVATE | VMA_REGULAR,
	.match = vsyscall_match,
	.dump = special_dump,
};
