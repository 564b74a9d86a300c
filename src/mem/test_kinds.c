// SPDX-License-Identifier: GPL-2.0-or-later
/* Which kind a mapping is of, by its line in maps and by its bits in an image. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "mem/mem-internal.h"

static const struct mem_state state = { .shm_dev = 1, .own_ipc = true };

static void test_host(void **s)
{
	struct map_line l = {
		.name = "/SYSV00000000 (deleted)", .ino = 5, .dev = 1, .shared = true
	};
	struct mem_state host = { .shm_dev = 1 };

	assert_ptr_equal(vma_kind_of_line(&host, &l), &kind_sysv_host);
	l.dev = 2;
	assert_ptr_equal(vma_kind_of_line(&host, &l), &kind_hugetlb);
}

static const struct {
	struct map_line line;
	const struct vma_kind *kind;
} lines[] = {
	{ { .name = "" }, &kind_anon },
	{ { .name = "[heap]" }, &kind_anon },
	{ { .name = "[stack]" }, &kind_anon },
	{ { .name = "[anon:arena]" }, &kind_anon },
	{ { .name = "[vdso]" }, &kind_vdso },
	{ { .name = "[vvar]", .vm = VM_IO }, &kind_vvar },
	{ { .name = "[vvar_vclock]", .vm = VM_IO }, &kind_vvar },
	{ { .name = "[vsyscall]" }, &kind_vsyscall },
	{ { .name = "[uprobes]" }, &kind_uprobes },
	{ { .name = "/usr/bin/x", .ino = 5, .dev = 2 }, &kind_file_private },
	{ { .name = "/usr/bin/x (deleted)", .ino = 5, .dev = 2 }, &kind_file_private },
	{ { .name = "/srv/db", .ino = 5, .dev = 2, .shared = true }, &kind_file_shared },
	{ { .name = "/dev/zero", .ino = 5, .dev = 2 }, &kind_file_private },
	{ { .name = "/dev/shm/x", .ino = 5, .dev = 2, .shared = true }, &kind_file_shared },
	{ { .name = "/dev/zero (deleted)", .ino = 5, .dev = 1, .shared = true }, &kind_shmem },
	{ { .name = "[anon_shmem:x]", .ino = 5, .dev = 1, .shared = true }, &kind_shmem },
	/* the name alone does not make it shared anonymous memory */
	{ { .name = "/dev/zero (deleted)", .ino = 5, .dev = 2, .shared = true },
	  &kind_file_shared },
	{ { .name = "/SYSV00000000 (deleted)", .ino = 5, .dev = 1, .shared = true }, &kind_sysv },
	{ { .name = "/memfd:x (deleted)", .ino = 5, .dev = 1, .shared = true },
	  &kind_memfd_shared },
	{ { .name = "/memfd:x (deleted)", .ino = 5, .dev = 1 }, &kind_memfd_private },
	{ { .name = "/memfd:x (deleted)", .ino = 5, .dev = 3 }, &kind_hugetlb },
	{ { .name = "/drm mm object (deleted)", .ino = 5, .dev = 1 }, &kind_shm_other },
	{ { .name = "/anon_hugepage (deleted)", .ino = 5, .dev = 3 }, &kind_hugetlb },
	{ { .name = "", .vm = VM_HUGETLB }, &kind_hugetlb },
	{ { .name = "/[aio] (deleted)", .ino = 5, .dev = 3 }, &kind_aio },
	{ { .name = "anon_inode:[io_uring]", .ino = 5, .dev = 3 }, &kind_io_uring },
	{ { .name = "anon_inode:[perf_event]", .ino = 5, .dev = 3 }, &kind_perf },
	{ { .name = "anon_inode:bpf-map", .ino = 5, .dev = 3 }, &kind_anon_inode },
	{ { .name = "/secretmem (deleted)", .ino = 5, .dev = 3 }, &kind_secretmem },
	{ { .name = "socket:[1]", .ino = 1, .dev = 3 }, &kind_socket },
	{ { .name = "/dev/mem", .ino = 1, .dev = 2, .vm = VM_IO }, &kind_device },
	{ { .name = "", .vm = VM_UFFD }, &kind_uffd },
	{ { .name = "", .prot = PROT_READ, .pkey = 3 }, &kind_pkey },
	{ { .name = "", .prot = PROT_EXEC, .pkey = 3 }, &kind_anon },
	{ { .name = "", .vm = VM_SHADOW_STACK }, &kind_shadow_stack },
};

static void test_lines(void **s)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const struct vma_kind *k = vma_kind_of_line(&state, &lines[i].line);

		assert_non_null(k);
		assert_string_equal(k->name, lines[i].kind->name);
	}
}

static const struct vma_kind *of(uint32_t status)
{
	VmaEntry ve = VMA_ENTRY__INIT;

	ve.status = status;
	return vma_kind_of_entry(&ve);
}

static void test_entries(void **s)
{
	VmaEntry huge = VMA_ENTRY__INIT;

	assert_ptr_equal(of(VMA_REGULAR | VMA_ANON_PRIVATE), &kind_anon);
	assert_ptr_equal(of(VMA_REGULAR | VMA_ANON_PRIVATE | VMA_HEAP), &kind_anon);
	assert_ptr_equal(of(VMA_REGULAR | VMA_ANON_PRIVATE | VMA_STACK), &kind_anon);
	assert_ptr_equal(of(VMA_REGULAR | VMA_ANON_PRIVATE | VMA_VDSO), &kind_vdso);
	assert_ptr_equal(of(VMA_REGULAR | VMA_ANON_PRIVATE | VMA_VVAR), &kind_vvar);
	assert_ptr_equal(of(VMA_ANON_PRIVATE | VMA_VSYSCALL), &kind_vsyscall);
	assert_ptr_equal(of(VMA_REGULAR | VMA_FILE_PRIVATE), &kind_file_private);
	assert_ptr_equal(of(VMA_REGULAR | VMA_FILE_SHARED), &kind_file_shared);
	assert_ptr_equal(of(VMA_REGULAR | VMA_ANON_SHARED), &kind_shmem);
	assert_ptr_equal(of(VMA_REGULAR | VMA_ANON_SHARED | VMA_SYSVIPC), &kind_sysv);
	assert_ptr_equal(of(VMA_REGULAR | VMA_FILE_SHARED | VMA_MEMFD), &kind_memfd_shared);
	assert_ptr_equal(of(VMA_REGULAR | VMA_FILE_PRIVATE | VMA_MEMFD), &kind_memfd_private);
	assert_ptr_equal(of(VMA_REGULAR | VMA_ANON_PRIVATE | VMA_AIORING), &kind_aio);
	assert_ptr_equal(of(VMA_SOCKET | VMA_FILE_SHARED), &kind_socket);
	assert_null(of(0));
	assert_null(of(VMA_REGULAR));
	assert_null(of(1u << 30));
	huge.flags = MAP_HUGETLB | MAP_PRIVATE;
	huge.status = VMA_REGULAR | VMA_ANON_PRIVATE;
	assert_ptr_equal(vma_kind_of_entry(&huge), &kind_hugetlb);
}

/* What takes any line comes last; what is refused says why. */
static void test_table(void **s)
{
	size_t n = 0;

	for (; vma_kinds[n]; n++) {
		const struct vma_kind *k = vma_kinds[n];

		assert_non_null(k->name);
		assert_non_null(k->match);
		assert_true(k->why || k->dump);
		assert_int_equal(k->status & ~k->mask, 0);
		for (size_t i = 0; i < n; i++)
			assert_string_not_equal(k->name, vma_kinds[i]->name);
	}
	assert_ptr_equal(vma_kinds[n - 1], &kind_anon);
}

static void test_refusal(void **s)
{
	struct err e = { 0 };

	assert_int_equal(vma_refuse(&kind_io_uring, 42, 0x1000, 0x3000, "anon_inode:[io_uring]",
				    &e),
			 -EOPNOTSUPP);
	assert_int_equal(e.class, ERR_UNSUPPORTED);
	assert_non_null(strstr(e.object, "1000-3000 of pid 42"));
	assert_non_null(strstr(e.object, "io_uring"));
	assert_non_null(strstr(e.hint, "io_uring_disabled"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host),	cmocka_unit_test(test_lines),
		cmocka_unit_test(test_entries), cmocka_unit_test(test_table),
		cmocka_unit_test(test_refusal),
	};

	return cmocka_run_group_tests_name("kinds", tests, NULL, NULL);
}
