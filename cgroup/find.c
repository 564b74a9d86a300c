// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where the hierarchies are mounted and who is in which cgroup: mountinfo and
 * /proc/PID/cgroup (cgroups(7)).
 *
 * Read here and not by libcgroup: its initialisation takes 0.4 ms and loading
 * it 0.6 ms, a third of what a whole dump of a small process may take; and it
 * knows one mount for each controller and no v2 hierarchy beside v1's.
 */
#include "cgroup/cgroup-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"

/* Blank, tab, newline and backslash are octal in mountinfo (proc(5)). false: too long. */
static bool unescape(const char *from, size_t n, char *to, size_t size)
{
	size_t o = 0;

	for (size_t i = 0; i < n; i++) {
		if (o + 1 >= size)
			return false;
		if (from[i] == '\\' && i + 3 < n) {
			to[o++] = (char)((from[i + 1] - '0') * 64 + (from[i + 2] - '0') * 8 +
					 from[i + 3] - '0');
			i += 3;
		} else {
			to[o++] = from[i];
		}
	}
	to[o] = '\0';
	return true;
}

char *path_unescape(char *path)
{
	if (!unescape(path, strlen(path), path, strlen(path) + 1))
		*path = '\0';
	return path;
}

/* The @n-th blank-separated field of a line, or NULL. */
static const char *field(const char *line, const char *end, int n, size_t *len)
{
	for (; line && n > 0; n--) {
		line = memchr(line, ' ', (size_t)(end - line));
		line = line ? line + 1 : NULL;
	}
	if (!line || line >= end)
		return NULL;
	*len = strcspn(line, " \n");
	return line;
}

/* "freezer" among comma-separated names. */
static bool has_freezer(const char *s, size_t n)
{
	const char *end = s + n;

	while (s < end) {
		size_t len = strcspn(s, ",\n :");

		if (len == 7 && s + len <= end && !memcmp(s, "freezer", 7))
			return true;
		s += len + 1;
	}
	return false;
}

static bool has_dotdot(const char *path)
{
	return strstr(path, "/..") != NULL;
}

static void line_take(const char *line, const char *end, struct hierarchy ret[static 2])
{
	const char *sep = memmem(line, (size_t)(end - line), " - cgroup", 9);
	const char *type, *opts, *root, *mount;
	size_t type_len = 0, opts_len = 0, root_len = 0, mount_len = 0;
	struct hierarchy h = { 0 };
	int v;

	if (!sep)
		return;
	type = field(sep + 3, end, 0, &type_len);
	opts = field(sep + 3, end, 2, &opts_len);
	root = field(line, end, 3, &root_len);
	mount = field(line, end, 4, &mount_len);
	if (!type || !opts || !root || !mount || *root != '/' || *mount != '/' || mount > sep)
		return;
	v = type_len == 7 && !memcmp(type, "cgroup2", 7);
	if (!v && (type_len != 6 || !has_freezer(opts, opts_len)))
		return;
	if (!unescape(root, root_len, h.root, sizeof(h.root)) ||
	    !unescape(mount, mount_len, h.mount, sizeof(h.mount)) || has_dotdot(h.root))
		return;
	/* Of several mounts the one that shows everything. */
	if (ret[v].ops && (!strcmp(ret[v].root, "/") || strcmp(h.root, "/")))
		return;
	h.ops = v ? &freezer_v2 : &freezer_v1;
	ret[v] = h;
}

void hierarchies_parse(const char *mountinfo, struct hierarchy ret[static 2])
{
	const char *line = mountinfo;

	ret[0].ops = ret[1].ops = NULL;
	while (*line) {
		const char *end = strchrnul(line, '\n');

		line_take(line, end, ret);
		line = *end ? end + 1 : end;
	}
}

int hierarchies_read(struct hierarchy ret[static 2], struct err *e)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = read_text_alloc(AT_FDCWD, "/proc/self/mountinfo", &text);

	if (n < 0) {
		errno = (int)-n;
		return err_sys(e, "read", "/proc/self/mountinfo");
	}
	hierarchies_parse(text, ret);
	return 0;
}

bool path_is_inside(const char *dir, const char *parent)
{
	size_t n = strlen(parent);

	if (n == 1 && *parent == '/')
		return true;
	return !strncmp(dir, parent, n) && (!dir[n] || dir[n] == '/');
}

bool path_up(char *dir)
{
	char *slash = strrchr(dir, '/');

	if (!slash || slash == dir)
		return false;
	*slash = '\0';
	return true;
}

/* "hierarchy-ID:controllers:path"; v2's line has no controllers. */
static const char *cgroup_line(const struct freezer_ops *ops, const char *text, size_t *len)
{
	for (const char *line = text; *line;) {
		const char *end = strchrnul(line, '\n');
		const char *ctrl = memchr(line, ':', (size_t)(end - line));
		const char *path = ctrl ? memchr(ctrl + 1, ':', (size_t)(end - ctrl - 1)) : NULL;

		if (path && (ops->v2 ? path == ctrl + 1 && line[0] == '0' :
				       has_freezer(ctrl + 1, (size_t)(path - ctrl - 1)))) {
			*len = (size_t)(end - path - 1);
			return path + 1;
		}
		line = *end ? end + 1 : end;
	}
	return NULL;
}

int hierarchy_dir_parse(const struct hierarchy *h, const char *text, pid_t pid, char *buf,
			size_t size, struct err *e)
{
	char object[48], path[CGROUP_PATH];
	const char *line, *rest = path;
	size_t len = 0, root_len = strlen(h->root);

	snprintf(object, sizeof(object), "the cgroup of pid %d", pid);
	line = cgroup_line(h->ops, text, &len);
	if (!line)
		return err_set(e, ERR_SYSTEM, ENOENT, "find", object,
			       "it has none in the %s hierarchy", h->ops->name);
	if (len >= sizeof(path))
		return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "find", object, "its path is too long");
	memcpy(path, line, len);
	path[len] = '\0';
	if (has_dotdot(path) || !path_is_inside(path, h->root)) {
		err_set(e, ERR_SYSTEM, ENOENT, "find", object,
			"%s is outside of what is mounted at %s", path, h->mount);
		return err_hint(e, "run stasis where the whole hierarchy can be seen");
	}
	if (root_len > 1)
		rest += root_len;
	if (!strcmp(rest, "/"))
		rest = "";
	if ((size_t)snprintf(buf, size, "%s%s", h->mount, rest) >= size)
		return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "find", object, "its path is too long");
	return 0;
}

int hierarchy_dir_of(const struct hierarchy *h, pid_t pid, pid_t tid, char *buf, size_t size,
		     struct err *e)
{
	char name[64], text[4096];
	ssize_t n;

	if (tid && tid != pid)
		snprintf(name, sizeof(name), "/proc/%d/task/%d/cgroup", pid, tid);
	else
		snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
	n = read_text_at(AT_FDCWD, name, text, sizeof(text));
	if (n < 0) {
		errno = n == -ENOENT ? ESRCH : (int)-n;
		return err_sys(e, "read", "%s", name);
	}
	return hierarchy_dir_parse(h, text, pid, buf, size, e);
}
