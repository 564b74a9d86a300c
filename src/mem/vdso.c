// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The vDSO (vdso(7)): what ours looks like, and whether a task that was dumped
 * with another one can live with ours.
 *
 * Programs remember addresses of its functions. When the images hold the very
 * same bytes, ours takes the old place. When the bytes differ, but every
 * function of the old one lies at the same offset in ours, that is as good,
 * unless a thread was stopped inside. Anything else is refused.
 */
#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/err.h"
#include "mem/mem-internal.h"

void vdso_layout_read(struct vdso_layout *ret)
{
	uint64_t base = getauxval(AT_SYSINFO_EHDR), below = base;
	struct pool *pool = pool_new();
	struct map_line *lines;
	struct err e = { 0 };
	size_t n;

	memset(ret, 0, sizeof(*ret));
	if (!base || maps_read(pool, 0, "maps", &lines, &n, &e)) {
		pool_free(pool);
		return;
	}
	for (size_t i = n; i-- > 0;) {
		const struct map_line *l = &lines[i];

		if (l->start == base)
			ret->size = l->end - l->start;
		else if (l->end == below && !strncmp(l->name, "[vvar", 5))
			below = l->start;
	}
	pool_free(pool);
	ret->present = ret->size != 0;
	ret->image = (const unsigned char *)base;
	ret->data = base - below;
	ret->gadget = ret->present ? find_syscall(ret->image, ret->size) : FIND_NONE;
}

/* An ELF image whose addresses are offsets; @size bytes can be trusted to be there, nothing else. */
struct elf {
	const unsigned char *p;
	uint64_t size;
	const Elf64_Sym *sym;
	uint64_t n_sym;
	const char *str;
	uint64_t n_str;
};

static const void *at(const struct elf *f, uint64_t off, uint64_t len, uint64_t align)
{
	if (off > f->size || len > f->size - off || off % align)
		return NULL;
	return f->p + off;
}

/* How many symbols there are, from the only place that tells it without section headers. */
static uint64_t gnu_hash_symbols(const struct elf *f, uint64_t off)
{
	const uint32_t *h = at(f, off, 16, 4), *bucket, *chain;
	uint64_t last = 0, where;

	if (!h || !h[0] || h[0] > f->size || h[2] > f->size)
		return 0;
	where = off + 16 + h[2] * 8ull;
	bucket = at(f, where, h[0] * 4ull, 4);
	if (!bucket)
		return 0;
	for (uint32_t i = 0; i < h[0]; i++)
		if (bucket[i] > last)
			last = bucket[i];
	if (last < h[1])
		return h[1];
	for (where += h[0] * 4ull;; last++) {
		chain = at(f, where + (last - h[1]) * 4, 4, 4);
		if (!chain)
			return 0;
		if (*chain & 1)
			return last + 1;
	}
}

static bool elf_dynamic(struct elf *f, const Elf64_Dyn *dyn, uint64_t n)
{
	uint64_t sym = 0, str = 0, gnu = 0;
	const uint32_t *hash = NULL;

	for (uint64_t i = 0; i < n && dyn[i].d_tag != DT_NULL; i++) {
		uint64_t v = dyn[i].d_un.d_val;

		switch (dyn[i].d_tag) {
		case DT_SYMTAB:
			sym = v;
			break;
		case DT_STRTAB:
			str = v;
			break;
		case DT_STRSZ:
			f->n_str = v;
			break;
		case DT_HASH:
			hash = at(f, v, 8, 4);
			break;
		case DT_GNU_HASH:
			gnu = v;
			break;
		}
	}
	f->n_sym = hash ? hash[1] : gnu ? gnu_hash_symbols(f, gnu) : 0;
	if (!f->n_sym || f->n_sym > f->size / sizeof(*f->sym) || !f->n_str)
		return false;
	f->sym = at(f, sym, f->n_sym * sizeof(*f->sym), 8);
	f->str = at(f, str, f->n_str, 1);
	return f->sym && f->str && !f->str[f->n_str - 1];
}

static bool elf_open(struct elf *f, const unsigned char *p, uint64_t size)
{
	const Elf64_Ehdr *eh;
	const Elf64_Phdr *ph;

	*f = (struct elf){ .p = p, .size = size };
	eh = at(f, 0, sizeof(*eh), 1);
	if (!eh || memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_machine != mem_elf_machine || eh->e_phentsize != sizeof(*ph))
		return false;
	ph = at(f, eh->e_phoff, eh->e_phnum * sizeof(*ph), 8);
	for (unsigned i = 0; ph && i < eh->e_phnum; i++) {
		const Elf64_Dyn *dyn;

		if (ph[i].p_type != PT_DYNAMIC)
			continue;
		dyn = at(f, ph[i].p_offset, ph[i].p_filesz, 8);
		return dyn && elf_dynamic(f, dyn, ph[i].p_filesz / sizeof(*dyn));
	}
	return false;
}

static const char *sym_name(const struct elf *f, const Elf64_Sym *s)
{
	return s->st_name < f->n_str ? f->str + s->st_name : "";
}

static bool has_function(const struct elf *f, const char *name, uint64_t value)
{
	for (uint64_t i = 0; i < f->n_sym; i++)
		if (f->sym[i].st_value == value && !strcmp(sym_name(f, &f->sym[i]), name))
			return true;
	return false;
}

const char *vdso_differs(const struct vdso_layout *ours, const unsigned char *image, uint64_t size)
{
	struct elf a, b;

	if (!ours->present)
		return "this kernel gives its processes no vDSO";
	if (size != ours->size)
		return "this kernel's has another size";
	if (!memcmp(image, ours->image, size))
		return NULL;
	if (!elf_open(&a, image, size) || !elf_open(&b, ours->image, ours->size))
		return "its functions cannot be compared with those of this kernel's";
	for (uint64_t i = 0; i < a.n_sym; i++) {
		const Elf64_Sym *s = &a.sym[i];

		if (s->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(s->st_info) != STT_FUNC)
			continue;
		if (!has_function(&b, sym_name(&a, s), s->st_value))
			return "this kernel's has its functions at other places";
	}
	return NULL;
}
