/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers between the kernel's regsets and the image's thread_info_x86.
 *
 * The extended state travels component by component, so that an image can be
 * restored on a processor that lays its XSAVE area out differently: offsets
 * and sizes of both sides come from cpuid leaf 0xd (Intel SDM vol. 1, 13.5),
 * which also describes the NT_X86_XSTATE regset.
 */
#include "task/task-internal.h"

#include <cpuid.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "base/err.h"
#include "parasite/remote.h"

/* XSAVE components that the image format has a place for. */
enum { XC_YMM = 2, XC_OPMASK = 5, XC_ZMM_HI256 = 6, XC_HI16_ZMM = 7, XC_PKRU = 9 };

#define LEGACY_SIZE 512
#define HEADER_XFEATURES 512 /* xstate_bv, first word of the XSAVE header */
#define SW_RESERVED 464	     /* the kernel puts xcr0 here in the regset */
#define HEADER_END 576

/*
 * In a virtual machine cpuid leaves it for the hypervisor, tens of microseconds
 * each time; the answers never change, so whoever asks first keeps them.
 */
static bool component(int nr, size_t len, size_t *ret_off, size_t *ret_size)
{
	static struct {
		bool known;
		unsigned size, off;
	} answers[XC_PKRU + 1];
	unsigned c, d;

	if (!__atomic_load_n(&answers[nr].known, __ATOMIC_ACQUIRE)) {
		unsigned size = 0, off = 0;

		__get_cpuid_count(0xd, nr, &size, &off, &c, &d);
		answers[nr].size = size;
		answers[nr].off = off;
		__atomic_store_n(&answers[nr].known, true, __ATOMIC_RELEASE);
	}
	if (!answers[nr].size || (size_t)answers[nr].off + answers[nr].size > len)
		return false;
	*ret_off = answers[nr].off;
	*ret_size = answers[nr].size;
	return true;
}

static void gpregs_fill(struct pool *p, ThreadInfoX86 *ti, const struct user_regs_struct *r,
			bool compat)
{
	UserX86RegsEntry *g = pool_msg(p, UserX86RegsEntry, user_x86_regs_entry__init);

	g->r15 = r->r15;
	g->r14 = r->r14;
	g->r13 = r->r13;
	g->r12 = r->r12;
	g->bp = r->rbp;
	g->bx = r->rbx;
	g->r11 = r->r11;
	g->r10 = r->r10;
	g->r9 = r->r9;
	g->r8 = r->r8;
	g->ax = r->rax;
	g->cx = r->rcx;
	g->dx = r->rdx;
	g->si = r->rsi;
	g->di = r->rdi;
	g->orig_ax = r->orig_rax;
	g->ip = r->rip;
	g->cs = r->cs;
	g->flags = r->eflags;
	g->sp = r->rsp;
	g->ss = r->ss;
	g->fs_base = r->fs_base;
	g->gs_base = r->gs_base;
	g->ds = r->ds;
	g->es = r->es;
	g->fs = r->fs;
	g->gs = r->gs;
	g->has_mode = 1;
	g->mode = compat ? USER_X86_REGS_MODE__COMPAT : USER_X86_REGS_MODE__NATIVE;
	ti->gpregs = g;
}

static void take(struct pool *p, const unsigned char *xs, size_t len, int nr, size_t elem,
		 size_t *ret_n, void *ret_v)
{
	size_t off, size;

	if (!component(nr, len, &off, &size))
		return;
	*ret_n = size / elem;
	*(void **)ret_v = pool_dup(p, xs + off, size);
}

static void fpregs_fill(struct pool *p, ThreadInfoX86 *ti, const unsigned char *xs, size_t len)
{
	UserX86FpregsEntry *f = pool_msg(p, UserX86FpregsEntry, user_x86_fpregs_entry__init);
	UserX86XsaveEntry *x = pool_msg(p, UserX86XsaveEntry, user_x86_xsave_entry__init);
	const struct user_fpregs_struct *l = (const void *)xs;
	size_t pkru = 0, off;

	f->cwd = l->cwd;
	f->swd = l->swd;
	f->twd = l->ftw;
	f->fop = l->fop;
	f->rip = l->rip;
	f->rdp = l->rdp;
	f->mxcsr = l->mxcsr;
	f->mxcsr_mask = l->mxcr_mask;
	f->n_st_space = ARRAY_SIZE(l->st_space);
	f->st_space = pool_dup(p, l->st_space, sizeof(l->st_space));
	f->n_xmm_space = ARRAY_SIZE(l->xmm_space);
	f->xmm_space = pool_dup(p, l->xmm_space, sizeof(l->xmm_space));
	ti->fpregs = f;
	if (len <= HEADER_END)
		return;
	memcpy(&x->xstate_bv, xs + HEADER_XFEATURES, sizeof(x->xstate_bv));
	take(p, xs, len, XC_YMM, 4, &x->n_ymmh_space, &x->ymmh_space);
	take(p, xs, len, XC_OPMASK, 8, &x->n_opmask_reg, &x->opmask_reg);
	take(p, xs, len, XC_ZMM_HI256, 8, &x->n_zmm_upper, &x->zmm_upper);
	take(p, xs, len, XC_HI16_ZMM, 8, &x->n_hi16_zmm, &x->hi16_zmm);
	if (component(XC_PKRU, len, &off, &pkru)) {
		x->n_pkru = 1;
		x->pkru = pool_dup(p, xs + off, 4);
	}
	f->xsave = x;
}

/* Segments of the thread-local descriptor table; all empty unless 32-bit code set them. */
static void tls_fill(struct pool *p, ThreadInfoX86 *ti)
{
	enum { FIRST = 12, COUNT = 3 };

	for (int i = 0; i < COUNT; i++) {
		UserDescT *d = pool_msg(p, UserDescT, user_desc_t__init);

		d->entry_number = FIRST + i;
		d->read_exec_only = true;
		d->seg_not_present = true;
		pool_push(p, ti->tls, ti->n_tls, d);
	}
}

ThreadInfoX86 *arch_regs_dump(struct pool *p, const struct remote_thread *rt,
			      const struct user_regs_struct *portable)
{
	ThreadInfoX86 *ti = pool_msg(p, ThreadInfoX86, thread_info_x86__init);

	gpregs_fill(p, ti, portable, rt->compat);
	fpregs_fill(p, ti, rt->xstate, rt->xstate_len);
	tls_fill(p, ti);
	return ti;
}

bool arch_regs_in_fault(const struct user_regs_struct *r)
{
	return (int64_t)r->orig_rax < 0;
}

bool arch_breakpoint_again(const struct remote_thread *rt, ThreadInfoX86 *ti)
{
	unsigned char insn;
	struct iovec lo = { &insn, 1 }, re = { (void *)(rt->regs.rip - 1), 1 };

	/* int3 */
	if (process_vm_readv(rt->tid, &lo, 1, &re, 1, 0) != 1 || insn != 0xcc)
		return false;
	ti->gpregs->ip = rt->regs.rip - 1;
	return true;
}

void arch_regs_restore(const ThreadInfoX86 *ti, struct user_regs_struct *r)
{
	const UserX86RegsEntry *g = ti->gpregs;

	*r = (struct user_regs_struct){
		.r15 = g->r15,
		.r14 = g->r14,
		.r13 = g->r13,
		.r12 = g->r12,
		.rbp = g->bp,
		.rbx = g->bx,
		.r11 = g->r11,
		.r10 = g->r10,
		.r9 = g->r9,
		.r8 = g->r8,
		.rax = g->ax,
		.rcx = g->cx,
		.rdx = g->dx,
		.rsi = g->si,
		.rdi = g->di,
		.orig_rax = -1,
		.rip = g->ip,
		.cs = g->cs,
		.eflags = g->flags,
		.rsp = g->sp,
		.ss = g->ss,
		.fs_base = g->fs_base,
		.gs_base = g->gs_base,
		.ds = g->ds,
		.es = g->es,
		.fs = g->fs,
		.gs = g->gs,
	};
}

static int give(unsigned char *xs, size_t len, int nr, const void *v, size_t bytes,
		const char *what, struct err *e)
{
	size_t off, size;

	if (!bytes)
		return 0;
	if (!component(nr, len, &off, &size)) {
		/* State in its initial configuration needs no hardware. */
		for (size_t i = 0; i < bytes; i++)
			if (((const unsigned char *)v)[i])
				return err_set(
					e, ERR_SYSTEM, ENOTSUP, "restore registers", what,
					"the image uses a register set that this processor lacks");
		return 0;
	}
	if (bytes > size)
		return err_set(e, ERR_IMAGE, EINVAL, "restore registers", what,
			       "%zu bytes in the image, %zu in the processor", bytes, size);
	memcpy(xs + off, v, bytes);
	return 0;
}

int arch_xstate_restore(const ThreadInfoX86 *ti, void *xstate, size_t len, struct err *e)
{
	const UserX86FpregsEntry *f = ti->fpregs;
	const UserX86XsaveEntry *x = f->xsave;
	struct user_fpregs_struct *l = xstate;
	unsigned char *xs = xstate;
	uint64_t have, bv = 3;
	int r;

	memcpy(&have, xs + SW_RESERVED, sizeof(have));
	if (len < HEADER_END || f->n_st_space != ARRAY_SIZE(l->st_space) ||
	    f->n_xmm_space != ARRAY_SIZE(l->xmm_space))
		return err_set(e, ERR_IMAGE, EINVAL, "restore registers", "x87 and SSE state",
			       "the image holds the wrong number of registers");
	l->cwd = f->cwd;
	l->swd = f->swd;
	l->ftw = f->twd;
	l->fop = f->fop;
	l->rip = f->rip;
	l->rdp = f->rdp;
	/* Bits that the processor does not know would be refused by the kernel. */
	l->mxcsr = f->mxcsr & (l->mxcr_mask ? l->mxcr_mask : 0xffbf);
	memcpy(l->st_space, f->st_space, sizeof(l->st_space));
	memcpy(l->xmm_space, f->xmm_space, sizeof(l->xmm_space));
	if (x) {
		bv = x->xstate_bv;
		if ((r = give(xs, len, XC_YMM, x->ymmh_space, x->n_ymmh_space * 4, "AVX", e)) ||
		    (r = give(xs, len, XC_OPMASK, x->opmask_reg, x->n_opmask_reg * 8,
			      "AVX-512 mask registers", e)) ||
		    (r = give(xs, len, XC_ZMM_HI256, x->zmm_upper, x->n_zmm_upper * 8,
			      "AVX-512 upper halves", e)) ||
		    (r = give(xs, len, XC_HI16_ZMM, x->hi16_zmm, x->n_hi16_zmm * 8,
			      "AVX-512 registers 16-31", e)) ||
		    (r = give(xs, len, XC_PKRU, x->pkru, x->n_pkru * 4, "protection keys", e)))
			return r;
	}
	/* Only what this processor has enabled may be named. */
	bv &= have ? have : 7;
	memcpy(xs + HEADER_XFEATURES, &bv, sizeof(bv));
	return 0;
}
