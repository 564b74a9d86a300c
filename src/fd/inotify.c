// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * inotify(7): watches with their numbers. Events that wait cannot be made again,
 * so a queue that is not empty is refused. On restore the watches are added when
 * all else is done, and nothing of ours can cause an event any more.
 */
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

#include "fd/kinds.h"
#include "fd/watch.h"
#include "model/build.h"

#ifndef INOTIFY_IOC_SETNEXTWD
#define INOTIFY_IOC_SETNEXTWD _IOW('I', 0, int32_t) /* linux/inotify.h (4.16) */
#endif
#define HANDLE_WORDS 16 /* as everybody writes it */

/* What outlives fd_finish(). */
struct inotify_kid {
	int fd, root_fd;
	int *removed; /* by watch: a file whose name is gone, else -EBADF */
};

static bool inotify_is(const struct fd_look *l)
{
	return !strcmp(l->link, "anon_inode:inotify") || !strcmp(l->link, "anon_inode:[inotify]");
}

static FhEntry *handle_entry(struct pool *pool, const struct watch_target *w)
{
	FhEntry *fh = pool_msg(pool, FhEntry, fh_entry__init);

	fh->bytes = w->handle_len;
	fh->type = w->handle_type;
	fh->n_handle = HANDLE_WORDS;
	fh->handle = pool_alloc(pool, HANDLE_WORDS * sizeof(*fh->handle));
	memcpy(fh->handle, w->handle, w->handle_len);
	return fh;
}

static int dump_watch(struct fd_dump *d, struct file_obj *f, const struct fd_look *l,
		      const struct watch_target *w, InotifyWdEntry *we, struct err *e)
{
	struct watch_found found;
	struct file_obj *removed;
	int r = watch_find(d, l, w, &found, e);

	if (r)
		return r;
	if (!f) {
		cleanup_close(&found.deleted_fd);
		return 0;
	}
	we->id = f->id;
	we->f_handle = handle_entry(d->m->pool, w);
	we->f_handle->path = (char *)found.path;
	if (found.path)
		return 0;
	r = fd_dump_file(d->m, l->t, found.deleted_fd, found.link, O_PATH, &removed, e);
	cleanup_close(&found.deleted_fd);
	if (r)
		return err_in(e, "watched by fd %d of pid %d", l->fd, l->t->host);
	we->has_file_id = 1;
	we->file_id = removed->id;
	return 0;
}

/* @f, @ie: NULL while the task runs. */
static int dump_watches(struct fd_dump *d, struct file_obj *f, const struct fd_look *l,
			InotifyFileEntry *ie, struct err *e)
{
	/* What looks at further files may read into the same buffer. */
	const char *text = pool_strdup(d->m->pool, l->info.text);

	for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		InotifyWdEntry *we = pool_msg(d->m->pool, InotifyWdEntry, inotify_wd_entry__init);
		struct watch_target w;
		int r = watch_parse_line(p, we, &w);

		if (r < 0)
			return fd_refuse(l, e, "the kernel shows its watches in an unknown form");
		if (!r)
			continue;
		r = dump_watch(d, f, l, &w, we, e);
		if (r)
			return r;
		if (ie)
			pool_push(d->m->pool, ie->wd, ie->n_wd, we);
	}
	return 0;
}

static int check_queue(const struct fd_look *l, struct err *e)
{
	int waiting;

	if (ioctl(l->copy, FIONREAD, &waiting))
		return err_sys(e, "ioctl", "pid %d, fd %d: FIONREAD", l->t->host, l->fd);
	if (!waiting)
		return 0;
	fd_refuse(l, e, "%d bytes of inotify events have not been read", waiting);
	return err_hint(e, "try again when the program has read them");
}

static int inotify_check(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	int r;

	fd_settle(l);
	r = check_queue(l, e);
	return r ? r : dump_watches(d, NULL, l, NULL, e);
}

static int inotify_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l,
			struct err *e)
{
	InotifyFileEntry *ie = pool_msg(d->m->pool, InotifyFileEntry, inotify_file_entry__init);
	int r = check_queue(l, e);

	if (r)
		return r;
	file_entry_new(d, f, FD_TYPES__INOTIFY)->ify = ie;
	ie->id = f->id;
	ie->flags = l->info.flags;
	r = fown_dump(d, l, &ie->fown, e);
	return r ? r : dump_watches(d, f, l, ie, e);
}

static int inotify_read(struct fd_restore *r, struct file_obj *f, struct image_in *in,
			struct err *e)
{
	const InotifyFileEntry *ie = f->entry->ify;

	for (size_t i = 0; i < ie->n_wd; i++) {
		const InotifyWdEntry *we = ie->wd[i];

		if (!we->wd || we->wd > INT32_MAX)
			return image_bad(in, e, "file %u: watch number %u is out of range", f->id,
					 we->wd);
		if (!we->has_file_id && (!we->f_handle->path || we->f_handle->path[0] != '/'))
			return image_bad(in, e, "file %u: watch %u has no absolute path", f->id,
					 we->wd);
	}
	return 0;
}

/* Removed files are asked for by number. */
static int inotify_read_end(struct fd_restore *r, struct err *e)
{
	for (size_t i = 0; i < r->m->n_files; i++) {
		struct file_obj *f = r->m->files[i];

		for (size_t k = 0; f->entry->ify && k < f->entry->ify->n_wd; k++) {
			const InotifyWdEntry *we = f->entry->ify->wd[k];
			struct file_obj *to =
				we->has_file_id ? model_file_by_id(r->m, we->file_id) : NULL;

			if (we->has_file_id && (!to || to->entry->type != FD_TYPES__REG))
				return file_bad(f, e, "watch %u: file %u is no regular file",
						we->wd, we->file_id);
		}
	}
	return 0;
}

static int cmp_wd(const void *a, const void *b)
{
	uint32_t x = (*(InotifyWdEntry *const *)a)->wd, y = (*(InotifyWdEntry *const *)b)->wd;

	return x < y ? -1 : x > y;
}

/* Ascending, so that the kernel lists them in the same order and goes on behind the last. */
static int inotify_open(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	const InotifyFileEntry *ie = f->entry->ify;
	struct inotify_kid *k = pool_alloc(r->m->pool, sizeof(*k));
	int ret = 0;

	fd_work(f)->kid = k;
	k->removed = pool_alloc(r->m->pool, (ie->n_wd + 1) * sizeof(*k->removed));
	if (ie->n_wd)
		qsort(ie->wd, ie->n_wd, sizeof(*ie->wd), cmp_wd);
	f->fd = inotify_init1(IN_CLOEXEC);
	k->fd = f->fd < 0 ? -EBADF : fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	k->root_fd = fcntl(r->root_fd, F_DUPFD_CLOEXEC, 0);
	if (k->fd < 0 || k->root_fd < 0)
		return err_sys(e, "inotify_init1", "file %u", f->id);
	for (size_t i = 0; i < ie->n_wd && !ret; i++) {
		k->removed[i] = -EBADF;
		if (ie->wd[i]->has_file_id)
			ret = reg_open_flags(r, model_file_by_id(r->m, ie->wd[i]->file_id), O_PATH,
					     &k->removed[i], e);
	}
	return ret ? ret : fd_set_flags(f->fd, ie->flags, "inotify", e);
}

static int add_watch(const struct inotify_kid *k, const InotifyWdEntry *we, int removed,
		     struct err *e)
{
	const char *path = we->f_handle->path;
	_cleanup_close_ int fd = -EBADF;
	char self[40];
	int wd;

	if (removed < 0) {
		fd = open_in_root(k->root_fd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
		if (fd < 0) {
			errno = -fd;
			err_sys(e, "open", "%s, which inotify watches", path);
			err_class_set(e, ERR_CONFLICT);
			return err_hint(e, "put the file back where it was");
		}
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", removed < 0 ? fd : removed);
	if (ioctl(k->fd, INOTIFY_IOC_SETNEXTWD, (long)we->wd))
		return err_sys(e, "ioctl", "inotify: next watch %u", we->wd);
	wd = inotify_add_watch(k->fd, self, we->mask);
	if (wd < 0)
		return err_sys(e, "inotify_add_watch", "%s", path ? path : "a removed file");
	if ((uint32_t)wd != we->wd)
		return err_set(e, ERR_CONFLICT, EEXIST, "inotify_add_watch",
			       path ? path : "a removed file",
			       "it has watch %d already, instead of %u: two names became one file",
			       wd, we->wd);
	return 0;
}

static int inotify_last(struct fd_restore *r, struct err *e)
{
	int ret = 0;

	for (size_t i = 0; i < r->m->n_files && !ret; i++) {
		struct file_obj *f = r->m->files[i];
		const InotifyFileEntry *ie = f->entry->ify;
		struct inotify_kid *k = fd_work(f)->kid;

		if (f->entry->type != FD_TYPES__INOTIFY || !k)
			continue;
		for (size_t w = 0; w < ie->n_wd && !ret; w++)
			ret = add_watch(k, ie->wd[w], k->removed[w], e);
		for (size_t w = 0; w < ie->n_wd; w++)
			cleanup_close(&k->removed[w]);
		cleanup_close(&k->fd);
		cleanup_close(&k->root_fd);
	}
	return ret;
}

const struct file_kind file_kind_inotify = {
	.name = "inotify, its queue empty",
	.type = FD_TYPES__INOTIFY,
	.is = inotify_is,
	.check_copy = true,
	.check = inotify_check,
	.dump = inotify_dump,
	FILE_KIND_ENTRY(ify, InotifyFileEntry),
	.read = inotify_read,
	.read_end = inotify_read_end,
	.open = inotify_open,
	.last = inotify_last,
};
