// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Descriptors of namespaces (/proc/PID/ns/NAME): of those that the tree lives in,
 * which are there again when files are opened. All others stay behind on the
 * machine, so they are refused by name.
 */
#include <stdio.h>

#include "base/proc.h"
#include "fd/kinds.h"
#include "nsops/nsops.h"
#include "parasite/stub.h"

/* "net:[4026531840]"; bind mounts of them are shown by their path, and are files like others. */
static const struct ns_kind *kind_of(const struct fd_look *l)
{
	for (size_t i = 0; i < NS_TYPES; i++) {
		size_t n = strlen(ns_kinds[i].name);

		if (!strncmp(l->link, ns_kinds[i].name, n) && !strncmp(l->link + n, ":[", 2))
			return &ns_kinds[i];
	}
	return NULL;
}

static bool nsfile_is(const struct fd_look *l)
{
	return kind_of(l) != NULL;
}

static const struct ns *find(const struct model *m, const struct fd_look *l,
			     const struct ns_kind *k)
{
	for (size_t i = 0; i < m->n_nses; i++)
		if (m->nses[i]->type == k->type && m->nses[i]->ino == l->st.st_ino &&
		    m->nses[i]->holder)
			return m->nses[i];
	return NULL;
}

/* Tasks are identified one after the other: one that comes later may live in it. */
static bool somebody_is_in(const struct model *m, const struct fd_look *l, const struct ns_kind *k)
{
	for (size_t i = 0; i < m->n_tasks; i++) {
		struct err quiet = { 0 };
		uint64_t ino;

		if (m->tasks[i]->state != TASK_ZOMBIE &&
		    !proc_ns_ino(fd_task_tid(m->tasks[i]), k->name, &ino, &quiet) &&
		    ino == l->st.st_ino)
			return true;
	}
	return false;
}

static int refuse(const struct fd_look *l, struct err *e)
{
	fd_refuse(l, e, "no task of the tree lives in this namespace");
	return err_hint(e, "let the program close it; namespaces that tasks live in are saved "
			   "with them");
}

static int nsfile_check(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	const struct ns_kind *k = kind_of(l);

	return find(d->m, l, k) || somebody_is_in(d->m, l, k) ? 0 : refuse(l, e);
}

static int nsfile_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l,
		       struct err *e)
{
	const struct ns_kind *k = kind_of(l);
	const struct ns *ns = find(d->m, l, k);
	NsFileEntry *ne;

	if (!ns)
		return refuse(l, e);
	ne = pool_msg(d->m->pool, NsFileEntry, ns_file_entry__init);
	file_entry_new(d, f, FD_TYPES__NS)->nsf = ne;
	ne->id = f->id;
	ne->ns_id = ns->id;
	ne->ns_cflag = (uint32_t)k->clone_flag;
	ne->flags = l->info.flags;
	return fown_dump(d, l, &ne->fown, e);
}

static const struct ns *ns_of(const struct model *m, const NsFileEntry *ne)
{
	for (size_t i = 0; i < m->n_nses; i++)
		if (m->nses[i]->id == ne->ns_id && m->nses[i]->holder &&
		    ns_kinds[m->nses[i]->type].clone_flag == ne->ns_cflag)
			return m->nses[i];
	return NULL;
}

static int nsfile_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e)
{
	const NsFileEntry *ne = f->entry->nsf;

	if (!ns_of(r->m, ne))
		return image_bad(in, e, "file %u: no task lives in namespace %u of type %x", f->id,
				 ne->ns_id, ne->ns_cflag);
	return 0;
}

static int nsfile_open(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	const NsFileEntry *ne = f->entry->nsf;
	const struct ns *ns = ns_of(r->m, ne);
	/* How we see the others is known later. */
	const struct task *t = r->m->root->ns[ns->type] == ns ? r->m->root : ns->holder;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", t->stub->host, ns_kinds[ns->type].name);
	f->fd = open(path, (int)(ne->flags & (O_PATH | O_NONBLOCK)) | O_RDONLY | O_CLOEXEC);
	if (f->fd < 0)
		return err_sys(e, "open", "%s", path);
	return ne->flags & O_PATH ? 0 : fd_set_flags(f->fd, ne->flags, path, e);
}

const struct file_kind file_kind_nsfile = {
	.name = "namespace: of those that the tree lives in",
	.type = FD_TYPES__NS,
	.is = nsfile_is,
	.check = nsfile_check,
	.dump = nsfile_dump,
	FILE_KIND_ENTRY(nsf, NsFileEntry),
	.read = nsfile_read,
	.open = nsfile_open,
};
