/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Content of filesystems that are the tree's own: tmpfs-dev-*.tar.gz.img, a
 * compressed pax archive with owners, modes, times, links, holes, extended
 * attributes and nodes. Sockets, which tar does not know, are empty files with
 * a mark.
 *
 * Runs in: forked helpers inside the tree's mount namespace, chrooted to a
 * detached clone of the one mount, which shows it without what is mounted on
 * it and out of which no name in an archive can lead.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/nshelper.h"
#include "base/watchdog.h"
#include "image/image.h"
#include "mounts/archive.h"
#include "mounts/mounts-internal.h"

#define SOCKET_MARK "user.stasis.socket"

struct content {
	const struct archive_lib *lib;
	const struct mnt *mnt;
	const struct mnt_tree *tree; /* dump */
	int fd;			     /* of the image */
	int mount_fd; /* restore: of the filesystem, which is attached nowhere; or negative */
};

static int archive_err(const struct content *c, struct archive *a, const char *op, const char *path,
		       struct err *e)
{
	const char *why = c->lib->archive_error_string(a);
	char obj[320];

	snprintf(obj, sizeof(obj), "%s in %s at %s", path, c->mnt->fsname, c->mnt->point);
	return err_set(e, ERR_SYSTEM, EIO, op, obj, "%s",
		       why ? why : "unknown error of libarchive");
}

/* Into the filesystem, as it lies below all that is mounted on it. */
static int enter_clone(const struct content *c, uint64_t set, uint64_t clear, int *ret_fd,
		       struct err *e)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clear };
	const char *point = c->mnt->point;
	_cleanup_close_ int fd = open_tree(AT_FDCWD, point, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_sys(e, "open_tree", "%s", point);
	if (fstat(fd, &st))
		return err_sys(e, "stat", "%s", point);
	if (c->tree && st.st_dev != makedev(c->mnt->major, c->mnt->minor))
		return err_set(e, ERR_TARGET, EBUSY, "read", point,
			       "another filesystem was mounted there meanwhile");
	if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)))
		return err_sys(e, "mount_setattr", "a clone of %s", point);
	if (fchdir(fd) || chroot("."))
		return err_sys(e, "chroot", "a clone of %s", point);
	*ret_fd = take_fd(fd);
	return 0;
}

/*
 * Hidden mounts are read in a copy of the namespace of our own, where all that
 * lies over them is taken away; an unbindable one becomes a private one there.
 */
static int uncover(const struct content *c, struct err *e)
{
	struct mnt *top;
	const char *rest;

	if (mnt_is_visible(c->tree, c->mnt) && !c->mnt->unbindable)
		return 0;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return err_sys(e, "unshare", "a copy of the tree's mounts");
	while ((top = mnt_tree_lookup(c->tree, c->mnt->point, &rest)) != c->mnt || *rest) {
		if (top == c->tree->root || umount2(top->point, MNT_DETACH | UMOUNT_NOFOLLOW))
			return err_sys(e, "umount2", "%s, which hides %s", top->point,
				       c->mnt->point);
		top->stands = false; /* of our copy: we are another process */
	}
	return 0;
}

/* Zeros between blocks are told to the archive, which leaves holes out by itself. */
static int data_copy(const struct content *c, struct archive *in, struct archive *out,
		     const char *path, struct err *e)
{
	static char zeros[1 << 20]; /* not const: takes no room in the program file */
	int64_t at = 0, off;
	const void *buf;
	size_t n;
	int r;

	while ((r = c->lib->archive_read_data_block(in, &buf, &n, &off)) == ARCHIVE_OK) {
		watchdog_beat();
		while (at < off) {
			size_t k = off - at < (int64_t)sizeof(zeros) ? (size_t)(off - at) :
								       sizeof(zeros);

			if (c->lib->archive_write_data(out, zeros, k) < 0)
				return archive_err(c, out, "write image of", path, e);
			at += (int64_t)k;
		}
		if (c->lib->archive_write_data(out, buf, n) < 0)
			return archive_err(c, out, "write image of", path, e);
		at += (int64_t)n;
	}
	return r == ARCHIVE_EOF ? 0 : archive_err(c, in, "read", path, e);
}

static void socket_mark(const struct content *c, struct archive_entry *en)
{
	if (c->lib->archive_entry_filetype(en) != AE_IFSOCK)
		return;
	c->lib->archive_entry_set_filetype(en, AE_IFREG);
	c->lib->archive_entry_set_size(en, 0);
	c->lib->archive_entry_xattr_add_entry(en, SOCKET_MARK, "1", 1);
}

static int entry_pack(const struct content *c, struct archive *in, struct archive *out,
		      struct archive_entry *en, struct archive_entry_linkresolver *links,
		      struct err *e)
{
	struct archive_entry *spare = NULL;
	bool has_data;

	socket_mark(c, en);
	c->lib->archive_entry_linkify(links, &en, &spare);
	if (!en)
		return 0;
	has_data = c->lib->archive_entry_filetype(en) == AE_IFREG &&
		   !c->lib->archive_entry_hardlink(en);
	if (c->lib->archive_write_header(out, en) != ARCHIVE_OK)
		return archive_err(c, out, "write image of", c->lib->archive_entry_pathname(en), e);
	if (has_data)
		return data_copy(c, in, out, c->lib->archive_entry_pathname(en), e);
	return 0;
}

static int tree_pack(const struct content *c, struct archive *in, struct archive *out,
		     struct err *e)
{
	struct archive_entry_linkresolver *links = c->lib->archive_entry_linkresolver_new();
	struct archive_entry *en = c->lib->archive_entry_new();
	int r = 0, k;

	c->lib->archive_entry_linkresolver_set_strategy(links, c->lib->archive_format(out));
	while (!r && (k = c->lib->archive_read_next_header2(in, en)) != ARCHIVE_EOF) {
		if (k != ARCHIVE_OK) {
			r = archive_err(c, in, "read", c->lib->archive_entry_pathname(en), e);
			break;
		}
		c->lib->archive_read_disk_descend(in);
		r = entry_pack(c, in, out, en, links, e);
	}
	c->lib->archive_entry_free(en);
	c->lib->archive_entry_linkresolver_free(links);
	return r;
}

static int dump_main(void *arg, void *ret, struct err *e)
{
	const struct content *c = arg;
	_cleanup_close_ int fd = -EBADF;
	struct archive *in, *out;
	int r = uncover(c, e);

	if (!r)
		r = enter_clone(c, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, &fd,
				e);
	if (r)
		return r;
	in = c->lib->archive_read_disk_new();
	out = c->lib->archive_write_new();
	c->lib->archive_read_disk_set_symlink_physical(in);
	c->lib->archive_read_disk_set_behavior(in, ARCHIVE_READDISK_NO_TRAVERSE_MOUNTS |
							   ARCHIVE_READDISK_NO_FFLAGS);
	/* Low compression: this happens while the tree stands still. */
	if (c->lib->archive_write_set_format_pax(out) != ARCHIVE_OK ||
	    c->lib->archive_write_add_filter_gzip(out) != ARCHIVE_OK ||
	    c->lib->archive_write_set_options(
		    out, "hdrcharset=BINARY,xattrheader=SCHILY,gzip:compression-level=1") !=
		    ARCHIVE_OK ||
	    c->lib->archive_write_open_fd(out, c->fd) != ARCHIVE_OK)
		r = archive_err(c, out, "write image of", "/", e);
	if (!r && c->lib->archive_read_disk_open(in, ".") != ARCHIVE_OK)
		r = archive_err(c, in, "read", "/", e);
	if (!r)
		r = tree_pack(c, in, out, e);
	if (c->lib->archive_write_free(out) != ARCHIVE_OK && !r)
		r = err_set(e, ERR_SYSTEM, EIO, "write image of", c->mnt->point,
			    "the archive could not be completed; is there space left?");
	c->lib->archive_read_free(in);
	return r;
}

/* Archives hold the ids that count inside; and only who has such an id can make files there. */
static int content_namespaces(const struct model *m)
{
	return CLONE_NEWNS | (model_has_own_ns(m, NS_USER) ? CLONE_NEWUSER : 0);
}

int mount_content_dump(struct model *m, const struct mnt_tree *tree, const struct mnt *mnt,
		       pid_t pid, struct err *e)
{
	struct content c = { .mnt = mnt, .tree = tree, .mount_fd = -EBADF };
	struct image_out *o = NULL;
	int r = archive_lib_get(&c.lib, e);

	if (!r)
		r = image_create(m->dir, IMG_TMPFS_DEV, mnt->major << 20 | mnt->minor, &o, e);
	if (r)
		return r;
	c.fd = image_out_fd(o, e);
	r = c.fd < 0 ? c.fd : ns_helper_run(pid, content_namespaces(m), dump_main, &c, NULL, 0, e);
	r = mounts_image_done(o, r, e);
	return r ? err_in(e, "content of %s", mnt->point) : 0;
}

/*
 * Directories that were there before their entry came (the root, mount points):
 * libarchive sets their times at once, and the files that follow change them.
 */
struct dir_times {
	struct dir_time {
		char *path;
		struct timespec times[2];
	} * v;
	size_t n;
};

static int dir_times_note(struct dir_times *d, const char *path, const struct stat *st,
			  struct err *e)
{
	struct dir_time *v;
	struct stat have;

	if (!S_ISDIR(st->st_mode) || lstat(path, &have) || !S_ISDIR(have.st_mode))
		return 0;
	v = realloc(d->v, (d->n + 1) * sizeof(*v));
	if (v)
		d->v = v;
	if (!v || !(v[d->n].path = strdup(path)))
		return err_set(e, ERR_SYSTEM, ENOMEM, "fill", path, "out of memory");
	v[d->n].times[0] = st->st_atim;
	v[d->n++].times[1] = st->st_mtim;
	return 0;
}

static int dir_times_set(const struct dir_times *d, struct err *e)
{
	for (size_t i = 0; i < d->n; i++)
		if (utimensat(AT_FDCWD, d->v[i].path, d->v[i].times, AT_SYMLINK_NOFOLLOW))
			return err_sys(e, "set times of", "%s", d->v[i].path);
	return 0;
}

/* Owner, mode and times of what stands at @path already. */
static int meta_set(const char *path, const struct stat *st, struct err *e)
{
	struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchownat(AT_FDCWD, path, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) ||
	    chmod(path, st->st_mode & 07777) ||
	    utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW))
		return err_sys(e, "set owner, mode and times of", "%s", path);
	return 0;
}

static int socket_make(const char *path, const struct stat *st, struct err *e)
{
	if (mknod(path, S_IFSOCK | 0600, 0))
		return err_sys(e, "mknod", "%s", path);
	return meta_set(path, st, e);
}

/* Something is mounted on it: it can't be replaced, only written. */
static int mountpoint_fill(const struct content *c, struct archive *in, const char *path,
			   const struct stat *st, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	const void *buf;
	int64_t off;
	size_t n;
	int r;

	if (fd < 0)
		return err_sys(e, "open", "%s", path);
	while ((r = c->lib->archive_read_data_block(in, &buf, &n, &off)) == ARCHIVE_OK) {
		watchdog_beat();
		r = pwrite_all(fd, buf, n, off);
		if (r) {
			errno = -r;
			return err_sys(e, "write", "%s", path);
		}
	}
	if (r != ARCHIVE_EOF)
		return archive_err(c, in, "read image of", path, e);
	if (ftruncate(fd, st->st_size))
		return err_sys(e, "truncate", "%s", path);
	return meta_set(path, st, e);
}

static bool has_mark(const struct content *c, struct archive_entry *en)
{
	const char *name;
	const void *value;
	size_t n;

	c->lib->archive_entry_xattr_reset(en);
	while (c->lib->archive_entry_xattr_next(en, &name, &value, &n) == ARCHIVE_OK)
		if (!strcmp(name, SOCKET_MARK))
			return true;
	return false;
}

static bool is_mountpoint(const struct content *c, const char *path)
{
	if (!strncmp(path, "./", 2))
		path += 2;
	for (const struct mnt *m = c->mount_fd < 0 ? c->mnt->child : NULL; m; m = m->sibling)
		if (!strcmp(m->rel, path))
			return true;
	return false;
}

static int entry_unpack(const struct content *c, struct archive *in, struct archive *out,
			struct archive_entry *en, struct dir_times *dirs, struct err *e)
{
	const char *path = c->lib->archive_entry_pathname(en);
	const struct stat *st = c->lib->archive_entry_stat(en);
	bool hard = c->lib->archive_entry_hardlink(en);
	const void *buf;
	int64_t off;
	size_t n;
	int r;

	if (!path || !st)
		return archive_err(c, in, "read image of", "an entry", e);
	if (!hard && S_ISREG(st->st_mode) && has_mark(c, en))
		return socket_make(path, st, e);
	if (!hard && S_ISREG(st->st_mode) && is_mountpoint(c, path))
		return mountpoint_fill(c, in, path, st, e);
	if (!hard && dir_times_note(dirs, path, st, e))
		return -e->code;
	/* A warning is an attribute or owner that could not be set: that is not the same file. */
	if (c->lib->archive_write_header(out, en) != ARCHIVE_OK)
		return archive_err(c, out, "write", path, e);
	while ((r = c->lib->archive_read_data_block(in, &buf, &n, &off)) == ARCHIVE_OK) {
		watchdog_beat();
		if (c->lib->archive_write_data_block(out, buf, n, off) < ARCHIVE_OK)
			return archive_err(c, out, "write", path, e);
	}
	if (r != ARCHIVE_EOF)
		return archive_err(c, in, "read image of", path, e);
	if (c->lib->archive_write_finish_entry(out) != ARCHIVE_OK)
		return archive_err(c, out, "write", path, e);
	return 0;
}

static int tree_unpack(const struct content *c, struct archive *in, struct archive *out,
		       struct dir_times *dirs, struct err *e)
{
	struct archive_entry *en = c->lib->archive_entry_new();
	int r = 0, k = ARCHIVE_OK;

	while (!r && (k = c->lib->archive_read_next_header2(in, en)) == ARCHIVE_OK)
		r = entry_unpack(c, in, out, en, dirs, e);
	if (!r && k != ARCHIVE_EOF) {
		r = archive_err(c, in, "read image of", "an entry", e);
		err_class_set(e, ERR_IMAGE);
	}
	c->lib->archive_entry_free(en);
	return r;
}

/* A read-only filesystem could not be filled while it was so. */
static int sb_readonly(int mnt_fd, const struct content *c, struct err *e)
{
	_cleanup_close_ int fs = fspick(mnt_fd, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) ||
	    fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0))
		return err_sys(e, "make read-only", "%s", c->mnt->point);
	return 0;
}

static int enter_given(const struct content *c, int *ret_fd, struct err *e)
{
	if (fchdir(c->mount_fd) || chroot("."))
		return err_sys(e, "chroot", "the filesystem of %s", c->mnt->point);
	*ret_fd = dup(c->mount_fd);
	return *ret_fd < 0 ? err_sys(e, "dup", "the filesystem of %s", c->mnt->point) : 0;
}

static int fill_main(void *arg, void *ret, struct err *e)
{
	const struct content *c = arg;
	_cleanup_close_ int fd = -EBADF;
	struct dir_times dirs = { 0 }; /* goes with this process */
	struct archive *in, *out;
	int r = c->mount_fd < 0 ? enter_clone(c, 0, MOUNT_ATTR_RDONLY, &fd, e) :
				  enter_given(c, &fd, e);

	if (r)
		return r;
	umask(0);
	in = c->lib->archive_read_new();
	out = c->lib->archive_write_disk_new();
	c->lib->archive_write_disk_set_options(out, ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM |
							    ARCHIVE_EXTRACT_TIME |
							    ARCHIVE_EXTRACT_XATTR |
							    ARCHIVE_EXTRACT_ACL |
							    ARCHIVE_EXTRACT_SECURE_NODOTDOT);
	if (c->lib->archive_read_support_format_tar(in) != ARCHIVE_OK ||
	    c->lib->archive_read_support_filter_gzip(in) != ARCHIVE_OK ||
	    c->lib->archive_read_open_fd(in, c->fd, 64 * 1024) != ARCHIVE_OK) {
		r = archive_err(c, in, "read image of", "/", e);
		err_class_set(e, ERR_IMAGE);
	}
	if (!r)
		r = tree_unpack(c, in, out, &dirs, e);
	/* Directories' times and modes are set now, when nothing changes them any more. */
	if (!r && c->lib->archive_write_free(out) != ARCHIVE_OK)
		r = err_set(e, ERR_SYSTEM, EIO, "fill", c->mnt->point,
			    "the owners, modes or times of its directories could not be set");
	c->lib->archive_read_free(in);
	if (!r)
		r = dir_times_set(&dirs, e);
	if (!r && (c->mnt->sb_flags & MS_RDONLY))
		r = sb_readonly(fd, c, e);
	return r;
}

int mount_content_fill(struct model *m, const struct mnt *mnt, int fd, pid_t pid, struct err *e)
{
	struct content c = { .mnt = mnt, .mount_fd = fd };
	struct image_in *in = NULL;
	int r = archive_lib_get(&c.lib, e);

	if (!r)
		r = image_open(m->dir, IMG_TMPFS_DEV, mnt->major << 20 | mnt->minor, &in, e);
	if (r)
		return r;
	c.fd = image_in_fd(in, e);
	if (c.fd >= 0 && lseek(c.fd, (off_t)image_tell(in), SEEK_SET) < 0) {
		err_sys(e, "seek in", "the archive of %s", mnt->point);
		c.fd = -e->code;
	}
	r = c.fd < 0 ? c.fd : ns_helper_run(pid, content_namespaces(m), fill_main, &c, NULL, 0, e);
	image_in_close(in);
	return r ? err_in(e, "content of %s", mnt->point) : 0;
}
