// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory images of one small task: read, compiled into a program, and refused
 * with the reason when anything in them is not right.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/abi.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "mem/mem-internal.h"

#define PID 5
#define N_VMAS 6
/* Places in the array of mappings. */
enum { TEXT, DATA, HEAP, SHM, STACK, VSYS };

/* What is written into the images; tests change it first. */
struct subject {
	MmEntry mm;
	VmaEntry v[N_VMAS], *list[N_VMAS];
	uint64_t auxv[4];
	uint64_t run; /* address of the stored page */
};

struct fixture {
	struct subject s;
	struct model *m;
	struct task *t;
	char path[64];
	uint64_t page;
};

static void vma(struct subject *s, int i, uint64_t start, uint64_t pages, unsigned prot,
		unsigned flags, unsigned status)
{
	VmaEntry *ve = &s->v[i];

	vma_entry__init(ve);
	ve->start = start;
	ve->end = start + pages * page_size();
	ve->prot = prot;
	ve->flags = flags;
	ve->status = status;
	ve->fd = -1;
	s->list[i] = ve;
}

static void subject_init(struct subject *s)
{
	uint64_t page = page_size();

	mm_entry__init(&s->mm);
	vma(s, TEXT, 0x400000, 4, PROT_READ | PROT_EXEC, MAP_PRIVATE,
	    VMA_REGULAR | VMA_FILE_PRIVATE);
	s->v[TEXT].shmid = 1;
	vma(s, DATA, 0x400000 + 4 * page, 2, PROT_READ, MAP_PRIVATE,
	    VMA_REGULAR | VMA_FILE_PRIVATE);
	s->v[DATA].shmid = 1;
	s->v[DATA].pgoff = 4 * page;
	vma(s, HEAP, 0x10000000, 3, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	    VMA_REGULAR | VMA_ANON_PRIVATE | VMA_HEAP);
	vma(s, SHM, 0x7f0000000000, 2, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	    VMA_REGULAR | VMA_ANON_SHARED);
	s->v[SHM].shmid = 77;
	vma(s, STACK, 0x7ffc00000000, 33, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, VMA_REGULAR | VMA_ANON_PRIVATE);
	vma(s, VSYS, 0xffffffffff600000, 1, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
	    VMA_VSYSCALL | VMA_ANON_PRIVATE);
	s->mm.vmas = s->list;
	s->mm.n_vmas = N_VMAS;
	s->mm.mm_start_code = 0x400000;
	s->mm.mm_end_code = 0x403000;
	s->mm.mm_start_data = s->mm.mm_end_data = 0x404000;
	s->mm.mm_start_brk = 0x10000000;
	s->mm.mm_brk = 0x10000123;
	s->mm.mm_start_stack = s->mm.mm_arg_start = s->mm.mm_arg_end = 0x7ffc00020000;
	s->mm.mm_env_start = s->mm.mm_env_end = 0x7ffc00020000;
	s->mm.exe_file_id = 1;
	s->auxv[0] = AT_PAGESZ;
	s->auxv[1] = page;
	s->mm.mm_saved_auxv = s->auxv;
	s->mm.n_mm_saved_auxv = 2;
	s->run = s->v[DATA].start;
}

static void subject_write(struct fixture *f)
{
	struct pool *pool = pool_new();
	struct image_dir *d;
	struct image_pages *out;
	struct err e = { 0 };
	char *page = malloc(f->page);

	memset(page, 7, f->page);
	assert_int_equal(image_dir_create(&d, f->path, pool, &e), 0);
	assert_int_equal(image_put_one(d, IMG_MM, PID, &f->s.mm.base, &e), 0);
	assert_int_equal(image_pages_create(d, IMG_PAGEMAP, PID, &out, &e), 0);
	assert_int_equal(pwrite_all(image_pages_fd(out), page, f->page, 0), 0);
	assert_int_equal(image_pages_run(out, f->s.run, 1, &e), 0);
	assert_int_equal(image_pages_close(out, &e), 0);
	assert_int_equal(image_dir_commit(d, false, &e), 0);
	image_dir_free(d);
	pool_free(pool);
	free(page);
}

/* The only file of the checkpoint, as fd/ would have read it. */
static void add_file(struct model *m)
{
	struct file_obj *f = model_file_new(m);

	f->entry = pool_msg(m->pool, FileEntry, file_entry__init);
	f->entry->type = FD_TYPES__REG;
	m->file_index = m->files;
}

static int subject_read(struct fixture *f, struct err *e)
{
	bool foreign;

	subject_write(f);
	f->m = model_new(NULL);
	f->t = model_task_new(f->m, NULL);
	f->t->pid = PID;
	add_file(f->m);
	assert_int_equal(image_dir_open(&f->m->dir, f->path, f->m->pool, &foreign, e), 0);
	return mem_read(f->m, e);
}

static void done(struct fixture *f)
{
	char cmd[128];

	image_dir_free(f->m->dir);
	mem_close(f->m);
	model_free(f->m);
	snprintf(cmd, sizeof(cmd), "rm -r %s", f->path);
	assert_int_equal(system(cmd), 0);
}

static void begin(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->page = page_size();
	subject_init(&f->s);
	strcpy(f->path, "/tmp/stasis-test-XXXXXX");
	assert_non_null(mkdtemp(f->path));
}

static int file_for_map(struct model *m, struct file_obj *f, int root_fd, bool writable,
			int *ret_fd, struct err *e)
{
	*ret_fd = writable ? 101 : 100;
	return 0;
}

static const struct sv_call *call_at(const struct prog *p, uint64_t nr, uint64_t addr)
{
	for (size_t i = 0; i < p->n; i++)
		if (SV_NR(p->calls[i].nr) == nr && p->calls[i].a[0] == addr)
			return &p->calls[i];
	return NULL;
}

static size_t index_of(const struct prog *p, const struct sv_call *c)
{
	assert_non_null(c);
	return (size_t)(c - p->calls);
}

static void test_build(void **state)
{
	static const struct mem_file_ops ops = { .file_for_map = file_for_map };
	struct fixture f;
	struct prog p;
	struct arena a;
	struct err e = { 0 };
	const struct sv_call *map, *protect, *mm;
	size_t len = 1 << 20;
	void *base;

	begin(&f);
	f.s.v[HEAP].has_madv = 1;
	f.s.v[HEAP].madv = 1ull << MADV_DONTFORK;
	f.s.v[STACK].flags |= MAP_LOCKED;
	assert_int_equal(subject_read(&f, &e), 0);
	assert_int_equal(f.t->n_vmas, N_VMAS - 1);
	base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(arena_init(&a, base, len, &e), 0);
	prog_init(&p, &a);
	f.m->shmems[0]->fd = 102;
	{
		struct build b = { .m = f.m, .t = f.t, .p = &p };

		assert_int_equal(mem_build(&b, &ops, -1, &e), 0);
		f.m->shmems[0]->fd = -EBADF;
		/* the file once for exe and mappings, the shared object, the pages */
		assert_int_equal(b.n_slots, 3);
	}
	mm = call_at(&p, SYS_prctl, PR_SET_MM);
	map = call_at(&p, SYS_mmap, f.s.v[DATA].start);
	protect = call_at(&p, SYS_mprotect, f.s.v[DATA].start);
	assert_true(index_of(&p, mm) < index_of(&p, map));
	assert_true(index_of(&p, map) < index_of(&p, protect));
	/* The stored page makes it writable for a while. */
	assert_int_equal(map->a[2], PROT_READ | PROT_WRITE);
	assert_int_equal(protect->a[2], PROT_READ);
	assert_int_equal(call_at(&p, SYS_mmap, f.s.v[TEXT].start)->a[2], PROT_READ | PROT_EXEC);
	assert_true(call_at(&p, SYS_mmap, f.s.v[STACK].start)->a[3] & MAP_GROWSDOWN);
	assert_int_equal(call_at(&p, SYS_madvise, f.s.v[HEAP].start)->a[2], MADV_DONTFORK);
	assert_non_null(call_at(&p, SYS_mlock2, f.s.v[STACK].start));
	assert_null(call_at(&p, SYS_mmap, f.s.v[VSYS].start));
	prog_free(&p);
	munmap(base, len);
	done(&f);
}

static void c_unaligned(struct subject *s)
{
	s->v[HEAP].start++;
}
static void c_backwards(struct subject *s)
{
	s->v[HEAP].end = s->v[HEAP].start;
}
static void c_kernel(struct subject *s)
{
	s->v[STACK].end = 1ull << 63;
}
static void c_overlap(struct subject *s)
{
	s->v[DATA].start = s->v[TEXT].start;
}
static void c_status(struct subject *s)
{
	s->v[HEAP].status = 1u << 29;
}
static void c_flags(struct subject *s)
{
	s->v[HEAP].flags |= 1u << 30;
}
static void c_prot(struct subject *s)
{
	s->v[HEAP].prot = 0x10;
}
static void c_type(struct subject *s)
{
	s->v[HEAP].flags ^= MAP_TYPE;
}
static void c_madv(struct subject *s)
{
	s->v[HEAP].has_madv = 1, s->v[HEAP].madv = 1 << 4;
}
static void c_file(struct subject *s)
{
	s->v[TEXT].shmid = 9;
}
static void c_file64(struct subject *s)
{
	s->v[TEXT].shmid = 1ull << 32 | 1;
}
static void c_pgoff(struct subject *s)
{
	s->v[TEXT].pgoff = 1ull << 63;
}
static void c_shm(struct subject *s)
{
	s->v[SHM].pgoff = ~0ull << 12;
}
static void c_exe(struct subject *s)
{
	s->mm.exe_file_id = 3;
}
static void c_brk(struct subject *s)
{
	s->mm.mm_brk = 0x1000;
}
static void c_layout(struct subject *s)
{
	s->mm.mm_env_end = 1ull << 60;
}
static void c_auxv(struct subject *s)
{
	s->mm.n_mm_saved_auxv = 3;
}
static void c_page_hole(struct subject *s)
{
	s->run = 0x20000000;
}
static void c_page_shared(struct subject *s)
{
	s->run = s->v[SHM].start;
}
static void c_memfd(struct subject *s)
{
	s->v[TEXT].status |= VMA_MEMFD;
}
static void c_hugetlb(struct subject *s)
{
	s->v[HEAP].flags |= MAP_HUGETLB;
}
static void c_vdso_no_data(struct subject *s)
{
	s->v[SHM].status = VMA_REGULAR | VMA_ANON_PRIVATE | VMA_VDSO;
	s->v[SHM].flags = MAP_PRIVATE | MAP_ANONYMOUS;
}
static void c_vvar_alone(struct subject *s)
{
	s->v[SHM].status = VMA_REGULAR | VMA_ANON_PRIVATE | VMA_VVAR;
	s->v[SHM].flags = MAP_PRIVATE | MAP_ANONYMOUS;
}

static void c_policy_alone(struct subject *s)
{
	s->v[HEAP].has_stasis_policy = 1;
	s->v[HEAP].stasis_policy = 2;
}
static void c_policy_nodes(struct subject *s)
{
	static uint8_t few[8];

	c_policy_alone(s);
	s->v[HEAP].has_stasis_policy_nodes = 1;
	s->v[HEAP].stasis_policy_nodes = (ProtobufCBinaryData){ sizeof(few), few };
}
static void c_policy_mode(struct subject *s)
{
	static uint8_t nodes[POLICY_BYTES];

	c_policy_nodes(s);
	s->v[HEAP].stasis_policy_nodes = (ProtobufCBinaryData){ sizeof(nodes), nodes };
	s->v[HEAP].stasis_policy = 1u << 20;
}
static void c_lock_future(struct subject *s)
{
	s->mm.has_stasis_lock_future = 1;
	s->mm.stasis_lock_future = MCL_ONFAULT;
}

static const struct {
	void (*change)(struct subject *s);
	enum err_class class;
	const char *why;
} corruptions[] = {
	{ c_unaligned, ERR_IMAGE, "no range of pages" },
	{ c_backwards, ERR_IMAGE, "no range of pages" },
	{ c_kernel, ERR_IMAGE, "beyond user space" },
	{ c_overlap, ERR_IMAGE, "overlaps" },
	{ c_status, ERR_IMAGE, "unknown status" },
	{ c_flags, ERR_IMAGE, "unknown protection or flags" },
	{ c_prot, ERR_IMAGE, "unknown protection or flags" },
	{ c_type, ERR_IMAGE, "do not fit anonymous memory" },
	{ c_madv, ERR_IMAGE, "unknown advice" },
	{ c_file, ERR_IMAGE, "no regular file" },
	{ c_file64, ERR_IMAGE, "no regular file" },
	{ c_pgoff, ERR_IMAGE, "of its file" },
	{ c_shm, ERR_IMAGE, "outside of any shared memory" },
	{ c_exe, ERR_IMAGE, "executable is file 3" },
	{ c_brk, ERR_IMAGE, "ends before it starts" },
	{ c_layout, ERR_IMAGE, "not in user space" },
	{ c_auxv, ERR_IMAGE, "auxiliary vector" },
	{ c_page_hole, ERR_IMAGE, "no mapping has it" },
	{ c_page_shared, ERR_IMAGE, "no mapping has it" },
	{ c_memfd, ERR_IMAGE, "no memfd of this checkpoint" },
	{ c_hugetlb, ERR_UNSUPPORTED, "huge pages" },
	{ c_policy_alone, ERR_IMAGE, "unknown memory policy" },
	{ c_policy_nodes, ERR_IMAGE, "unknown memory policy" },
	{ c_policy_mode, ERR_IMAGE, "unknown memory policy" },
	{ c_lock_future, ERR_IMAGE, "locking what comes" },
	{ c_vdso_no_data, ERR_CONFLICT, "laid out differently" },
	{ c_vvar_alone, ERR_CONFLICT, "laid out differently" },
};

static void test_corrupt(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(corruptions); i++) {
		struct err e = { 0 };
		struct fixture f;

		begin(&f);
		corruptions[i].change(&f.s);
		assert_true(subject_read(&f, &e) < 0);
		if (!strstr(e.why, corruptions[i].why))
			fail_msg("case %zu: \"%s\" instead of \"%s\"", i, e.why,
				 corruptions[i].why);
		assert_int_equal(e.class, corruptions[i].class);
		assert_non_null(strstr(e.trail, "pid 5"));
		done(&f);
	}
}

static void test_vdso(void **state)
{
	struct vdso_layout ours;
	unsigned char *copy;

	vdso_layout_read(&ours);
	if (!ours.present)
		skip();
	assert_int_not_equal(ours.gadget, FIND_NONE);
	assert_int_equal(find_syscall(ours.image + ours.gadget, 2), 0);
	copy = malloc(ours.size);
	memcpy(copy, ours.image, ours.size);
	assert_null(vdso_differs(&ours, copy, ours.size));
	assert_non_null(vdso_differs(&ours, copy, ours.size - page_size()));
	/* Code at the same places is as good. */
	copy[ours.gadget] ^= 1;
	assert_null(vdso_differs(&ours, copy, ours.size));
	memset(copy, 0, ours.size);
	assert_non_null(vdso_differs(&ours, copy, ours.size));
	/* Whatever the bytes are, nothing beyond them is read. */
	for (unsigned seed = 1; seed < 3000; seed++) {
		memcpy(copy, ours.image, ours.size);
		srand(seed);
		for (int i = 0; i < 40; i++)
			copy[(unsigned)rand() % (seed % 2 ? 1024 : ours.size)] =
				(unsigned char)rand();
		vdso_differs(&ours, copy, ours.size);
	}
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_corrupt),
		cmocka_unit_test(test_vdso),
	};

	return cmocka_run_group_tests_name("read", tests, NULL, NULL);
}
