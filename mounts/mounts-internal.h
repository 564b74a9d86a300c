/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A mount tree as the files of mounts/ see it, wherever it was read from:
 * statmount(2), /proc/PID/mountinfo or an image.
 */
#ifndef STASIS_MOUNTS_INTERNAL_H
#define STASIS_MOUNTS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>

#include "mounts/mounts.h"

/* Of mount(2), missing in some headers. */
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

/* What mount(2) calls flags: of one mount, and of its filesystem. */
#define MOUNT_FLAGS                                                                                \
	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | \
	 MS_STRICTATIME | MS_NOSYMFOLLOW)
#define SB_FLAGS (MS_RDONLY | MS_SYNCHRONOUS | MS_MANDLOCK | MS_DIRSYNC | MS_LAZYTIME)

struct mount_kind {
	const char *name; /* of the filesystem */
	Fstype code;	  /* in the images */
	bool fresh;	  /* a new instance can be mounted and is as good as the old one */
	bool content;	  /* ...once its files are put into it */
	bool layers;	  /* ...of directories of ours, which its options name */
};
const struct mount_kind *mount_kind_get(const char *fsname);
/* What --enable-fs makes of a filesystem. */
const struct mount_kind *mount_kind_enabled(void);
/* By an image's code; NULL when the code says nothing. */
const struct mount_kind *mount_kind_by_code(Fstype code);

struct mnt {
	uint32_t id, parent_id;		/* as in mountinfo */
	uint64_t unique, parent_unique; /* of statmount; 0 when not read so */
	uint32_t major, minor;
	uint32_t flags;		 /* MOUNT_FLAGS */
	uint32_t sb_flags;	 /* SB_FLAGS */
	uint32_t shared, master; /* peer groups, 0: none */
	bool unbindable, idmapped;
	const char *root, *point, *fsname, *source, *options;
	const struct mount_kind *kind;
	const char *ext_key;  /* given from outside under that name; NULL: it is not */
	RemovedRoot *removed; /* what it shows, when that has no name any more */
	bool deleted;	      /* it has none; root is the last one */
	bool outer_shared;    /* its peer group reaches outside of the tree */
	bool locked;	      /* in a user namespace's copy: cannot be unmounted there */
	bool outside;	      /* the filesystem is (dump) or was (restore) mounted outside too */

	struct mnt *parent; /* NULL: the tree's root */
	struct mnt *child, *sibling;
	const char *rel; /* mount point below the parent's root, "" on it, no leading slash */

	/* Restore: what becomes of it. */
	struct mnt *match;	/* the same mount in our tree (and back) */
	struct mnt *source_mnt; /* bind of this mount's filesystem: of ours, or made before */
	bool reached;		/* kept of our copy, and no other that is kept hides it */
	bool stands;		/* there now: read, or on restore kept or made so far */
	bool is_file;		/* mounted on a file, not on a directory */
	size_t source_call;	/* of the program: opens the source */
	int source_fd; /* ours, on a copy of the source, where it is not opened inside; else -EBADF */
	const char *given; /* a path of ours that it is to show, by option */
	struct mnt *yard;  /* the mount that its filesystem is made for */
	int fd, point_fd;  /* ours, on the mount itself and on where it is to stand */
};

struct mnt_tree {
	struct mnt **v;
	size_t n;
	struct mnt *root;
};

/* Read the whole tree of the namespace of @pid (0: ours). */
int mnt_tree_read(struct pool *pool, pid_t pid, struct mnt_tree *ret, struct err *e);
int mnt_tree_read_statmount(struct pool *pool, pid_t pid, struct mnt_tree *ret, struct err *e);
int mnt_tree_read_mountinfo(struct pool *pool, pid_t pid, struct mnt_tree *ret, struct err *e);
int mnt_tree_parse_mountinfo(struct pool *pool, char *text, struct mnt_tree *ret, struct err *e);
struct mnt *mnt_tree_add(struct pool *pool, struct mnt_tree *t);
/* Parents, relative mount points, the root; refuses what is no tree. */
int mnt_tree_link(struct mnt_tree *t, struct err *e);
struct mnt *mnt_tree_by_id(const struct mnt_tree *t, uint32_t id);
/*
 * Where a lookup of absolute path @p ends among the mounts that stand: the
 * mount and the rest of the path below its root.
 */
struct mnt *mnt_tree_lookup(const struct mnt_tree *t, const char *p, const char **ret_rest);
/* Whether lookups of its mount point end at @m's own root. */
bool mnt_is_visible(const struct mnt_tree *t, const struct mnt *m);
/* What lies topmost on the root of the namespace, the root itself if nothing does. */
struct mnt *mnt_tree_top(const struct mnt_tree *t);
/* Same filesystem instance. */
static inline bool mnt_same_sb(const struct mnt *a, const struct mnt *b)
{
	return a->major == b->major && a->minor == b->minor;
}
/* @path is @dir or below it; the rest without leading slash, or NULL. */
const char *mnt_path_below(const char *path, const char *dir);
/* It receives mounts from a peer group that no mount of the tree belongs to. */
bool mnt_is_outer_slave(const struct mnt_tree *t, const struct mnt *m);
/* A path from an image: absolute, bounded, nothing but names in it. */
bool mnt_path_is_plain(const char *path);

/* Of m->mnt_state. */
struct mounts_state {
	struct mnt_tree tree; /* of the dumped or to be restored namespace */
	struct mnt_tree ours;
	struct mnt **away; /* restore: copies of ours to be unmounted, in order */
	size_t n_away;
	struct mnt **order; /* restore: what has to be attached, in order */
	size_t n_order;
	bool outer_slaves; /* restore: some copies stay slaves of ours */
	bool planned;
	bool assemble; /* restore: the tree is put together from pieces, not made of our copy */
	struct mnt_group *groups;
	size_t n_groups;
};

/*
 * Restore: a mount outside of the tree, never to be seen, that gives its peer
 * group, or its being a slave, to mounts of it.
 */
struct mnt_group {
	uint32_t id, master; /* id 0: of slaves only */
	struct mnt *widest;  /* the member that stands for all */
	const char *path;    /* of ours, shows all that members do; NULL: made in the tree */
	bool outer_shared;   /* of ours, which the tree's are peers of */
	bool outer_slave;    /* its master is outside of the tree */
	struct mnt_group *master_group;
	size_t call;
	int fd;
	bool done, busy;
};

/* Peer groups and masters of a tree that is put together. */
void mnt_groups_plan(struct model *m, struct mounts_state *s, struct err_list *problems);
struct mnt_group *mnt_group_of(const struct mounts_state *s, const struct mnt *mnt);
/* Calls that make those of filesystems of ours (@own false) or of the tree's own. */
void mnt_groups_emit(struct maker *mk, struct mounts_state *s, bool own);

/*
 * Restore: what each mount is to be made from that is not kept of our copy; of
 * a tree with another root nothing is.
 * Everything that stands in the way goes to @problems.
 */
void mounts_arrange(struct model *m, struct mounts_state *s, struct err_list *problems);
/* What both ways of building do with our copy: which of its mounts are kept, which have to go. */
bool mnt_root_is_ours(const struct mounts_state *s);
bool mnt_match_ours(struct mounts_state *s, bool locks, struct err_list *problems);
void mnt_plan_away(struct model *m, struct mounts_state *s, struct err_list *problems);
void mnt_check_outer(struct mounts_state *s, struct err_list *problems);
void mnt_check_kept(const struct mounts_state *s, struct err_list *problems);
void mnt_emit_cut(struct prog *p, const struct mounts_state *s);
void mnt_emit_kept(struct prog *p, const struct mounts_state *s);
/* First calls: copies of what is ours, before anything else is done. */
void mnt_assemble_outer(struct maker *mk, struct mounts_state *s);
/* The tree's own filesystems, still attached nowhere. */
void mnt_assemble_own(struct maker *mk, struct mounts_state *s);
uint64_t mnt_attr_of_flags(uint32_t flags);
/* A mount of ours that shows what @img showed. */
struct mnt *mnt_find_outside(const struct mounts_state *s, const struct mnt *img);
__attribute__((format(printf, 4, 5))) void mnt_problem(struct err_list *l, const struct mnt *mnt,
						       const char *hint, const char *fmt, ...);

/*
 * What a mount shows although it was removed. Dump: read it, or say why not.
 * Restore: give it its name again in the filesystem @fd, which is attached
 * nowhere, until the mount stands.
 */
int mnt_removed_read(struct model *m, const struct mnt_tree *t, struct mnt *mnt, struct err *e);
int mnt_removed_make(struct model *m, const struct mnt *mnt, pid_t pid, struct err *e);
int mnt_removed_unlink(const struct mnt *mnt, struct err *e);
/* Another mount shows the same, and comes first in the tree. */
bool mnt_removed_again(const struct mnt_tree *t, const struct mnt *mnt);

/* Options: what --external mnt[NAME] or --ext-mount-map say about @name; NULL: nothing. */
const char *mnt_opt_external(const struct options *o, const char *name);
/* Peer groups ('s') or masters ('m') outside of the tree are acceptable. */
bool mnt_opt_outer(const struct options *o, char what);
bool mnt_opt_fs(const struct options *o, const char *fsname);
/* Takes away what --skip-mnt names, with all that is mounted on it. */
int mnt_opt_skip(const struct options *o, struct mnt_tree *t, struct err *e);

/*
 * Restore: match the image's tree with ours, both read. Fills away, order,
 * match, source_mnt; everything that stands in the way goes to @problems.
 */
void mounts_plan(struct model *m, struct mounts_state *s, struct err_list *problems);
/* Below the mount, in the namespace's own paths: what @mnt shows as its root. */
char *mnt_source_path(struct pool *pool, const struct mnt *mnt);
/* The member of a peer group that can give the group to all others, or NULL. */
struct mnt *mnt_group_first(const struct mnt_tree *t, uint32_t group);

/* Dump: which mounts of a user namespace are locked there; a helper inside tries. */
int mnt_tree_find_locks(struct mnt_tree *t, pid_t pid, struct err *e);

/* Dump: ids in the options of a filesystem that is made again in a user namespace. */
int mnt_options_inward(struct model *m, struct mnt *mnt, struct err *e);

/* Of a filesystem made of directories: the first that is not to be seen from here, or NULL. */
const char *mnt_layer_missing(struct pool *pool, const struct mnt *mnt);

/* Close an image after writing ended with @r: the first error counts. */
struct image_out;
int mounts_image_done(struct image_out *o, int r, struct err *e);

/*
 * Content of the private filesystem that @mnt shows whole, through a helper.
 * @tree: to find it where it is hidden. @fd: a descriptor on it, nothing being
 * mounted there, or negative: found by its path.
 */
int mount_content_dump(struct model *m, const struct mnt_tree *tree, const struct mnt *mnt,
		       pid_t pid, struct err *e);
int mount_content_fill(struct model *m, const struct mnt *mnt, int fd, pid_t pid, struct err *e);

#endif
