// SPDX-License-Identifier: GPL-2.0-or-later
/* The engine's parts that need no task: filters, text, register sets. No root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "parasite/remote-internal.h"

#define LD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RET(v) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_##v)
#define EVAL(f, nr, ...)                                                                           \
	seccomp_eval(f, sizeof(f) / sizeof((f)[0]), nr, AUDIT_ARCH_X86_64, 0x1000,                 \
		     (const uint64_t[6]){ __VA_ARGS__ })

static void test_allow_list(void **state)
{
	const struct sock_filter f[] = {
		LD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		RET(KILL_PROCESS),
		LD(nr),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
		RET(KILL_PROCESS),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pause, 0, 1),
		RET(ALLOW),
		RET(ERRNO),
	};

	assert_int_equal(EVAL(f, SYS_futex, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(EVAL(f, SYS_pause, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(EVAL(f, SYS_mmap, 0), SECCOMP_RET_ERRNO);
	assert_int_equal(EVAL(f, 0x40000001, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(seccomp_eval(f, 10, SYS_futex, AUDIT_ARCH_I386, 0,
				      (const uint64_t[6]){ 0 }),
			 SECCOMP_RET_KILL_PROCESS);
}

/* mmap without PROT_EXEC only; the arithmetic is for the interpreter's sake. */
static void test_arguments(void **state)
{
	const struct sock_filter f[] = {
		LD(args[2]),
		BPF_STMT(BPF_ST, 3),
		BPF_STMT(BPF_LD | BPF_IMM, 8),
		BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 1),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_MEM, 3),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_X, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
		RET(KILL_THREAD),
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sizeof(struct seccomp_data), 0, 1),
		RET(ALLOW),
		RET(TRAP),
	};

	assert_int_equal(EVAL(f, SYS_mmap, 0, 4096, 3), SECCOMP_RET_ALLOW);
	assert_int_equal(EVAL(f, SYS_mmap, 0, 4096, 7), SECCOMP_RET_KILL_THREAD);
}

/* What the kernel would never have loaded must not lead anywhere. */
static void test_bad_programs(void **state)
{
	const struct sock_filter away[] = { BPF_STMT(BPF_JMP | BPF_JA, 100), RET(ALLOW) };
	const struct sock_filter far[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4096), RET(ALLOW) };
	const struct sock_filter odd[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RET(ALLOW) };
	const struct sock_filter mem[] = { BPF_STMT(BPF_ST, 77), RET(ALLOW) };
	const struct sock_filter zero[] = { BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RET(ALLOW) };
	const struct sock_filter open[] = { BPF_STMT(BPF_LD | BPF_IMM, 0) };

	assert_int_equal(EVAL(away, 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(EVAL(far, 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(EVAL(odd, 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(EVAL(mem, 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(EVAL(zero, 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(EVAL(open, 0, 0), SECCOMP_RET_KILL_PROCESS);
}

static void test_text(void **state)
{
	static const unsigned char text[] = {
		0x90, 0x0f, 0x05, 0xc3, 0xfe, 0x7a, 0xfe, 0xeb, 0xfe
	};
	uint64_t flags = 1;

	assert_int_equal(text_gadget(text, sizeof(text)), 1);
	assert_int_equal(text_gadget(text, 2), -1);
	assert_int_equal(text_spin(text, sizeof(text), &flags), 5);
	assert_int_equal(flags, 4); /* jp: the parity flag */
	assert_int_equal(text_spin(text + 6, 3, &flags), 1);
	assert_int_equal(flags, 0);
	assert_int_equal(text_spin(text, 5, &flags), -1);
}

/* Every short jump that counts as one is taken with the flags that come with it. */
static void test_spins_spin(void **state)
{
	for (int op = 0x70; op <= 0x7f; op++) {
		unsigned char code[2] = { (unsigned char)op, 0xfe };
		uint64_t flags = 0;
		unsigned f;
		bool cf, zf, sf, of, pf, taken;

		assert_int_equal(text_spin(code, 2, &flags), 0);
		f = (unsigned)flags;
		cf = f & 1;
		pf = f & 4;
		zf = f & 0x40;
		sf = f & 0x80;
		of = f & 0x800;
		switch (op >> 1 & 7) {
		case 0:
			taken = of;
			break;
		case 1:
			taken = cf;
			break;
		case 2:
			taken = zf;
			break;
		case 3:
			taken = cf || zf;
			break;
		case 4:
			taken = sf;
			break;
		case 5:
			taken = pf;
			break;
		case 6:
			taken = sf != of;
			break;
		default:
			taken = zf || sf != of;
			break;
		}
		assert_true(taken != (op & 1));
	}
}

static void test_settle(void **state)
{
	struct remote_rseq none = { 0 };
	struct user_regs_struct regs = { .rax = (uint64_t)-EINTR, .orig_rax = SYS_epoll_wait };

	assert_true(regs_settle(getpid(), &regs, &none));
	assert_int_equal(regs.rax, -514);
	assert_int_equal(regs.orig_rax, SYS_epoll_wait);
	/* The kernel sees to these itself; and this one meant it. */
	regs = (struct user_regs_struct){ .rax = (uint64_t)-516, .orig_rax = SYS_nanosleep };
	assert_false(regs_settle(getpid(), &regs, &none));
	regs = (struct user_regs_struct){ .rax = (uint64_t)-EINTR, .orig_rax = SYS_close };
	assert_false(regs_settle(getpid(), &regs, &none));
	regs = (struct user_regs_struct){ .rax = (uint64_t)-EINTR, .orig_rax = (uint64_t)-1 };
	assert_false(regs_settle(getpid(), &regs, &none));
}

static void test_idle_and_sleep(void **state)
{
	struct user_regs_struct regs = {
		.rdi = 7, .rsp = 0x1234, .fs_base = 0x99, .eflags = 0x10602
	};

	regs_for_call(&regs, 0x5000, SYS_pause);
	assert_int_equal(regs.rip, 0x5000);
	assert_int_equal(regs.rdi, 0);
	assert_int_equal(regs.orig_rax, -1);
	assert_int_equal(regs.rsp, 0x1234);
	assert_int_equal(regs.fs_base, 0x99);
	assert_int_equal(regs.eflags & 0x500, 0); /* no single stepping, direction up */
	regs_for_call(&regs, 0x5000, SYS_close);
	assert_int_equal(regs.rdi, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allow_list),     cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_bad_programs),   cmocka_unit_test(test_text),
		cmocka_unit_test(test_spins_spin),     cmocka_unit_test(test_settle),
		cmocka_unit_test(test_idle_and_sleep),
	};

	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
