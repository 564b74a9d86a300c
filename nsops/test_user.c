/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Maps of a user namespace as an image may hold them: what is believed, and what is not. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/image.h"
#include "model/ids.h"
#include "nsops/nsops.h"

#define NS_ID 7

static void remove_dir(const char *path)
{
	char name[512];
	DIR *d = opendir(path);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		snprintf(name, sizeof(name), "%s/%s", path, de->d_name);
		unlink(name);
	}
	closedir(d);
	rmdir(path);
}

/* Write @u, and read it as that of a tree with its own user and pid namespaces. */
static int through_image(struct model *m, UsernsEntry *u, struct err *e)
{
	char path[] = "/tmp/stasis-test-user.XXXXXX";
	struct image_dir *d;
	struct task *t = model_task_new(m, NULL);
	bool foreign;
	int r;

	assert_non_null(mkdtemp(path));
	assert_int_equal(image_dir_create(&d, path, m->pool, e), 0);
	assert_int_equal(image_put_one(d, IMG_USERNS, NS_ID, &u->base, e), 0);
	assert_int_equal(image_dir_commit(d, false, e), 0);
	image_dir_free(d);
	assert_int_equal(image_dir_open(&m->dir, path, m->pool, &foreign, e), 0);
	m->inventory = pool_msg(m->pool, InventoryEntry, inventory_entry__init);
	m->inventory->root_ids = pool_msg(m->pool, TaskKobjIdsEntry, task_kobj_ids_entry__init);
	t->ids = pool_msg(m->pool, TaskKobjIdsEntry, task_kobj_ids_entry__init);
	m->inventory->root_ids->has_user_ns_id = m->inventory->root_ids->has_pid_ns_id = 1;
	m->inventory->root_ids->user_ns_id = 1;
	m->inventory->root_ids->pid_ns_id = 2;
	t->ids->has_user_ns_id = t->ids->has_pid_ns_id = 1;
	t->ids->user_ns_id = NS_ID;
	t->ids->pid_ns_id = NS_ID + 1;
	r = ns_read(m, e);
	image_dir_free(m->dir);
	remove_dir(path);
	return r;
}

/* The same map for users and groups. */
static int read_map(struct model *m, const uint32_t (*v)[3], size_t n, struct err *e)
{
	UsernsEntry u = USERNS_ENTRY__INIT;

	for (size_t i = 0; i < n; i++) {
		UidGidExtent *x = pool_msg(m->pool, UidGidExtent, uid_gid_extent__init);

		x->first = v[i][0];
		x->lower_first = v[i][1];
		x->count = v[i][2];
		pool_push(m->pool, u.uid_map, u.n_uid_map, x);
	}
	u.gid_map = u.uid_map;
	u.n_gid_map = u.n_uid_map;
	u.has_setgroups_deny = u.setgroups_deny = 1;
	u.has_owner = 1;
	u.owner = 12;
	return through_image(m, &u, e);
}

static void test_good(void **state)
{
	static const uint32_t v[][3] = { { 0, 1000, 10 }, { 10, 0, 5 }, { 4294967294u, 99, 1 } };
	struct model *m = model_new(NULL);
	struct err e = { 0 };
	uint32_t id = 0;

	assert_int_equal(read_map(m, v, 3, &e), 0);
	assert_true(model_uid_out(m, 14, &id));
	assert_int_equal(id, 4);
	assert_true(model_gid_in(m, 1009, &id));
	assert_int_equal(id, 9);
	assert_true(m->groups_fixed && m->has_user_owner);
	assert_int_equal(m->user_owner, 12);
	model_free(m);
}

static void refused(const uint32_t (*v)[3], size_t n)
{
	struct model *m = model_new(NULL);
	struct err e = { 0 };

	assert_int_equal(read_map(m, v, n, &e), -EINVAL);
	assert_int_equal(e.class, ERR_IMAGE);
	model_free(m);
}

static void test_bad(void **state)
{
	static const uint32_t empty[][3] = { { 0, 0, 0 } };
	static const uint32_t past_end[][3] = { { 4294967290u, 0, 10 } };
	static const uint32_t past_our_end[][3] = { { 0, 4294967290u, 10 } };
	static const uint32_t inside_twice[][3] = { { 0, 1000, 10 }, { 9, 2000, 10 } };
	static const uint32_t ours_twice[][3] = { { 0, 1000, 10 }, { 100, 1009, 1 } };

	refused(empty, 1);
	refused(past_end, 1);
	refused(past_our_end, 1);
	refused(inside_twice, 2);
	refused(ours_twice, 2);
}

static void test_too_many_lines(void **state)
{
	static uint32_t v[ID_EXTENTS_MAX + 1][3];

	for (uint32_t i = 0; i <= ID_EXTENTS_MAX; i++) {
		v[i][0] = v[i][1] = i;
		v[i][2] = 1;
	}
	refused((const uint32_t(*)[3])v, ID_EXTENTS_MAX + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_too_many_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
