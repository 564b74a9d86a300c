/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding the hierarchies and who is in which cgroup, from mountinfo and
 * /proc/PID/cgroup (cgroups(7)).
 *
 * Parsed here and not by libcgroup: its initialisation reads every controller
 * of every mount, knows one mount per controller only and no v2 hierarchy
 * without controllers, which is what hybrid systems have.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "cgroup/cgroup-internal.h"

/* Blank, tab, newline and backslash are octal in mountinfo (proc(5)). */
static void unescape(const char *from, size_t n, char *to, size_t size)
{
	size_t o = 0;

	for (size_t i = 0; i < n && o + 1 < size; i++) {
		if (from[i] == '\\' && i + 3 < n) {
			to[o++] = (from[i + 1] - '0') * 64 + (from[i + 2] - '0') * 8 + from[i + 3] - '0';
			i += 3;
		} else {
			to[o++] = from[i];
		}
	}
	to[o] = '\0';
}

static const char *field(const char *line, int n, size_t *len)
{
	for (; n > 0; n--) {
		line = strchr(line, ' ');
		if (!line)
			return NULL;
		line++;
	}
	*len = strcspn(line, " \n");
	return line;
}

/* The super options of a v1 mount name its controllers. */
static bool has_freezer(const char *opts)
{
	size_t n = strcspn(opts, "\n");

	for (const char *p = opts; p < opts + n; p += strcspn(p, ",\n") + 1)
		if (!strncmp(p, "freezer", 7) && (p[7] == ',' || p[7] == '\n' || !p[7]))
			return true;
	return false;
}

static bool line_matches(const char *line, int version, struct hierarchy *h)
{
	const char *end = strchr(line, '\n');
	const char *sep = strstr(line, " - ");
	const char *type, *opts, *root, *mount;
	size_t type_len = 0, opts_len, root_len = 0, mount_len = 0;

	if (!sep || (end && sep > end))
		return false;
	type = field(sep + 3, 0, &type_len);
	opts = field(sep + 3, 2, &opts_len);
	root = field(line, 3, &root_len);
	mount = field(line, 4, &mount_len);
	if (!opts || !root || !mount)
		return false;
	if (version == 1 && (type_len != 6 || strncmp(type, "cgroup", 6) || !has_freezer(opts)))
		return false;
	if (version == 2 && (type_len != 7 || strncmp(type, "cgroup2", 7)))
		return false;
	h->v2 = version == 2;
	unescape(root, root_len, h->root, sizeof(h->root));
	unescape(mount, mount_len, h->mount, sizeof(h->mount));
	return true;
}

int hierarchy_find(int want, struct hierarchy *ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = read_text_alloc(AT_FDCWD, "/proc/self/mountinfo", &text);

	if (n < 0)
		return err_set(e, ERR_SYSTEM, -n, "read", "/proc/self/mountinfo", "%s", strerror(-n));
	for (int version = want ? want : 1; version <= (want ? want : 2); version++) {
		for (const char *line = text; line && *line;) {
			if (line_matches(line, version, ret))
				return 0;
			line = strchr(line, '\n');
			line = line ? line + 1 : NULL;
		}
	}
	err_set(e, ERR_SYSTEM, ENOENT, "find", want == 2 ? "the v2 cgroup hierarchy" : "a cgroup freezer",
		"none is mounted");
	return err_hint(e, "mount cgroup2, or the v1 freezer controller");
}

int hierarchy_dir_of(const struct hierarchy *h, pid_t pid, char *buf, size_t size, struct err *e)
{
	char path[64];
	char *line, *save = NULL;
	_cleanup_free_ char *text = NULL;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	n = read_text_alloc(AT_FDCWD, path, &text);
	if (n < 0)
		return err_set(e, n == -ENOENT || n == -ESRCH ? ERR_TARGET : ERR_SYSTEM,
			       n == -ENOENT ? ESRCH : -n, "read", path, "%s", strerror(-n));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *ctrl = strchr(line, ':'), *cg = ctrl ? strchr(ctrl + 1, ':') : NULL;
		size_t root_len = strlen(h->root);

		if (!cg)
			continue;
		*cg++ = '\0';
		ctrl++;
		if (h->v2 ? *ctrl : !has_freezer(ctrl))
			continue;
		if (root_len > 1) {
			if (strncmp(cg, h->root, root_len) || (cg[root_len] && cg[root_len] != '/'))
				return err_set(e, ERR_SYSTEM, ENOENT, "find the cgroup of", path,
					       "%s lies outside the mounted part %s", cg, h->root);
			cg += root_len;
		}
		if ((size_t)snprintf(buf, size, "%s%s", h->mount, strcmp(cg, "/") ? cg : "") >= size)
			return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "find the cgroup of", path,
				       "its path is too long");
		return 0;
	}
	return err_set(e, ERR_SYSTEM, ENOENT, "find the cgroup of", path, "no line for the hierarchy at %s",
		       h->mount);
}
