/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the modules share while they compile a task's programs. */
#include "model/build.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

int build_slot(struct build *b, int fd)
{
	for (int i = b->n_fds; i < b->n_slots; i++)
		if (b->slots[i] == fd)
			return i;
	if (b->n_slots == b->cap_slots) {
		int cap = b->cap_slots ? b->cap_slots * 2 : 32;
		int *v = pool_alloc(b->m->pool, (size_t)cap * sizeof(*v));

		for (int i = 0; i < b->n_slots; i++)
			v[i] = b->slots[i];
		b->slots = v;
		b->cap_slots = cap;
	}
	b->slots[b->n_slots] = fd;
	return b->n_slots++;
}

void maker_want(struct maker *mk, size_t call, int *ret_fd)
{
	struct maker_wish w = { .call = call, .ret_fd = ret_fd };

	pool_push(mk->m->pool, mk->wishes, mk->n_wishes, w);
}

int maker_send(struct maker *mk, int fd)
{
	pool_push(mk->m->pool, mk->sends, mk->n_sends, fd);
	return (int)mk->n_sends - 1;
}

int open_in_root(int root_fd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
		.mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
		.resolve = RESOLVE_IN_ROOT,
	};
	long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}
