// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All hierarchies of this machine by /proc/self/cgroup, and where each is
 * mounted by mountinfo (cgroups(7), proc(5)).
 */
#include "cgroup/tree-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/pool.h"
#include "base/proc.h"

bool cg_has_name(const char *ctl, const char *name, size_t len)
{
	for (; *ctl; ctl += strcspn(ctl, ","), ctl += *ctl == ',')
		if (strcspn(ctl, ",") == len && !memcmp(ctl, name, len))
			return true;
	return false;
}

const struct cg_hier *cg_hier_of(const struct cg_hiers *h, const char *name, size_t len)
{
	const struct cg_hier *v2 = NULL;
	char path[CGROUP_PATH + 64], text[512];

	for (size_t i = 0; i < h->n; i++) {
		if (h->v[i].v2)
			v2 = &h->v[i];
		else if (cg_has_name(h->v[i].ctl, name, len))
			return &h->v[i];
	}
	if (!len || !v2 || !v2->mount)
		return len ? NULL : v2;
	snprintf(path, sizeof(path), "%s/cgroup.controllers", v2->mount);
	if (read_text_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return NULL;
	for (char *p = strtok(text, " \n"); p; p = strtok(NULL, " \n"))
		if (strlen(p) == len && !memcmp(p, name, len))
			return v2;
	return NULL;
}

const char *cg_line(const char *text, const char *ctl, size_t *ret_len)
{
	size_t len = strlen(ctl);

	for (const char *line = text; *line;) {
		const char *end = strchrnul(line, '\n');
		const char *c = memchr(line, ':', (size_t)(end - line));

		if (c && (size_t)(end - c - 1) > len && !memcmp(c + 1, ctl, len) &&
		    c[1 + len] == ':') {
			*ret_len = (size_t)(end - c - len - 2);
			return c + len + 2;
		}
		line = *end ? end + 1 : end;
	}
	return NULL;
}

int cg_dir(const struct cg_hier *h, const char *path, char *buf, size_t size)
{
	size_t root = h->mount ? strlen(h->root) : 0;

	if (!h->mount || !path_is_inside(path, h->root))
		return -ENOENT;
	path += root > 1 ? root : 0;
	if ((size_t)snprintf(buf, size, "%s%s", h->mount, strcmp(path, "/") ? path : "") >= size)
		return -ENAMETOOLONG;
	return 0;
}

const char *cg_name(const struct cg_hier *h)
{
	return h->v2 ? "v2" : h->ctl;
}

/* Fields of a mountinfo line: 3 root, 4 mount point; after " - ": type, source, options. */
static bool mount_parse(struct pool *p, char *line, const char *yard, struct cg_hier *ret,
			char **ret_opts)
{
	char *sep = strstr(line, " - cgroup"), *save = NULL, *f[6] = { NULL }, *g[3] = { NULL };
	char *type;

	if (!sep)
		return false;
	*sep = '\0';
	type = sep + 3;
	f[0] = strtok_r(line, " ", &save);
	for (int i = 1; i < 5 && f[i - 1]; i++)
		f[i] = strtok_r(NULL, " ", &save);
	g[0] = strtok_r(type, " ", &save);
	for (int i = 1; i < 3 && g[i - 1]; i++)
		g[i] = strtok_r(NULL, " ", &save);
	if (!f[4] || !g[2] || (strcmp(g[0], "cgroup") && strcmp(g[0], "cgroup2")))
		return false;
	ret->v2 = !strcmp(g[0], "cgroup2");
	ret->root = path_unescape(pool_strdup(p, f[3]));
	ret->mount = path_unescape(pool_strdup(p, f[4]));
	*ret_opts = g[2];
	if (strlen(ret->mount) >= CGROUP_PATH / 2 || *ret->root != '/')
		return false;
	return !yard || path_is_inside(ret->mount, yard);
}

static void mount_take(struct cg_hiers *all, const struct cg_hier *m, const char *opts)
{
	for (size_t i = 0; i < all->n; i++) {
		struct cg_hier *h = &all->v[i];

		if (h->v2 != m->v2 || (!h->v2 && !cg_has_name(opts, h->ctl, strcspn(h->ctl, ","))))
			continue;
		/* Of several mounts the one that shows everything. */
		if (h->mount && (!strcmp(h->root, "/") || strcmp(m->root, "/")))
			return;
		h->mount = m->mount;
		h->root = m->root;
		return;
	}
}

static int mounts_find(struct pool *p, const char *yard, struct cg_hiers *all, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *real = yard ? realpath(yard, NULL) : NULL;
	ssize_t n = read_text_alloc(AT_FDCWD, "/proc/self/mountinfo", &text);
	char *save = NULL;

	if (yard && !real) {
		err_sys(e, "use", "--cgroup-yard %s", yard);
		return err_class_set(e, ERR_USAGE);
	}
	if (n < 0) {
		errno = (int)-n;
		return err_sys(e, "read", "/proc/self/mountinfo");
	}
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		struct cg_hier m = { 0 };
		char *opts;

		if (mount_parse(p, l, real, &m, &opts))
			mount_take(all, &m, opts);
	}
	return 0;
}

int cg_hiers_read(struct pool *p, const char *yard, struct cg_hiers *ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = read_text_alloc(AT_FDCWD, "/proc/self/cgroup", &text);
	char *save = NULL;

	if (n < 0) {
		errno = (int)-n;
		return err_sys(e, "read", "/proc/self/cgroup");
	}
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char *ctl = strchr(l, ':'), *path = ctl ? strchr(ctl + 1, ':') : NULL;
		struct cg_hier h = { 0 };

		if (!path)
			continue;
		*path++ = '\0';
		h.ctl = pool_strdup(p, ctl + 1);
		h.ours = pool_strdup(p, path);
		h.v2 = !*h.ctl;
		pool_push(p, ret->v, ret->n, h);
	}
	return mounts_find(p, yard, ret, e);
}

int cgroup_find_root(const char *dir, pid_t *ret, struct err *e)
{
	struct pid_list l = { 0 };
	pid_t root = 0;
	int r = cgroup_members(dir, &l, NULL, NULL, e);

	if (!r)
		pid_list_sort(&l);
	for (size_t i = 0; !r && i < l.n; i++) {
		struct proc_stat st;

		/* 0: in a pid namespace that we do not see into. */
		if (l.v[i] <= 0 || proc_stat_read(l.v[i], &st, e)) {
			err_clear(e);
			continue;
		}
		if (pid_list_has(&l, st.ppid))
			continue;
		if (root) {
			r = err_set(e, ERR_USAGE, ENOTUNIQ, "dump", dir,
				    "processes %d and %d in it are of different trees", root,
				    l.v[i]);
			err_hint(e, "name the tree by --tree PID");
		}
		root = l.v[i];
	}
	if (!r && !root) {
		r = err_set(e, ERR_TARGET, ESRCH, "dump", dir, "no process is in this cgroup");
		err_hint(e, "name the directory of a cgroup that has members, or use --tree PID");
	}
	pid_list_free(&l);
	if (!r)
		*ret = root;
	return r;
}
