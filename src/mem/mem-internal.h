/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside src/mem: mappings as the kernel lists them, the table of mapping
 * kinds, and what a task's memory carries between the steps.
 */
#ifndef STASIS_MEM_INTERNAL_H
#define STASIS_MEM_INTERNAL_H

#include <sys/mman.h>

#include "image/image.h"
#include "mem/mem.h"

/* vma_entry.status: bit numbers are the format's. */
#define VMA_REGULAR (1u << 0)
#define VMA_STACK (1u << 1)
#define VMA_VSYSCALL (1u << 2)
#define VMA_VDSO (1u << 3)
#define VMA_HEAP (1u << 5)
#define VMA_FILE_PRIVATE (1u << 6)
#define VMA_FILE_SHARED (1u << 7)
#define VMA_ANON_SHARED (1u << 8)
#define VMA_ANON_PRIVATE (1u << 9)
#define VMA_SYSVIPC (1u << 10)
#define VMA_SOCKET (1u << 11)
#define VMA_VVAR (1u << 12)
#define VMA_AIORING (1u << 13)
#define VMA_MEMFD (1u << 14)
#define VMA_SHSTK (1u << 15)
#define VMA_GUARD (1u << 16)
#define VMA_UPROBES (1u << 17)

/* vma_entry.stasis_flags, an extension of ours. */
#define VMA_X_LOCKONFAULT (1u << 0)
#define VMA_X_SEALED (1u << 1)

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08 /* linux/mman.h, 6.11 */
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* asm-generic/mman-common.h, 6.13 */
#endif
#ifndef SYS_mseal
#define SYS_mseal 462 /* 6.10 */
#endif

/* What VmFlags of smaps can say, as far as it matters here. */
enum vm_flag {
	VM_GROWSDOWN = 1 << 0,
	VM_LOCKED = 1 << 1,
	VM_LOCKONFAULT = 1 << 2,
	VM_NORESERVE = 1 << 3,
	VM_MAYWRITE = 1 << 4,
	VM_DROPPABLE = 1 << 5,
	VM_SEALED = 1 << 6,
	VM_HUGETLB = 1 << 7,
	VM_UFFD = 1 << 8,
	VM_SHADOW_STACK = 1 << 9,
	VM_IO = 1 << 10,
	VM_MAYBE_GUARD = 1 << 11,
};

/* One mapping as /proc/PID/maps or smaps lists it. */
struct map_line {
	uint64_t start, end, pgoff, ino;
	uint64_t dev;
	unsigned prot;
	bool shared;
	char *name; /* "" when there is none */
	/* from smaps only */
	bool detailed;
	unsigned vm;   /* enum vm_flag */
	uint64_t madv; /* 1 << MADV_x */
	int pkey;
	uint64_t anon; /* bytes of private pages, in memory or in swap */
};

struct mem_state;
struct mem_dump;

/*
 * A kind of mapping. match() decides on dump, status bits on restore; the
 * first entry of vma_kinds[] that fits is taken.
 */
struct vma_kind {
	const char *name;
	uint32_t status; /* what an image's entry of this kind holds, besides REGULAR */
	uint32_t mask;	 /* the bits compared with it */
	bool pages;	 /* has pages of its own that are to be stored */
	bool (*match)(const struct mem_state *s, const struct map_line *l);
	/* Complete the entry (address, protection and common flags are set). NULL: as it is. */
	int (*dump)(struct mem_dump *d, const struct map_line *l, struct vma *v, struct err *e);
	/* Restore: an entry that is in range and has known flags; link objects. NULL: nothing to do. */
	int (*check)(struct model *m, struct task *t, struct vma *v, struct err *e);
	/* Append the mmap call. @prot: what the mapping is to start with. NULL: is not mapped one by one. */
	int (*map)(struct build *b, const struct mem_file_ops *ops, int root_fd, struct vma *v,
		   unsigned prot, struct err *e);
	/* Not supported: why, and what can be done. */
	const char *why, *hint;
};
extern const struct vma_kind *const vma_kinds[];
extern const struct vma_kind kind_anon, kind_file_private, kind_file_shared, kind_shmem, kind_vdso,
	kind_vvar, kind_vsyscall;
extern const struct vma_kind kind_memfd_shared, kind_memfd_private, kind_sysv;
extern const struct vma_kind kind_hugetlb, kind_sysv_host, kind_aio, kind_secretmem, kind_io_uring,
	kind_perf, kind_uprobes, kind_socket, kind_anon_inode, kind_device, kind_shadow_stack,
	kind_uffd, kind_shm_other, kind_pkey;

const struct vma_kind *vma_kind_of_line(const struct mem_state *s, const struct map_line *l);
/* NULL: an unknown combination of bits. */
const struct vma_kind *vma_kind_of_entry(const VmaEntry *ve);
/* kind_file.c: for everything that src/fd can open for a mapping. */
int file_dump(struct mem_dump *d, const struct map_line *l, struct vma *v, struct err *e);
int file_check(struct model *m, struct task *t, struct vma *v, struct err *e);
int file_map(struct build *b, const struct mem_file_ops *ops, int root_fd, struct vma *v,
	     unsigned prot, struct err *e);
/* Whether @st is a device that cannot be mapped again; /dev/zero can. */
bool vma_is_device(const struct stat *st);
int vma_refuse(const struct vma_kind *k, pid_t pid, uint64_t start, uint64_t end, const char *name,
	       struct err *e);

/* The vDSO of this kernel as our own process has it. */
struct vdso_layout {
	bool present;
	const unsigned char *image; /* its bytes, in our address space */
	uint64_t size;		    /* of [vdso] */
	uint64_t data;		    /* of [vvar] and [vvar_vclock] together, right before it */
	uint64_t gadget;	    /* offset of a `syscall` instruction in it, or FIND_NONE */
};

struct copier;

/* Private to the module, in model.mem_state. */
struct mem_state {
	uint64_t shm_dev; /* the kernel's own tmpfs: shared anonymous memory, memfd, SysV */
	bool own_ipc;	  /* the tree has an IPC namespace of its own */
	uint64_t task_size;
	struct vdso_layout vdso;
	/* dump */
	struct map_file {
		uint64_t dev, ino;
		unsigned flags;
		const char *name;
		struct file_obj *file;
	} * files;
	size_t n_files;
	struct map_file *seen; /* preflight: files that are no devices, or were named already */
	size_t n_seen;
	struct copier *copier;
};
struct mem_state *mem_state(struct model *m);

/* A mapping that may have a policy of its own: mode, then nodes, in one piece. */
#define POLICY_BYTES 128
struct vma_policy {
	uint64_t start;
	uint64_t *mode; /* NULL: it has none */
	size_t call;
};

/* A task's memory; task.mm points to its first member. */
struct mem_task {
	MmEntry mm;
	/* dump */
	bool inside;		      /* mem_set_inside() was called */
	const struct map_line *lines; /* of t->vmas */
	size_t probe_call;	      /* of mem_dump_calls() */
	unsigned char *resident;
	struct vma_policy *policies; /* ascending */
	size_t n_policies;
	/* restore */
	struct page_runs runs;
	const struct vma_kind **kinds; /* of t->vmas */
	VmaEntry **guards;
	size_t n_guards;
	uint64_t vdso;	 /* address of the final [vdso], 0: none */
	uint64_t vvar;	 /* lowest address of its data, which may be there without code */
	uint64_t gadget; /* in the task's own text, when there is no vDSO */
	/* after mem_build(): reads whose results must be whole */
	struct mem_expect {
		size_t call;
		int64_t res;
	} * expect;
	size_t n_expect;
};
struct mem_task *mem_task(struct model *m, struct task *t);

/* kind_special.c: refuses what is left of the vDSO when it is not what a restore can make. */
int special_check(struct mem_dump *d, const struct map_line *lines, size_t n, struct err *e);

/* A live thread's id, through which /proc shows the memory even when the leader is dead. */
pid_t mem_tid(const struct task *t);

/* inside.c */
void mem_policy_fill(const struct mem_task *mt, VmaEntry *ve);

/* maps.c: all mappings, in the pool. @file: "maps" or "smaps"; @tid 0: our own. */
int maps_read(struct pool *pool, pid_t tid, const char *file, struct map_line **ret, size_t *ret_n,
	      struct err *e);

/* State of mem_dump_maps() for one task. */
struct mem_dump {
	struct model *m;
	struct task *t;
	struct mem_state *s;
	pid_t tid;
	const struct mem_file_ops *ops;
};
/* An O_PATH (or @flags) descriptor of the mapped file and its exact name in @name. */
int map_file_open(pid_t tid, const struct map_line *l, int flags, char *name, size_t size,
		  int *ret_fd, struct err *e);

/* scan.c: runs of private pages of [start, end), and guard ranges. */
struct mem_run {
	uint64_t start, end;
	bool guard;
};
struct mem_runs {
	struct mem_run *v; /* malloc'ed */
	size_t n, cap;
};
void mem_runs_add(struct mem_runs *r, uint64_t start, uint64_t end, bool guard);
int mem_scan(pid_t tid, const struct map_line *lines, size_t n, struct mem_runs *ret,
	     struct err *e);

/*
 * copy.c: copying runs into a page store. @src is a process (by @tid) or, with
 * @src_fd >= 0, a file whose offsets are the runs' addresses.
 */
struct copy_run {
	uint64_t start, end;
	bool keep_zero; /* zeroes count: they hide something else (private file pages) */
	bool forced;	/* no read permission: through /proc/PID/mem */
};
int copier_new(struct copier **ret, const struct options *opt, struct err *e);
void copier_free(struct copier *c);
int copy_pages(struct copier *c, pid_t tid, int src_fd, const struct copy_run *runs, size_t n,
	       struct image_pages *out, uint64_t *ret_stored, struct err *e);

/* vdso.c */
void vdso_layout_read(struct vdso_layout *ret);
/* Whether a task that has @image as its vDSO can live with ours instead. NULL: yes; else why not. */
const char *vdso_differs(const struct vdso_layout *ours, const unsigned char *image, uint64_t size);

/* fill.c */
int fill_build(struct build *b, struct err *e);

/* arch/ */
#define FIND_NONE UINT64_MAX
extern const unsigned mem_elf_machine;
/* Offset of a `syscall` instruction in p[0..n), or FIND_NONE. */
uint64_t find_syscall(const unsigned char *p, uint64_t n);
uint64_t mem_find_task_size(void);
void mem_call_vdso(struct prog *p, uint64_t addr);

/* read.c: index of the first mapping that ends above @addr; t->n_vmas if none. */
size_t vma_from(const struct task *t, uint64_t addr);

#endif
