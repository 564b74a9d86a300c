// SPDX-License-Identifier: GPL-2.0-or-later
/* What memory has to do with the processor: instruction bytes, address space, placing the vDSO. */
#include <elf.h>
#include <sys/syscall.h>

#include "base/abi.h"
#include "base/io.h"
#include "mem/mem-internal.h"

const unsigned mem_elf_machine = EM_X86_64;

/* Any place in executable memory will do, also the middle of another instruction. */
uint64_t find_syscall(const unsigned char *p, uint64_t n)
{
	for (uint64_t i = 0; i + 1 < n; i++)
		if (p[i] == 0x0f && p[i + 1] == 0x05)
			return i;
	return FIND_NONE;
}

/*
 * The end of user space is not told anywhere: with five levels of page tables
 * it is 2^56, and a fixed mapping up there works; otherwise 2^47. The last page
 * is never usable.
 */
uint64_t mem_find_task_size(void)
{
	uint64_t page = page_size(), high = (1ull << 56) - page, low = (1ull << 47) - page;
	void *p = mmap((void *)(high - page), page, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p == MAP_FAILED)
		return errno == EEXIST ? high : low;
	munmap(p, page);
	return (uint64_t)p == high - page ? high : low;
}

/*
 * The kernel takes the address as a wish only, and answers with a size. It is
 * granted when nothing is there yet; so this comes before all mappings.
 */
void mem_call_vdso(struct prog *p, uint64_t addr)
{
	prog_call(p, "place the vDSO", SYS_arch_prctl, ARCH_MAP_VDSO_64, addr);
}
