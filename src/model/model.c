/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model's containers: making things and finding them again. What the
 * things mean is the modules' business.
 */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pool.h"

struct model *model_new(const struct options *opt)
{
	struct pool *pool = pool_new();
	struct model *m = pool_alloc(pool, sizeof(*m));

	m->pool = pool;
	m->opt = opt;
	m->next_file_id = 1;
	m->next_ns_id = 1;
	m->next_obj_id = 1;
	return m;
}

void model_free(struct model *m)
{
	if (m)
		pool_free(m->pool);
}

struct task *model_task_new(struct model *m, struct task *parent)
{
	struct task *t = pool_alloc(m->pool, sizeof(*t));

	t->parent = parent;
	if (parent)
		pool_push(m->pool, parent->children, parent->n_children, t);
	else if (!m->root)
		m->root = t;
	pool_push(m->pool, m->tasks, m->n_tasks, t);
	return t;
}

struct task *model_task_by_pid(struct model *m, pid_t pid)
{
	for (size_t i = 0; i < m->n_tasks; i++)
		if (m->tasks[i]->pid == pid)
			return m->tasks[i];
	return NULL;
}

struct ctty *model_ctty(const struct model *m, pid_t sid)
{
	for (size_t i = 0; i < m->n_cttys; i++)
		if (m->cttys[i].sid == sid)
			return &m->cttys[i];
	return NULL;
}

struct file_obj *model_file_new(struct model *m)
{
	struct file_obj *f = pool_alloc(m->pool, sizeof(*f));

	f->id = m->next_file_id++;
	f->fd = -EBADF;
	pool_push(m->pool, m->files, m->n_files, f);
	return f;
}

struct file_obj *model_file_by_id(struct model *m, uint32_t id)
{
	size_t lo = 0, hi = m->file_index ? m->n_files : 0;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (m->file_index[mid]->id == id)
			return m->file_index[mid];
		if (m->file_index[mid]->id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

struct ns *model_ns_get(struct model *m, enum ns_type type, uint64_t ino)
{
	struct ns *ns;

	for (size_t i = 0; i < m->n_nses; i++)
		if (m->nses[i]->type == type && m->nses[i]->ino == ino)
			return m->nses[i];
	ns = pool_alloc(m->pool, sizeof(*ns));
	ns->type = type;
	ns->ino = ino;
	ns->id = m->next_ns_id++;
	pool_push(m->pool, m->nses, m->n_nses, ns);
	return ns;
}

/* Of a dump. The same in each checkpoint of an object, as far as inodes' numbers allow it. */
static uint64_t shmid_new(const struct model *m, uint64_t ino)
{
	uint64_t id = SHMID_OTHERS | (ino & (SHMID_OTHERS - 1));

	for (size_t i = 0; i < m->n_shmems; i++)
		if (m->shmems[i]->shmid == id) {
			id = id == UINT32_MAX ? SHMID_OTHERS : id + 1;
			i = (size_t)-1;
		}
	return id;
}

struct shmem_obj *model_shmem_get(struct model *m, uint64_t dev, uint64_t ino)
{
	struct shmem_obj *s;

	for (size_t i = 0; i < m->n_shmems; i++)
		if (m->shmems[i]->dev == dev && m->shmems[i]->ino == ino)
			return m->shmems[i];
	s = pool_alloc(m->pool, sizeof(*s));
	s->dev = dev;
	s->ino = ino;
	s->shmid = dev ? shmid_new(m, ino) : ino;
	s->fd = -EBADF;
	pool_push(m->pool, m->shmems, m->n_shmems, s);
	return s;
}

bool model_has_own_ns(const struct model *m, enum ns_type type)
{
	const struct ns *ns = m->root ? m->root->ns[type] : NULL;

	return ns && !ns->ours;
}

uint64_t model_clock_now(int clk)
{
	struct timespec t;

	clock_gettime(clk == CLK_MONO ? CLOCK_MONOTONIC : CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t model_clock_passed(const struct model *m, int clk)
{
	uint64_t now = model_clock_now(clk);

	return now > m->clocks.ours[clk] ? now - m->clocks.ours[clk] : 0;
}
