/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where saved cgroups are to be: --cgroup-root, other mounts, hostile images; and the texts of options and files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/pool.h"
#include "cgroup/tree-internal.h"

struct fixture {
	struct options o;
	struct model *m;
	struct cg_restore *c;
	struct cg_hier hiers[4];
	CgSetEntry *set;
	struct err e;
};

static CgMemberEntry *member(struct fixture *f, const char *name, const char *path)
{
	CgMemberEntry *mb = pool_msg(f->m->pool, CgMemberEntry, cg_member_entry__init);

	mb->name = pool_strdup(f->m->pool, name);
	mb->path = pool_strdup(f->m->pool, path);
	pool_push(f->m->pool, f->set->ctls, f->set->n_ctls, mb);
	return mb;
}

static CgroupDirEntry *dir(struct fixture *f, const char *ctl, const char *name)
{
	CgControllerEntry *c = pool_msg(f->m->pool, CgControllerEntry, cg_controller_entry__init);
	CgroupDirEntry *d = pool_msg(f->m->pool, CgroupDirEntry, cgroup_dir_entry__init);

	d->dir_name = pool_strdup(f->m->pool, name);
	pool_push(f->m->pool, c->cnames, c->n_cnames, pool_strdup(f->m->pool, ctl));
	pool_push(f->m->pool, c->dirs, c->n_dirs, d);
	pool_push(f->m->pool, f->c->image->controllers, f->c->image->n_controllers, c);
	return d;
}

static CgroupDirEntry *below(struct fixture *f, CgroupDirEntry *up, const char *name)
{
	CgroupDirEntry *d = pool_msg(f->m->pool, CgroupDirEntry, cgroup_dir_entry__init);

	d->dir_name = pool_strdup(f->m->pool, name);
	pool_push(f->m->pool, up->children, up->n_children, d);
	return d;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct task *t;

	options_init(&f->o);
	f->m = model_new(&f->o);
	f->m->inventory = pool_msg(f->m->pool, InventoryEntry, inventory_entry__init);
	f->m->inventory->root_ids =
		pool_msg(f->m->pool, TaskKobjIdsEntry, task_kobj_ids_entry__init);
	t = model_task_new(f->m, NULL);
	t->ids = f->m->inventory->root_ids;
	t->n_threads = 1;
	t->threads = pool_alloc(f->m->pool, sizeof(*t->threads));
	t->threads[0].task = t;
	t->threads[0].core = pool_msg(f->m->pool, CoreEntry, core_entry__init);
	t->threads[0].core->thread_core =
		pool_msg(f->m->pool, ThreadCoreEntry, thread_core_entry__init);
	t->threads[0].core->thread_core->has_cg_set = 1;
	t->threads[0].core->thread_core->cg_set = 2;
	f->c = pool_alloc(f->m->pool, sizeof(*f->c));
	f->c->image = pool_msg(f->m->pool, CgroupEntry, cgroup_entry__init);
	f->c->mode = CG_MODE_SOFT;
	f->c->asked = true;
	f->hiers[0] = (struct cg_hier){ "cpu,cpuacct", "/m/cpu", "/", "/", false };
	f->hiers[1] = (struct cg_hier){ "pids", "/m/pids", "/part", "/part/x", false };
	f->hiers[2] = (struct cg_hier){ "name=systemd", NULL, NULL, "/s", false };
	f->hiers[3] = (struct cg_hier){ "", "/nonexistent", "/", "/", true };
	f->c->hiers = (struct cg_hiers){ f->hiers, 4 };
	f->set = pool_msg(f->m->pool, CgSetEntry, cg_set_entry__init);
	f->set->id = 2;
	pool_push(f->m->pool, f->c->image->sets, f->c->image->n_sets, f->set);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->o.cgroup_roots);
	f->o.cgroup_roots = NULL;
	f->o.n_cgroup_roots = 0;
	options_free(&f->o);
	model_free(f->m);
	free(f);
	return 0;
}

static void root_option(struct fixture *f, char *text)
{
	f->o.cgroup_roots = realloc(f->o.cgroup_roots, 4 * sizeof(char *));
	f->o.cgroup_roots[f->o.n_cgroup_roots++] = text;
}

static void test_places(void **state)
{
	struct fixture *f = *state;

	member(f, "", "/box/c1");
	member(f, "cpu", "/box/c1");
	member(f, "name=systemd", "/s");
	member(f, "pids", "/part/c1");
	below(f, dir(f, "cpu", "box/c1"), "sub");
	assert_int_equal(cg_plan(f->m, f->c, &f->e), 0);
	assert_non_null(f->c->root);
	/* Where we are already on a hierarchy that is not mounted needs nothing. */
	assert_int_equal(f->c->root->n, 3);
	assert_string_equal(f->c->root->places[0].dir, "/nonexistent/box/c1");
	assert_string_equal(f->c->root->places[1].dir, "/m/cpu/box/c1");
	assert_string_equal(f->c->root->places[2].dir, "/m/pids/c1");
	assert_string_equal(f->c->nodes[0].dir, "/m/cpu/box/c1");
	assert_string_equal(f->c->nodes[1].dir, "/m/cpu/box/c1/sub");
}

static void test_other_roots(void **state)
{
	struct fixture *f = *state;

	member(f, "", "/box/c1/init");
	member(f, "cpu,cpuacct", "/box/c1/init");
	member(f, "pids", "/part/c1");
	dir(f, "cpuacct", "box/c1");
	dir(f, "", "box/c1");
	root_option(f, "//new/place/");
	root_option(f, "pids:part/deep");
	root_option(f, "nosuch:/x");
	assert_int_equal(cg_plan(f->m, f->c, &f->e), 0);
	assert_string_equal(f->c->root->places[0].path, "/new/place/init");
	assert_string_equal(f->c->root->places[1].dir, "/m/cpu/new/place/init");
	assert_string_equal(f->c->root->places[2].dir, "/m/pids/deep");
	f->m->cg_state = NULL;
	root_option(f, ":/a/../../b");
	assert_int_equal(cg_plan(f->m, f->c, &f->e), -EINVAL);
	assert_int_equal(f->e.class, ERR_USAGE);
}

static void test_missing(void **state)
{
	struct fixture *f = *state;

	member(f, "net_cls", "/");
	member(f, "memory", "/c1");
	assert_int_equal(cg_plan(f->m, f->c, &f->e), -ENOENT);
	assert_non_null(strstr(f->e.why, "memory"));
	assert_non_null(strstr(f->e.hint, "--manage-cgroups=ignore"));
	/* Nobody asked: a warning. */
	f->c->asked = false;
	memset(&f->e, 0, sizeof(f->e));
	f->c->n_nodes = f->c->n_targets = 0;
	assert_int_equal(cg_plan(f->m, f->c, &f->e), 0);
	assert_int_equal(f->c->root->n, 0);
}

/* A hostile image names nothing outside of the hierarchies. */
static void test_hostile(void **state)
{
	static const char *const paths[] = { "c1", "", "/../x", "/a//b", "/a/./b", "/a/.." };
	static const char *const names[] = { "..", "a/../b", "/a", "a//b" };
	struct fixture *f = *state;
	CgMemberEntry *mb = member(f, "cpu", "/c1");
	CgroupDirEntry *d = dir(f, "cpu", "c1"), *kid = below(f, d, "x");
	CgroupPropEntry *p = pool_msg(f->m->pool, CgroupPropEntry, cgroup_prop_entry__init);

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		mb->path = (char *)paths[i];
		assert_int_equal(cg_plan(f->m, f->c, &f->e), -EINVAL);
		assert_int_equal(f->e.class, ERR_IMAGE);
	}
	mb->path = "/c1/x";
	mb->has_cgns_prefix = 1;
	mb->cgns_prefix = 2;
	assert_int_equal(cg_plan(f->m, f->c, &f->e), -EINVAL);
	mb->cgns_prefix = 4000000000u;
	assert_int_equal(cg_plan(f->m, f->c, &f->e), -EINVAL);
	mb->cgns_prefix = 3;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		d->dir_name = (char *)names[i];
		assert_int_equal(cg_plan(f->m, f->c, &f->e), -EINVAL);
	}
	d->dir_name = "c1";
	kid->dir_name = "a/b";
	assert_int_equal(cg_plan(f->m, f->c, &f->e), -EINVAL);
	kid->dir_name = "x";
	pool_push(f->m->pool, kid->properties, kid->n_properties, p);
	p->name = "../cgroup.procs";
	assert_int_equal(cg_plan(f->m, f->c, &f->e), -EINVAL);
	p->name = "cpu.shares";
	assert_int_equal(cg_plan(f->m, f->c, &f->e), 0);
	f->m->root->threads[0].core->thread_core->cg_set = 9;
	assert_int_equal(cg_plan(f->m, f->c, &f->e), -EINVAL);
	assert_non_null(strstr(f->e.why, "set 9"));
}

static void test_props(void **state)
{
	struct fixture *f = *state;
	const struct cg_hier *cpu = &f->hiers[0], *v2 = &f->hiers[3];

	assert_non_null(cg_prop_saved(cpu, "cpu.shares"));
	assert_non_null(cg_prop_saved(cpu, "cpuacct.something"));
	assert_null(cg_prop_saved(cpu, "memory.limit_in_bytes"));
	assert_null(cg_prop_saved(cpu, "release_agent"));
	assert_int_equal(cg_prop_saved(cpu, "tasks")->when, CG_PERMS);
	assert_int_equal(cg_prop_saved(v2, "cgroup.procs")->when, CG_PERMS);
	assert_non_null(cg_prop_saved(v2, "hugetlb.2MB.max"));
	assert_non_null(cg_prop_saved(v2, "memory.new_thing"));
	assert_null(cg_prop_saved(v2, "memory.reclaim"));
	assert_null(cg_prop_saved(v2, "cgroup.kill"));
	assert_true(cg_prop_rank(cg_prop_saved(cpu, "cpu.cfs_period_us")) <
		    cg_prop_rank(cg_prop_saved(cpu, "cpu.cfs_quota_us")));
}

static int specs(struct fixture *f, const char *text, struct cg_specs *ret)
{
	*ret = (struct cg_specs){ 0 };
	return cg_specs_parse(f->m->pool, pool_strdup(f->m->pool, text), "test", ret, &f->e);
}

static void test_specs(void **state)
{
	struct fixture *f = *state;
	const struct cg_hier *cpu = &f->hiers[0];
	struct cg_specs s;

	assert_int_equal(specs(f,
			       "---\n\"cpu\":\n - \"strategy\": \"replace\"\n"
			       " - \"properties\": [\"cpu.shares\", cpu.new]\n"
			       "pids:\n - properties: [pids.peak]\n",
			       &s),
			 0);
	assert_int_equal(s.n, 2);
	assert_non_null(cg_prop_of(cpu, &s, "cpu.shares"));
	assert_non_null(cg_prop_of(cpu, &s, "cpu.new"));
	assert_null(cg_prop_of(cpu, &s, "cpu.cfs_quota_us"));
	assert_non_null(cg_prop_of(cpu, &s, "notify_on_release"));
	assert_non_null(cg_prop_of(&f->hiers[1], &s, "pids.peak"));
	assert_non_null(cg_prop_of(&f->hiers[3], &s, "pids.max"));
	assert_int_equal(specs(f, "", &s), 0);
	assert_int_equal(specs(f, "cpu\n", &s), -EINVAL);
	assert_int_equal(specs(f, "cpu:\n - properties: [", &s), -EINVAL);
	assert_int_equal(specs(f, "cpu:\n - properties: [a/b]", &s), -EINVAL);
	assert_int_equal(specs(f, "cpu:\n - properties: [\"a]", &s), -EINVAL);
	assert_int_equal(specs(f, "cpu:\n - strategy: often\n", &s), -EINVAL);
	assert_non_null(strstr(f->e.why, "line 2"));
}

static void test_lines(void **state)
{
	static const char text[] = "5:cpu,cpuacct:/a:b\n3:name=systemd:/s\n0::/u\n";
	const char *p;
	size_t n;

	p = cg_line(text, "cpu,cpuacct", &n);
	assert_true(p && n == 4 && !memcmp(p, "/a:b", 4));
	p = cg_line(text, "", &n);
	assert_true(p && n == 2 && !memcmp(p, "/u", 2));
	assert_null(cg_line(text, "cpu", &n));
	assert_true(cg_has_name("a,bc", "bc", 2));
	assert_false(cg_has_name("a,bcd", "bc", 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_places, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_roots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_props, setup, teardown),
		cmocka_unit_test_setup_teardown(test_specs, setup, teardown),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
