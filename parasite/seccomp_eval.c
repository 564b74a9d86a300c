// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a task's seccomp filters would say to calls of ours.
 *
 * While we trace, PTRACE_O_SUSPEND_SECCOMP switches the filters off. It ends
 * with us: so the call in which a thread sleeps when nobody traces it is chosen
 * among those that its filters allow. A task that would not be let sleep, or
 * make the parasite's own calls, is strict: it is parked on a jump, and a guard
 * (guard.c) freezes it before our death can end the suspension. What remains
 * are some microseconds at the entry of mmap and munmap, where filters that
 * kill for these would kill it.
 *
 * The interpreter knows classic BPF as the kernel's seccomp allows it: loads
 * of 32-bit words of struct seccomp_data, the scratch words, ALU, jumps.
 */
#include "parasite/remote-internal.h"

#include <errno.h>
#include <linux/bpf_common.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/proc.h"

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif

struct machine {
	uint32_t a, x, mem[BPF_MEMWORDS];
	const struct seccomp_data *data;
};

/* BPF_LD and BPF_LDX; false for what the kernel would not have accepted. */
static bool load(struct machine *m, const struct sock_filter *f, uint32_t *to)
{
	switch (BPF_MODE(f->code)) {
	case BPF_IMM:
		*to = f->k;
		return true;
	case BPF_ABS:
		if (f->k % 4 || f->k > sizeof(*m->data) - 4)
			return false;
		memcpy(to, (const char *)m->data + f->k, 4);
		return true;
	case BPF_MEM:
		if (f->k >= BPF_MEMWORDS)
			return false;
		*to = m->mem[f->k];
		return true;
	case BPF_LEN:
		*to = sizeof(*m->data);
		return true;
	default:
		return false;
	}
}

static bool alu(struct machine *m, const struct sock_filter *f)
{
	uint32_t v = BPF_SRC(f->code) == BPF_X ? m->x : f->k;

	switch (BPF_OP(f->code)) {
	case BPF_ADD:
		m->a += v;
		return true;
	case BPF_SUB:
		m->a -= v;
		return true;
	case BPF_MUL:
		m->a *= v;
		return true;
	case BPF_DIV:
		if (!v)
			return false;
		m->a /= v;
		return true;
	case BPF_AND:
		m->a &= v;
		return true;
	case BPF_OR:
		m->a |= v;
		return true;
	case BPF_XOR:
		m->a ^= v;
		return true;
	case BPF_LSH:
		m->a = v < 32 ? m->a << v : 0;
		return true;
	case BPF_RSH:
		m->a = v < 32 ? m->a >> v : 0;
		return true;
	case BPF_NEG:
		m->a = -m->a;
		return true;
	default:
		return false;
	}
}

/* How far a jump goes beyond the next instruction; -1 for an unknown one. */
static int64_t jump(const struct machine *m, const struct sock_filter *f)
{
	uint32_t v = BPF_SRC(f->code) == BPF_X ? m->x : f->k;
	bool yes;

	switch (BPF_OP(f->code)) {
	case BPF_JA:
		return f->k;
	case BPF_JEQ:
		yes = m->a == v;
		break;
	case BPF_JGT:
		yes = m->a > v;
		break;
	case BPF_JGE:
		yes = m->a >= v;
		break;
	case BPF_JSET:
		yes = m->a & v;
		break;
	default:
		return -1;
	}
	return yes ? f->jt : f->jf;
}

uint32_t seccomp_eval(const struct sock_filter *f, size_t n, uint32_t nr, uint32_t arch,
		      uint64_t ip, const uint64_t args[6])
{
	struct seccomp_data data = { .nr = (int)nr, .arch = arch, .instruction_pointer = ip };
	struct machine m = { .data = &data };

	memcpy(data.args, args, sizeof(data.args));
	/* Jumps only go forward, so the program ends. */
	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &f[pc];
		int64_t by;

		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
			if (!load(&m, i, &m.a))
				return SECCOMP_RET_KILL_PROCESS;
			break;
		case BPF_LDX:
			if (!load(&m, i, &m.x))
				return SECCOMP_RET_KILL_PROCESS;
			break;
		case BPF_ST:
		case BPF_STX:
			if (i->k >= BPF_MEMWORDS)
				return SECCOMP_RET_KILL_PROCESS;
			m.mem[i->k] = BPF_CLASS(i->code) == BPF_ST ? m.a : m.x;
			break;
		case BPF_ALU:
			if (!alu(&m, i))
				return SECCOMP_RET_KILL_PROCESS;
			break;
		case BPF_JMP:
			by = jump(&m, i);
			if (by < 0 || (uint64_t)by >= n - pc)
				return SECCOMP_RET_KILL_PROCESS;
			pc += (size_t)by;
			break;
		case BPF_RET:
			return BPF_RVAL(i->code) == BPF_A ? m.a : i->k;
		case BPF_MISC:
			if (BPF_MISCOP(i->code) == BPF_TAX)
				m.x = m.a;
			else
				m.a = m.x;
			break;
		}
	}
	return SECCOMP_RET_KILL_PROCESS;
}

/* One thread's filters, as the kernel hands them out. */
struct filters {
	struct sock_filter *v[64];
	size_t len[64];
	size_t n;
};

static void filters_free(struct filters *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i]);
}

/* LOGged calls are allowed ones. Any filter can forbid. */
static bool filters_allow(const struct filters *f, uint32_t nr, uint64_t ip, const uint64_t args[6])
{
	for (size_t i = 0; i < f->n; i++) {
		uint32_t act = seccomp_eval(f->v[i], f->len[i], nr, SECCOMP_ARCH_NATIVE, ip, args) &
			       SECCOMP_RET_ACTION_FULL;

		if (act != SECCOMP_RET_ALLOW && act != SECCOMP_RET_LOG)
			return false;
	}
	return true;
}

/*
 * -EOPNOTSUPP when they can't be read: then nothing is assumed to be allowed.
 * (SECCOMP_MODE_STRICT reads as no filter; it allows none of our calls, but
 * saying so would cost a look at /proc for every thread there is.)
 */
static int filters_get(pid_t tid, struct filters *f)
{
	for (f->n = 0; f->n < 64; f->n++) {
		long len = ptrace(PTRACE_SECCOMP_GET_FILTER, tid, f->n, NULL);
		struct sock_filter *v;

		if (len < 0)
			return errno == ENOENT || (errno == EINVAL && !f->n) ? 0 : -EOPNOTSUPP;
		v = calloc((size_t)len, sizeof(*v));
		if (!v || ptrace(PTRACE_SECCOMP_GET_FILTER, tid, f->n, v) != len) {
			free(v);
			return -EOPNOTSUPP;
		}
		f->v[f->n] = v;
		f->len[f->n] = (size_t)len;
	}
	return -EOPNOTSUPP;
}

/* linux/ptrace.h (6.4) */
#define PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG 0x4211
struct dispatch_config {
	uint64_t mode, selector, offset, len;
};

/* Calls that are turned into SIGSYS before anybody else sees them: ours would kill the thread. */
static int dispatch_look(const struct task_priv *t, size_t i, struct err *e)
{
	struct dispatch_config c = { 0 };
	pid_t tid = t->pub.threads[i].tid;
	char object[48];

	if (ptrace(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, tid, sizeof(c), &c) || !c.mode)
		return 0;
	snprintf(object, sizeof(object), "thread %d of pid %d", tid, t->pub.pid);
	err_set(e, ERR_UNSUPPORTED, ENOTSUP, "checkpoint", object,
		"it uses syscall user dispatch (PR_SET_SYSCALL_USER_DISPATCH)");
	return err_hint(e, "let the program switch it off before the checkpoint");
}

int seccomp_look(struct remote *r, struct task_priv *t, size_t i, struct err *e)
{
	static const uint64_t zero[6], idle[6] = { (uint64_t)-1 };
	const uint64_t map[6] = { t->arena_at, t->arena_len, ARENA_PROT,
				  ARENA_FLAGS, (uint64_t)-1, 0 };
	const uint64_t unmap[6] = { t->arena_at, t->arena_len };
	const uint64_t wait[6] = { t->arena_at, 0, 1 };
	_cleanup_(filters_free) struct filters f = { .n = 0 };
	struct thread_priv *p = &t->tp[i];
	uint64_t ip = t->gadget + 2;
	bool ours;
	int ret = dispatch_look(t, i, e);

	if (ret)
		return ret;
	p->sleep_ok = false;
	p->sleep_nr = (uint32_t)sleep_calls[0];
	if (filters_get(t->pub.threads[i].tid, &f)) {
		struct proc_status st;

		ret = proc_status_read(t->pub.pid, t->pub.threads[i].tid, &st, e);
		if (ret)
			return ret;
		p->sleep_ok = st.seccomp == SECCOMP_MODE_DISABLED;
		t->strict |= !p->sleep_ok;
		proc_status_free(&st);
		return 0;
	}
	if (!f.n) {
		p->sleep_ok = true;
		return 0;
	}
	for (size_t k = 0; !p->sleep_ok && sleep_calls[k] >= 0; k++) {
		p->sleep_nr = (uint32_t)sleep_calls[k];
		p->sleep_ok = filters_allow(&f, p->sleep_nr, ip, zero);
	}
	for (size_t k = 0; !p->sleep_ok && idle_calls[k] >= 0; k++) {
		p->sleep_nr = (uint32_t)idle_calls[k];
		if (filters_allow(&f, p->sleep_nr, ip, idle))
			break;
	}
	ours = filters_allow(&f, SYS_mmap, ip, map) && filters_allow(&f, SYS_munmap, ip, unmap) &&
	       filters_allow(&f, SYS_futex, t->arena_at, wait);
	if (!p->sleep_ok || !ours)
		t->strict = true;
	if (r->no_suspend && t->strict) {
		err_set(e, ERR_UNSUPPORTED, EPERM, "enter", "process",
			"pid %d has seccomp filters that forbid our calls, and we may not suspend them",
			t->pub.pid);
		return err_hint(e, "suspending filters needs CAP_SYS_ADMIN");
	}
	return 0;
}
