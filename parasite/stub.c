/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making stubs: the arena all of them share, service sockets, births, and
 * running programs in them. What happens once they are seized is in release.c.
 */
#include "parasite/stub-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/pool.h"
#include "base/watchdog.h"

/* SCM_MAX_FD is 253 (net/scm.h); a round number below. */
#define FDS_PER_MESSAGE 250
#define SOCKS_MAX 64
#define ARENA_PER_TASK (256ull << 10)
#define ARENA_PER_THREAD (16ull << 10)
#define ARENA_PER_MAP 512ull
#define ARENA_BASE (8ull << 20)
/* How long all stubs together may take for one phase. */
#define PHASE_TIMEOUT_US (120ull * 1000 * 1000)

static int arena_map(struct stub_set *s, const uint64_t (*ranges)[2], size_t n_ranges,
		     size_t n_tasks, size_t n_threads, size_t data, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	size_t len = ARENA_BASE + n_tasks * ARENA_PER_TASK + n_threads * ARENA_PER_THREAD +
		     n_ranges * ARENA_PER_MAP + data;
	size_t code = page_up(parasite_blob_end - parasite_blob_start);
	uint64_t at;
	char *base;

	len = page_up(len);
	at = arena_find_hole(ranges, n_ranges, len);
	if (!at)
		return err_set(e, ERR_SYSTEM, ENOMEM, "place the arena", "address space",
			       "no gap of %zu MiB is free in all tasks at once", len >> 20);
	fd = memfd_create("stasis-arena", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, len))
		return err_sys(e, "memfd_create", "the arena, %zu bytes", len);
	base = mmap((void *)at, code, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
	if (base == MAP_FAILED)
		return err_sys(e, "mmap", "the arena's code");
	if (mmap(base + code, len - code, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE,
		 fd, code) == MAP_FAILED) {
		err_sys(e, "mmap", "the arena");
		munmap(base, code);
		return -e->code;
	}
	s->arena_fd = take_fd(fd);
	return arena_init(&s->arena, base, len, e);
}

/* Our own limit must let the service sockets lie above every descriptor of the tree. */
static int room_for_fds(int top, struct err *e)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l))
		return err_sys(e, "getrlimit", "RLIMIT_NOFILE");
	if ((rlim_t)top <= l.rlim_cur)
		return 0;
	if ((rlim_t)top > l.rlim_max) {
		err_set(e, ERR_SYSTEM, EMFILE, "reserve descriptors", "RLIMIT_NOFILE",
			"the tree holds descriptor numbers up to %d, our hard limit is %llu", top,
			(unsigned long long)l.rlim_max);
		return err_hint(e,
				"raise the hard limit of open files (ulimit -Hn) before restoring");
	}
	l.rlim_cur = l.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &l))
		return err_sys(e, "setrlimit", "RLIMIT_NOFILE");
	return 0;
}

/* The first run of @n numbers from @from on that none of our open files has. */
static int free_numbers(int from, int n)
{
	for (int i = 0; i < n; i++)
		if (fcntl(from + i, F_GETFD) >= 0) {
			from += i + 1;
			i = -1;
		}
	return from;
}

/* Reserved before the objects of the tree are opened, so that none of them takes these numbers. */
static int socks_open(struct stub_set *s, int max_fd, size_t n_tasks, struct err *e)
{
	int n = n_tasks < SOCKS_MAX ? (int)n_tasks : SOCKS_MAX;
	int r;

	s->sock_base = free_numbers(max_fd + 1 < 64 ? 64 : max_fd + 1, n);
	r = room_for_fds(s->sock_base + 2 * n, e);
	if (r)
		return r;
	s->socks = pool_alloc(s->pool, n * sizeof(*s->socks));
	for (int i = 0; i < n; i++) {
		int sv[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
			return err_sys(e, "socketpair", "service socket %d of %d", i, n);
		/* Ours goes above theirs too: numbers below belong to the objects that we open. */
		s->socks[i] = fcntl(sv[0], F_DUPFD_CLOEXEC, s->sock_base + n);
		close(sv[0]);
		/* The kernel may have given it the very number that we want. */
		if (s->socks[i] < 0 ||
		    (sv[1] != s->sock_base + i && dup3(sv[1], s->sock_base + i, O_CLOEXEC) < 0)) {
			err_sys(e, "dup", "service socket %d of %d", i, n);
			close(sv[1]);
			return -e->code;
		}
		if (sv[1] != s->sock_base + i)
			close(sv[1]);
		s->n_socks = i + 1;
	}
	return 0;
}

int stubs_new(struct stub_set **ret, struct pool *pool, const uint64_t (*ranges)[2],
	      size_t n_ranges, int max_fd, size_t n_tasks, size_t n_threads, size_t data,
	      struct err *e)
{
	struct stub_set *s = pool_alloc(pool, sizeof(*s));
	int r;

	s->pool = pool;
	s->arena_fd = -EBADF;
	r = arena_map(s, ranges, n_ranges, n_tasks, n_threads, data, e);
	if (!r)
		r = socks_open(s, max_fd, n_tasks, e);
	if (r) {
		stubs_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void stubs_free(struct stub_set *s)
{
	if (!s)
		return;
	if (!s->released)
		stubs_kill(s);
	for (int i = 0; i < s->n_socks; i++) {
		close(s->socks[i]);
		close(s->sock_base + i);
	}
	s->n_socks = 0;
	if (s->arena.base)
		munmap(s->arena.base, s->arena.len);
	s->arena.base = NULL;
	cleanup_close(&s->arena_fd);
	s->arena_fd = -EBADF;
}

struct stub *stub_add(struct stub_set *s, struct stub *parent, pid_t pid, size_t n_threads)
{
	struct stub *st = pool_alloc(s->pool, sizeof(*st));

	st->parent = parent;
	st->pid = pid;
	st->n_threads = n_threads;
	st->threads = pool_alloc(s->pool, n_threads * sizeof(*st->threads));
	for (size_t i = 0; i < n_threads; i++) {
		st->threads[i].ring = arena_ring(&s->arena);
		prog_init(&st->threads[i].build, &s->arena);
		prog_init(&st->threads[i].final, &s->arena);
	}
	st->threads[0].tid = pid;
	prog_init(&st->birth, &s->arena);
	st->index = s->n;
	pool_push(s->pool, s->v, s->n, st);
	s->n_threads += n_threads;
	return st;
}

/* clone_args (clone(2)) lie in the arena, as does the stack whose top word is the child's ring. */
struct clone_args *stub_clone_args(struct stub_set *s, struct sv_ring *ring, uint64_t flags,
				   int exit_signal, pid_t tid)
{
	struct clone_args *c = arena_alloc(&s->arena, sizeof(*c));
	uint64_t base = (uint64_t)(ring + 1);

	c->flags = flags;
	c->exit_signal = exit_signal;
	c->stack = base;
	c->stack_size = arena_ring_sp(ring) - base;
	if (tid) {
		pid_t *p = arena_dup(&s->arena, &tid, sizeof(tid));

		c->set_tid = (uint64_t)p;
		c->set_tid_size = 1;
	}
	return c;
}

static void spawn_call(struct prog *p, const char *note, struct clone_args *c)
{
	prog_call(p, note, SYS_clone3 | SV_SPAWN, (uint64_t)c, sizeof(*c));
}

void stub_spawn_call(struct stub_set *s, struct prog *p, struct stub *child, uint64_t flags,
		     int exit_signal)
{
	spawn_call(p, "make a process",
		   stub_clone_args(s, child->threads[0].ring, flags, exit_signal, child->pid));
}

void stub_spawn_thread_call(struct stub_set *s, struct prog *p, struct stub *st, size_t thread)
{
	const uint64_t flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			       CLONE_SYSVSEM;
	struct stub_thread *th = &st->threads[thread];

	spawn_call(p, "make a thread", stub_clone_args(s, th->ring, flags, 0, th->tid));
}

void stub_recv_calls(struct stub_set *s, struct prog *p, struct stub *st, size_t n)
{
	int sock = s->sock_base + (int)(st->index % s->n_socks);

	for (size_t got = 0; got < n;) {
		size_t c = n - got < FDS_PER_MESSAGE ? n - got : FDS_PER_MESSAGE;
		struct msghdr *mh = prog_alloc(p, sizeof(*mh));

		mh->msg_iov = prog_alloc(p, sizeof(*mh->msg_iov));
		mh->msg_iov->iov_base = prog_alloc(p, 16);
		mh->msg_iov->iov_len = 1;
		mh->msg_iovlen = 1;
		mh->msg_controllen = CMSG_SPACE(c * sizeof(int));
		mh->msg_control = prog_alloc(p, mh->msg_controllen);
		prog_call(p, "receive descriptors", SYS_recvmsg, sock, (uint64_t)mh, 0);
		got += c;
	}
	st->received = p->n;
}

void stub_close_service_call(struct stub_set *s, struct prog *p)
{
	prog_call(p, "close service descriptors", SYS_close_range, s->sock_base, ~0u, 0);
}

/* Births happen by clone3 in the tree; the usual failure is a taken pid. */
static int prog_failed(const struct stub *st, const struct prog *p, const struct sv_ring *r,
		       const char *phase, struct err *e)
{
	const struct sv_call *c = &p->calls[r->executed];

	prog_err(p, r, e);
	if (SV_NR(c->nr) == SYS_clone3 && c->res == -EEXIST) {
		const struct clone_args *ca = (void *)c->a[0];

		err_set(e, ERR_CONFLICT, EEXIST, "restore the process", "",
			"pid %d is in use on this system (perhaps by a zombie, or as a group or session)",
			ca->set_tid ? *(pid_t *)ca->set_tid : 0);
		err_hint(e, "end that process, or restore in a pid namespace of its own");
	}
	return err_in(e, "%s of pid %d", phase, st->pid);
}

struct alive_ctx {
	struct stub_set *s;
	struct err *e;
};

static bool ring_failed(const struct sv_ring *r)
{
	return __atomic_load_n(&r->last, __ATOMIC_ACQUIRE) == r->seq && r->executed < r->n;
}

/* Why go on waiting: a stub that died cannot answer, and one that failed leaves others unborn. */
static int still_alive(void *arg)
{
	struct alive_ctx *ctx = arg;
	struct stub *root = ctx->s->v[0];
	siginfo_t si = { 0 };

	for (size_t i = 0; i < ctx->s->n; i++)
		for (size_t k = 0; k < ctx->s->v[i]->n_threads; k++)
			if (ring_failed(ctx->s->v[i]->threads[k].ring))
				return -EIO;
	if (cancel_check(ctx->e))
		return -ECANCELED;

	if (!waitid(P_PID, root->host, &si, WEXITED | WNOHANG | WNOWAIT | __WALL) && si.si_pid) {
		err_set(ctx->e, ERR_GENERAL, ECHILD, "build the tree", "root task",
			"it ended early (%s %d)", si.si_code == CLD_EXITED ? "status" : "signal",
			si.si_status);
		return -ECHILD;
	}
	return 0;
}

int stub_phase_wait(struct stub_set *s, const char *phase, struct err *e)
{
	struct alive_ctx ctx = { s, e };
	int r = head_wait(s->arena.head, PHASE_TIMEOUT_US, still_alive, &ctx);

	if (r == -ETIMEDOUT)
		return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "wait for the tasks", phase,
			       "%u of them have not answered", s->arena.head->pending);
	return r;
}

int stubs_born(struct stub_set *s, struct err *e)
{
	int r = stub_phase_wait(s, "birth", e);

	for (size_t i = 0; i < s->n; i++)
		if (ring_failed(s->v[i]->threads[0].ring))
			return prog_failed(s->v[i], &s->v[i]->birth, s->v[i]->threads[0].ring,
					   "birth", e);
	return r;
}

int stub_run(struct stub_set *s, struct stub *st, struct prog *p, struct err *e)
{
	return stub_run_thread(s, st, 0, p, e);
}

int stub_run_thread(struct stub_set *s, struct stub *st, size_t thread, struct prog *p,
		    struct err *e)
{
	struct sv_ring *ring = st->threads[thread].ring;
	int r;

	if (!p->n)
		return 0;
	prog_seal(p);
	s->arena.head->pending = 1;
	ring_post(ring, p);
	r = stub_phase_wait(s, "objects", e);
	return ring_failed(ring) ? prog_failed(st, p, ring, "objects", e) : r;
}

static int send_some(int sock, const int *fds, size_t n, struct err *e)
{
	union {
		char buf[CMSG_SPACE(FDS_PER_MESSAGE * sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte = 0;
	struct iovec v = { &byte, 1 };
	struct msghdr mh = { .msg_iov = &v,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(cm), fds, n * sizeof(int));
	if (sendmsg(sock, &mh, 0) != 1)
		return err_sys(e, "sendmsg", "%zu descriptors", n);
	return 0;
}

int stub_send(struct stub_set *s, const struct stub *st, const int *fds, size_t n, struct err *e)
{
	for (size_t at = 0; at < n; at += FDS_PER_MESSAGE) {
		size_t c = n - at < FDS_PER_MESSAGE ? n - at : FDS_PER_MESSAGE;
		int r = send_some(s->socks[st->index % s->n_socks], fds + at, c, e);

		if (r)
			return r;
	}
	return 0;
}

/*
 * Sockets are fewer than stubs: the one that used this socket before must have
 * received all of its messages, or it would take ours.
 */
static int wait_received(const struct stub *st, struct err *e)
{
	const struct sv_ring *r = st->threads[0].ring;
	uint64_t deadline = now_us() + PHASE_TIMEOUT_US;

	/* A batch that has ended counts as received: a failed one is reported by the wait that follows. */
	while (__atomic_load_n(&r->executed, __ATOMIC_ACQUIRE) < st->received &&
	       __atomic_load_n(&r->last, __ATOMIC_ACQUIRE) != r->seq) {
		sched_yield();
		if (now_us() > deadline)
			return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "send descriptors", "",
				       "pid %d does not take them", st->pid);
	}
	return 0;
}

static bool is_helper(const struct stub *st)
{
	return st->temporary && !st->owner;
}

int stubs_build(struct stub_set *s, const struct stub_fds *fds, struct err *e)
{
	size_t pending = 0;
	int r;

	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->v[i]->n_threads; k++)
			prog_seal(&s->v[i]->threads[k].build);
	for (size_t i = 0; i < s->n; i++)
		pending += s->v[i]->no_threads_wait ? 0 : s->v[i]->n_threads;
	s->arena.head->pending = pending;
	/* Helpers first: others reap them before they receive anything. */
	for (size_t i = 0; i < s->n; i++)
		if (is_helper(s->v[i]))
			ring_post(s->v[i]->threads[0].ring, &s->v[i]->threads[0].build);
	for (size_t i = 0; i < s->n; i++) {
		struct stub *st = s->v[i];

		if (i >= (size_t)s->n_socks) {
			r = wait_received(s->v[i - s->n_socks], e);
			if (r)
				return r;
		}
		if (is_helper(st))
			continue;
		r = stub_send(s, st, fds[i].v, fds[i].n, e);
		if (r)
			return r;
		/* Threads find their work when their leader gives birth to them. */
		for (size_t k = st->n_threads; k-- > 0;)
			ring_post(st->threads[k].ring, &st->threads[k].build);
	}
	r = stub_phase_wait(s, "build", e);
	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < s->v[i]->n_threads; k++) {
			struct stub_thread *th = &s->v[i]->threads[k];

			if (ring_failed(th->ring))
				return prog_failed(s->v[i], &th->build, th->ring, "build", e);
		}
	}
	return r;
}
