/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the blob needs of x86-64: a raw system call, a pause for spinning, the
 * clone3 whose child starts on a ring of its own, and the section's ends.
 * Included by blob.c only.
 *
 * Runs in: every frozen or half-restored task.
 */
#ifndef STASIS_BLOB_ARCH_H
#define STASIS_BLOB_ARCH_H

#define BLOB_NR_FUTEX 202

#define BLOB_INLINE static inline __attribute__((always_inline))

BLOB_INLINE long blob_syscall(long nr, const uint64_t a[6])
{
	long ret;
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

BLOB_INLINE long blob_futex(uint32_t *word, int op, uint32_t val)
{
	long ret;
	/* No timeout: a timed wait would overwrite the task's restart block. */
	register uint64_t r10 __asm__("r10") = 0;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"((long)BLOB_NR_FUTEX), "D"(word), "S"((long)op), "d"((uint64_t)val),
			   "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}

#define BLOB_NR_EXIT_GROUP 231

BLOB_INLINE void blob_end(void)
{
	__asm__ volatile("syscall"
			 :
			 : "a"((long)BLOB_NR_EXIT_GROUP), "D"(1L)
			 : "rcx", "r11", "memory");
}

BLOB_INLINE void blob_pause(void)
{
	__asm__ volatile("pause");
}

/*
 * The section opens with its mark and holds code only. Top-level asm comes out
 * before the functions in gcc and clang; the end is put into a subsection,
 * which the assembler places behind everything else of the section. The mark's
 * unit test (test_prog.c) would notice if either changed.
 *
 * blob_spawn: after clone3 the parent returns like any function; the child,
 * with the same mm or a copy, is on a fresh stack whose only word is its ring.
 */
__asm__(".pushsection parasite,\"ax\",@progbits\n"
	".globl parasite_blob_start\n"
	".hidden parasite_blob_start\n"
	"parasite_blob_start:\n"
	"	.ascii \"stasis blob 1\\0\\0\\0\"\n"
	".globl blob_spawn\n"
	".hidden blob_spawn\n"
	".type blob_spawn, @function\n"
	"blob_spawn:\n"
	"	mov $435, %eax\n" /* clone3(rdi, rsi) */
	"	syscall\n"
	"	test %rax, %rax\n"
	"	jz 1f\n"
	"	ret\n"
	"1:	mov (%rsp), %rdi\n"
	"	xor %ebp, %ebp\n"
	"	call blob_entry\n" /* never returns */
	"	ud2\n"
	".size blob_spawn, . - blob_spawn\n"
	".popsection\n"
	".pushsection parasite,\"ax\",@progbits\n"
	".subsection 1\n"
	".globl parasite_blob_end\n"
	".hidden parasite_blob_end\n"
	"parasite_blob_end:\n"
	".popsection\n");

#endif
