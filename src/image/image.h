/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Image files in CRIU's 1.1 format: framed protobuf messages, page stores, raw
 * files, and our own manifest that is written last.
 *
 * Owns: names, magics, framing, bounds checks, checksums. Does not own: what
 * the messages mean. Nothing read from an image is trusted here or later as a
 * size, an index, a descriptor or a path.
 */
#ifndef STASIS_IMAGE_H
#define STASIS_IMAGE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct pool;
struct image_dir;
struct image_out;
struct image_in;

/* Every image by its short name; the table with file name patterns and magics is in image_table.c. */
enum image_id {
	IMG_INVENTORY,
	IMG_FDINFO,
	IMG_PAGEMAP,
	IMG_SHMEM_PAGEMAP,
	IMG_REG_FILES,
	IMG_EXT_FILES,
	IMG_NS_FILES,
	IMG_EVENTFD_FILE,
	IMG_EVENTPOLL_FILE,
	IMG_EVENTPOLL_TFD,
	IMG_SIGNALFD,
	IMG_INOTIFY_FILE,
	IMG_INOTIFY_WD,
	IMG_FANOTIFY_FILE,
	IMG_FANOTIFY_MARK,
	IMG_CORE,
	IMG_IDS,
	IMG_MM,
	IMG_VMAS,
	IMG_PIPES,
	IMG_PIPES_DATA,
	IMG_FIFO,
	IMG_FIFO_DATA,
	IMG_PSTREE,
	IMG_SIGACT,
	IMG_UNIXSK,
	IMG_INETSK,
	IMG_PACKETSK,
	IMG_NETLINK_SK,
	IMG_SK_QUEUES,
	IMG_ITIMERS,
	IMG_POSIX_TIMERS,
	IMG_CREDS,
	IMG_UTSNS,
	IMG_IPC_VAR,
	IMG_IPCNS_SHM,
	IMG_IPCNS_MSG,
	IMG_IPCNS_SEM,
	IMG_FS,
	IMG_REMAP_FPATH,
	IMG_GHOST_FILE,
	IMG_MEMFD_INODE,
	IMG_TCP_STREAM,
	IMG_MNTS,
	IMG_NETDEV,
	IMG_NETNS,
	IMG_IFADDR,
	IMG_ROUTE,
	IMG_ROUTE6,
	IMG_RULE,
	IMG_IPTABLES,
	IMG_IP6TABLES,
	IMG_NFTABLES,
	IMG_TMPFS_IMG,
	IMG_TMPFS_DEV,
	IMG_AUTOFS,
	IMG_BINFMT_MISC_OLD,
	IMG_BINFMT_MISC,
	IMG_TTY_FILES,
	IMG_TTY_INFO,
	IMG_TTY_DATA,
	IMG_FILE_LOCKS,
	IMG_RLIMIT,
	IMG_PAGES,
	IMG_PAGES_OLD,
	IMG_SHM_PAGES_OLD,
	IMG_SIGNAL,
	IMG_PSIGNAL,
	IMG_TUNFILE,
	IMG_CGROUP,
	IMG_TIMERFD,
	IMG_CPUINFO,
	IMG_SECCOMP,
	IMG_USERNS,
	IMG_NETNF_CT,
	IMG_NETNF_EXP,
	IMG_FILES,
	IMG_TIMENS,
	IMG_PIDNS,
	IMG_BPFMAP_FILE,
	IMG_BPFMAP_DATA,
	IMG_APPARMOR,
	IMG_PIDFD,
	IMG_STATS,
	IMG_IRMAP_CACHE,
	IMG_MANIFEST,
	IMG_IPCNS_MQUEUE,
	IMG_ID_COUNT
};

/* File names: @num is ignored by patterns without a number; IMG_STATS: 0 dump, 1 restore. */
#define IMAGE_NAME_MAX 64 /* holds any */
void image_name(enum image_id id, unsigned long num, char *buf, size_t size);
bool image_name_parse(const char *name, enum image_id *ret_id, unsigned long *ret_num);

/*
 * A directory to write a new checkpoint into: must exist, be writable and hold
 * no image of another checkpoint (-EEXIST). With a failure later on,
 * image_dir_discard() removes every file that was created. The object and all
 * that is read through it live in @pool; several threads may write images.
 */
int image_dir_create(struct image_dir **ret, const char *path, struct pool *pool, struct err *e);
/*
 * A directory to read. The manifest, when there is one, is verified here: a
 * missing, truncated or altered file is named with the offset where that is
 * known. *foreign tells that there is none (another tool's images).
 * A directory of ours without a manifest is an unfinished checkpoint: refused.
 * Files of more than some megabytes (pages) are checked by a thread meanwhile:
 * image_dir_verified() waits for its verdict and must be asked before anything
 * is let loose that was made of them.
 */
int image_dir_open(struct image_dir **ret, const char *path, struct pool *pool, bool *foreign,
		   struct err *e);
int image_dir_verified(struct image_dir *d, struct err *e);
/* Ends the object, not the files. NULL is fine. */
void image_dir_free(struct image_dir *d);
int image_dir_fd(const struct image_dir *d);
const char *image_dir_path(const struct image_dir *d);
void image_dir_discard(struct image_dir *d);
/*
 * For whoever cleans up after a dead writer: removes the images of @path when
 * it holds a checkpoint of ours that was never committed, else does nothing.
 */
int image_dir_remove_unfinished(const char *path, struct err *e);
/* What the target must have: words of the table in manifest.c. */
void image_dir_need(struct image_dir *d, const char *word);
bool image_dir_needs(const struct image_dir *d, const char *word);

/* Writing. The file appears when its buffer is full or it is closed. */
int image_create(struct image_dir *d, enum image_id id, unsigned long num, struct image_out **ret,
		 struct err *e);
int image_put(struct image_out *o, const ProtobufCMessage *msg, struct err *e);
int image_put_raw(struct image_out *o, const void *data, size_t n, struct err *e);
/* For writers that bypass the buffer (tar): the descriptor, after a flush; from then on only that. */
int image_out_fd(struct image_out *o, struct err *e);
/* Flush, account for the manifest, close. NULL is fine. */
int image_out_close(struct image_out *o, struct err *e);
/*
 * The end of writing @o (NULL: nothing had to be written) after steps of which
 * @r is the result: that, when it is a failure, else how the closing went.
 */
int image_out_end(struct image_out *o, int r, struct err *e);
/* On error paths: give up what is buffered; nothing when already closed and set to NULL. */
void image_out_abort(struct image_out *o);
/* One message, one file. */
int image_put_one(struct image_dir *d, enum image_id id, unsigned long num,
		  const ProtobufCMessage *msg, struct err *e);

/*
 * One message into a file of its own at @dirfd, outside of any checkpoint and
 * replacing an older one (statistics in the work directory).
 */
int image_put_at(int dirfd, enum image_id id, unsigned long num, const ProtobufCMessage *msg,
		 struct err *e);

/* Reading. A missing image is -ENOENT with a filled error; image_exists() asks quietly. */
bool image_exists(struct image_dir *d, enum image_id id, unsigned long num);
int image_open(struct image_dir *d, enum image_id id, unsigned long num, struct image_in **ret,
	       struct err *e);
/*
 * 1: a message in the pool, its pointer stored at @ret_msg (a T **), 0: end of
 * file, negative: error naming file and offset.
 */
int image_get(struct image_in *in, const ProtobufCMessageDescriptor *desc, void *ret_msg,
	      struct err *e);
/* Exactly @n bytes of the extra blob that follows a message. */
int image_get_raw(struct image_in *in, void *buf, size_t n, struct err *e);
/* Bytes left in the file: a size from a message must not exceed it. */
uint64_t image_left(const struct image_in *in);
/* Where the next byte to read lies in the file. */
uint64_t image_tell(const struct image_in *in);
/* The file's descriptor, of the image_dir; read it with pread at image_tell(). Or -errno. */
int image_in_fd(struct image_in *in, struct err *e);
void image_in_close(struct image_in *in);
/* The only message of a file. */
int image_get_one(struct image_dir *d, enum image_id id, unsigned long num,
		  const ProtobufCMessageDescriptor *desc, void *ret_msg, struct err *e);
/* Any image, entry by entry, whatever it is about (image tools, tests). */
struct image_entry {
	const ProtobufCMessage *msg;
	uint64_t extra_at, extra; /* bytes behind it that are no message; readable by get_raw */
};
typedef int (*image_entry_fn)(void *ctx, struct image_in *in, const struct image_entry *entry,
			      struct err *e);
/* The first non-zero return of @fn ends it and is returned. */
int image_walk(struct image_dir *d, enum image_id id, unsigned long num, image_entry_fn fn,
	       void *ctx, struct err *e);
/* Error about the entry read last: "core-1.img, entry at byte 12: WHY". Returns -EINVAL. */
int image_bad(const struct image_in *in, struct err *e, const char *why, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * All images written: sync the directory's filesystem once (@sync), then write
 * the manifest. After this the checkpoint is whole.
 */
int image_dir_commit(struct image_dir *d, bool sync, struct err *e);

/*
 * Page store: pagemap-*.img beside pages-N.img. The writer collects runs; the
 * caller writes the bytes to the returned descriptor in the order of the runs,
 * at image_pages_tell().
 */
struct image_pages;
int image_pages_create(struct image_dir *d, enum image_id pagemap_id, unsigned long num,
		       struct image_pages **ret, struct err *e);
int image_pages_fd(struct image_pages *p);
uint64_t image_pages_tell(const struct image_pages *p);
/* Note a run of @n pages at @vaddr whose bytes follow at tell(); moves tell(). */
int image_pages_run(struct image_pages *p, uint64_t vaddr, uint64_t n, struct err *e);
/*
 * Optional: the file's next @n bytes, given in the order in which they lie in
 * it, while they are still in the cache. Who gives all of them spares the page
 * store from reading the file back for its checksum.
 */
void image_pages_data(struct image_pages *p, const void *data, size_t n);
/* All bytes are in place. */
int image_pages_close(struct image_pages *p, struct err *e);
/* On error paths instead of close. */
void image_pages_abort(struct image_pages *p);

/*
 * Reading: runs in address order, validated (no overlap, no overflow, bytes
 * present in the file). The pages file may be gone through by pread only.
 */
struct page_run {
	uint64_t vaddr;
	uint64_t pages;
	uint64_t offset; /* in the pages file */
	bool in_parent;
};
struct page_runs {
	struct page_run *v; /* in the pool */
	size_t n;
	int fd; /* of the pages file, owned by the image_dir */
};
int image_pages_read(struct image_dir *d, enum image_id pagemap_id, unsigned long num,
		     struct page_runs *ret, struct err *e);

#endif
