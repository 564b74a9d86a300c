// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Descriptors that mq_open(2) made: files of the IPC namespace's own mqueue
 * mount, which lies in no mount tree. Those opened by a name in a mounted mqueue
 * filesystem are ordinary files (reg.c). The queues themselves are nsops'.
 *
 * In the images they are regular files with a mark of ours.
 */
#include <mqueue.h>
#include <sched.h>
#include <stdio.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/nshelper.h"
#include "fd/kinds.h"
#include "parasite/stub.h"

#define MQUEUE_MAGIC 0x19800202 /* linux/magic.h has none: ipc/mqueue.c */
/* Every queue's file has this size (ipc/mqueue.c: FILENT_SIZE). */
#define FILE_SIZE 80

/* The mount's root is "/": a name right below it, of the right filesystem. */
static bool mqueue_is(const struct fd_look *l)
{
	char path[64];
	struct statfs fs;

	if (l->link[0] != '/' || strchr(l->link + 1, '/') || !S_ISREG(l->st.st_mode) ||
	    l->st.st_size != FILE_SIZE || major(l->st.st_dev) || l->fd < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", fd_task_tid(l->t), l->fd);
	return !statfs(path, &fs) && fs.f_type == MQUEUE_MAGIC;
}

static int mqueue_check(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	if (!l->st.st_nlink) {
		fd_refuse(l, e, "the message queue was removed (mq_unlink) while it is open");
		return err_hint(e, "let the program close it before the checkpoint");
	}
	if (l->info.flags & O_PATH)
		return fd_refuse(l, e, "an O_PATH descriptor of a message queue is not supported");
	return 0;
}

static int mqueue_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l,
		       struct err *e)
{
	RegFileEntry *re;
	int r = mqueue_check(d, l, e);

	if (r)
		return r;
	re = pool_msg(d->m->pool, RegFileEntry, reg_file_entry__init);
	file_entry_new(d, f, FD_TYPES__REG)->reg = re;
	re->id = f->id;
	re->flags = l->info.flags;
	re->pos = l->info.pos;
	re->name = pool_strdup(d->m->pool, l->link);
	re->has_mode = 1;
	re->mode = l->st.st_mode;
	re->has_stasis_mqueue = re->stasis_mqueue = 1;
	return fown_dump(d, l, &re->fown, e);
}

static bool mqueue_reads(const FileEntry *fe)
{
	return fe->reg && fe->reg->has_stasis_mqueue && fe->reg->stasis_mqueue;
}

static int mqueue_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e)
{
	const RegFileEntry *re = f->entry->reg;

	if (re->name[0] != '/' || !re->name[1] || strchr(re->name + 1, '/') ||
	    strlen(re->name + 1) > NAME_MAX)
		return image_bad(in, e, "file %u: \"%.80s\" is no name of a message queue", f->id,
				 re->name);
	if (re->pos > INT64_MAX)
		return image_bad(in, e, "file %u: position out of range", f->id);
	return 0;
}

static int open_inside(void *arg, void *ret, struct err *e)
{
	const RegFileEntry *re = arg;
	int fd = (int)syscall(SYS_mq_open, re->name + 1,
			      (re->flags & (O_ACCMODE | O_NONBLOCK)) | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "mq_open", "message queue %s", re->name);
	*(int *)ret = fd;
	return 0;
}

static int mqueue_open(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	RegFileEntry *re = f->entry->reg;
	bool own = model_has_own_ns(r->m, NS_IPC);
	int ret = ns_helper_call(own ? r->m->root->stub->host : 0, own ? CLONE_NEWIPC : 0,
				 open_inside, re, &f->fd, e);

	if (ret)
		return ret;
	ret = fd_set_flags(f->fd, re->flags, re->name, e);
	if (!ret && re->pos && lseek(f->fd, (off_t)re->pos, SEEK_SET) < 0)
		return err_sys(e, "lseek", "message queue %s", re->name);
	return ret;
}

const struct file_kind file_kind_mqueue = {
	.name = "POSIX message queue",
	.type = FD_TYPES__REG,
	.is = mqueue_is,
	.check = mqueue_check,
	.dump = mqueue_dump,
	FILE_KIND_ENTRY(reg, RegFileEntry),
	.reads = mqueue_reads,
	.read = mqueue_read,
	.open = mqueue_open,
};
