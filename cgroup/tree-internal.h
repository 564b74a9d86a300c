/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files about the tree's cgroups share (cgroup.h).
 *
 *	hierarchies.c	which hierarchies there are, and where they can be seen
 *	props.c		the table of properties, and how each is read and written
 *	props_spec.c	--cgroup-props
 *	tree_dump.c	sets and cgroups into cgroup.img
 *	tree_read.c	cgroup.img: checks, and where everything is to be here
 *	tree_make.c	directories, properties, owners
 *	tree_place.c	tasks into their cgroups
 */
#ifndef STASIS_CGROUP_TREE_INTERNAL_H
#define STASIS_CGROUP_TREE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroup/cgroup-internal.h"
#include "cgroup/cgroup.h"
#include "model/model.h"
#include "model/options.h"

/* One line of /proc/PID/cgroup. */
struct cg_hier {
	const char *ctl;   /* "cpu,cpuacct", "name=systemd"; "" for v2 */
	const char *mount; /* NULL: mounted nowhere that we see */
	const char *root;  /* the cgroup mounted there */
	const char *ours;  /* the cgroup that we are in */
	bool v2;
};

struct cg_hiers {
	struct cg_hier *v;
	size_t n;
};

/* hierarchies.c. @yard: only what is mounted there or below; NULL: anywhere. */
int cg_hiers_read(struct pool *p, const char *yard, struct cg_hiers *ret, struct err *e);
/* Whether the comma-separated names in @ctl have @name. */
bool cg_has_name(const char *ctl, const char *name, size_t len);
/* The hierarchy that a controller belongs to ("" and what v1 does not have: v2), or NULL. */
const struct cg_hier *cg_hier_of(const struct cg_hiers *h, const char *name, size_t len);
/* The path of hierarchy @ctl in a text of /proc/PID/cgroup; NULL when there is none. */
const char *cg_line(const char *text, const char *ctl, size_t *ret_len);
/* The directory of a cgroup; -ENOENT without an error when it cannot be seen. */
int cg_dir(const struct cg_hier *h, const char *path, char *buf, size_t size);
/* For people: "cpu,cpuacct", "v2". */
const char *cg_name(const struct cg_hier *h);

/* When a property is written. */
enum cg_when {
	CG_EARLY,  /* before anybody is in the cgroup */
	CG_LATE,   /* when all tasks are built */
	CG_FREEZE, /* last */
	CG_PERMS,  /* never: only its owner and mode are kept */
};

enum cg_how {
	CG_PLAIN, /* one value */
	CG_FIRST, /* reads as "name value" lines of which the first is the value */
	CG_LINES, /* a line for each device, written one by one; those not told go back to @unset */
	CG_DEVICES, /* devices.list: all is denied, then each line allowed */
	CG_SUBTREE, /* cgroup.subtree_control */
	CG_TYPE,    /* cgroup.type: only "threaded" is written */
	CG_STATE,   /* freezer.state, cgroup.freeze */
};

struct cg_prop {
	const char *ctl;  /* controller; "*": v1 in general; "": v2 in general */
	const char *name; /* may have a * (fnmatch(3)) */
	enum cg_when when;
	enum cg_how how;
	const char *normal; /* what a new cgroup has; NULL: depends */
};

/* The table; of v2 with v2's. @spec: from --cgroup-props, or NULL. */
struct cg_spec {
	const char *ctl;
	bool replace;
	const char **names;
	size_t n;
};
struct cg_specs {
	struct cg_spec *v;
	size_t n;
};
int cg_specs_parse(struct pool *p, char *text, const char *where, struct cg_specs *ret,
		   struct err *e);
/* How to treat file @name of a cgroup in @h: NULL when it is none of ours. @specs may be NULL. */
const struct cg_prop *cg_prop_of(const struct cg_hier *h, const struct cg_specs *specs,
				 const char *name);
/* Its place in the order of writing. */
size_t cg_prop_rank(const struct cg_prop *k);
/* What an image may have written, known or named by --cgroup-props; NULL: only its owner is kept. */
const struct cg_prop *cg_prop_saved(const struct cg_hier *h, const char *name);
/* Whether an image may name it: a property of a controller of @h, and nothing that acts. */
bool cg_prop_allowed(const struct cg_hier *h, const char *name);
/* The value as it goes into the image; -ENOENT and -EOPNOTSUPP without an error: it has none. */
int cg_prop_read(struct pool *p, const char *dir, const char *name, enum cg_how how, char **ret,
		 struct err *e);
/* Nothing is written when it is so already. 1: it was. */
int cg_prop_write(struct pool *p, const char *dir, const char *name, const struct cg_prop *k,
		  const char *value, struct err *e);

/* One cgroup to be. Parents stand before children. */
struct cg_node {
	const struct cg_hier *h;
	const CgroupDirEntry *entry; /* NULL: the image says nothing about it */
	const char *dir;
	bool made;
};

/* Where the tasks of one set go on one hierarchy. */
struct cg_place {
	const struct cg_hier *h;
	const char *path, *dir;
	const char *birth_path,
		*birth; /* where they come from: the cgroup namespace's root, or @dir */
};

struct cg_target {
	uint32_t id;
	struct cg_place *places;
	size_t n;
};

enum cg_mode {
	CG_MODE_IGNORE,
	CG_MODE_NONE,
	CG_MODE_PROPS,
	CG_MODE_SOFT,
	CG_MODE_FULL,
	CG_MODE_STRICT
};

/* m->cg_state of a restore. */
struct cg_restore {
	enum cg_mode mode;
	bool asked; /* the user said so: what is missing is an error and not a warning */
	struct cg_hiers hiers;
	CgroupEntry *image;
	struct cg_node *nodes;
	size_t n_nodes;
	struct cg_target *targets;
	size_t n_targets;
	const struct cg_target *root; /* NULL: stays where we are */
	struct cg_node *above;	      /* made because something below them was */
	size_t n_above;
	const struct cg_hier *stuck; /* where something was made last */
	int v2_fd;
	bool *entered;	      /* by hierarchy: this thread is elsewhere */
	uint32_t was_entered; /* bits, by hierarchy: the root was born there */
};

/* tree_read.c */
/* The path that --cgroup-root has for @h, tidied, or NULL. */
int cg_root_for(struct pool *p, const struct options *o, const struct cg_hiers *all,
		const struct cg_hier *h, const char **ret, struct err *e);
/* What c->image means with c->hiers: checks all, fills nodes and targets, becomes m->cg_state. */
int cg_plan(struct model *m, struct cg_restore *c, struct err *e);
enum cg_mode cg_mode(const struct options *o, bool *ret_asked);
const struct cg_target *cg_target_of(const struct cg_restore *c, const struct thread *th);

#endif
