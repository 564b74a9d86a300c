/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Seccomp filters: read by PTRACE_SECCOMP_GET_FILTER (index 0 is the one
 * installed first), kept once each in seccomp.img as chains, newest to oldest.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>

#include "base/err.h"
#include "image/image.h"
#include "parasite/remote.h"
#include "task/task-internal.h"

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif
#ifndef PTRACE_SECCOMP_GET_METADATA
#define PTRACE_SECCOMP_GET_METADATA 0x420d
#endif

static SeccompEntry *table(struct model *m)
{
	if (!m->seccomp)
		m->seccomp = pool_msg(m->pool, SeccompEntry, seccomp_entry__init);
	return m->seccomp;
}

/* The index of an equal filter on top of the same chain, or of a new entry. */
static uint32_t filter_index(struct model *m, const void *code, size_t len, bool has_prev,
			     uint32_t prev, uint32_t flags)
{
	SeccompEntry *t = table(m);
	SeccompFilter *f;

	for (size_t i = 0; i < t->n_seccomp_filters; i++) {
		f = t->seccomp_filters[i];
		if (f->filter.len == len && !memcmp(f->filter.data, code, len) &&
		    (bool)f->has_prev == has_prev && (!has_prev || f->prev == prev) &&
		    (f->has_flags ? f->flags : 0) == flags)
			return i;
	}
	f = pool_msg(m->pool, SeccompFilter, seccomp_filter__init);
	f->filter.data = pool_dup(m->pool, code, len);
	f->filter.len = len;
	f->has_prev = has_prev;
	f->prev = prev;
	f->has_flags = flags != 0;
	f->flags = flags;
	pool_push(m->pool, t->seccomp_filters, t->n_seccomp_filters, f);
	return t->n_seccomp_filters - 1;
}

/* Its supervisor holds a descriptor that no restore can give back. */
static bool asks_supervisor(const struct sock_filter *code, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (BPF_CLASS(code[i].code) == BPF_RET && BPF_RVAL(code[i].code) == BPF_K &&
		    (code[i].k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
			return true;
	return false;
}

int task_seccomp_dump(struct model *m, struct thread *th, int mode, struct err *e)
{
	ThreadCoreEntry *tc = th->core->thread_core;
	struct sock_filter code[BPF_MAXINSNS];
	struct {
		uint64_t filter_off, flags;
	} meta;
	uint32_t last = 0;
	bool has_prev = false;
	long n;
	int count = 0;

	if (mode == SECCOMP_MODE_DISABLED)
		return 0;
	tc->has_seccomp_mode = 1;
	tc->seccomp_mode = mode;
	if (mode != SECCOMP_MODE_FILTER)
		return 0;
	while (ptrace(PTRACE_SECCOMP_GET_FILTER, th->host, (void *)(long)count, NULL) >= 0)
		count++;
	if (errno != ENOENT) {
		err_sys(e, "read the seccomp filters", "thread %d", th->host);
		return err_hint(e, "CAP_SYS_ADMIN in the initial user namespace is needed");
	}
	for (int i = 0; i < count; i++) {
		n = ptrace(PTRACE_SECCOMP_GET_FILTER, th->host, (void *)(long)i, code);
		if (n < 0)
			return err_sys(e, "read a seccomp filter", "thread %d", th->host);
		if (asks_supervisor(code, (size_t)n)) {
			char object[64];

			snprintf(object, sizeof(object), "pid %d, thread %d", th->task->host,
				 th->host);
			err_set(e, ERR_UNSUPPORTED, ENOTSUP, "checkpoint", object,
				"one of its seccomp filters asks a supervisor "
				"(SECCOMP_RET_USER_NOTIF)");
			return err_hint(e, "start it without a seccomp notification listener");
		}
		meta.filter_off = i;
		meta.flags = 0;
		/* Since 4.16; without it a filter has no flags to lose. */
		ptrace(PTRACE_SECCOMP_GET_METADATA, th->host, (void *)sizeof(meta), &meta);
		last = filter_index(m, code, n * sizeof(*code), has_prev, last, meta.flags);
		has_prev = true;
	}
	tc->has_seccomp_filter = 1;
	tc->seccomp_filter = last;
	return 0;
}

int task_seccomp_finish(struct model *m, struct err *e)
{
	return image_put_one(m->dir, IMG_SECCOMP, 0, &table(m)->base, e);
}
