/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The birth of the root stub, and of a user namespace with it.
 *
 * A new mount namespace that belongs to a new user namespace is a copy whose
 * mounts are all locked: what is to be away from it must be away before. So a
 * midwife, a short-lived process on our memory, makes a mount namespace of ours
 * as it should be copied, takes on the ids of the user namespace's maker, and
 * makes the root, which becomes our child (CLONE_PARENT). In a new user
 * namespace nobody has a number before the maps are written: the root waits for
 * that, and becomes root in there before it gives birth to others.
 *
 * Runs in: the coordinator and, where it says so, the midwife.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/pool.h"
#include "parasite/stub-internal.h"

#define MIDWIFE_STACK (256 * 1024)

/*
 * Our mappings must not be copied into the root stub: forking a coordinator
 * with much memory would cost more than the whole restore (madvise(2)).
 */
struct own_maps {
	uint64_t (*v)[2];
	size_t n, cap;
};

static int own_maps_read(struct own_maps *o, const struct arena *a, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	ssize_t len = read_text_alloc(AT_FDCWD, "/proc/self/maps", &text);
	char *line = text;

	if (len < 0)
		return err_set(e, ERR_SYSTEM, -len, "read", "/proc/self/maps", "%s",
			       strerror(-len));
	for (; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		uint64_t start = strtoull(line, &line, 16);
		uint64_t end = strtoull(line + 1, &line, 16);

		if (end > STUB_USER_TOP ||
		    (start >= (uint64_t)a->base && end <= (uint64_t)a->base + a->len))
			continue;
		/* It takes DONTFORK but not DOFORK: helpers forked later would have no clock. */
		if (memmem(line, (size_t)(strchrnul(line, '\n') - line), "[vvar", 5))
			continue;
		if (o->n == o->cap) {
			o->cap = o->cap ? o->cap * 2 : 64;
			o->v = realloc(o->v, o->cap * sizeof(*o->v));
			if (!o->v)
				abort();
		}
		o->v[o->n][0] = start;
		o->v[o->n++][1] = end;
	}
	return 0;
}

/* What the child gets all the same ([vvar]), the root's birth program unmaps. */
static void own_maps_advise(const struct own_maps *o, int advice)
{
	for (size_t i = 0; i < o->n; i++)
		madvise((void *)o->v[i][0], o->v[i][1] - o->v[i][0], advice);
}

/* glibc registers restartable sequences for us; a child with our registration but not our memory would die. */
#pragma weak __rseq_offset
#define RSEQ_SIZE 32

static void *own_rseq(void)
{
	char *tp = __builtin_thread_pointer();

	return &__rseq_offset ? tp + __rseq_offset : NULL;
}

static void post_births(struct stub_set *s, size_t from)
{
	for (size_t i = from; i < s->n; i++) {
		prog_seal(&s->v[i]->birth);
		ring_post(s->v[i]->threads[0].ring, &s->v[i]->birth);
	}
}

/*
 * A parent that died before its child had asked for the signal would never be
 * noticed: whoever finds another parent than its own ends at once.
 */
static void bind_calls(struct prog *p, pid_t parent)
{
	prog_call(p, "end with the parent", SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
	prog_call(p, "see that it lives", SYS_getppid | SV_EXPECT, 0, 0, 0, 0, 0, (uint64_t)parent);
}

void stub_bind_calls(struct prog *p, const struct stub *st)
{
	bind_calls(p, st->parent->pid);
}

/* What the root does before its own program: drop all that came from us. */
static void root_prologue(struct stub_set *s, struct prog *p, uint64_t flags)
{
	uint64_t base = (uint64_t)s->arena.base;

	bind_calls(p, flags & CLONE_NEWPID ? 0 : flags & CLONE_PARENT ? getppid() : getpid());
	prog_call(p, "drop memory below the arena", SYS_munmap, 0, base);
	prog_call(p, "drop memory above the arena", SYS_munmap, base + s->arena.len,
		  STUB_USER_TOP - base - s->arena.len);
	prog_call(p, "drop descriptors", SYS_close_range, 0, s->sock_base - 1, 0);
	prog_call(p, "drop descriptors", SYS_close_range, s->sock_base + s->n_socks, ~0u, 0);
}

/* A program's calls made by ourselves instead of a task. */
static int run_here(struct prog *p, struct err *e)
{
	for (size_t i = 0; i < p->n; i++) {
		struct sv_call *c = &p->calls[i];
		uint64_t nr = c->nr;
		long x;

		if (nr & SV_REF)
			c->a[SV_REF_ARG(nr)] = (uint64_t)c[-(int64_t)SV_REF_BACK(nr)].res;
		x = syscall((long)SV_NR(nr), c->a[0], c->a[1], c->a[2], c->a[3], c->a[4], c->a[5]);
		c->res = x < 0 ? -errno : x;
		if (x < 0 && !(nr & SV_IGN))
			return err_sys(e, "prepare", "%s", p->notes[i] ? p->notes[i] : "mounts");
	}
	return 0;
}

struct midwife {
	struct stub_set *s;
	const struct stub_birth *b;
	struct clone_args *c;
	struct err *e;
	long pid; /* of the root, or -errno */
	int result;
};

/*
 * The namespace's maker is the user that we are when we make it, and its groups
 * stay. Raw calls: they change this one thread, and its capabilities are kept.
 */
static int become_maker(const struct stub_birth *b, struct err *e)
{
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) ||
	    syscall(SYS_setgroups, b->n_groups, b->groups) ||
	    syscall(SYS_setresuid, -1, b->owner, -1))
		return err_sys(e, "become", "user %u, who made the user namespace", b->owner);
	return 0;
}

/* Runs in: the midwife, on our memory and with our descriptors. */
static int midwife_main(void *arg)
{
	struct midwife *w = arg;
	const struct stub_birth *b = w->b;

	w->result = 0;
	if (b->outer) {
		if (syscall(SYS_unshare, CLONE_NEWNS))
			w->result = err_sys(w->e, "unshare", "mount namespace");
		else
			w->result = run_here(b->outer, w->e);
	}
	if (!w->result)
		w->result = become_maker(b, w->e);
	if (!w->result)
		w->pid = w->s->arena.blob_spawn(w->c, sizeof(*w->c));
	return 0;
}

static int midwife_process(void *arg)
{
	midwife_main(arg);
	/* Not exit(): the handlers and buffers are our starter's. */
	syscall(SYS_exit, 0);
	return 0;
}

static void *midwife_thread(void *arg)
{
	midwife_main(arg);
	return NULL;
}

/*
 * CLONE_PARENT makes the root a child of whose child we call it from: of ours
 * from a process, of our parent from a thread.
 */
static int midwife_run(struct midwife *w, struct err *e)
{
	char *stack;
	pthread_t t;
	pid_t pid;
	int x;

	if (w->b->flags & CLONE_PARENT) {
		x = pthread_create(&t, NULL, midwife_thread, w);
		if (x)
			return err_set(e, ERR_SYSTEM, x, "start", "a thread", "%s", strerror(x));
		pthread_join(t, NULL);
		return w->result;
	}
	stack = mmap(NULL, MIDWIFE_STACK, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return err_sys(e, "mmap", "stack of a helper");
	/* The root takes over its exit signal. */
	pid = clone(midwife_process, stack + MIDWIFE_STACK,
		    CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, w);
	x = pid < 0 ? err_sys(e, "clone", "a helper for the user namespace") : 0;
	while (pid > 0 && waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	munmap(stack, MIDWIFE_STACK);
	return x ? x : w->result;
}

/* The pid of the root, or -errno; *@e is filled only when something else than its birth failed. */
static long spawn_root(struct stub_set *s, const struct stub_birth *b, struct clone_args *c,
		       struct err *e)
{
	struct midwife w = { .s = s, .b = b, .c = c, .e = e };
	int dumpable, x;

	if (!(b->flags & CLONE_NEWUSER))
		return s->arena.blob_spawn(c, sizeof(*c));
	c->flags |= CLONE_PARENT;
	c->exit_signal = 0;
	/* Another user's memory would be closed to our own debuggers from then on. */
	dumpable = prctl(PR_GET_DUMPABLE);
	x = midwife_run(&w, e);
	if (dumpable == 1)
		prctl(PR_SET_DUMPABLE, 1);
	return x ? x : w.pid;
}

/* Nothing of ours may be in its way: our mappings, our rseq area, our signals. */
static long spawn_alone(struct stub_set *s, const struct stub_birth *b, struct err *e)
{
	_cleanup_free_ void *to_free = NULL;
	struct own_maps own = { 0 };
	struct stub *root = s->v[0];
	struct clone_args *c =
		stub_clone_args(s, root->threads[0].ring, b->flags | CLONE_CLEAR_SIGHAND,
				b->flags & CLONE_PARENT ? 0 : SIGCHLD, b->set_pid ? root->pid : 0);
	void *rseq = own_rseq();
	/* The C library would leave its own signals out, of which timers are one. */
	uint64_t all = ~0ull, old;
	bool had_rseq;
	long pid;
	int r = own_maps_read(&own, &s->arena, e);

	to_free = own.v;
	if (r)
		return r;
	if (b->cgroup >= 0) {
		c->flags |= CLONE_INTO_CGROUP;
		c->cgroup = (uint64_t)b->cgroup;
	}
	had_rseq = rseq && !syscall(SYS_rseq, rseq, RSEQ_SIZE, 1 /* unregister */, RSEQ_SIG);
	own_maps_advise(&own, MADV_DONTFORK);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, sizeof(all));
	pid = spawn_root(s, b, c, e);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, sizeof(old));
	own_maps_advise(&own, MADV_DOFORK);
	if (had_rseq)
		syscall(SYS_rseq, rseq, RSEQ_SIZE, 0, RSEQ_SIG);
	if (pid < 0 && !e->code) {
		errno = (int)-pid;
		err_sys(e, "clone3", "root task, pid %d", root->pid);
		if (pid == -EEXIST) {
			err_class_set(e, ERR_CONFLICT);
			err_hint(
				e,
				"pid %d is in use; end that process or restore in a new pid namespace",
				root->pid);
		}
		if (pid == -EPERM && b->flags & CLONE_NEWUSER)
			err_hint(e, "making namespaces needs CAP_SYS_ADMIN");
		if (pid == -ENOSPC)
			err_hint(e, "a limit below /proc/sys/user was reached");
	}
	return pid;
}

/* In its user namespace: root there, as far as there is one. */
static void root_calls(struct prog *p, const struct stub_birth *b)
{
	if (b->root_gid)
		prog_call(p, "become root's group", SYS_setresgid, 0, 0, 0);
	if (b->root_uid)
		prog_call(p, "become root", SYS_setresuid, 0, 0, 0);
}

/* What stub_exec_image() makes, in a file. */
static int exec_file(struct stub_set *s, const struct sv_ring *ring, int *ret, struct err *e)
{
	_cleanup_close_ int fd = memfd_create("stasis-stub", MFD_CLOEXEC);
	uint8_t image[STUB_EXEC_MAX];
	size_t n = stub_exec_image(&s->arena, ring, 1, image);

	if (fd < 0 || write_all(fd, image, n))
		return err_sys(e, "memfd_create", "a stub's program");
	*ret = take_fd(fd);
	return 0;
}

/*
 * The root begins anew by exec inside the user namespace (arch/x86/exec.c says
 * why), on a new ring: the batch with the exec in it never ends. Without a root
 * in there exec would take all capabilities away.
 */
static int settle(struct stub_set *s, const struct stub_birth *b, struct err *e)
{
	struct stub *root = s->v[0];
	struct sv_ring *old = root->threads[0].ring, *ring = arena_ring(&s->arena);
	uint64_t base = (uint64_t)s->arena.base;
	struct prog p, first;
	int fds[2] = { -EBADF, s->arena_fd }, r = exec_file(s, ring, &fds[0], e);
	_cleanup_close_ __attribute__((unused)) int file = fds[0];

	if (r)
		return r;
	prog_init(&first, &s->arena);
	prog_call(&first, "drop memory below the arena", SYS_munmap, 0, base);
	prog_call(&first, "drop memory above the arena", SYS_munmap, base + s->arena.len,
		  STUB_USER_TOP - base - s->arena.len);
	prog_call(&first, "drop descriptors", SYS_close_range, 0, 1, 0);
	bind_calls(&first, 0);
	prog_seal(&first);
	prog_init(&p, &s->arena);
	root_calls(&p, b);
	stub_recv_calls(s, &p, root, 2);
	for (int i = 0; i < s->n_socks; i++)
		prog_call(&p, "keep a service socket", SYS_fcntl, s->sock_base + i, F_SETFD, 0);
	prog_call(&p, "begin anew", SYS_execveat, 0, (uint64_t)prog_strdup(&p, ""), 0, 0,
		  AT_EMPTY_PATH);
	prog_seal(&p);
	r = stub_send(s, root, fds, 2, e);
	if (!r) {
		s->arena.head->pending = 1;
		root->threads[0].ring = ring;
		ring_post(ring, &first);
		ring_post(old, &p);
		r = stub_phase_wait(s, "birth", e);
		if (old->executed < p.n && old->last == old->seq)
			r = prog_err(&p, old, e);
		else if (ring->executed < first.n && ring->last == ring->seq)
			r = prog_err(&first, ring, e);
	}
	prog_free(&p);
	prog_free(&first);
	return r;
}

/* What the root alone does before the maps are there is one program, the rest another. */
/* Until the root has done what comes before its own program. */
static int first_wait(struct stub_set *s, const struct prog *first, struct err *e)
{
	const struct sv_ring *ring = s->v[0]->threads[0].ring;
	int r = stub_phase_wait(s, "birth", e);

	if ((!r || r == -EIO) && ring->executed < first->n)
		r = prog_err(first, ring, e);
	return r;
}

static int birth_in_user_ns(struct stub_set *s, const struct stub_birth *b, struct prog *first,
			    struct err *e)
{
	struct stub *root = s->v[0];
	struct prog whole;
	long pid;
	int r;

	if (!b->alone)
		post_births(s, 1);
	prog_seal(first);
	s->arena.head->pending = 1;
	ring_post(root->threads[0].ring, first);
	pid = spawn_alone(s, b, e);
	if (pid < 0)
		return (int)pid;
	root->host = root->threads[0].host = (pid_t)pid;
	r = first_wait(s, first, e);
	if (!r)
		r = b->map(b->ctx, (pid_t)pid, e);
	if (!r && b->root_uid)
		r = settle(s, b, e);
	if (r)
		return r;
	prog_init(&whole, &s->arena);
	if (!b->root_uid) {
		root_calls(&whole, b);
		/* Who changes ids asks for the signal again. */
		bind_calls(&whole, 0);
	}
	prog_append(&whole, b->first);
	if (b->alone) {
		r = stub_run(s, root, &whole, e);
		prog_free(&whole);
		return r;
	}
	prog_append(&whole, &root->birth);
	root->birth = whole;
	prog_seal(&root->birth);
	s->arena.head->pending = s->n;
	ring_post(root->threads[0].ring, &root->birth);
	return 0;
}

int stubs_birth(struct stub_set *s, const struct stub_birth *b, struct err *e)
{
	struct stub *root = s->v[0];
	struct prog first;
	long pid;
	int r;

	prog_init(&first, &s->arena);
	root_prologue(s, &first, b->flags);
	if (b->flags & CLONE_NEWUSER) {
		r = birth_in_user_ns(s, b, &first, e);
		prog_free(&first);
		return r;
	}
	prog_append(&first, b->first);
	if (b->alone) {
		prog_seal(&first);
		s->arena.head->pending = 1;
		ring_post(root->threads[0].ring, &first);
	} else {
		prog_append(&first, &root->birth);
		root->birth = first;
		post_births(s, 0);
		s->arena.head->pending = s->n;
	}
	pid = spawn_alone(s, b, e);
	if (pid < 0)
		return (int)pid;
	root->host = root->threads[0].host = (pid_t)pid;
	if (!b->alone)
		return 0;
	r = first_wait(s, &first, e);
	prog_free(&first);
	return r;
}

int stubs_grow(struct stub_set *s, const int *fds, size_t n, struct err *e)
{
	struct stub *root = s->v[0];
	struct prog whole;
	int r;

	prog_init(&whole, &s->arena);
	stub_recv_calls(s, &whole, root, n);
	prog_append(&whole, &root->birth);
	root->birth = whole;
	post_births(s, 1);
	prog_seal(&root->birth);
	s->arena.head->pending = s->n;
	r = stub_send(s, root, fds, n, e);
	if (r)
		return r;
	ring_post(root->threads[0].ring, &root->birth);
	return stubs_born(s, e);
}
