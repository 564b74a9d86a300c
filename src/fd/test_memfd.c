// SPDX-License-Identifier: GPL-2.0-or-later
/* memfd.img as it should be and as it should not: each fault is refused with its reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "fd/file_kind.h"
#include "model/images_expect.h"

#define PID 7

struct subject {
	FownEntry fown;
	MemfdFileEntry file;
	MemfdInodeEntry inode[2];
};

static void subject_init(struct subject *s)
{
	fown_entry__init(&s->fown);
	memfd_file_entry__init(&s->file);
	s->file.id = 1;
	s->file.inode_id = 5;
	s->file.fown = &s->fown;
	for (uint32_t i = 0; i < 2; i++) {
		memfd_inode_entry__init(&s->inode[i]);
		s->inode[i].name = "x";
		s->inode[i].inode_id = 5 + i;
		s->inode[i].shmid = 70 + i;
		s->inode[i].seals = F_SEAL_SEAL;
	}
}

static void put(struct image_dir *d, enum image_id id, unsigned long num,
		const ProtobufCMessage *const *v, size_t n)
{
	struct image_out *o;
	struct err e = { 0 };

	assert_int_equal(image_create(d, id, num, &o, &e), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(image_put(o, v[i], &e), 0);
	assert_int_equal(image_out_close(o, &e), 0);
}

static void subject_write(void *subject, const char *path)
{
	struct subject *s = subject;
	const ProtobufCMessage *inodes[2] = { &s->inode[0].base, &s->inode[1].base }, *one;
	FdinfoEntry fd = FDINFO_ENTRY__INIT;
	FileEntry fe = FILE_ENTRY__INIT;
	struct pool *pool = pool_new();
	struct image_dir *d;
	struct err e = { 0 };

	fe.id = fd.id = 1;
	fe.type = fd.type = FD_TYPES__MEMFD;
	fe.memfd = &s->file;
	assert_int_equal(image_dir_create(&d, path, pool, &e), 0);
	one = &fe.base;
	put(d, IMG_FILES, 0, &one, 1);
	one = &fd.base;
	put(d, IMG_FDINFO, PID, &one, 1);
	put(d, IMG_MEMFD_INODE, 0, inodes, 2);
	assert_int_equal(image_dir_commit(d, false, &e), 0);
	image_dir_free(d);
	pool_free(pool);
}

static void check_right(void *subject, struct model *m)
{
	assert_int_equal(m->n_shmems, 2);
	assert_int_equal(m->shmems[0]->shmid, 70);
	assert_non_null(m->shmems[0]->make);
}

static void expect(struct subject *s, const char *want)
{
	static const struct images_case c = { PID, subject_write, fd_read, check_right };

	images_expect(&c, s, want);
}

static void test_memfds(void **state)
{
	char name[300];
	struct subject s;

	memset(name, 'x', sizeof(name));
	name[250] = 0;
	subject_init(&s);
	expect(&s, NULL);
	BAD(s.file.pos = UINT64_MAX, "out of range");
	BAD(s.file.inode_id = 9, "there is no memfd 9");
	BAD(s.inode[1].inode_id = 5, "two memfds have the number 5");
	BAD(s.inode[1].shmid = 70, "another object's");
	BAD(s.inode[0].name = name, "too long");
	BAD(s.inode[0].size = UINT64_MAX, "out of range");
	BAD(s.inode[0].seals = 0x4000, "out of range");
	BAD((s.inode[0].has_mode = 1, s.inode[0].mode = 0100644), "out of range");
	BAD((s.inode[0].has_hugetlb_flag = 1, s.inode[0].hugetlb_flag = 1), "MFD_HUGETLB");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_memfds) };

	return cmocka_run_group_tests_name("memfd", tests, NULL, NULL);
}
