// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Regular files and directories: a name, a position, flags. Whatever has a name
 * uses the same message: devices and FIFOs too. The content stays where it is,
 * unless the name is gone (ghost.c).
 */
#include <stdio.h>
#include <sys/syscall.h>

#include "fd/external.h"
#include "fd/kinds.h"
#include "fd/link.h"
#include "fd/procfs.h"
#include "model/options.h"

#define BUILD_ID_WORDS 16

static bool reg_is(const struct fd_look *l)
{
	if (l->link[0] != '/')
		return false;
	/* Never opened, whatever it is: just a name. */
	if (l->info.flags & O_PATH)
		return true;
	return S_ISREG(l->st.st_mode) || S_ISDIR(l->st.st_mode) || S_ISLNK(l->st.st_mode);
}

static void who_is(const struct fd_look *l, char *buf, size_t size)
{
	pid_t pid = l->t->host;

	if (l->fd >= 0)
		snprintf(buf, size, "pid %d, fd %d (%.200s)", pid, l->fd, l->link);
	else
		snprintf(buf, size, "pid %d, file %.200s", pid, l->link);
}

/* Files that only look like ones. */
static int reg_refuse_special(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	const char *p = l->link;

	if (!strncmp(p, "/SYSV", 5) && !l->st.st_nlink)
		return fd_refuse(l, e, "a descriptor on System V shared memory is not supported");
	/* The kernel (6.18) counts a name for it all the same. */
	if (!strcmp(p, "/secretmem (deleted)") || !strcmp(p, "anon_inode:[secretmem]"))
		return fd_refuse(l, e, "secret memory cannot be read by anybody else");
	if (memfd_is_internal(d, &l->st))
		return fd_refuse(l, e, "a descriptor on memory of the kernel's is not supported");
	return 0;
}

/*
 * Directory notifications (F_NOTIFY) cannot be asked for, but whoever orders
 * them becomes the owner of the descriptor, and nothing else has a use for that.
 */
static int refuse_dnotify(const struct fd_look *l, int copy, struct err *e)
{
	struct f_owner_ex own;

	if (!S_ISDIR(l->st.st_mode) || l->info.flags & O_PATH || copy < 0 ||
	    fcntl(copy, F_GETOWN_EX, &own) || !own.pid)
		return 0;
	fd_refuse(l, e, "changes of the directory are told to process %d (F_NOTIFY)", own.pid);
	return err_hint(e, "let the program close it before the checkpoint, or use inotify");
}

static int reg_check(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	struct fd_name nm;
	char who[320];
	pid_t dead;
	int r = reg_refuse_special(d, l, e);

	if (r || external_is(d, l))
		return r;
	if (S_ISDIR(l->st.st_mode) && l->fd >= 0 && l->copy < 0) {
		_cleanup_close_ int copy = (int)syscall(SYS_pidfd_getfd, d->pidfd, l->fd, 0);

		r = refuse_dnotify(l, copy, e);
		if (r)
			return r;
	}
	who_is(l, who, sizeof(who));
	r = fd_name_find(d, &l->st, l->link, who, &nm, e);
	if (!r)
		r = proc_check(d, l, &nm, &dead, e);
	if (!r && nm.deleted && !nm.linkable && !dead)
		r = ghost_check(d, &l->st, nm.path, who, e);
	return r;
}

static void add_build_id(struct fd_dump *d, RegFileEntry *re, int fd)
{
	_cleanup_close_ int f = open_again(fd);
	uint32_t id[BUILD_ID_WORDS];
	size_t n;

	n = f >= 0 ? build_id_read(f, id, ARRAY_SIZE(id)) : 0;
	if (!n)
		return;
	re->build_id = pool_dup(d->m->pool, id, n * sizeof(*id));
	re->n_build_id = n;
}

/* Of the inode: how long what is written lives; gone with it from memory (man 2 fcntl). */
static void add_hint(RegFileEntry *re, const struct fd_look *l)
{
	uint64_t hint;

	if (S_ISREG(l->st.st_mode) && !(l->info.flags & O_PATH) &&
	    !fcntl(l->copy, F_GET_RW_HINT, &hint) && hint) {
		re->has_rw_hint = 1;
		re->rw_hint = hint;
	}
}

int reg_entry_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, struct err *e)
{
	RegFileEntry *re = pool_msg(d->m->pool, RegFileEntry, reg_file_entry__init);
	struct fd_name nm;
	char who[320];
	pid_t dead;
	int r, mnt;

	who_is(l, who, sizeof(who));
	r = fd_name_find(d, &l->st, l->link, who, &nm, e);
	if (!r)
		r = proc_check(d, l, &nm, &dead, e);
	if (r)
		return r;
	file_entry_new(d, f, FD_TYPES__REG)->reg = re;
	re->id = f->id;
	re->flags = l->info.flags;
	re->pos = l->info.pos;
	re->name = (char *)nm.path;
	re->removed_name = (char *)nm.lost;
	re->has_mode = 1;
	re->mode = l->st.st_mode;
	if (S_ISREG(l->st.st_mode)) {
		re->has_size = 1;
		re->size = (uint64_t)l->st.st_size;
	}
	mnt = fd_name_mount(d, l->t, nm.deleted ? NULL : nm.path, l->copy);
	if (mnt >= 0) {
		re->has_mnt_id = 1;
		re->mnt_id = mnt;
	}
	if (l->fd < 0) {
		/* A file by name alone has no owner to ask for; mapped ones may be programs. */
		re->fown = pool_msg(d->m->pool, FownEntry, fown_entry__init);
		if (S_ISREG(l->st.st_mode) && !nm.deleted)
			add_build_id(d, re, l->copy);
	} else {
		add_hint(re, l);
		r = fown_dump(d, l, &re->fown, e);
	}
	if (r || !nm.deleted)
		return r;
	if (dead)
		remap_add(d, f, (uint32_t)dead, REMAP_TYPE__PROCFS);
	else if (nm.linkable)
		r = link_dump(d, f, l, nm.path, who, e);
	else
		r = ghost_dump(d, f, &l->st, l->copy, nm.path, who, e);
	return r;
}

static int reg_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, struct err *e)
{
	int r = reg_refuse_special(d, l, e);

	if (!r && external_is(d, l))
		return external_dump(d, f, l, e);
	if (!r)
		r = refuse_dnotify(l, l->copy, e);
	return r ? r : reg_entry_dump(d, f, l, e);
}

static int reg_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e)
{
	const RegFileEntry *re = f->entry->reg;

	if (re->has_ext && re->ext)
		return external_read(r, f, e);
	if (re->name[0] != '/')
		return image_bad(in, e, "file %u: the name is not absolute", f->id);
	if (strlen(re->name) >= PATH_MAX)
		return image_bad(in, e, "file %u: the name is too long", f->id);
	if (re->removed_name &&
	    (re->removed_name[0] != '/' || strlen(re->removed_name) >= PATH_MAX))
		return image_bad(in, e, "file %u: the removed name is none", f->id);
	if (re->pos > INT64_MAX || (re->has_size && re->size > INT64_MAX))
		return image_bad(in, e, "file %u: position or size out of range", f->id);
	return 0;
}

/* What open(2) may be told by an image; the rest is for creating, or harmful. */
#define REG_OPEN_FLAGS                                                                             \
	(O_ACCMODE | O_APPEND | O_NONBLOCK | O_DSYNC | O_SYNC | O_DIRECT | O_LARGEFILE |           \
	 O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_PATH)

static int changed(const RegFileEntry *re, struct err *e, const char *fmt, unsigned long long was,
		   unsigned long long is)
{
	char why[160];

	snprintf(why, sizeof(why), fmt, was, is);
	err_set(e, ERR_CONFLICT, ESTALE, "open", re->name,
		"the file changed since the checkpoint: %s", why);
	return err_hint(e, "put the file of the time of the checkpoint back");
}

static int same_build(const RegFileEntry *re, int fd, struct err *e)
{
	uint32_t id[BUILD_ID_WORDS];
	size_t n;

	if (!re->n_build_id)
		return 0;
	n = build_id_read(fd, id, ARRAY_SIZE(id));
	if (n == re->n_build_id && !memcmp(id, re->build_id, n * sizeof(*id)))
		return 0;
	err_set(e, ERR_CONFLICT, ESTALE, "open", re->name,
		"the file changed since the checkpoint: its build id is another one");
	return err_hint(e, "put the program or library of the time of the checkpoint back");
}

static int same_file(struct fd_restore *r, const RegFileEntry *re, int fd, bool readable,
		     struct err *e)
{
	const struct options *opt = r->m->opt;
	struct stat st;

	if (fstat(fd, &st))
		return err_sys(e, "fstat", "%s", re->name);
	if (re->has_mode && (st.st_mode & S_IFMT) != (re->mode & S_IFMT))
		return changed(re, e, "type %llo, now %llo", re->mode & S_IFMT,
			       st.st_mode & S_IFMT);
	if (re->has_mode && !opt->skip_file_rwx_check && (st.st_mode & 0777) != (re->mode & 0777)) {
		changed(re, e, "permissions %04llo, now %04llo", re->mode & 0777,
			st.st_mode & 0777);
		return err_hint(e, "chmod %04o %s, or use --skip-file-rwx-check", re->mode & 0777,
				re->name);
	}
	if (re->has_size && S_ISREG(st.st_mode) && (uint64_t)st.st_size != re->size)
		return changed(re, e, "%llu bytes, now %llu", re->size, (uint64_t)st.st_size);
	if (readable && opt->file_validation && !strcmp(opt->file_validation, "buildid"))
		return same_build(re, fd, e);
	return 0;
}

static int not_opened(const RegFileEntry *re, int code, struct err *e)
{
	errno = -code;
	err_sys(e, "open", "%s", re->name);
	switch (code) {
	case -ENOENT:
	case -ENOTDIR:
		err_class_set(e, ERR_CONFLICT);
		return err_hint(e,
				"the file of the time of the checkpoint is missing: put it back");
	case -EISDIR:
	case -ELOOP:
	case -ENXIO:
	case -ENODEV:
		err_class_set(e, ERR_CONFLICT);
		return err_hint(e, "something else has its name: put the file of the time of the "
				   "checkpoint back");
	case -ETXTBSY:
		err_class_set(e, ERR_CONFLICT);
		return err_hint(e, "it is being executed: end that process");
	default:
		return code;
	}
}

/*
 * A new description of a REG file with the given access; @flags as in the
 * image. O_NONBLOCK while opening: the name may be a FIFO or a terminal by now.
 */
int reg_open_flags(struct fd_restore *r, struct file_obj *f, int flags, int *ret_fd, struct err *e)
{
	const RegFileEntry *re = f->entry->reg;
	_cleanup_close_ int fd = -EBADF;
	int how = flags & REG_OPEN_FLAGS, ret;

	/* O_TMPFILE carries O_DIRECTORY with it: that was about where to make the file. */
	if (flags & TMPFILE_BIT)
		how &= ~O_DIRECTORY;
	if (fd_work(f)->ghost)
		return ghost_open(r, f, how, ret_fd, e);
	ret = how & O_PATH ? how : how | O_NONBLOCK | O_NOCTTY;
	fd = link_is(f) ? link_open(r, f, ret, e) : open_in_root(r->root_fd, re->name, ret, 0);
	if (fd < 0)
		return e->code ? -e->code : not_opened(re, fd, e);
	ret = same_file(r, re, fd, (how & O_ACCMODE) != O_WRONLY && !(how & O_PATH), e);
	if (ret)
		return ret;
	if (!(how & (O_PATH | O_NONBLOCK))) {
		ret = fd_set_flags(fd, (unsigned)how, re->name, e);
		if (ret)
			return ret;
	}
	*ret_fd = take_fd(fd);
	return 0;
}

static int reg_open(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	const RegFileEntry *re = f->entry->reg;
	int flags = (int)re->flags, ret;

	ret = external_open(r, f, e);
	if (ret == 1)
		ret = late_open(r, f, e);
	if (ret <= 0)
		return ret;
	ret = reg_open_flags(r, f, flags, &f->fd, e);
	if (ret || flags & O_PATH)
		return ret;
	if (re->has_rw_hint && fcntl(f->fd, F_SET_RW_HINT, &re->rw_hint))
		return err_sys(e, "fcntl", "%s: F_SET_RW_HINT %llu", re->name,
			       (unsigned long long)re->rw_hint);
	if (!re->pos)
		return 0;
	if (proc_name_is(r->root_fd, re->name)) {
		/* Seeking produces the text to go on with: of the finished process, not of this one. */
		fd_work(f)->seek_late = true;
		return 0;
	}
	return reg_seek(f, e);
}

int reg_seek(struct file_obj *f, struct err *e)
{
	const RegFileEntry *re = f->entry->reg;

	if (lseek(f->fd, (off_t)re->pos, SEEK_SET) < 0)
		return err_sys(e, "lseek", "%s to %llu", re->name, (unsigned long long)re->pos);
	return 0;
}

static int reg_read_end(struct fd_restore *r, struct err *e)
{
	int ret = ghost_read(r, e);

	if (!ret)
		proc_find_dead(r->m);
	return ret;
}

const struct file_kind file_kind_reg = {
	.name = "regular file or directory",
	.type = FD_TYPES__REG,
	.is = reg_is,
	.check = reg_check,
	.dump = reg_dump,
	FILE_KIND_ENTRY(reg, RegFileEntry),
	.read = reg_read,
	.read_end = reg_read_end,
	.open = reg_open,
	.open_map = reg_open_flags,
};
