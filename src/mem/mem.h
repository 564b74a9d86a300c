/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of tasks: mappings, their pages, shared anonymous memory, the fields
 * of mm (brk, argv, auxv, exe link), the vDSO.
 *
 * Owns: mm-*.img, pagemap-*.img, pages-*.img, pagemap-shmem-*.img. Asks fd/
 * (through the step tables' file objects) for files. Zero pages and clean file
 * pages are never stored; reservations without pages cost nothing.
 */
#ifndef STASIS_MEM_H
#define STASIS_MEM_H

#include "model/build.h"
#include "model/kinds.h"
#include "model/model.h"

/* How mem gets at files without knowing fd/: given by the step tables. */
struct mem_file_ops {
	int (*dump_file)(struct model *m, struct task *t, int fd, const char *name, unsigned flags,
			 struct file_obj **ret, struct err *e);
	int (*file_for_map)(struct model *m, struct file_obj *f, int root_fd, bool writable,
			    int *ret_fd, struct err *e);
};

/* What is supported, and what is refused by name. */
void mem_kinds(kind_fn *fn, void *ctx);
/* @check_link: fd_check_link(), for mapped files. */
int mem_preflight(struct model *m, struct task *t,
		  int (*check_link)(struct model *m, struct task *t, const char *link,
				    struct err *e),
		  struct err_list *blockers, struct err *e);

/* What only the task itself could tell (prctl, brk), as asked by task/; any time before mem_dump_finish(). */
void mem_set_inside(struct model *m, struct task *t, uint64_t brk, int dumpable, bool thp_disabled);
/* Before the parasite comes: bytes that the calls need in a task's arena. Then the calls, and the answers. */
int mem_dump_look(struct model *m, size_t *ret_need, struct err *e);
void mem_dump_calls(struct model *m);
void mem_dump_results(struct model *m);
/* Mappings and mm fields of the stopped task (fills t->mm, t->vmas, t->exe). */
int mem_dump_maps(struct model *m, struct task *t, const struct mem_file_ops *ops, struct err *e);
/* Its private pages. */
int mem_dump_pages(struct model *m, struct task *t, struct err *e);
/* mm-*.img of all, then shared memory. */
int mem_dump_finish(struct model *m, struct err *e);

/* Restore: read and validate; after fd_read() and task_read(). */
int mem_read(struct model *m, struct err *e);
/* Ranges of all final mappings, for arena_find_hole(); in the pool. */
int mem_ranges(struct model *m, uint64_t (**ret)[2], size_t *ret_n, struct err *e);
/* Bytes of the arena that the programs of all tasks take at most, besides what other modules need. */
size_t mem_arena_need(const struct model *m);
/* Make shared memory objects and fill them. */
int mem_open(struct model *m, const struct mem_file_ops *ops, int root_fd, struct err *e);
/* Append to the build program: mm fields, mappings, vDSO, pages, protections. */
int mem_build(struct build *b, const struct mem_file_ops *ops, int root_fd, struct err *e);
/* After the build program ran: every read was whole. */
int mem_build_check(struct build *b, struct err *e);
/* Address of a `syscall` instruction in the task's final vDSO, or of its own text; 0 when it has none. */
uint64_t mem_final_gadget(struct model *m, struct task *t);
void mem_close(struct model *m);

#endif
