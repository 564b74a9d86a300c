/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which namespaces a tree in images has for itself, and what of them is refused. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "nsops/nsops.h"

static int setup(void **state)
{
	struct model *m = model_new(NULL);

	m->inventory = pool_msg(m->pool, InventoryEntry, inventory_entry__init);
	m->inventory->root_ids = pool_msg(m->pool, TaskKobjIdsEntry, task_kobj_ids_entry__init);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	model_free(*state);
	return 0;
}

static void ids_fill(TaskKobjIdsEntry *ids, uint32_t base)
{
	ids->has_pid_ns_id = ids->has_net_ns_id = ids->has_user_ns_id = ids->has_time_ns_id = 1;
	ids->pid_ns_id = base + 1;
	ids->net_ns_id = base + 2;
	ids->user_ns_id = 7;
	ids->time_ns_id = 5;
}

static struct task *task(struct model *m, struct task *parent, uint32_t base)
{
	struct task *t = model_task_new(m, parent);

	t->ids = pool_msg(m->pool, TaskKobjIdsEntry, task_kobj_ids_entry__init);
	ids_fill(t->ids, base);
	return t;
}

static void test_none_of_its_own(void **state)
{
	struct model *m = *state;
	struct err e = { 0 };

	ids_fill(m->inventory->root_ids, 0);
	task(m, NULL, 0);
	assert_int_equal(ns_read(m, &e), 0);
	assert_int_equal(ns_clone_flags(m), 0);
	assert_false(model_has_own_ns(m, NS_PID));
}

static void test_some_of_its_own(void **state)
{
	struct model *m = *state;
	struct err e = { 0 };
	struct task *root;

	ids_fill(m->inventory->root_ids, 0);
	root = task(m, NULL, 10);
	task(m, root, 10);
	model_task_new(m, root); /* a zombie has no ids */
	assert_int_equal(ns_read(m, &e), 0);
	assert_int_equal(ns_clone_flags(m), CLONE_NEWPID | CLONE_NEWNET);
	assert_int_equal(root->ns[NS_PID]->id, 11);
	assert_ptr_equal(m->tasks[1]->ns[NS_NET], root->ns[NS_NET]);
	assert_ptr_equal(root->ns[NS_NET]->holder, root);
}

static void test_nested(void **state)
{
	struct model *m = *state;
	struct err e = { 0 };

	ids_fill(m->inventory->root_ids, 0);
	task(m, task(m, NULL, 10), 20);
	assert_int_equal(ns_read(m, &e), -ENOTSUP);
	assert_non_null(strstr(e.why, "nested"));
}

static void test_kinds_not_supported(void **state)
{
	struct model *m = *state;
	struct err e = { 0 };

	ids_fill(m->inventory->root_ids, 0);
	task(m, NULL, 0)->ids->user_ns_id = 70;
	assert_int_equal(ns_read(m, &e), -ENOTSUP);
	assert_non_null(strstr(e.why, "user"));
	assert_int_equal(e.class, ERR_UNSUPPORTED);
}

static void test_inventory_without_ids(void **state)
{
	struct model *m = *state;
	struct err e = { 0 };

	m->inventory->root_ids = NULL;
	task(m, NULL, 0);
	assert_true(ns_read(m, &e) < 0);
	assert_int_equal(e.class, ERR_IMAGE);
}

static void test_table(void **state)
{
	for (int i = 0; i < NS_TYPES; i++) {
		assert_int_equal(ns_kinds[i].type, i);
		assert_non_null(ns_kinds[i].name);
		assert_true(ns_kinds[i].clone_flag);
	}
}

/* Ourselves: nothing of our own, the ids that other tools give, and no blocker. */
static void test_identify_ourselves(void **state)
{
	struct model *m = *state;
	struct err_list blockers = { 0 };
	struct err e = { 0 };
	struct task *t = model_task_new(m, NULL);

	m->inventory->root_ids = NULL;
	t->host = getpid();
	assert_int_equal(ns_identify(m, t, &blockers, &e), 0);
	assert_int_equal(blockers.n, 0);
	assert_int_equal(ns_clone_flags(m), 0);
	assert_int_equal(t->ids->pid_ns_id, 1);
	assert_int_equal(t->ids->mnt_ns_id, m->inventory->root_ids->mnt_ns_id);
	/* A second look finds the same. */
	assert_int_equal(ns_identify(m, t, &blockers, &e), 0);
	assert_int_equal(t->ids->pid_ns_id, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_none_of_its_own),     T(test_some_of_its_own),	    T(test_nested),
		T(test_kinds_not_supported), T(test_inventory_without_ids), T(test_table),
		T(test_identify_ourselves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
