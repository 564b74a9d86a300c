// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Descriptors to and from a stub that has not been built yet, over the service
 * socket that it shares with others: one message, and it has been received
 * before anybody else's turn.
 *
 * Runs in: the coordinator; the programs in the stub.
 */
#include "parasite/stub.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

#define MESSAGE_FDS 250

struct message {
	struct msghdr mh;
	struct iovec iov;
	char byte;
	/* A struct cmsghdr in it would be one with a flexible end: not for clang. */
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
};

static void message_init(struct message *m, const int *fds, size_t n)
{
	struct cmsghdr *cm = (struct cmsghdr *)m->control;

	memset(m, 0, sizeof(*m));
	m->iov = (struct iovec){ &m->byte, 1 };
	m->mh.msg_iov = &m->iov;
	m->mh.msg_iovlen = 1;
	m->mh.msg_control = m->control;
	m->mh.msg_controllen = CMSG_SPACE(n * sizeof(int));
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(n * sizeof(int));
	if (fds)
		memcpy(CMSG_DATA(cm), fds, n * sizeof(int));
}

/* Ours once and, in the arena, theirs. */
static int message_read(const struct message *m, int *ret_fds, size_t n, struct err *e)
{
	const struct cmsghdr *cm = (const struct cmsghdr *)m->control;

	if (m->mh.msg_controllen < CMSG_LEN(n * sizeof(int)) || cm->cmsg_type != SCM_RIGHTS ||
	    cm->cmsg_len != CMSG_LEN(n * sizeof(int)) || m->mh.msg_flags & MSG_CTRUNC)
		return err_set(e, ERR_SYSTEM, EMFILE, "receive", "descriptors",
			       "not all of %zu came over", n);
	memcpy(ret_fds, CMSG_DATA(cm), n * sizeof(int));
	return 0;
}

static uint64_t inner_sock(const struct stub_set *s, const struct stub *st)
{
	return (uint64_t)s->sock_base + st->index % (size_t)s->n_socks;
}

int stub_give(struct stub_set *s, struct stub *st, const int *fds, size_t n, int *ret_numbers,
	      struct err *e)
{
	struct message *m;
	struct prog p;
	int r = stub_send(s, st, fds, n, e);

	if (r)
		return r;
	prog_init(&p, &s->arena);
	m = prog_alloc(&p, sizeof(*m));
	message_init(m, NULL, n);
	prog_call(&p, "receive descriptors", SYS_recvmsg, inner_sock(s, st), (uint64_t)&m->mh, 0);
	r = stub_run(s, st, &p, e);
	if (!r)
		r = message_read(m, ret_numbers, n, e);
	prog_free(&p);
	return r;
}

int stub_take(struct stub_set *s, struct stub *st, const int *numbers, size_t n, int *ret_fds,
	      struct err *e)
{
	struct message *m, ours;
	struct prog p;
	int r;

	prog_init(&p, &s->arena);
	m = prog_alloc(&p, sizeof(*m));
	message_init(m, numbers, n);
	prog_call(&p, "send descriptors", SYS_sendmsg, inner_sock(s, st), (uint64_t)&m->mh, 0);
	for (size_t i = 0; i < n; i++)
		prog_call(&p, "close what was sent", SYS_close, (uint64_t)numbers[i]);
	r = stub_run(s, st, &p, e);
	prog_free(&p);
	if (r)
		return r;
	message_init(&ours, NULL, n);
	if (recvmsg(s->socks[st->index % (size_t)s->n_socks], &ours.mh,
		    MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1)
		return err_sys(e, "recvmsg", "%zu descriptors", n);
	return message_read(&ours, ret_fds, n, e);
}
