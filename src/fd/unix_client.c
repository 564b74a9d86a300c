// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The one socket whose other end is ours: over it a process of the tree has
 * asked for its own checkpoint. It is saved as a connection that its peer has
 * closed, with the answer for whoever is restored waiting in it.
 */
#include "fd/unix.h"
#include "fd/unix_diag.h"

#include "model/options.h"

bool unix_is_client(const struct fd_dump *d, uint32_t ino)
{
	return ino && ino == d->m->opt->client_socket;
}

struct unix_sock *unix_client_alone(struct fd_dump *d, const struct unix_sock *s)
{
	struct unix_sock *alone = pool_dup(d->m->pool, s, sizeof(*s));

	alone->peer = 0;
	/* RCV_SHUTDOWN and SEND_SHUTDOWN, as the kernel leaves who is left behind. */
	alone->shutdown = 3;
	return alone;
}

int unix_client_answer(struct fd_dump *d, const struct file_obj *f, struct err *e)
{
	const struct options *o = d->m->opt;
	SkPacketEntry pe = SK_PACKET_ENTRY__INIT;
	int r = 0;

	pe.id_for = f->id;
	pe.length = (uint32_t)o->client_answer_len;
	if (!d->sk_queues)
		r = image_create(d->m->dir, IMG_SK_QUEUES, 0, &d->sk_queues, e);
	if (!r)
		r = image_put(d->sk_queues, &pe.base, e);
	return r ? r : image_put_raw(d->sk_queues, o->client_answer, o->client_answer_len, e);
}
