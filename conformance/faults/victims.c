// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Victims of the kill test. Each does one thing for ever and knows what it may
 * see: registers stay, calls end only for their own reasons, masks stay, queued
 * signals come complete and in order, bytes below the stack pointer stay.
 */
#include "killtest.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct victim *me;
static volatile sig_atomic_t handled;

static void harm(const char *fmt, ...)
{
	va_list ap;

	if (me->harmed)
		return;
	va_start(ap, fmt);
	vsnprintf(me->harm, sizeof(me->harm), fmt, ap);
	va_end(ap);
	me->harmed = 1;
}

/* A call that must not end with an error of any kind. */
static void expect(long ret, long want, const char *what)
{
	if (ret != want)
		harm("%s returned %ld (%s), not %ld", what, ret, ret < 0 ? strerror(errno) : "", want);
}

static void on_signal(int sig)
{
	handled++;
}

/* A periodic signal for this thread or process: its handler counts. */
static void tick_signal(int sig, long us, bool block)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	sigset_t set;

	sigaction(sig, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
	if (!fork()) {
		pid_t parent = getppid();

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		do
			usleep((useconds_t)us);
		while (!kill(parent, sig));
		_exit(0);
	}
}

/* A pipe with nothing in it. */
static int quiet_fd(void)
{
	int fds[2];

	return pipe2(fds, O_CLOEXEC) ? -1 : fds[0];
}

/* A pipe into which a child writes a byte every @us. */
static int tick_fd(long us)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		do
			usleep((useconds_t)us);
		while (write(fds[1], "", 1) == 1);
		_exit(0);
	}
	close(fds[1]);
	return fds[0];
}

static double now(void)
{
	struct timespec t;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

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

/* Vector, mask and x87 registers through a loop; compared as memory before and after. */
struct vectors {
	unsigned char z[32][64];
	uint64_t k[8];
	long double st;
	uint32_t mxcsr, pkru;
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
	EACH16(m) m(16) m(17) m(18) m(19) m(20) m(21) m(22) m(23) m(24) m(25) m(26) m(27) m(28)    \
		m(29) m(30) m(31)
#define SPIN "mov $30000, %%ecx\n 1: pause\n lea -1(%%rcx), %%rcx\n jrcxz 2f\n jmp 1b\n 2:\n"

__attribute__((target("avx512f,avx512bw"))) static void turn_avx512(const struct vectors *in,
								    struct vectors *out)
{
	__asm__ volatile(EACH32(Z_LOAD) EACH8(K_LOAD) SPIN EACH32(Z_SAVE) EACH8(K_SAVE)
			 : : [in] "r"(in), [out] "r"(out)
			 : "rcx", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
			   "k1", "k2", "k3", "k4", "k5", "k6", "k7");
}

static void turn_sse(const struct vectors *in, struct vectors *out)
{
	__asm__ volatile(EACH16(X_LOAD) SPIN EACH16(X_SAVE)
			 : : [in] "r"(in), [out] "r"(out)
			 : "rcx", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

static uint32_t rdpkru(void)
{
	uint32_t a, d;

	__asm__ volatile("rdpkru" : "=a"(a), "=d"(d) : "c"(0));
	return a;
}

static void cpu_look(void)
{
	uint32_t a, b, c, d;

	__builtin_cpu_init();
	has_avx512 = __builtin_cpu_supports("avx512bw");
	has_pku = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & 1u << 4);
	/* Deny a key that nobody uses, so that the register is not at its default. */
	if (has_pku)
		__asm__ volatile("wrpkru" : : "a"(rdpkru() | 3u << 30), "c"(0), "d"(0));
}

static void busy_vectors(void)
{
	static __thread struct vectors in, out;
	uint32_t pkru = has_pku ? rdpkru() : 0;

	if (!in.z[0][0]) {
		for (size_t i = 0; i < sizeof(in); i++)
			((unsigned char *)&in)[i] = (unsigned char)(i * 7 + 1);
	}
	memset(&out, 0, sizeof(out));
	if (has_avx512)
		turn_avx512(&in, &out);
	else
		turn_sse(&in, &out);
	for (int i = 0; i < (has_avx512 ? 32 : 16); i++) {
		if (memcmp(in.z[i], out.z[i], has_avx512 ? 64 : 16))
			harm("vector register %d changed", i);
	}
	if (has_avx512 && memcmp(in.k, out.k, sizeof(in.k)))
		harm("mask register changed");
	if (has_pku && rdpkru() != pkru)
		harm("PKRU changed");
}

/* The unused end of the stack: nobody may write there. */
static void busy_stack(void)
{
	volatile unsigned char *sp = (unsigned char *)__builtin_frame_address(0) - 4096;

	for (int i = 0; i < 60000; i++)
		sp[-i] = (unsigned char)(i * 13 + 5);
	for (volatile int i = 0; i < 30000; i++)
		;
	for (int i = 0; i < 60000; i++) {
		if (sp[-i] != (unsigned char)(i * 13 + 5)) {
			harm("byte %d below the stack pointer changed", i + 4096);
			break;
		}
	}
}

static void check_mask(const sigset_t *want)
{
	sigset_t is;

	pthread_sigmask(SIG_BLOCK, NULL, &is);
	if (memcmp(&is, want, 8))
		harm("signal mask is %#lx, not %#lx", *(unsigned long *)&is, *(unsigned long *)want);
}

static void step_busy(void)
{
	if (busy_gpr())
		harm("a general register or a flag changed");
	busy_vectors();
	busy_stack();
}

static void step_nanosleep(void)
{
	struct timespec t = { 0, 3000000 };
	double t0 = now();

	expect(nanosleep(&t, NULL), 0, "nanosleep");
	if (now() - t0 < 0.003)
		harm("nanosleep slept only %.0f us", (now() - t0) * 1e6);
}

static __thread int fd_a = -1, fd_b = -1;

static void step_epoll(int timeout)
{
	struct epoll_event ev = { .events = EPOLLIN };
	char c;

	if (fd_a < 0) {
		fd_a = epoll_create1(EPOLL_CLOEXEC);
		fd_b = timeout < 0 ? tick_fd(4000) : quiet_fd();
		epoll_ctl(fd_a, EPOLL_CTL_ADD, fd_b, &ev);
	}
	if (timeout < 0) {
		expect(epoll_wait(fd_a, &ev, 1, -1), 1, "epoll_wait without end");
		expect(read(fd_b, &c, 1), 1, "read");
	} else {
		expect(epoll_wait(fd_a, &ev, 1, timeout), 0, "epoll_wait");
	}
}

static void step_epoll_inf(void)
{
	step_epoll(-1);
}

static void step_epoll_fin(void)
{
	step_epoll(4);
}

static void step_epoll_pwait(void)
{
	struct epoll_event ev;
	sigset_t set, old;

	if (fd_a < 0)
		fd_a = epoll_create1(EPOLL_CLOEXEC);
	pthread_sigmask(SIG_BLOCK, NULL, &old);
	sigfillset(&set);
	expect(epoll_pwait(fd_a, &ev, 1, 4, &set), 0, "epoll_pwait");
	check_mask(&old);
}

static void step_poll(void)
{
	struct pollfd p = { .events = POLLIN };

	if (fd_a < 0)
		fd_a = quiet_fd();
	p.fd = fd_a;
	expect(poll(&p, 1, 4), 0, "poll");
}

static void step_ppoll(void)
{
	struct pollfd p = { .events = POLLIN };
	char c;

	if (fd_a < 0)
		fd_a = tick_fd(4000);
	p.fd = fd_a;
	expect(ppoll(&p, 1, NULL, NULL), 1, "ppoll");
	expect(read(fd_a, &c, 1), 1, "read");
}

static void step_read(void)
{
	char c;

	if (fd_a < 0)
		fd_a = tick_fd(4000);
	expect(read(fd_a, &c, 1), 1, "read");
}

static void step_select(void)
{
	struct timeval tv = { 0, 4000 };
	fd_set set;

	if (fd_a < 0)
		fd_a = quiet_fd();
	FD_ZERO(&set);
	FD_SET(fd_a, &set);
	expect(select(fd_a + 1, &set, NULL, NULL, &tv), 0, "select");
}

static void step_futex_timed(void)
{
	struct timespec t = { 0, 4000000 };
	uint32_t word = 0;
	long ret = syscall(SYS_futex, &word, FUTEX_WAIT, 0, &t, NULL, 0);

	if (ret != -1 || errno != ETIMEDOUT)
		harm("futex with timeout: %ld %s", ret, strerror(errno));
}

static void step_recv(void)
{
	struct timeval tv = { 0, 4000 };
	char c;
	int sv[2];

	if (fd_a < 0) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
			return;
		fd_a = sv[0];
		setsockopt(fd_a, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	}
	if (recv(fd_a, &c, 1, 0) != -1 || errno != EAGAIN)
		harm("recv with timeout: %s", strerror(errno));
}

static void step_semtimedop(void)
{
	static __thread int id = -1;
	struct timespec t = { 0, 4000000 };
	struct sembuf op = { 0, -1, 0 };

	if (id < 0) {
		id = semget(IPC_PRIVATE, 1, 0600);
		if (id < 0)
			return;
	}
	if (semtimedop(id, &op, 1, &t) != -1 || errno != EAGAIN)
		harm("semtimedop: %s", strerror(errno));
}

static void step_sigtimedwait(void)
{
	struct timespec t = { 0, 4000000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	if (sigtimedwait(&set, NULL, &t) != -1 || errno != EAGAIN)
		harm("sigtimedwait: %s", strerror(errno));
}

static void step_mixed(void)
{
	step_nanosleep();
	step_busy();
}

/* One thread's life: a step over and over, the mask checked now and then. */
struct life {
	int index;
	void (*step)(void);
};

static void *live(void *arg)
{
	const struct life *l = arg;
	sigset_t mask;

	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	for (;;) {
		l->step();
		check_mask(&mask);
		me->progress[l->index]++;
		if (!l->index)
			me->ready = 1;
	}
	return NULL;
}

static void begin(struct victim *v)
{
	sigset_t set;

	me = v;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_SETMASK, &set, NULL);
	cpu_look();
}

#define SIMPLE(id, text, fn)                                                                       \
	static void run_##id(struct victim *v)                                                     \
	{                                                                                          \
		struct life l = { 0, fn };                                                         \
		begin(v);                                                                          \
		live(&l);                                                                          \
	}                                                                                          \
	static const struct victim_kind kind_##id = { .name = text, .run = run_##id, .threads = 1 }

SIMPLE(busy, "busy registers, stack", step_busy);
SIMPLE(nanosleep, "nanosleep", step_nanosleep);
SIMPLE(epoll_inf, "epoll_wait without end", step_epoll_inf);
SIMPLE(epoll_fin, "epoll_wait with timeout", step_epoll_fin);
SIMPLE(epoll_pwait, "epoll_pwait with mask", step_epoll_pwait);
SIMPLE(poll, "poll with timeout", step_poll);
SIMPLE(ppoll, "ppoll without end", step_ppoll);
SIMPLE(read, "read", step_read);
SIMPLE(select, "select with timeout", step_select);
SIMPLE(futex, "futex with timeout", step_futex_timed);
SIMPLE(recv, "recv with SO_RCVTIMEO", step_recv);
SIMPLE(sem, "semtimedop", step_semtimedop);
SIMPLE(sigwait, "rt_sigtimedwait", step_sigtimedwait);

static void run_threads(struct victim *v)
{
	static void (*const steps[])(void) = {
		step_busy, step_nanosleep, step_epoll_inf, step_epoll_fin, step_poll, step_ppoll,
		step_read, step_select, step_futex_timed, step_recv, step_sigtimedwait, step_mixed,
	};
	static struct life lives[MAX_THREADS];

	begin(v);
	for (int i = (int)(sizeof(steps) / sizeof(steps[0])) - 1; i >= 0; i--) {
		pthread_t t;

		lives[i] = (struct life){ i, steps[i] };
		if (i)
			pthread_create(&t, NULL, live, &lives[i]);
	}
	live(&lives[0]);
}
static const struct victim_kind kind_threads = { .name = "12 threads, mixed", .run = run_threads, .threads = 12 };

/* Waits that only a handler may end: it must have run when they return. */
static void step_suspend(void)
{
	sigset_t set;
	long before;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	before = handled;
	if (sigsuspend(&set) != -1 || errno != EINTR)
		harm("sigsuspend: %s", strerror(errno));
	if (handled == before)
		harm("sigsuspend returned without its signal");
}

static void run_suspend(struct victim *v)
{
	struct life l = { 0, step_suspend };

	begin(v);
	tick_signal(SIGUSR1, 4000, true);
	live(&l);
}
static const struct victim_kind kind_suspend = { .name = "sigsuspend", .run = run_suspend, .threads = 1 };

/* Signals queued from outside, numbered: none may be lost, doubled or out of order. */
static void on_queued(int sig, siginfo_t *si, void *uc)
{
	if (si->si_value.sival_int != (int)me->signals)
		harm("queued signal %d came as number %ld", si->si_value.sival_int, me->signals);
	me->signals++;
}

static void step_queued(void)
{
	if (busy_gpr())
		harm("a general register or a flag changed");
	busy_vectors();
}

static void run_signals(struct victim *v)
{
	struct sigaction sa = { .sa_sigaction = on_queued, .sa_flags = SA_RESTART | SA_SIGINFO };
	struct life l = { 0, step_queued };

	begin(v);
	sigaction(SIGRTMIN + 1, &sa, NULL);
	tick_signal(SIGALRM, 3000, false);
	live(&l);
}
static const struct victim_kind kind_signals = { .name = "queued signals", .run = run_signals, .threads = 1, .signals = true };

static void run_stopped(struct victim *v)
{
	struct life l = { 0, step_nanosleep };

	begin(v);
	live(&l);
}
static const struct victim_kind kind_stopped = { .name = "stopped by SIGSTOP", .run = run_stopped, .stopped = true };

/* A tree that never keeps still; exit statuses must arrive. */
static void forks(int index)
{
	for (int n = 0;; n = (n + 1) & 63) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			struct timespec t = { 0, 200000 };

			nanosleep(&t, NULL);
			_exit(n);
		}
		if (pid < 0) {
			harm("fork: %s", strerror(errno));
			continue;
		}
		if (waitpid(pid, &status, 0) != pid)
			harm("waitpid: %s", strerror(errno));
		else if (!WIFEXITED(status) || WEXITSTATUS(status) != n)
			harm("child ended with status %#x, not %d", status, n);
		me->progress[index]++;
	}
}

static void run_forker(struct victim *v)
{
	begin(v);
	for (int i = 1; i < 4; i++) {
		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			forks(i);
		}
	}
	v->ready = 1;
	forks(0);
}
static const struct victim_kind kind_forker = { .name = "forking tree", .run = run_forker, .threads = 4 };

/* Neither vDSO nor [vvar]: gadgets come from ordinary text. */
static void run_no_vdso(struct victim *v)
{
	struct life l = { 0, step_mixed };
	char line[256];
	unsigned long a, b;
	FILE *f;

	begin(v);
	f = fopen("/proc/self/maps", "r");
	while (f && fgets(line, sizeof(line), f)) {
		if ((strstr(line, "[vdso]") || strstr(line, "[vvar")) && sscanf(line, "%lx-%lx", &a, &b) == 2)
			munmap((void *)a, b - a);
	}
	if (f)
		fclose(f);
	live(&l);
}
static const struct victim_kind kind_no_vdso = { .name = "without vDSO", .run = run_no_vdso, .threads = 1 };

/* An allow list with errors for the rest, as container engines set. */
#define ALLOW(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void filter(struct sock_filter *f, size_t n)
{
	struct sock_fprog prog = { .len = (unsigned short)n, .filter = f };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		harm("seccomp: %s", strerror(errno));
}

static void run_seccomp(struct victim *v)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		/* pause is not among them: another call to sleep in must be found */
		ALLOW(SYS_read), ALLOW(SYS_write), ALLOW(SYS_mmap), ALLOW(SYS_munmap), ALLOW(SYS_futex),
		ALLOW(SYS_ppoll), ALLOW(SYS_rt_sigprocmask), ALLOW(SYS_rt_sigreturn), ALLOW(SYS_getpid),
		ALLOW(SYS_gettid), ALLOW(SYS_nanosleep), ALLOW(SYS_clock_nanosleep),
		ALLOW(SYS_clock_gettime), ALLOW(SYS_exit_group), ALLOW(SYS_restart_syscall),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	struct life l = { 0, step_mixed };

	begin(v);
	filter(f, sizeof(f) / sizeof(f[0]));
	live(&l);
}
static const struct victim_kind kind_seccomp = { .name = "seccomp allow list", .run = run_seccomp, .threads = 1 };

/* Death for nearly everything: no call that sleeps, no futex, no mmap. */
static void run_strict(struct victim *v)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_read), ALLOW(SYS_write), ALLOW(SYS_rt_sigprocmask), ALLOW(SYS_rt_sigreturn),
		ALLOW(SYS_clock_gettime), ALLOW(SYS_exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct life l = { 0, step_busy };

	begin(v);
	filter(f, sizeof(f) / sizeof(f[0]));
	live(&l);
}
static const struct victim_kind kind_strict = { .name = "seccomp that kills", .run = run_strict, .threads = 1 };

const struct victim_kind *const victim_kinds[] = {
	&kind_busy, &kind_nanosleep, &kind_epoll_inf, &kind_epoll_fin, &kind_epoll_pwait, &kind_poll,
	&kind_ppoll, &kind_read, &kind_select, &kind_futex, &kind_recv, &kind_sem, &kind_sigwait,
	&kind_suspend, &kind_threads, &kind_signals, &kind_stopped, &kind_forker, &kind_no_vdso,
	&kind_seccomp, &kind_strict, NULL,
};
