// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The image directory: creation, opening, committing, discarding.
 *
 * A directory that we write holds an empty manifest.img from the first moment:
 * the mark of an unfinished checkpoint of ours. Commit fills it, as the last
 * write of all, so a directory is either whole, or ours and unfinished, or
 * another tool's (no manifest at all).
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/watchdog.h"
#include "image/image-internal.h"

#define MANIFEST_NAME "manifest.img"
/* Images hold the memory of other people's processes. */
#define IMAGE_MODE 0600

int image_err_sys(const struct image_dir *d, const char *op, const char *name, struct err *e)
{
	return err_sys(e, op, "%s/%s", d->path, name);
}

int image_err(struct err *e, const char *name, const char *why, ...)
{
	char text[sizeof(e->why)];
	va_list ap;

	va_start(ap, why);
	vsnprintf(text, sizeof(text), why, ap);
	va_end(ap);
	return err_set(e, ERR_IMAGE, EINVAL, "read", name, "%s", text);
}

static int dir_open(struct image_dir **ret, const char *path, struct pool *pool, struct err *e)
{
	struct image_dir *d = pool_alloc(pool, sizeof(*d));

	d->pool = pool;
	d->path = pool_strdup(pool, path);
	d->marker = -EBADF;
	d->next_pages = 1;
	d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd < 0) {
		int r = err_sys(e, "open image directory", "%s", path);

		if (e->code != ENOENT && e->code != ENOTDIR)
			return r;
		err_class_set(e, ERR_USAGE);
		return err_hint(e, e->code == ENOENT ? "create the directory first" :
						       "name a directory");
	}
	pthread_mutex_init(&d->lock, NULL);
	*ret = d;
	return 0;
}

/*
 * Statistics and logs of an earlier run may stay, images may not: they could
 * be taken for parts of the new checkpoint.
 */
static int refuse_images(struct image_dir *d, struct err *e)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *ent;
	enum image_id id;
	int fd = fcntl(d->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return image_err_sys(d, "open image directory", "", e);
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return image_err_sys(d, "read image directory", "", e);
	}
	while ((ent = readdir(dir))) {
		if (!image_name_parse(ent->d_name, &id, NULL) || image_type(id)->service)
			continue;
		err_set(e, ERR_USAGE, EEXIST, "write images to", d->path,
			"it already holds an image, %s", ent->d_name);
		return err_hint(e, "use an empty directory, or remove the old checkpoint from it");
	}
	return 0;
}

int image_dir_create(struct image_dir **ret, const char *path, struct pool *pool, struct err *e)
{
	struct image_dir *d;
	int r = dir_open(&d, path, pool, e);

	if (r)
		return r;
	d->writing = true;
	aside_enable(d->fd);
	r = refuse_images(d, e);
	if (!r) {
		d->marker = openat(d->fd, MANIFEST_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
				   IMAGE_MODE);
		if (d->marker < 0)
			r = image_err_sys(d, "create", MANIFEST_NAME, e);
	}
	if (r) {
		image_dir_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

static int foreign_check(struct image_dir *d, struct err *e)
{
	if (image_exists(d, IMG_INVENTORY, 0))
		return 0;
	err_set(e, ERR_IMAGE, ENOENT, "read", d->path,
		"there is no checkpoint in it (no inventory.img)");
	return err_hint(e, "name the directory that the images were written to");
}

int image_dir_open(struct image_dir **ret, const char *path, struct pool *pool, bool *foreign,
		   struct err *e)
{
	struct image_dir *d;
	int r = dir_open(&d, path, pool, e);

	if (r)
		return r;
	r = manifest_read(d, e);
	if (r == -ENOENT && !d->n_files) {
		err_clear(e);
		d->foreign = true;
		r = foreign_check(d, e);
	}
	if (r) {
		image_dir_free(d);
		return r;
	}
	if (foreign)
		*foreign = d->foreign;
	*ret = d;
	return 0;
}

int image_dir_verified(struct image_dir *d, struct err *e)
{
	for (size_t i = 0; i < d->n_files; i++) {
		struct image_file *f = d->files[i];
		uint64_t hash;
		int r;

		if (!f->job)
			continue;
		r = hasher_wait(d->hasher, f->job, &hash);
		f->job = NULL;
		if (r) {
			errno = -r;
			return image_err_sys(d, "read", f->name, e);
		}
		if (hash != f->hash)
			return image_err(e, f->name,
					 "its content is not what the manifest says (%llu bytes)",
					 (unsigned long long)f->size);
	}
	return 0;
}

void image_dir_free(struct image_dir *d)
{
	if (!d)
		return;
	hasher_free(d->hasher);
	d->hasher = NULL;
	for (size_t i = 0; !d->writing && i < d->n_files; i++)
		cleanup_close(&d->files[i]->fd);
	d->n_files = 0;
	aside_close(take_fd(d->marker));
	cleanup_close(&d->fd);
	d->fd = d->marker = -EBADF;
}

int image_dir_fd(const struct image_dir *d)
{
	return d->fd;
}

const char *image_dir_path(const struct image_dir *d)
{
	return d->path;
}

void image_dir_discard(struct image_dir *d)
{
	if (!d || !d->writing)
		return;
	hasher_free(d->hasher);
	d->hasher = NULL;
	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < d->n_files; i++)
		aside_unlinkat(d->fd, d->files[i]->name);
	d->n_files = 0;
	pthread_mutex_unlock(&d->lock);
	/* The marker goes last: until then the directory says what it is. */
	aside_unlinkat(d->fd, MANIFEST_NAME);
}

int image_dir_remove_unfinished(const char *path, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *ent;
	struct stat st;
	int listing;

	if (fd < 0)
		return err_sys(e, "open image directory", "%s", path);
	if (fstatat(fd, MANIFEST_NAME, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode) ||
	    st.st_size)
		return 0;
	listing = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	dir = listing < 0 ? NULL : fdopendir(listing);
	if (!dir) {
		cleanup_close(&listing);
		return err_sys(e, "read image directory", "%s", path);
	}
	/* All of them are ours: where our marker is, there was no image before. */
	while ((ent = readdir(dir))) {
		enum image_id id;

		if (!image_name_parse(ent->d_name, &id, NULL) || id == IMG_MANIFEST ||
		    image_type(id)->service)
			continue;
		if (unlinkat(fd, ent->d_name, 0) && errno != ENOENT)
			return err_sys(e, "remove", "%s/%s", path, ent->d_name);
	}
	if (unlinkat(fd, MANIFEST_NAME, 0) && errno != ENOENT)
		return err_sys(e, "remove", "%s/%s", path, MANIFEST_NAME);
	return 0;
}

struct image_file *image_dir_add(struct image_dir *d, const char *name)
{
	struct image_file *f = pool_alloc(d->pool, sizeof(*f));

	f->name = pool_strdup(d->pool, name);
	f->fd = -EBADF;
	pthread_mutex_lock(&d->lock);
	pool_push(d->pool, d->files, d->n_files, f);
	pthread_mutex_unlock(&d->lock);
	return f;
}

int image_file_create(struct image_dir *d, const char *name, struct image_file **ret, int *ret_fd,
		      struct err *e)
{
	int fd = aside_openat(d->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, IMAGE_MODE);

	if (fd < 0)
		return image_err_sys(d, "create", name, e);
	*ret = image_dir_add(d, name);
	*ret_fd = fd;
	return 0;
}

static int name_cmp(const void *key, const void *elem)
{
	return strcmp(key, (*(struct image_file *const *)elem)->name);
}

struct image_file *image_file_find(struct image_dir *d, const char *name)
{
	struct image_file **f = NULL;

	if (d->n_files)
		f = bsearch(name, d->files, d->n_files, sizeof(*d->files), name_cmp);
	return f ? *f : NULL;
}

/* Whole into memory; or kept open: pages, which nobody parses, and what is long. */
static bool should_load(const char *name, uint64_t size)
{
	enum image_id id;

	if (!image_name_parse(name, &id, NULL))
		return size <= IMAGE_RAW_LOAD_MAX;
	if (id == IMG_PAGES)
		return false;
	return size <= (image_type(id)->magic && id != IMG_GHOST_FILE ? IMAGE_LOAD_MAX :
									IMAGE_RAW_LOAD_MAX);
}

int image_file_load(struct image_dir *d, struct image_file *f, const uint64_t *expected,
		    struct err *e)
{
	/* Not followed, not waited for: an image is a plain file, whatever somebody put there. */
	_cleanup_close_ int fd =
		openat(d->fd, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0) {
		r = image_err_sys(d, "open", f->name, e);
		if (e->code == ENOENT || e->code == ELOOP)
			err_class_set(e, ERR_IMAGE);
		return r;
	}
	if (fstat(fd, &st))
		return image_err_sys(d, "stat", f->name, e);
	if (!S_ISREG(st.st_mode))
		return image_err(e, f->name, "not a regular file");
	if (expected && (uint64_t)st.st_size != *expected)
		return image_err(e, f->name, "%s at byte %llu, the manifest says %llu bytes",
				 (uint64_t)st.st_size < *expected ? "truncated" :
								    "has more bytes, ends",
				 (unsigned long long)st.st_size, (unsigned long long)*expected);
	f->size = (uint64_t)st.st_size;
	if (!should_load(f->name, f->size)) {
		f->fd = take_fd(fd);
		return 0;
	}
	f->data = pool_alloc(d->pool, f->size + 1);
	r = read_all(fd, f->data, f->size);
	if (r) {
		errno = -r;
		return image_err_sys(d, "read", f->name, e);
	}
	return 0;
}

int image_file_open(struct image_dir *d, const char *name, struct image_file **ret, struct err *e)
{
	struct image_file *f;
	int r;

	if (d->writing)
		return err_set(e, ERR_GENERAL, EINVAL, "read", name,
			       "its directory is being written");
	if (!d->foreign) {
		f = image_file_find(d, name);
		if (!f)
			return err_set(e, ERR_IMAGE, ENOENT, "open", name,
				       "the checkpoint in %s has no such image", d->path);
		*ret = f;
		return 0;
	}
	/* Opened twice, loaded twice: rare, and it keeps every list as it is. */
	f = pool_alloc(d->pool, sizeof(*f));
	f->name = pool_strdup(d->pool, name);
	f->fd = -EBADF;
	r = image_file_load(d, f, NULL, e);
	if (r)
		return r;
	if (f->fd >= 0) {
		pthread_mutex_lock(&d->lock);
		pool_push(d->pool, d->files, d->n_files, f);
		pthread_mutex_unlock(&d->lock);
	}
	*ret = f;
	return 0;
}

bool image_exists(struct image_dir *d, enum image_id id, unsigned long num)
{
	char name[IMAGE_NAME_MAX];

	image_name(id, num, name, sizeof(name));
	if (!d->foreign && !d->writing)
		return image_file_find(d, name);
	return !faccessat(d->fd, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

void image_dir_need(struct image_dir *d, const char *word)
{
	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < d->n_needs; i++) {
		if (!strcmp(d->needs[i], word)) {
			pthread_mutex_unlock(&d->lock);
			return;
		}
	}
	pool_push(d->pool, d->needs, d->n_needs, pool_strdup(d->pool, word));
	pthread_mutex_unlock(&d->lock);
}

bool image_dir_needs(const struct image_dir *d, const char *word)
{
	for (size_t i = 0; i < d->n_needs; i++)
		if (!strcmp(d->needs[i], word))
			return true;
	return false;
}

/* Sizes and checksums that the hasher still owes. */
static int finish_hashes(struct image_dir *d, struct err *e)
{
	for (size_t i = 0; i < d->n_files; i++) {
		struct image_file *f = d->files[i];
		int r;

		if (f->job) {
			r = hasher_wait(d->hasher, f->job, &f->hash);
			f->job = NULL;
			if (r) {
				errno = -r;
				return image_err_sys(d, "read back", f->name, e);
			}
			f->hashed = true;
		}
		if (!f->hashed)
			return err_set(e, ERR_GENERAL, EINVAL, "finish", f->name,
				       "the image was not closed before the commit");
	}
	return 0;
}

static int commit(struct image_dir *d, bool sync, struct err *e)
{
	int r = finish_hashes(d, e);

	if (r)
		return r;
	if (sync && syncfs(d->fd))
		return image_err_sys(d, "syncfs", "", e);
	r = manifest_write(d, e);
	if (r)
		return r;
	if (sync && fdatasync(d->marker))
		return image_err_sys(d, "fdatasync", MANIFEST_NAME, e);
	return 0;
}

int image_dir_commit(struct image_dir *d, bool sync, struct err *e)
{
	int r;

	/* Nobody can tell how long a disk takes. */
	watchdog_patient(true);
	r = commit(d, sync, e);
	watchdog_patient(false);
	return r;
}
