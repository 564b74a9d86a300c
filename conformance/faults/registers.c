// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Live registers for the kill test's victims: patterns in general registers,
 * flags, vector and mask registers and PKRU, held through a loop and compared.
 */
#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "killtest.h"

/*
 * long busy_gpr(void): all general registers and two flags hold patterns
 * through a loop that changes none of them but rcx; the number of those that
 * differ afterwards.
 */
__asm__(".pushsection .text\n.globl busy_gpr\n.type busy_gpr, @function\nbusy_gpr:\n"
	"	push %rbx\n	push %rbp\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
	"	movabs $0x0b0b0b0b0b0b0b0b, %rbx\n	lea 1(%rbx), %rdx\n	lea 2(%rbx), %rsi\n"
	"	lea 3(%rbx), %rdi\n	lea 4(%rbx), %rbp\n	lea 5(%rbx), %r8\n	lea 6(%rbx), %r9\n"
	"	lea 7(%rbx), %r10\n	lea 8(%rbx), %r11\n	lea 9(%rbx), %r12\n	lea 10(%rbx), %r13\n"
	"	lea 11(%rbx), %r14\n	lea 12(%rbx), %r15\n	lea 13(%rbx), %rax\n"
	"	mov $30000, %ecx\n	stc\n	std\n"
	"1:	lea -1(%rcx), %rcx\n	jrcxz 2f\n	jmp 1b\n"
	"2:	pushfq\n	cld\n	pop %rcx\n	and $0x401, %ecx\n	xor $0x401, %rcx\n"
	"	sub $13, %rax\n	xor %rbx, %rax\n	or %rax, %rcx\n"
	"	sub $12, %r15\n	xor %rbx, %r15\n	or %r15, %rcx\n"
	"	sub $11, %r14\n	xor %rbx, %r14\n	or %r14, %rcx\n"
	"	sub $10, %r13\n	xor %rbx, %r13\n	or %r13, %rcx\n"
	"	sub $9, %r12\n	xor %rbx, %r12\n	or %r12, %rcx\n"
	"	sub $8, %r11\n	xor %rbx, %r11\n	or %r11, %rcx\n"
	"	sub $7, %r10\n	xor %rbx, %r10\n	or %r10, %rcx\n"
	"	sub $6, %r9\n	xor %rbx, %r9\n	or %r9, %rcx\n"
	"	sub $5, %r8\n	xor %rbx, %r8\n	or %r8, %rcx\n"
	"	sub $4, %rbp\n	xor %rbx, %rbp\n	or %rbp, %rcx\n"
	"	sub $3, %rdi\n	xor %rbx, %rdi\n	or %rdi, %rcx\n"
	"	sub $2, %rsi\n	xor %rbx, %rsi\n	or %rsi, %rcx\n"
	"	sub $1, %rdx\n	xor %rbx, %rdx\n	or %rdx, %rcx\n"
	"	movabs $0x0b0b0b0b0b0b0b0b, %rdx\n	xor %rdx, %rbx\n	or %rbx, %rcx\n"
	"	mov %rcx, %rax\n"
	"	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbp\n	pop %rbx\n"
	"	ret\n.size busy_gpr, . - busy_gpr\n.popsection\n");
long busy_gpr(void);

/* Vector and mask registers through a loop; compared as memory before and after. */
struct vectors {
	unsigned char z[32][64];
	uint64_t k[8];
} __attribute__((aligned(64)));

static bool has_avx512, has_pku;

#define Z_LOAD(n) "vmovdqu64 " #n "*64(%[in]), %%zmm" #n "\n"
#define Z_SAVE(n) "vmovdqu64 %%zmm" #n ", " #n "*64(%[out])\n"
#define K_LOAD(n) "kmovq 2048+" #n "*8(%[in]), %%k" #n "\n"
#define K_SAVE(n) "kmovq %%k" #n ", 2048+" #n "*8(%[out])\n"
#define X_LOAD(n) "movdqu " #n "*64(%[in]), %%xmm" #n "\n"
#define X_SAVE(n) "movdqu %%xmm" #n ", " #n "*64(%[out])\n"
#define EACH8(m) m(0) m(1) m(2) m(3) m(4) m(5) m(6) m(7)
#define EACH16(m) EACH8(m) m(8) m(9) m(10) m(11) m(12) m(13) m(14) m(15)
#define EACH32(m)                                                                                  \
	EACH16(m)                                                                                  \
	m(16) m(17) m(18) m(19) m(20) m(21) m(22) m(23) m(24) m(25) m(26) m(27) m(28) m(29) m(30)  \
		m(31)
#define SPIN "mov $30000, %%ecx\n 1: pause\n lea -1(%%rcx), %%rcx\n jrcxz 2f\n jmp 1b\n 2:\n"

__attribute__((target("avx512f,avx512bw"))) static void turn_avx512(const struct vectors *in,
								    struct vectors *out)
{
	__asm__ volatile(EACH32(Z_LOAD) EACH8(K_LOAD) SPIN EACH32(Z_SAVE) EACH8(K_SAVE)
			 :
			 : [in] "r"(in), [out] "r"(out)
			 : "rcx", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
			   "xmm15", "k1", "k2", "k3", "k4", "k5", "k6", "k7");
}

static void turn_sse(const struct vectors *in, struct vectors *out)
{
	__asm__ volatile(EACH16(X_LOAD) SPIN EACH16(X_SAVE)
			 :
			 : [in] "r"(in), [out] "r"(out)
			 : "rcx", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
			   "xmm15");
}

static uint32_t rdpkru(void)
{
	uint32_t a, d;

	__asm__ volatile("rdpkru" : "=a"(a), "=d"(d) : "c"(0));
	return a;
}

void registers_look(void)
{
	uint32_t a, b, c, d;

	__builtin_cpu_init();
	has_avx512 = __builtin_cpu_supports("avx512bw");
	has_pku = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & 1u << 4);
	/* Deny a key that nobody uses, so that the register is not at its default. */
	if (has_pku)
		__asm__ volatile("wrpkru" : : "a"(rdpkru() | 3u << 30), "c"(0), "d"(0));
}

const char *registers_turn(void)
{
	static __thread struct vectors in, out;
	uint32_t pkru = has_pku ? rdpkru() : 0;

	if (!in.z[0][0]) {
		for (size_t i = 0; i < sizeof(in); i++)
			((unsigned char *)&in)[i] = (unsigned char)(i * 7 + 1);
	}
	memset(&out, 0, sizeof(out));
	if (busy_gpr())
		return "a general register or a flag changed";
	if (has_avx512)
		turn_avx512(&in, &out);
	else
		turn_sse(&in, &out);
	for (int i = 0; i < (has_avx512 ? 32 : 16); i++) {
		if (memcmp(in.z[i], out.z[i], has_avx512 ? 64 : 16))
			return "a vector register changed";
	}
	if (has_avx512 && memcmp(in.k, out.k, sizeof(in.k)))
		return "a mask register changed";
	if (has_pku && rdpkru() != pkru)
		return "PKRU changed";
	return NULL;
}

/* The unused end of the stack: nobody may write there. */
const char *stack_turn(void)
{
	volatile unsigned char *sp = (unsigned char *)__builtin_frame_address(0) - 4096;

	for (int i = 0; i < 60000; i++)
		sp[-i] = (unsigned char)(i * 13 + 5);
	for (volatile int i = 0; i < 30000; i++)
		;
	for (int i = 0; i < 60000; i++) {
		if (sp[-i] != (unsigned char)(i * 13 + 5)) {
			return "a byte below the stack pointer changed";
		}
	}
	return NULL;
}
