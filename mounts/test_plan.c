/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From two trees to the program: what is kept, taken away, made, and in which
 * order. Mount points and sources are such as every machine has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "mounts/mounts-internal.h"

#define ARENA (1 << 20)

struct fixture {
	struct model *m;
	struct mounts_state *s;
	struct err_list problems;
	struct arena arena;
	struct prog p;
	void *mem;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e = { 0 };

	f->m = model_new(NULL);
	f->s = pool_alloc(f->m->pool, sizeof(*f->s));
	f->m->mnt_state = f->s;
	f->mem = aligned_alloc(4096, ARENA);
	memset(f->mem, 0, ARENA);
	*state = f;
	if (arena_init(&f->arena, f->mem, ARENA, &e))
		return -1;
	prog_init(&f->p, &f->arena);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	prog_free(&f->p);
	err_list_free(&f->problems);
	model_free(f->m);
	free(f->mem);
	free(f);
	return 0;
}

static void read_tree(struct fixture *f, struct mnt_tree *t, const char *text, bool stands)
{
	struct err e = { 0 };

	assert_int_equal(mnt_tree_parse_mountinfo(f->m->pool, pool_strdup(f->m->pool, text), t, &e),
			 0);
	for (size_t i = 0; i < t->n; i++)
		t->v[i]->stands = stands;
}

/* @own: ids of mounts whose filesystem is the tree's own, 0-ended. */
static void plan(struct fixture *f, const char *ours, const char *tree, const uint32_t *own)
{
	read_tree(f, &f->s->ours, ours, true);
	read_tree(f, &f->s->tree, tree, false);
	for (size_t i = 0; i < f->s->tree.n; i++)
		f->s->tree.v[i]->outside = true;
	for (; own && *own; own++)
		mnt_tree_by_id(&f->s->tree, *own)->outside = false;
	mounts_plan(f->m, f->s, &f->problems);
}

static void build(struct fixture *f)
{
	struct maker mk = { .m = f->m, .p = &f->p };
	struct err e = { 0 };

	assert_int_equal(f->problems.n, 0);
	assert_int_equal(mounts_build(&mk, &e), 0);
}

/* Index of the call with that number whose argument @arg is the path; -1 when there is none. */
static int call_at(const struct fixture *f, long nr, int arg, const char *path)
{
	for (size_t i = 0; i < f->p.n; i++) {
		const struct sv_call *c = &f->p.calls[i];

		if ((long)SV_NR(c->nr) == nr && c->a[arg] &&
		    !strcmp((const char *)(uintptr_t)c->a[arg], path))
			return (int)i;
	}
	return -1;
}

#define ROOT "20 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
#define PROC "21 20 0:21 / /proc rw,relatime - proc proc rw\n"
#define SYS "22 20 0:22 / /sys rw,relatime - sysfs sysfs rw\n"

static void test_same_needs_nothing(void **state)
{
	struct fixture *f = *state;

	plan(f, ROOT PROC SYS, ROOT PROC SYS, NULL);
	build(f);
	assert_int_equal(f->s->n_order, 0);
	assert_int_equal(f->s->n_away, 0);
	assert_int_equal(f->p.n, 1); /* only our propagation is cut off */
	assert_int_equal(f->p.calls[0].a[3], MS_REC | MS_PRIVATE);
}

static void test_own_proc_over_the_old(void **state)
{
	struct fixture *f = *state;
	const uint32_t own[] = { 40, 0 };

	plan(f, ROOT PROC, ROOT PROC "40 21 0:40 / /proc rw,nosuid,relatime - proc proc rw\n", own);
	build(f);
	assert_int_equal(f->s->n_away, 0);
	assert_int_equal(f->s->n_order, 1);
	assert_true(call_at(f, SYS_mount, 1, "/proc") > 0);
	assert_true(call_at(f, SYS_mount_setattr, 1, "/proc") > call_at(f, SYS_mount, 1, "/proc"));
}

static void test_copies_go_away(void **state)
{
	struct fixture *f = *state;

	/* Only the topmost: what stands on it goes along. */
	plan(f, ROOT PROC SYS "23 22 0:23 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n", ROOT PROC, NULL);
	build(f);
	assert_int_equal(f->s->n_away, 1);
	assert_true(call_at(f, SYS_umount2, 0, "/sys") > 0);
}

static void test_hidden_copy_in_the_way(void **state)
{
	struct fixture *f = *state;

	/* Ours has a mount under the kept one that the tree lacks. */
	plan(f, ROOT PROC "23 21 0:23 / /proc/fs rw - x y rw\n24 21 0:24 / /proc rw - proc z rw\n",
	     ROOT PROC "24 21 0:24 / /proc rw - proc z rw\n", NULL);
	assert_int_equal(f->problems.n, 1);
	assert_non_null(strstr(f->problems.v[0].object, "/proc/fs"));
}

static void test_tmpfs_with_mounts_in_it(void **state)
{
	struct fixture *f = *state;
	const uint32_t own[] = { 40, 41, 0 };
	int tmp, dir, inner;

	/* The image has the newest first. */
	plan(f, ROOT PROC,
	     "41 40 0:41 / /tmp/a/b rw,relatime - proc proc rw\n"
	     "40 20 0:40 / /tmp ro,relatime - tmpfs t ro,size=4k\n" PROC ROOT,
	     own);
	build(f);
	tmp = call_at(f, SYS_mount, 1, "/tmp");
	dir = call_at(f, SYS_mkdir, 0, "/tmp/a/b");
	inner = call_at(f, SYS_mount, 1, "/tmp/a/b");
	assert_true(tmp > 0 && tmp < dir && dir < inner);
	assert_true(call_at(f, SYS_mkdir, 0, "/tmp/a") < dir);
	/* Read-only comes after the directories, and for the filesystem after its content. */
	assert_true(call_at(f, SYS_mount_setattr, 1, "/tmp") > dir);
	assert_int_equal(f->p.calls[tmp].a[3] & MS_RDONLY, 0);
	assert_string_equal((char *)(uintptr_t)f->p.calls[tmp].a[4], "size=4k");
}

static void test_bind_is_opened_before_its_source_goes(void **state)
{
	struct fixture *f = *state;
	int src, gone, put;

	plan(f, ROOT PROC SYS, ROOT PROC "40 20 0:22 /kernel /tmp rw,relatime - sysfs sysfs rw\n",
	     NULL);
	build(f);
	src = call_at(f, SYS_open_tree, 1, "/sys/kernel");
	gone = call_at(f, SYS_umount2, 0, "/sys");
	put = call_at(f, SYS_move_mount, 3, "/tmp");
	assert_true(src > 0 && src < gone && gone < put);
	assert_true(f->p.calls[put].nr & SV_REF);
}

static void test_hiding_mount_comes_last(void **state)
{
	struct fixture *f = *state;
	const uint32_t own[] = { 40, 41, 42, 0 };

	/* 42 stands on 40's parent and hides it; 41 is under it. */
	plan(f, ROOT PROC,
	     "40 20 0:40 / /tmp rw,relatime - tmpfs a rw\n"
	     "42 40 0:42 / /tmp rw,relatime - tmpfs c rw\n"
	     "41 40 0:41 / /tmp/x rw,relatime - proc proc rw\n" PROC ROOT,
	     own);
	build(f);
	assert_int_equal(f->s->n_order, 3);
	assert_int_equal(f->s->order[0]->id, 40);
	assert_int_equal(f->s->order[1]->id, 41);
	assert_int_equal(f->s->order[2]->id, 42);
}

static void test_problems_are_all_named(void **state)
{
	struct fixture *f = *state;
	const uint32_t own[] = { 41, 0 };

	plan(f, ROOT PROC,
	     "40 20 8:1 / /no/such/dir rw,relatime - xfs /dev/sda1 rw\n"
	     "41 20 0:41 / /tmp rw,relatime - ramfs r rw\n"
	     "42 20 254:0 /no/such/source /var rw,relatime - ext4 /dev/vda rw\n" PROC ROOT,
	     own);
	assert_int_equal(f->problems.n, 4);
	for (size_t i = 0; i < f->problems.n; i++)
		assert_int_equal(f->problems.v[i].class, ERR_CONFLICT);
}

static void test_other_root(void **state)
{
	struct fixture *f = *state;

	plan(f, ROOT, "20 1 254:0 /rootfs / rw,relatime - ext4 /dev/vda rw\n", NULL);
	assert_int_equal(f->problems.n, 1);
	assert_non_null(strstr(f->problems.v[0].why, "/rootfs"));
}

static void test_device_numbers_of_no_device(void **state)
{
	struct fixture *f = *state;

	/* After a reboot. */
	plan(f, ROOT "21 20 0:77 / /proc rw,relatime - proc proc rw\n", ROOT PROC, NULL);
	build(f);
	assert_int_equal(f->s->n_order, 0);
}

static void test_groups_masters_first(void **state)
{
	struct fixture *f = *state;
	const uint32_t own[] = { 40, 41, 0 };
	int shared, slave;

	plan(f, ROOT PROC,
	     "41 20 254:0 /etc /usr rw,relatime master:5 - ext4 /dev/vda rw\n"
	     "40 20 254:0 /etc /tmp rw,relatime shared:5 - ext4 /dev/vda rw\n" PROC ROOT,
	     own + 2);
	build(f);
	shared = call_at(f, SYS_mount, 1, "/tmp");
	assert_int_equal(f->p.calls[shared].a[3], MS_SHARED);
	slave = call_at(f, SYS_mount, 1, "/usr");
	assert_int_equal(f->p.calls[slave].a[3], MS_SLAVE);
	assert_true(shared < slave);
	assert_int_equal(f->p.calls[slave - 1].a[4], MOVE_MOUNT_SET_GROUP);
	/* Groups come when all stand. */
	assert_true(call_at(f, SYS_move_mount, 3, "/usr") < shared);
}

static void test_slaves_of_ours_are_not_cut_off(void **state)
{
	struct fixture *f = *state;

	plan(f,
	     "20 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
	     "21 20 0:21 / /proc rw,relatime shared:2 - proc proc rw\n",
	     "20 1 254:0 / / rw,relatime master:1 - ext4 /dev/vda rw\n" PROC, NULL);
	build(f);
	assert_int_equal(f->p.calls[0].a[3], MS_REC | MS_SLAVE);
	assert_int_equal(f->p.calls[call_at(f, SYS_mount, 1, "/proc")].a[3], MS_PRIVATE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_same_needs_nothing),
		T(test_own_proc_over_the_old),
		T(test_copies_go_away),
		T(test_hidden_copy_in_the_way),
		T(test_tmpfs_with_mounts_in_it),
		T(test_bind_is_opened_before_its_source_goes),
		T(test_hiding_mount_comes_last),
		T(test_problems_are_all_named),
		T(test_other_root),
		T(test_device_numbers_of_no_device),
		T(test_groups_masters_first),
		T(test_slaves_of_ours_are_not_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
