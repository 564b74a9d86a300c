/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which namespaces a tree in images has for itself, and what of them is refused. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/image.h"
#include "nsops/nsops.h"

static char dir[] = "/tmp/stasis-nsops-XXXXXX";

static int setup(void **state)
{
	struct model *m = model_new(NULL);

	m->inventory = pool_msg(m->pool, InventoryEntry, inventory_entry__init);
	m->inventory->root_ids = pool_msg(m->pool, TaskKobjIdsEntry, task_kobj_ids_entry__init);
	*state = m;
	strcpy(strrchr(dir, '-'), "-XXXXXX");
	return mkdtemp(dir) ? image_dir_create(&m->dir, dir, m->pool, &(struct err){ 0 }) : -1;
}

static int teardown(void **state)
{
	struct model *m = *state;
	char path[64];

	image_dir_free(m->dir);
	model_free(m);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, i ? "manifest.img" : "timens-0.img");
		unlink(path);
	}
	return rmdir(dir);
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

/* The images hold these clocks, and are read. */
static int clocks_read(struct model *m, uint64_t s, uint64_t ns, struct err *e)
{
	TimensEntry te = TIMENS_ENTRY__INIT;
	Timespec mono = TIMESPEC__INIT, boot = TIMESPEC__INIT;

	mono.tv_sec = 1;
	mono.tv_nsec = 5;
	boot.tv_sec = s;
	boot.tv_nsec = ns;
	te.monotonic = &mono;
	te.boottime = &boot;
	assert_int_equal(image_put_one(m->dir, IMG_TIMENS, 0, &te.base, e), 0);
	assert_int_equal(image_dir_commit(m->dir, false, e), 0);
	image_dir_free(m->dir);
	assert_int_equal(image_dir_open(&m->dir, dir, m->pool, &m->foreign, e), 0);
	ids_fill(m->inventory->root_ids, 0);
	task(m, NULL, 0);
	return ns_read(m, e);
}

static void test_clocks(void **state)
{
	struct model *m = *state;
	struct err e = { 0 };

	assert_int_equal(clocks_read(m, 2, 7, &e), 0);
	assert_true(m->clocks.known);
	assert_int_equal(m->clocks.tree[CLK_MONO], 1000000005);
	assert_int_equal(m->clocks.tree[CLK_BOOT], 2000000007);
}

static void test_clocks_too_late(void **state)
{
	struct err e = { 0 };

	assert_int_equal(clocks_read(*state, 1ull << 33, 0, &e), -EINVAL);
	assert_non_null(strstr(e.why, "boottime"));
	assert_int_equal(e.class, ERR_IMAGE);
}

static void test_clocks_malformed(void **state)
{
	struct err e = { 0 };

	assert_int_equal(clocks_read(*state, 1, 1000000000, &e), -EINVAL);
}

static void test_clocks_missing(void **state)
{
	struct model *m = *state;
	struct err e = { 0 };

	ids_fill(m->inventory->root_ids, 0);
	task(m, NULL, 0)->ids->time_ns_id = 50;
	assert_int_equal(ns_read(m, &e), -ENOENT);
	assert_string_equal(e.object, "timens-0.img");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_none_of_its_own),
		T(test_some_of_its_own),
		T(test_nested),
		T(test_kinds_not_supported),
		T(test_inventory_without_ids),
		T(test_table),
		T(test_identify_ourselves),
		T(test_clocks),
		T(test_clocks_too_late),
		T(test_clocks_malformed),
		T(test_clocks_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
