// SPDX-License-Identifier: LGPL-2.1-or-later
/* Unit tests of the pool: zeroed, aligned, growing arrays, several threads. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/pool.h"

static bool all_bytes(const unsigned char *p, size_t n, unsigned char v)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != v)
			return false;
	return true;
}

static void test_alloc(void **state)
{
	struct pool *p = pool_new();
	unsigned char *last = NULL;
	size_t last_size = 0;

	for (size_t size = 0; size < 200000; size = size * 3 / 2 + 1) {
		unsigned char *v = pool_alloc(p, size);

		assert_int_equal((uintptr_t)v % 16, 0);
		assert_true(all_bytes(v, size, 0));
		memset(v, 0xaa, size);
		assert_true(all_bytes(last, last_size, 0xaa));
		last = v;
		last_size = size;
	}
	pool_free(p);
	pool_free(NULL);
}

static void test_strings(void **state)
{
	struct pool *p = pool_new();

	assert_string_equal(pool_printf(p, "%s-%d", "core", 5), "core-5");
	assert_string_equal(pool_strdup(p, "x"), "x");
	assert_null(pool_strdup(p, NULL));
	assert_memory_equal(pool_dup(p, "ab", 2), "ab", 2);
	pool_free(p);
}

static void test_push(void **state)
{
	struct pool *p = pool_new();
	size_t *v = NULL, n = 0;

	for (size_t i = 0; i < 5000; i++)
		pool_push(p, v, n, i);
	assert_int_equal(n, 5000);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(v[i], i);
	pool_free(p);
}

#define THREADS 4
#define OBJECTS 20000

struct worker {
	struct pool *p;
	unsigned char mark;
	unsigned char **v;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	for (size_t i = 0; i < OBJECTS; i++) {
		w->v[i] = pool_alloc(w->p, 16 + i % 100);
		if (!all_bytes(w->v[i], 16 + i % 100, 0))
			return w;
		memset(w->v[i], w->mark, 16 + i % 100);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct pool *p = pool_new();
	struct worker w[THREADS];
	pthread_t t[THREADS];
	void *bad;

	for (int i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ p, (unsigned char)(i + 1),
					pool_alloc(p, OBJECTS * sizeof(unsigned char *)) };
		assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], &bad);
		assert_null(bad);
	}
	for (int i = 0; i < THREADS; i++)
		for (size_t k = 0; k < OBJECTS; k++)
			assert_true(all_bytes(w[i].v[k], 16 + k % 100, w[i].mark));
	pool_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alloc),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_push),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
