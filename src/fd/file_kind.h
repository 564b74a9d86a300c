/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every kind of open file is to the rest of src/fd: a table entry. Private
 * to this folder.
 *
 * A kind recognises a descriptor by what /proc shows of it (struct fd_look),
 * writes one image message per description, and makes a description again from
 * that message. Content that belongs to several descriptions (a pipe's data)
 * is the kind's own business, in the state that hangs on the contexts below.
 */
#ifndef STASIS_FILE_KIND_H
#define STASIS_FILE_KIND_H

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/pool.h"
#include "fd/fd.h"
#include "image/image.h"

#define FD_LINK_MAX (PATH_MAX + 64)
/* O_TMPFILE without the O_DIRECTORY that goes with it (asm-generic/fcntl.h); the C library hides it. */
#define TMPFILE_BIT 020000000
/* Above what any kernel gives out (fs.nr_open's own limit); numbers in images are checked against it. */
#define FD_NUMBER_MAX (1u << 30)

/* The lines of /proc/PID/fdinfo/N that all kinds share (man 5 proc). */
struct fd_info {
	uint64_t pos;
	unsigned flags; /* of open(2), without O_CLOEXEC */
	bool cloexec;
	int mnt_id;
	const char *lock; /* the first file lock's line, NULL when there is none */
	const char *text; /* all of it, for the kind's own lines */
};

/* One descriptor of a task, as found. Valid until the next look. */
struct fd_look {
	struct task *t;
	int fd;	    /* its number there */
	int copy;   /* ours on the same description, -EBADF when none was taken */
	int family; /* of a socket that was copied, else 0 */
	struct stat st;
	struct fd_info info;
	char link[FD_LINK_MAX];
};

/* A name resolved: what /proc shows, verified. */
struct fd_name {
	const char *path; /* in the pool; absolute */
	const char *lost; /* the name it was opened by, when @path is another one */
	bool deleted;	  /* @path is gone */
	bool linkable;	  /* ...but the file has another name somewhere */
};

struct file_index;
struct name_index;
struct ghost_dump;
struct pipe_dump;
struct unix_dump;
struct inet_dump;
struct netlink_dump;
struct epoll_dump;
struct tty_dump;
struct tty_restore;
struct memfd_dump;
struct watch_dump;
struct survey;
struct locked;
struct fresh;
struct journal_entry;
struct lock_dump;
struct lock_scan;

/* State of a dump (m->fd_state). */
struct fd_dump {
	struct model *m;
	int (*mount_id)(struct model *m, struct task *t, int fd);
	/* the task at hand */
	struct task *t;
	pid_t tid; /* a living thread of it, as we see it */
	int pidfd, fd_dir, info_dir;
	bool can_copy;
	int root_fd; /* of the tree's mount namespace */
	char *text;  /* fdinfo; grows */
	size_t text_cap;
	struct file_index *index;
	struct name_index *names;
	struct ghost_dump *ghosts;
	struct pipe_dump *pipes;
	struct unix_dump *unixes;
	struct task *self; /* we, as the holder of what is in flight */
	int *held;
	size_t n_held;
	struct inet_dump *inets;
	struct netlink_dump *netlinks;
	struct epoll_dump *epolls;
	struct tty_dump *ttys;
	struct memfd_dump *memfds;
	struct watch_dump *watches;
	struct survey *survey;
	struct locked *locked; /* preflight.c */
	size_t plain_seen;     /* plain files that the preflight has looked at */
	struct fresh *fresh;   /* sk_opts.c */
	struct image_out *sk_queues;
	struct lock_dump *locks;
	struct lock_scan *lock_scan;  /* lock_lost.c: under way */
	struct journal_entry **links; /* link.c: names made, that go if the dump fails */
	size_t n_links;
};

struct ghost_restore;
struct pipe_restore;
struct unix_restore;
struct lock_restore;
struct memfd_restore;

/* What restore knows of a description besides the model's file_obj; in f->priv. */
struct fd_work {
	bool wanted; /* some descriptor refers to it; others are opened when asked for */
	struct ghost_obj *ghost; /* its name was gone */
	struct file_obj *link;	 /* ...but it can be found by this one's */
	bool is_link;		 /* such a name, to be removed in the end */
	bool late;		 /* late.c: what is open is a stand-in */
	bool seek_late;
	int map_fd[2]; /* for mappings: read only, read and write */
	int kid_fd[2]; /* kinds: descriptors that the maker hands out */
	void *kid;     /* kinds: whatever else */
};

/* State of a restore (m->fd_state). */
struct fd_restore {
	struct model *m;
	int root_fd;
	struct ghost_restore *ghosts;
	struct pipe_restore *pipes;
	struct unix_restore *unixes;
	struct tty_restore *ttys;
	struct file_obj *job_tty; /* --shell-job: our own terminal */
	pid_t job_pgrp;
	struct lock_restore *locks;
	struct memfd_restore *memfds;
};

struct file_kind {
	const char *name; /* for people */
	FdTypes type;	  /* in the images */
	/* Dump. */
	bool (*is)(const struct fd_look *l);
	/* @check looks at the description itself: a copy is taken while the task runs. */
	bool check_copy;
	/* While the task runs: -EOPNOTSUPP with the reason when it cannot be dumped. May be NULL. */
	int (*check)(struct fd_dump *d, const struct fd_look *l, struct err *e);
	/* A description seen for the first time: fill f->entry. */
	int (*dump)(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, struct err *e);
	/* All tasks were seen: what refers to descriptions that no task holds. */
	int (*dump_more)(struct fd_dump *d, struct err *e);
	/* All descriptions were seen. */
	int (*dump_end)(struct fd_dump *d, struct err *e);
	/* Where the message's pointer is in FileEntry and, in it, what all have; see FILE_KIND_ENTRY. */
	size_t entry_off, id_off, flags_off, fown_off;
	/* Restore: whose message has flags and owner instead. May be NULL. */
	struct file_obj *(*described_by)(struct file_obj *f);
	/* Restore. Of two kinds with one type: whether an entry is of this one. May be NULL. */
	bool (*reads)(const FileEntry *fe);
	int (*read)(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e);
	/* All entries and descriptors were read: references between them, the kind's own images. */
	int (*read_end)(struct fd_restore *r, struct err *e);
	/* One description; those that others depend on come by order of the table. */
	int (*open)(struct fd_restore *r, struct file_obj *f, struct err *e);
	/* Once for the kind, after @open of all: what needs several at once, or the maker. */
	int (*open_all)(struct fd_restore *r, struct maker *mk, struct err *e);
	/* After the maker ran. */
	int (*made)(struct fd_restore *r, struct err *e);
	/* All tasks have their descriptors and mappings. */
	int (*finish)(struct fd_restore *r, struct err *e);
	/* What may be mapped or executed: a description of its own with these flags of open(2). */
	int (*open_map)(struct fd_restore *r, struct file_obj *f, int flags, int *ret_fd,
			struct err *e);
	/* The very end: the tasks hold their own, our copies are closed, removed files are gone. */
	int (*last)(struct fd_restore *r, struct err *e);
};

/* flags_off is 0 for messages that have neither flags nor owner. */
#define FILE_KIND_ENTRY(member, T)                                                                 \
	.entry_off = offsetof(FileEntry, member), .id_off = offsetof(T, id),                       \
	.flags_off = offsetof(T, flags), .fown_off = offsetof(T, fown)

/* look.c */
int fd_look_task(struct fd_dump *d, struct task *t, bool copies, struct err *e);
void fd_look_done(struct fd_dump *d);
int fd_list(struct fd_dump *d, int **ret, size_t *ret_n, struct err *e);
/* 1: it is not there (any more). */
int fd_look_info(struct fd_dump *d, int fd, struct fd_info *ret, struct err *e);
enum fd_copy { FD_COPY_NONE, FD_COPY_SOCKETS, FD_COPY };
int fd_look(struct fd_dump *d, int fd, enum fd_copy copy, struct fd_look *l, struct err *e);
void fd_look_close(struct fd_look *l);
int fd_info_parse(const char *text, struct fd_info *ret);
/* The value behind "\nNAME:" in fdinfo, or NULL. */
const char *fd_info_line(const char *text, const char *name);
/*
 * While the task runs: a moment for it to read what has come, before a check
 * looks whether anything waits.
 */
void fd_settle(const struct fd_look *l);
/* -EOPNOTSUPP about a descriptor: names pid, number and what it is. */
int fd_refuse(const struct fd_look *l, struct err *e, const char *why, ...)
	__attribute__((format(printf, 3, 4)));

/* table.c */
const struct file_kind *file_kind_of(const struct fd_look *l);
const struct file_kind *file_kind_by_type(FdTypes type);
/* By type and, where two kinds share it, by what the entry holds. */
const struct file_kind *file_kind_of_entry(const FileEntry *fe);
const char *file_type_name(FdTypes type);
/* What people call it, whether a kind recognises it or not. */
const char *file_kind_name(const struct fd_look *l);
/* Refusal of what no kind recognises, with a name for it. */
int file_refuse_unknown(const struct fd_look *l, struct err *e);

/* index.c */
struct file_obj *file_index_find(struct fd_dump *d, const struct fd_look *l, int *ret_err);
/* Add what the search just before did not find. */
void file_index_add(struct fd_dump *d, struct file_obj *f);
/* Order of two descriptors' descriptions by kcmp(2): 0 the same, 1, 2; negative errno. */
int fd_kcmp(pid_t p1, int fd1, pid_t p2, int fd2);
/* Visit all known descriptions of one device and inode: 1 stops. */
int file_index_visit(struct fd_dump *d, uint64_t dev, uint64_t ino,
		     int (*fn)(struct file_obj *f, void *ctx), void *ctx);

/* collect.c */
struct fd_dump *fd_dump_state(struct model *m);
/* A living thread of @t whose descriptors can be had. */
pid_t fd_task_tid(const struct task *t);
/* A copy of a description seen earlier. */
int fd_dump_copy(struct file_obj *f, struct err *e);
/* The description behind a descriptor of ours that came out of a queue; @fd is taken over. From dump_more. */
int fd_dump_held(struct fd_dump *d, int fd, struct file_obj **ret, struct err *e);

/* fown.c */
int fown_dump(struct fd_dump *d, const struct fd_look *l, FownEntry **ret, struct err *e);
const FownEntry *file_fown(const struct file_obj *f);
unsigned file_flags(const struct file_obj *f);
int fown_finish(struct fd_restore *r, struct file_obj *f, struct err *e);

/* name.c */
int fd_name_root(struct fd_dump *d, struct err *e);
int fd_name_find(struct fd_dump *d, const struct stat *st, const char *link, const char *who,
		 struct fd_name *ret, struct err *e);
int fd_name_mount(struct fd_dump *d, struct task *t, const char *path, int fallback_fd);

/* reg.c */
FileEntry *file_entry_new(struct fd_dump *d, struct file_obj *f, FdTypes type);
/* The message for a name; also of FIFOs and devices. @l may be a made-up look. */
int reg_entry_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, struct err *e);
int reg_open_flags(struct fd_restore *r, struct file_obj *f, int flags, int *ret_fd, struct err *e);

/* Put an open one to its position. */
int reg_seek(struct file_obj *f, struct err *e);
/* memfd.c: whether a file without a name is the kernel's own memory and not a filesystem's. */
bool memfd_is_internal(struct fd_dump *d, const struct stat *st);

/* tty.c: -EOPNOTSUPP when the task's controlling terminal, open or not, stands in the way. */
int tty_check_session(struct fd_dump *d, const struct task *t, struct err *e);

/* buildid.c */
size_t build_id_read(int fd, uint32_t *buf, size_t max);

/* ghost.c */
/* A description of our own for reading, which leaves no time of access; -1 with errno. */
int open_again(int fd);
struct ghost_obj;
int ghost_check(struct fd_dump *d, const struct stat *st, const char *path, const char *who,
		struct err *e);
int ghost_dump(struct fd_dump *d, struct file_obj *f, const struct stat *st, int fd,
	       const char *path, const char *who, struct err *e);
/* An entry of remap-fpath.img: what makes @f's name lead to it again. */
void remap_add(struct fd_dump *d, struct file_obj *f, uint32_t id, RemapType type);
int ghost_dump_end(struct fd_dump *d, struct err *e);
/* ghost_restore.c */
int ghost_read(struct fd_restore *r, struct err *e);
int ghost_open(struct fd_restore *r, struct file_obj *f, int flags, int *ret_fd, struct err *e);
void ghost_close(struct fd_restore *r);

/* open.c */
/* Status flags that fcntl(2) sets, put on a description of ours. */
int fd_set_flags(int fd, unsigned flags, const char *what, struct err *e);
struct fd_work *fd_work(struct file_obj *f);

/* Errors about image contents found after reading: names the file's id. */
int file_bad(const struct file_obj *f, struct err *e, const char *why, ...)
	__attribute__((format(printf, 3, 4)));

#endif
