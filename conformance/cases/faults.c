// SPDX-License-Identifier: MIT
/*
 * Threads that do nothing but fault, each time elsewhere: every fault brings one
 * signal, which says where and why, in its siginfo and in the machine context.
 * A checkpoint nearly always finds a thread between a fault and its handler.
 */
// cflags: -pthread
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "case.h"

#define PAGES 64

/* What the next fault is to look like. */
struct fault {
	int sig, code;
	long trap, err;
	uint64_t addr, resume;
	unsigned long count;
};

static __thread struct fault now;
static atomic_bool stop;
static atomic_uint going;
static char *none, *readonly, *beyond;

static void on_fault(int sig, siginfo_t *si, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
	uint64_t addr = (uint64_t)si->si_addr;
	bool paged = now.trap == 14;

	case_check(sig == now.sig && si->si_signo == sig, "signal %d instead of %d", sig, now.sig);
	case_check(si->si_code == now.code && addr == now.addr,
		   "signal %d: code %d at %#lx instead of %d at %#lx", sig, si->si_code, addr,
		   now.code, now.addr);
	case_check(g[REG_TRAPNO] == now.trap && g[REG_ERR] == now.err,
		   "signal %d: trap %lld, error %lld instead of %ld, %ld", sig, g[REG_TRAPNO],
		   g[REG_ERR], now.trap, now.err);
	case_check(!paged || (uint64_t)g[REG_CR2] == addr, "signal %d: cr2 %#llx instead of %#lx",
		   sig, g[REG_CR2], addr);
	now.count++;
	g[REG_RIP] = (greg_t)now.resume;
}

/* @insn faults; its handler goes on behind it. An instruction's own address is known only here. */
#define FAULT(insn, own, ...)                                                                      \
	do {                                                                                       \
		uint64_t at;                                                                       \
		__asm__ volatile("lea 1f(%%rip), %%rsi\n\tmov %%rsi, %0\n\t"                       \
				 "lea 2f(%%rip), %%rsi\n\tmov %%rsi, %1\n\t"                       \
				 "test %4, %4\n\tjz 1f\n\tmov %0, %%rsi\n\tmov %%rsi, %2\n"        \
				 "1:\t" insn "\n2:"                                                \
				 : "=m"(at), "=m"(now.resume), "+m"(now.addr)                      \
				 : "a"(1), "r"(own), "d"(0), ##__VA_ARGS__                         \
				 : "rsi", "cc", "memory");                                         \
	} while (0)

static void write_to(char *p, int sig, int code, long err)
{
	now = (struct fault){ sig, code, 14, err, (uint64_t)p, 0, now.count };
	FAULT("movb $1, (%%rdi)", 0, "D"(p));
}

static void step(unsigned long n)
{
	size_t at = n * 4099 % (PAGES * 4096);

	switch (n % 7) {
	case 0: /* user, write, nobody there */
		write_to((char *)8 + n % 4000, SIGSEGV, SEGV_MAPERR, 6);
		break;
	case 1:
		write_to(none + at, SIGSEGV, SEGV_ACCERR, 6);
		break;
	case 2:
		write_to(beyond + at, SIGBUS, BUS_ADRERR, 6);
		break;
	case 3:
		now = (struct fault){ SIGFPE, FPE_INTDIV, 0, 0, 0, 0, now.count };
		FAULT("divl %%ecx", 1, "c"(0));
		break;
	case 4:
		now = (struct fault){ SIGILL, ILL_ILLOPN, 6, 0, 0, 0, now.count };
		FAULT("ud2", 1);
		break;
	case 5: /* present, too */
		readonly[0] == 1 ? (void)0 : case_fail("the read-only page reads %d", readonly[0]);
		write_to(readonly + at % 4096, SIGSEGV, SEGV_ACCERR, 7);
		break;
	case 6: /* executed when it comes */
		now = (struct fault){ SIGTRAP, SI_KERNEL, 3, 0, 0, 0, now.count };
		FAULT("int3", 0);
		break;
	}
}

static void *life(void *arg)
{
	unsigned long n = 0, start = (unsigned long)arg;
	stack_t alt = { .ss_sp = malloc(65536), .ss_size = 65536 };

	case_sys(sigaltstack(&alt, NULL));
	while (!stop) {
		step(start + n++);
		case_check(now.count == n, "%lu faults brought %lu signals", n, now.count);
		if (n == 100)
			going++;
	}
	return NULL;
}

static void on(int sig, int flags)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | flags };

	case_sys(sigaction(sig, &sa, NULL));
}

int main(int argc, char **argv)
{
	enum { THREADS = 3 };
	pthread_t t[THREADS];
	int fd;

	case_begin(argc, argv);
	none = case_sys(mmap(NULL, PAGES * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	fd = case_sys(memfd_create("short", 0));
	case_sys(ftruncate(fd, 4096));
	beyond =
		case_sys(mmap(NULL, (PAGES + 1) * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	beyond += 4096;
	readonly = case_sys(
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	readonly[0] = 1;
	case_sys(mprotect(readonly, 4096, PROT_READ));
	on(SIGSEGV, 0);
	on(SIGBUS, SA_ONSTACK);
	on(SIGFPE, SA_ONSTACK | SA_NODEFER);
	on(SIGILL, SA_RESTART);
	on(SIGTRAP, 0);
	for (unsigned long i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, life, (void *)i);
	while (going < THREADS)
		case_sleep_ms(1);
	case_ready();
	stop = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	case_pass();
}
