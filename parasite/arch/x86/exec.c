/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program for execve(2) that does nothing but become a stub again: it maps
 * the arena and waits on a ring. Whoever inspects a process is judged by the
 * user namespace in which it last called exec (mm->user_ns in the kernel,
 * ptrace(2)): stubs in a new user namespace must have done so there.
 *
 * Runs in (as generated code): the root stub.
 */
#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/io.h"
#include "parasite/stub-internal.h"

/* vm.mmap_min_addr is at most this; the birth program unmaps it again. */
#define LOAD_AT 0x10000ull
#define REGS 6

struct code {
	uint8_t v[512];
	size_t n;
};

static void bytes(struct code *c, const void *data, size_t n)
{
	memcpy(c->v + c->n, data, n);
	c->n += n;
}

/* movabs $value, register; @op: its two bytes of prefix and opcode. */
static void load(struct code *c, const char op[2], uint64_t value)
{
	bytes(c, op, 2);
	bytes(c, &value, sizeof(value));
}

static void call(struct code *c, uint64_t nr, const uint64_t a[REGS])
{
	/* rdi, rsi, rdx, r10, r8, r9 */
	static const char *const regs[REGS] = { "\x48\xbf", "\x48\xbe", "\x48\xba",
						"\x49\xba", "\x49\xb8", "\x49\xb9" };
	/* syscall; cmp $-4096, %rax; jbe over; mov $1, %edi; mov $exit_group, %eax; syscall */
	static const char or_end[] = "\x0f\x05\x48\x3d\x00\xf0\xff\xff\x76\x0c"
				     "\xbf\x01\x00\x00\x00\xb8\xe7\x00\x00\x00\x0f\x05";

	for (size_t i = 0; i < REGS; i++)
		load(c, regs[i], a[i]);
	load(c, "\x48\xb8", nr);
	bytes(c, or_end, sizeof(or_end) - 1);
}

size_t stub_exec_image(const struct arena *a, const struct sv_ring *ring, int arena_fd,
		       uint8_t buf[STUB_EXEC_MAX])
{
	const uint64_t head = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
	size_t text = page_up((size_t)(parasite_blob_end - parasite_blob_start));
	const uint64_t flags = MAP_SHARED | MAP_FIXED_NOREPLACE;
	struct code c = { .n = 0 };
	Elf64_Ehdr eh = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = LOAD_AT + head,
		.e_phoff = sizeof(eh),
		.e_ehsize = sizeof(eh),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
	};
	Elf64_Phdr ph = { .p_type = PT_LOAD,
			  .p_flags = PF_R | PF_X,
			  .p_vaddr = LOAD_AT,
			  .p_align = page_size() };

	call(&c, SYS_mmap,
	     (const uint64_t[REGS]){ (uint64_t)a->base, text, PROT_READ | PROT_WRITE | PROT_EXEC,
				     flags, (uint64_t)arena_fd, 0 });
	call(&c, SYS_mmap,
	     (const uint64_t[REGS]){ (uint64_t)a->base + text, a->len - text,
				     PROT_READ | PROT_WRITE, flags, (uint64_t)arena_fd, text });
	load(&c, "\x48\xbc", arena_ring_sp(ring)); /* rsp */
	load(&c, "\x48\xbf", (uint64_t)ring);	   /* rdi */
	load(&c, "\x48\xb8", (uint64_t)a->blob_entry);
	bytes(&c, "\x31\xed\xff\xd0", 4); /* xor %ebp, %ebp; call *%rax */
	ph.p_filesz = ph.p_memsz = head + c.n;
	memcpy(buf, &eh, sizeof(eh));
	memcpy(buf + sizeof(eh), &ph, sizeof(ph));
	memcpy(buf + head, c.v, c.n);
	return head + c.n;
}
