// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Victims of the kill test. Each does one thing for ever and knows what it may
 * see: registers stay, calls end only for their own reasons, masks stay, queued
 * signals come complete and in order, bytes below the stack pointer stay.
 */
#include "killtest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
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

/* linux/prctl.h (6.3) */
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

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
		harm("%s returned %ld (%s), not %ld", what, ret, ret < 0 ? strerror(errno) : "",
		     want);
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

static void check_mask(const sigset_t *want)
{
	sigset_t is;

	pthread_sigmask(SIG_BLOCK, NULL, &is);
	if (memcmp(&is, want, 8))
		harm("signal mask is %#lx, not %#lx", *(unsigned long *)&is,
		     *(unsigned long *)want);
}

static void step_busy(void)
{
	const char *changed = registers_turn();

	if (!changed)
		changed = stack_turn();
	if (changed)
		harm("%s", changed);
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
	registers_look();
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
		step_busy,	  step_nanosleep, step_epoll_inf,    step_epoll_fin,
		step_poll,	  step_ppoll,	  step_read,	     step_select,
		step_futex_timed, step_recv,	  step_sigtimedwait, step_mixed,
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
static const struct victim_kind kind_threads = { .name = "12 threads, mixed",
						 .run = run_threads,
						 .threads = 12 };

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
static const struct victim_kind kind_suspend = { .name = "sigsuspend",
						 .run = run_suspend,
						 .threads = 1 };

/* Signals queued from outside, numbered: none may be lost, doubled or out of order. */
static void on_queued(int sig, siginfo_t *si, void *uc)
{
	if (si->si_value.sival_int != (int)me->signals)
		harm("queued signal %d came as number %ld", si->si_value.sival_int, me->signals);
	me->signals++;
}

static void step_queued(void)
{
	const char *changed = registers_turn();

	if (changed)
		harm("%s", changed);
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
static const struct victim_kind kind_signals = { .name = "queued signals",
						 .run = run_signals,
						 .threads = 1,
						 .signals = true };

static const struct victim_kind kind_stopped = { .name = "stopped by SIGSTOP",
						 .run = run_nanosleep,
						 .stopped = true };

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
static const struct victim_kind kind_forker = { .name = "forking tree",
						.run = run_forker,
						.threads = 4 };

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
		if ((strstr(line, "[vdso]") || strstr(line, "[vvar")) &&
		    sscanf(line, "%lx-%lx", &a, &b) == 2)
			munmap((void *)a, b - a);
	}
	if (f)
		fclose(f);
	live(&l);
}
static const struct victim_kind kind_no_vdso = { .name = "without vDSO",
						 .run = run_no_vdso,
						 .threads = 1 };

/* May not have memory both writable and executable (kernel 6.3). */
static void run_mdwe(struct victim *v)
{
	struct life l = { 0, step_mixed };

	begin(v);
	prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0);
	live(&l);
}
static const struct victim_kind kind_mdwe = { .name = "no writable code",
					      .run = run_mdwe,
					      .threads = 1 };

/* An allow list with errors for the rest, as container engines set. */

static void run_seccomp(struct victim *v)
{
	struct life l = { 0, step_mixed };

	begin(v);
	filter_allow_list();
	live(&l);
}
static const struct victim_kind kind_seccomp = { .name = "seccomp allow list",
						 .run = run_seccomp,
						 .threads = 1 };

static void run_strict(struct victim *v)
{
	struct life l = { 0, step_busy };

	begin(v);
	filter_kill_list();
	live(&l);
}
static const struct victim_kind kind_strict = { .name = "seccomp that kills",
						.run = run_strict,
						.threads = 1 };

const struct victim_kind *const victim_kinds[] = {
	&kind_busy,
	&kind_nanosleep,
	&kind_epoll_inf,
	&kind_epoll_fin,
	&kind_epoll_pwait,
	&kind_poll,
	&kind_ppoll,
	&kind_read,
	&kind_select,
	&kind_futex,
	&kind_recv,
	&kind_sem,
	&kind_sigwait,
	&kind_suspend,
	&kind_threads,
	&kind_signals,
	&kind_stopped,
	&kind_forker,
	&kind_no_vdso,
	&kind_mdwe,
	&kind_seccomp,
	&kind_strict,
	NULL,
};
