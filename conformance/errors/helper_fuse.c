// SPDX-License-Identifier: MIT
/*
 * helper_fuse MOUNTPOINT [WRITES]: serves one directory of files in memory by
 * the kernel's FUSE protocol (linux/fuse.h), without a library, until it is
 * killed. Stopped by SIGSTOP it is a filesystem that hangs; after WRITES write
 * requests it stops itself. Creates MOUNTPOINT.ready when it is mounted.
 */
#include <dirent.h>
#include <linux/fuse.h>
#include <signal.h>
#include <sys/mount.h>

#include "../cases/case.h"

#define FILES 256
#define REQUEST_MAX (1 << 20)

static struct file {
	char name[64]; /* "" when the place is free */
	char *data;
	size_t size;
	uint32_t mode;
} files[FILES]; /* node id = index + 2; 1 is the directory */

static int dev;
static long writes_left = -1;

static void answer(const struct fuse_in_header *in, int error, const void *data, size_t len)
{
	static char buf[sizeof(struct fuse_out_header) + REQUEST_MAX];
	struct fuse_out_header *out = (void *)buf;

	*out = (struct fuse_out_header){ .len = sizeof(*out) + len,
					 .error = -error,
					 .unique = in->unique };
	memcpy(out + 1, data, len);
	/* ENOENT: who asked was killed meanwhile. */
	if (write(dev, buf, out->len) < 0 && errno != ENOENT)
		exit(1);
}

static struct file *node(uint64_t id)
{
	return id >= 2 && id < 2 + FILES ? &files[id - 2] : NULL;
}

static struct file *find(const char *name)
{
	for (int i = 0; i < FILES; i++)
		if (files[i].name[0] && !strcmp(files[i].name, name))
			return &files[i];
	return NULL;
}

static struct fuse_attr attr_of(const struct file *f)
{
	return (struct fuse_attr){ .ino = f ? (uint64_t)(f - files) + 2 : 1,
				   .size = f ? f->size : 0,
				   .mode = f ? f->mode : S_IFDIR | 0755,
				   .nlink = !f || f->name[0] ? 1 : 0,
				   .blksize = 4096 };
}

static struct fuse_entry_out entry_of(const struct file *f)
{
	struct fuse_entry_out e = { .nodeid = (uint64_t)(f - files) + 2 };

	e.attr = attr_of(f);
	return e;
}

static void on_create(const struct fuse_in_header *in, const struct fuse_create_in *c)
{
	struct {
		struct fuse_entry_out e;
		struct fuse_open_out o;
	} out = { 0 };
	struct file *f = NULL;

	for (int i = 0; i < FILES && !f; i++)
		if (!files[i].name[0] && !files[i].data)
			f = &files[i];
	if (!f)
		return answer(in, ENOSPC, NULL, 0);
	snprintf(f->name, sizeof(f->name), "%.63s", (const char *)(c + 1));
	f->mode = c->mode;
	out.e = entry_of(f);
	answer(in, 0, &out, sizeof(out));
}

static void on_write(const struct fuse_in_header *in, const struct fuse_write_in *w)
{
	struct fuse_write_out out = { .size = w->size };
	struct file *f = node(in->nodeid);

	if (writes_left >= 0 && writes_left-- == 0)
		raise(SIGSTOP);
	if (w->offset + w->size > f->size) {
		f->data = realloc(f->data, w->offset + w->size);
		memset(f->data + f->size, 0, w->offset + w->size - f->size);
		f->size = w->offset + w->size;
	}
	memcpy(f->data + w->offset, w + 1, w->size);
	answer(in, 0, &out, sizeof(out));
}

static void on_readdir(const struct fuse_in_header *in, const struct fuse_read_in *r)
{
	static char buf[65536];
	size_t used = 0;

	for (uint64_t i = r->offset; i < FILES; i++) {
		struct fuse_dirent *d = (void *)(buf + used);
		size_t len = strlen(files[i].name);

		if (!len)
			continue;
		if (used + FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + len) > r->size)
			break;
		*d = (struct fuse_dirent){ i + 2, i + 1, (uint32_t)len, DT_REG };
		memcpy(d->name, files[i].name, len);
		used += FUSE_DIRENT_SIZE(d);
	}
	answer(in, 0, buf, used);
}

static void serve(const struct fuse_in_header *in, const void *arg)
{
	struct file *f = node(in->nodeid), *named;

	switch (in->opcode) {
	case FUSE_INIT: {
		struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION,
					     .minor = 31,
					     .max_readahead = 65536,
					     .max_write = 65536,
					     .time_gran = 1 };
		return answer(in, 0, &out, sizeof(out));
	}
	case FUSE_LOOKUP: {
		struct fuse_entry_out e;

		named = find(arg);
		if (!named)
			return answer(in, ENOENT, NULL, 0);
		e = entry_of(named);
		return answer(in, 0, &e, sizeof(e));
	}
	case FUSE_GETATTR:
	case FUSE_SETATTR: {
		const struct fuse_setattr_in *s = arg;
		struct fuse_attr_out a = { 0 };

		if (in->opcode == FUSE_SETATTR && f && s->valid & FATTR_SIZE) {
			f->data = realloc(f->data, s->size + 1);
			if (s->size > f->size)
				memset(f->data + f->size, 0, s->size - f->size);
			f->size = s->size;
		}
		a.attr = attr_of(f);
		return answer(in, 0, &a, sizeof(a));
	}
	case FUSE_CREATE:
		return on_create(in, arg);
	case FUSE_OPEN:
	case FUSE_OPENDIR: {
		struct fuse_open_out o = { 0 };

		return answer(in, 0, &o, sizeof(o));
	}
	case FUSE_READ: {
		const struct fuse_read_in *r = arg;
		size_t n = r->offset >= f->size ? 0 : f->size - r->offset;

		return answer(in, 0, f->data + r->offset, n < r->size ? n : r->size);
	}
	case FUSE_WRITE:
		return on_write(in, arg);
	case FUSE_READDIR:
		return on_readdir(in, arg);
	case FUSE_UNLINK:
		named = find(arg);
		if (named)
			named->name[0] = 0;
		return answer(in, named ? 0 : ENOENT, NULL, 0);
	case FUSE_STATFS: {
		struct fuse_statfs_out s = { .st = { .bsize = 4096, .namelen = 63 } };

		return answer(in, 0, &s, sizeof(s));
	}
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
	case FUSE_ACCESS:
		return answer(in, 0, NULL, 0);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return; /* have no answer */
	default:
		return answer(in, ENOSYS, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	static char request[REQUEST_MAX];
	char options[128], ready[512];

	if (argc < 2)
		return 3;
	if (argc > 2)
		writes_left = atol(argv[2]);
	dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return 77;
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other",
		 dev);
	if (mount("test", argv[1], "fuse", MS_NOSUID | MS_NODEV, options))
		return 77;
	snprintf(ready, sizeof(ready), "%s.ready", argv[1]);
	close(open(ready, O_CREAT | O_WRONLY, 0600));
	for (;;) {
		ssize_t n = read(dev, request, sizeof(request));
		const struct fuse_in_header *in = (void *)request;

		if (n < 0 && errno == ENODEV)
			return 0; /* unmounted */
		if (n >= (ssize_t)sizeof(*in))
			serve(in, in + 1);
	}
}
