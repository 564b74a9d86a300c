// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Descriptors to their numbers: the program is run over a table of numbers
 * instead of a process, for many random sets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "fd/file_kind.h"

#define TABLE 4096

static void run(const struct prog *p, int *table, bool *cloexec)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct sv_call *c = &p->calls[i];

		switch (SV_NR(c->nr)) {
		case SYS_dup3:
			assert_int_not_equal(c->a[0], c->a[1]);
			assert_true(table[c->a[0]] >= 0);
			table[c->a[1]] = table[c->a[0]];
			cloexec[c->a[1]] = c->a[2] & O_CLOEXEC;
			break;
		case SYS_fcntl:
			assert_int_equal(c->a[1], F_SETFD);
			assert_true(table[c->a[0]] >= 0);
			cloexec[c->a[0]] = c->a[2] & FD_CLOEXEC;
			break;
		case SYS_close_range:
			for (uint64_t k = c->a[0]; k <= c->a[1]; k++)
				table[k] = -1;
			break;
		default:
			fail_msg("call %u", (unsigned)SV_NR(c->nr));
		}
	}
}

static void one(unsigned seed, size_t n, int spread, int extra)
{
	struct model *m = model_new(NULL);
	struct task *t = model_task_new(m, NULL);
	struct build b = { .m = m, .t = t };
	struct prog p;
	struct err e = { 0 };
	int table[TABLE], fd = -1;
	bool cloexec[TABLE] = { 0 };

	prog_init(&p, NULL);
	b.p = &p;
	for (size_t i = 0; i < n; i++) {
		struct task_fd tf;

		fd += 1 + (spread ? rand_r(&seed) % (spread + 1) : 0);
		tf = (struct task_fd){ fd, rand_r(&seed) & 1, model_file_new(m) };
		tf.file->fd = 1000 + (int)i;
		pool_push(m->pool, t->fds, t->n_fds, tf);
	}
	assert_int_equal(fd_build_slots(&b, &e), 0);
	for (int i = 0; i < extra; i++)
		assert_int_equal(build_slot(&b, 5000 + i), (int)n + i);
	for (int i = 0; i < TABLE; i++)
		table[i] = i < b.n_slots ? b.slots[i] : -1;
	assert_int_equal(fd_build_place(&b, &e), 0);
	run(&p, table, cloexec);
	for (size_t i = 0, next = 0; i < TABLE; i++) {
		if (next < n && t->fds[next].fd == (int)i) {
			assert_int_equal(table[i], t->fds[next].file->fd);
			assert_int_equal(cloexec[i], t->fds[next].cloexec);
			next++;
		} else {
			assert_int_equal(table[i], -1);
		}
	}
	prog_free(&p);
	model_free(m);
}

static void test_place(void **state)
{
	one(1, 0, 0, 0);
	one(1, 0, 0, 5);
	one(1, 3, 0, 0);
	one(1, 3, 0, 40);
	for (unsigned seed = 0; seed < 500; seed++)
		one(seed, seed % 60, (int)(seed % 7) * 5, (int)(seed % 11) * 9);
}

static void test_not_made(void **state)
{
	struct model *m = model_new(NULL);
	struct task *t = model_task_new(m, NULL);
	struct build b = { .m = m, .t = t };
	struct task_fd tf = { 3, false, model_file_new(m) };
	struct err e = { 0 };

	tf.file->entry = pool_msg(m->pool, FileEntry, file_entry__init);
	pool_push(m->pool, t->fds, t->n_fds, tf);
	assert_true(fd_build_slots(&b, &e) < 0);
	assert_non_null(strstr(e.why, "fd 3"));
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_place),
					    cmocka_unit_test(test_not_made) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
