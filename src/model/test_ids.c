// SPDX-License-Identifier: GPL-2.0-or-later
/* Translating ids: both ways, holes on either side, ends of extents, the last id. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/ids.h"
#include "model/model.h"

static struct id_extent extents[] = {
	{ 0, 400000, 1000 },
	{ 1000, 300000, 10 },
	{ 4294967294u, 7, 1 },
};
static struct id_map map = { extents, 3 };

static void check(uint32_t inside, uint32_t ours)
{
	uint32_t id = 0;

	assert_true(id_map_in(&map, ours, &id));
	assert_int_equal(id, inside);
	assert_true(id_map_out(&map, inside, &id));
	assert_int_equal(id, ours);
}

static void test_both_ways(void **state)
{
	check(0, 400000);
	check(999, 400999);
	check(1000, 300000);
	check(1009, 300009);
	check(4294967294u, 7);
}

static void test_holes(void **state)
{
	static const uint32_t inside[] = { 1010, 65534, 4294967293u, 4294967295u };
	static const uint32_t ours[] = { 0, 6, 8, 299999, 300010, 399999, 401000, 4294967295u };
	uint32_t id = 42;

	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
		assert_false(id_map_out(&map, inside[i], &id));
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		assert_false(id_map_in(&map, ours[i], &id));
	assert_int_equal(id, 42);
}

static void test_without_maps(void **state)
{
	struct id_maps maps = { { NULL, 0 }, { NULL, 0 } };
	struct model m = { 0 };
	uint32_t id = 0;

	assert_true(model_uid_in(&m, 12, &id));
	assert_int_equal(id, 12);
	assert_true(model_gid_out(&m, 34, &id));
	assert_int_equal(id, 34);
	/* A namespace whose maps were never written has no ids at all. */
	m.id_maps = &maps;
	assert_false(model_uid_in(&m, 0, &id));
	assert_false(model_gid_out(&m, 0, &id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_without_maps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
