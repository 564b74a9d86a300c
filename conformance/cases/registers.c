// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that every register survives while it is live: general ones and the
 * direction-neutral flags, x87 stack and control word, MXCSR, SSE, the upper
 * halves of AVX, and AVX-512 with its masks where the CPU has them. A thread
 * each loads them, spins without a call, and compares in the same assembly.
 */
// cflags: -pthread -O1
#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>

#include "case.h"

static volatile int go;
static volatile int spinning;

#define SPIN "1: pause\n\tcmpl $0, %[go]\n\tje 1b\n\t"

static void *general(void *arg)
{
	uint64_t in[8] = { 0x1111111111111111, 0x2222222222222222, 0x8333333333333333, 0x4444,
			   0x5555555555555555, 0x6666666666666666, 0x7777777777777777, 0x88888888 };
	uint64_t out[8], flags;

	__atomic_add_fetch(&spinning, 1, __ATOMIC_SEQ_CST);
	__asm__ volatile(
		"mov 0(%[in]), %%r8\n\tmov 8(%[in]), %%r9\n\tmov 16(%[in]), %%r10\n\t"
		"mov 24(%[in]), %%r11\n\tmov 32(%[in]), %%r12\n\tmov 40(%[in]), %%r13\n\t"
		"mov 48(%[in]), %%r14\n\tmov 56(%[in]), %%r15\n\t"
		"mov $0x7f, %%al\n\tadd $0x7f, %%al\n\t" /* overflow and sign, no carry */
		"stc\n\tstd\n\tpushfq\n\tpop %%rdx\n\t" SPIN "pushfq\n\tpop %%rax\n\tcld\n\t"
		"mov %%r8, 0(%[out])\n\tmov %%r9, 8(%[out])\n\tmov %%r10, 16(%[out])\n\t"
		"mov %%r11, 24(%[out])\n\tmov %%r12, 32(%[out])\n\tmov %%r13, 40(%[out])\n\t"
		"mov %%r14, 48(%[out])\n\tmov %%r15, 56(%[out])\n\t"
		: "=&a"(flags)
		: [in] "b"(in), [out] "c"(out), [go] "m"(go)
		: "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdx", "memory", "cc");
	case_check(!memcmp(in, out, sizeof(in)), "general registers: r8 %lx ... r15 %lx", out[0],
		   out[7]);
	case_check(flags & 0x400, "the direction flag is lost: %lx", flags);
	return NULL;
}

static void *x87(void *arg)
{
	unsigned short cw = 0x0e7f, cw_out = 0;
	double a = 1.25, b = -3.5e300, a_out = 0, b_out = 0;
	unsigned mx = 0x7f80, mx_out = 0;

	__atomic_add_fetch(&spinning, 1, __ATOMIC_SEQ_CST);
	__asm__ volatile(
		"fldcw %[cw]\n\tfldl %[a]\n\tfldl %[b]\n\tldmxcsr %[mx]\n\t" SPIN
		"stmxcsr %[mxo]\n\tfstpl %[bo]\n\tfstpl %[ao]\n\tfnstcw %[cwo]\n\tfninit\n\t"
		: [cwo] "=m"(cw_out), [ao] "=m"(a_out), [bo] "=m"(b_out), [mxo] "=m"(mx_out)
		: [cw] "m"(cw), [a] "m"(a), [b] "m"(b), [mx] "m"(mx), [go] "m"(go)
		: "st", "st(1)", "memory", "cc");
	case_check(cw_out == cw, "x87 control word is %x", cw_out);
	case_check(mx_out == mx, "mxcsr is %x", mx_out);
	case_check(a_out == a && b_out == b, "x87 stack: %g %g", a_out, b_out);
	return NULL;
}

static void pattern(unsigned char *p, size_t n, int salt)
{
	for (size_t i = 0; i < n; i++)
		p[i] = i * 7 + salt;
}

static void *sse(void *arg)
{
	unsigned char in[32] __attribute__((aligned(32))), out[32] __attribute__((aligned(32)));

	pattern(in, sizeof(in), 3);
	__atomic_add_fetch(&spinning, 1, __ATOMIC_SEQ_CST);
	__asm__ volatile("movdqa (%[in]), %%xmm0\n\tmovdqa 16(%[in]), %%xmm15\n\t" SPIN
			 "movdqa %%xmm0, (%[out])\n\tmovdqa %%xmm15, 16(%[out])\n\t"
			 :
			 : [in] "r"(in), [out] "r"(out), [go] "m"(go)
			 : "xmm0", "xmm15", "memory", "cc");
	case_check(!memcmp(in, out, sizeof(in)), "SSE registers");
	return NULL;
}

__attribute__((target("avx"))) static void *avx(void *arg)
{
	unsigned char in[64] __attribute__((aligned(32))), out[64] __attribute__((aligned(32)));

	pattern(in, sizeof(in), 5);
	__atomic_add_fetch(&spinning, 1, __ATOMIC_SEQ_CST);
	__asm__ volatile("vmovdqa (%[in]), %%ymm1\n\tvmovdqa 32(%[in]), %%ymm14\n\t" SPIN
			 "vmovdqa %%ymm1, (%[out])\n\tvmovdqa %%ymm14, 32(%[out])\n\tvzeroupper\n\t"
			 :
			 : [in] "r"(in), [out] "r"(out), [go] "m"(go)
			 : "xmm1", "xmm14", "memory", "cc");
	case_check(!memcmp(in, out, sizeof(in)), "AVX registers");
	return NULL;
}

__attribute__((target("avx512f"))) static void *avx512(void *arg)
{
	unsigned char in[128] __attribute__((aligned(64))), out[128] __attribute__((aligned(64)));
	unsigned mask = 0xa5c3, mask_out = 0;

	pattern(in, sizeof(in), 9);
	__atomic_add_fetch(&spinning, 1, __ATOMIC_SEQ_CST);
	__asm__ volatile(
		"vmovdqa64 (%[in]), %%zmm2\n\tvmovdqa64 64(%[in]), %%zmm31\n\t"
		"kmovw %[mask], %%k5\n\t" SPIN "kmovw %%k5, %[mo]\n\t"
		"vmovdqa64 %%zmm2, (%[out])\n\tvmovdqa64 %%zmm31, 64(%[out])\n\tvzeroupper\n\t"
		: [mo] "=&r"(mask_out)
		: [in] "r"(in), [out] "r"(out), [mask] "r"(mask), [go] "m"(go)
		: "xmm2", "xmm31", "k5", "memory", "cc");
	case_check(!memcmp(in, out, sizeof(in)), "AVX-512 registers");
	case_check((mask_out & 0xffff) == mask, "AVX-512 mask register is %x", mask_out);
	return NULL;
}

int main(int argc, char **argv)
{
	void *(*const bodies[])(void *) = { general, x87, sse,
					    __builtin_cpu_supports("avx") ? avx : NULL,
					    __builtin_cpu_supports("avx512f") ? avx512 : NULL };
	pthread_t t[5];
	int n = 0, i;

	case_begin(argc, argv);
	for (i = 0; i < 5; i++)
		if (bodies[i])
			case_check(!pthread_create(&t[n++], NULL, bodies[i], NULL),
				   "pthread_create");
	while (spinning < n)
		case_sleep_ms(1);
	case_sleep_ms(5);
	case_ready();
	go = 1;
	for (i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	case_pass();
}
