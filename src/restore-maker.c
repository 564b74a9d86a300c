/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The maker at work: calls of modules run in the root stub before it becomes
 * the root task, and what they opened is fetched. Mount trees that are put
 * together need several rounds, and the coordinator in between.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "model/build.h"
#include "mounts/mounts.h"
#include "parasite/stub.h"
#include "restore-internal.h"

/* The maker takes our descriptors before it does anything else. */
static int maker_give(struct restore *r, struct maker *mk, struct err *e)
{
	struct stub *root = r->stubs->v[0];
	struct prog whole;
	size_t first;

	if (!mk->n_sends)
		return 0;
	prog_init(&whole, &r->stubs->arena);
	stub_recv_calls(r->stubs, &whole, root, mk->n_sends);
	first = whole.n;
	prog_append(&whole, mk->p);
	*mk->p = whole;
	for (size_t i = 0; i < mk->n_wishes; i++)
		mk->wishes[i].call += first;
	return stub_send(r->stubs, root, mk->sends, mk->n_sends, e);
}

/* Run the maker's program and fetch what was wished for. */
int restore_maker_run(struct restore *r, struct maker *mk, struct err *e)
{
	struct stub *root = r->stubs->v[0];
	_cleanup_close_ int pidfd = -EBADF;
	int x = maker_give(r, mk, e);

	if (!x)
		x = stub_run(r->stubs, root, mk->p, e);
	if (x || !mk->n_wishes)
		return x;
	pidfd = syscall(SYS_pidfd_open, root->host, 0);
	if (pidfd < 0)
		return err_sys(e, "pidfd_open", "root task %d", root->host);
	for (size_t i = 0; i < mk->n_wishes; i++) {
		int fd = syscall(SYS_pidfd_getfd, pidfd, (int)prog_res(mk->p, mk->wishes[i].call),
				 0);

		if (fd < 0)
			return err_sys(e, "pidfd_getfd", "root task %d", root->host);
		*mk->wishes[i].ret_fd = fd;
	}
	return 0;
}

/* The maker becomes the root task: its table must be empty again. */
int restore_maker_empty(struct restore *r, struct err *e)
{
	struct prog p;
	int x;

	prog_init(&p, &r->stubs->arena);
	prog_call(&p, "close what was made", SYS_close_range, 0, r->stubs->sock_base - 1, 0);
	x = stub_run(r->stubs, r->stubs->v[0], &p, e);
	prog_free(&p);
	return x;
}

static int run_calls(struct restore *r, int (*calls)(struct maker *mk, struct err *e),
		     struct err *e)
{
	struct prog p;
	struct maker mk = { .m = r->m, .p = &p };
	int x;

	prog_init(&p, &r->stubs->arena);
	x = calls(&mk, e);
	if (!x)
		x = restore_maker_run(r, &mk, e);
	prog_free(&p);
	return x ? x : restore_maker_empty(r, e);
}

int restore_mounts(struct restore *r, struct err *e)
{
	int x;

	if (!mounts_has_pieces(r->m))
		return 0;
	x = run_calls(r, mounts_open, e);
	if (!x)
		x = run_calls(r, mounts_attach, e);
	return x ? x : mounts_join(r->m, e);
}
