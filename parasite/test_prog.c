// SPDX-License-Identifier: GPL-2.0-or-later
/* Arena, programs and the blob itself, driven in an ordinary child process. No root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/err.h"
#include "parasite/prog.h"

#define LEN (1 << 20)

struct fixture {
	struct arena a;
	struct sv_ring *ring;
	pid_t child;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e;
	void *base = mmap(NULL, LEN, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);

	assert_ptr_not_equal(base, MAP_FAILED);
	assert_int_equal(arena_init(&f->a, base, LEN, &e), 0);
	f->ring = arena_ring(&f->a);
	f->child = fork();
	if (!f->child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		f->a.blob_entry(f->ring);
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kill(f->child, SIGKILL);
	waitpid(f->child, NULL, 0);
	munmap(f->a.base, LEN);
	free(f);
	return 0;
}

static int run(struct fixture *f, struct prog *p)
{
	prog_seal(p);
	f->a.head->pending = 1;
	ring_post(f->ring, p);
	return head_wait(f->a.head, 5000000, NULL, NULL);
}

static void test_mark(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(parasite_blob_start, "stasis blob 1");
	assert_true(parasite_blob_end - parasite_blob_start < 2048);
	assert_memory_equal(f->a.base, parasite_blob_start, 16);
	assert_true((char *)f->a.blob_entry > f->a.base);
	assert_true((char *)f->a.blob_entry < (char *)f->a.head);
	assert_ptr_equal(*(void **)arena_ring_sp(f->ring), f->ring);
}

static void test_results(void **state)
{
	struct fixture *f = *state;
	struct prog p;
	size_t pid, bad, ref;

	for (int round = 0; round < 2; round++) {
		f->a.head->spin = round * 2000;
		prog_init(&p, &f->a);
		pid = prog_call(&p, "pid", SYS_getpid, 0);
		bad = prog_call(&p, "no such", SYS_close | SV_IGN, 99999);
		ref = prog_call(&p, "itself", SYS_getpgid, 0);
		prog_ref(&p, pid, 0);
		assert_int_equal(run(f, &p), 0);
		assert_int_equal(f->ring->executed, 3);
		assert_int_equal(prog_res(&p, pid), f->child);
		assert_int_equal(prog_res(&p, bad), -EBADF);
		assert_int_equal(prog_res(&p, ref), getpgid(0));
		prog_free(&p);
	}
}

static void test_stops_at_failure(void **state)
{
	struct fixture *f = *state;
	struct prog p;
	struct err e = { 0 };

	prog_init(&p, &f->a);
	prog_call(&p, "pid", SYS_getpid, 0);
	prog_call(&p, "nothing there", SYS_openat, -100, (uint64_t)prog_strdup(&p, "/nonexistent"),
		  0);
	prog_call(&p, "never", SYS_exit_group, 1);
	assert_int_equal(run(f, &p), 0);
	assert_int_equal(f->ring->executed, 1);
	assert_int_equal(prog_err(&p, f->ring, &e), -ENOENT);
	assert_int_equal(e.code, ENOENT);
	assert_string_equal(e.op, "openat");
	assert_non_null(strstr(e.object, "nothing there"));
	prog_free(&p);
}

static void spawn(struct fixture *f, uint64_t flags, uint64_t exit_signal, uint64_t last_call)
{
	struct sv_ring *ring = arena_ring(&f->a);
	struct clone_args ca = { .flags = flags, .exit_signal = exit_signal };
	struct prog p, born;
	uint64_t *word;

	f->a.head->pending = 1;
	prog_init(&born, &f->a);
	word = prog_alloc(&born, 16);
	prog_call(&born, "tid", SYS_gettid, 0);
	prog_call(&born, "end", last_call, 7);
	prog_seal(&born);
	ring_post(ring, &born);
	prog_init(&p, &f->a);
	ca.stack = (uint64_t)ring;
	ca.stack_size = arena_ring_sp(ring) - ca.stack;
	prog_call(&p, "spawn", SV_SPAWN | SYS_clone3, (uint64_t)prog_dup(&p, &ca, sizeof(ca)),
		  sizeof(ca));
	if (exit_signal) {
		prog_call(&p, "reap", SYS_wait4, 0, (uint64_t)word, 0, 0);
		prog_ref(&p, 0, 0);
	}
	assert_int_equal(run(f, &p), 0);
	assert_true(prog_res(&p, 0) > 0);
	for (int i = 0; i < 1000 && born.calls[0].res == 0; i++)
		usleep(1000);
	assert_int_equal(prog_res(&born, 0), prog_res(&p, 0));
	if (exit_signal) {
		assert_int_equal(WEXITSTATUS(*word), 7);
		assert_int_equal(prog_res(&p, 1), prog_res(&p, 0));
	}
	prog_free(&p);
	prog_free(&born);
}

static void test_spawn(void **state)
{
	spawn(*state, 0, SIGCHLD, SYS_exit_group);
	spawn(*state, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, 0,
	      SYS_exit);
}

static int dead(void *ctx)
{
	return -ESRCH;
}

static void test_wait_ends(void **state)
{
	struct sv_head h = { .pending = 1 };

	assert_int_equal(head_wait(&h, 1000, NULL, NULL), -ETIMEDOUT);
	assert_int_equal(head_wait(&h, 10000000, dead, NULL), -ESRCH);
}

static void test_hole(void **state)
{
	uint64_t r[][2] = { { 0x10000000, 0x20000000 }, { 0x1000, 0x200000 } };
	uint64_t at = arena_find_hole((const uint64_t(*)[2])r, 2, 1 << 20);
	uint64_t all[1][2] = { { 0, 0x7ffffffff000 } };
	char *p;

	assert_true(at > 0x20000000);
	assert_int_equal(at & (uint64_t)(sysconf(_SC_PAGESIZE) - 1), 0);
	p = mmap((void *)at, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		 -1, 0);
	assert_int_equal(p, at);
	munmap(p, 1 << 20);
	assert_int_equal(arena_find_hole((const uint64_t(*)[2])all, 1, 4096), 0);
}

static void test_print(void **state)
{
	struct prog p;
	char buf[1024] = "";
	FILE *f = fmemopen(buf, sizeof(buf), "w");

	prog_init(&p, NULL);
	prog_call(&p, "the log", SYS_openat, -100, 0x1000, 0);
	prog_call(&p, "to its number", SYS_dup3 | SV_IGN, 0, 7, 0);
	prog_ref(&p, 0, 0);
	prog_print(&p, f);
	fclose(f);
	assert_string_equal(buf, "    0  openat(-100, 0x1000)\t# the log\n"
				 "    1  dup3(result 0, 7) may fail\t# to its number\n");
	prog_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_mark, setup, teardown),
		cmocka_unit_test_setup_teardown(test_results, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stops_at_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_spawn, setup, teardown),
		cmocka_unit_test(test_wait_ends),
		cmocka_unit_test(test_hole),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests_name("prog", tests, NULL, NULL);
}
