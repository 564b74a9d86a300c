// SPDX-License-Identifier: GPL-2.0-or-later
/* What the module keeps in the model: one state for all, one for each task. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "mem/mem-internal.h"
#include "parasite/remote.h"

/* memfds live on the same internal tmpfs as shared anonymous memory. */
static uint64_t find_shm_dev(void)
{
	_cleanup_close_ int fd = memfd_create("shm", MFD_CLOEXEC);
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) ? st.st_dev : 0;
}

struct mem_state *mem_state(struct model *m)
{
	struct mem_state *s = m->mem_state;

	if (s)
		return s;
	s = pool_alloc(m->pool, sizeof(*s));
	s->shm_dev = find_shm_dev();
	s->own_ipc = model_has_own_ns(m, NS_IPC);
	s->task_size = mem_find_task_size();
	vdso_layout_read(&s->vdso);
	m->mem_state = s;
	return s;
}

struct mem_task *mem_task(struct model *m, struct task *t)
{
	struct mem_task *mt = (struct mem_task *)t->mm;

	if (!mt) {
		mt = pool_alloc(m->pool, sizeof(*mt));
		mm_entry__init(&mt->mm);
		t->mm = &mt->mm;
	}
	return mt;
}

pid_t mem_tid(const struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		const struct thread *th = &t->threads[i];

		if (th->rt && !th->rt->exited)
			return th->rt->tid;
	}
	return t->host;
}

void mem_set_inside(struct model *m, struct task *t, uint64_t brk, int dumpable, bool thp_disabled)
{
	struct mem_task *mt = mem_task(m, t);

	mt->inside = true;
	mt->mm.mm_brk = brk;
	mt->mm.has_dumpable = 1;
	mt->mm.dumpable = dumpable;
	mt->mm.has_thp_disabled = 1;
	mt->mm.thp_disabled = thp_disabled;
}

void mem_close(struct model *m)
{
	struct mem_state *s = m->mem_state;

	for (size_t i = 0; i < m->n_shmems; i++)
		cleanup_close(&m->shmems[i]->fd), m->shmems[i]->fd = -EBADF;
	if (s)
		copier_free(take_ptr(s->copier));
}
