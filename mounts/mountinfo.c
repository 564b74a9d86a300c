/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /proc/PID/mountinfo (proc(5)), for kernels whose statmount(2) is missing or
 * does not tell everything. It shows what the process can reach from its root.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "mounts/mounts-internal.h"

static const struct {
	const char *name;
	uint32_t flag;
} mount_options[] = {
	{ "ro", MS_RDONLY },	     { "nosuid", MS_NOSUID },	    { "nodev", MS_NODEV },
	{ "noexec", MS_NOEXEC },     { "noatime", MS_NOATIME },	    { "nodiratime", MS_NODIRATIME },
	{ "relatime", MS_RELATIME }, { "nosymfollow", MS_NOSYMFOLLOW },
}, sb_options[] = {
	{ "ro", MS_RDONLY },	   { "rw", 0 },		     { "sync", MS_SYNCHRONOUS },
	{ "dirsync", MS_DIRSYNC }, { "mand", MS_MANDLOCK },  { "lazytime", MS_LAZYTIME },
};

/* Octal escapes of blanks and backslashes, in place. */
static char *unescape(char *s)
{
	char *o = s, *ret = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*o++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*o++ = *s++;
		}
	}
	*o = 0;
	return ret;
}

static void parse_mount_options(struct mnt *m, char *s)
{
	char *save = NULL;

	for (char *o = strtok_r(s, ",", &save); o; o = strtok_r(NULL, ",", &save)) {
		for (size_t i = 0; i < ARRAY_SIZE(mount_options); i++)
			if (!strcmp(o, mount_options[i].name))
				m->flags |= mount_options[i].flag;
		if (!strcmp(o, "idmapped"))
			m->idmapped = true;
	}
	if (!(m->flags & (MS_NOATIME | MS_RELATIME)))
		m->flags |= MS_STRICTATIME;
}

/* What belongs to all filesystems becomes flags, the rest stays as it is. */
static void parse_sb_options(struct pool *pool, struct mnt *m, char *s)
{
	char *kept = pool_alloc(pool, strlen(s) + 1), *save = NULL;
	size_t i;

	for (char *o = strtok_r(s, ",", &save); o; o = strtok_r(NULL, ",", &save)) {
		for (i = 0; i < ARRAY_SIZE(sb_options); i++)
			if (!strcmp(o, sb_options[i].name))
				break;
		if (i < ARRAY_SIZE(sb_options)) {
			m->sb_flags |= sb_options[i].flag;
			continue;
		}
		if (*kept)
			strcat(kept, ",");
		strcat(kept, o);
	}
	m->options = kept;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" */
static bool parse_line(struct pool *pool, struct mnt *m, char *line)
{
	char *f[6], *tail = strstr(line, " - "), *save = NULL, *opt, *fs, *src, *sb;

	if (!tail)
		return false;
	*tail = 0;
	for (size_t i = 0; i < ARRAY_SIZE(f); i++) {
		f[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!f[i])
			return false;
	}
	while ((opt = strtok_r(NULL, " ", &save))) {
		sscanf(opt, "shared:%u", &m->shared);
		sscanf(opt, "master:%u", &m->master);
		if (!strcmp(opt, "unbindable"))
			m->unbindable = true;
	}
	fs = tail + 3;
	src = strchr(fs, ' ');
	sb = src ? strchr(src + 1, ' ') : NULL; /* the source may be empty */
	if (!sb || sscanf(f[2], "%u:%u", &m->major, &m->minor) != 2)
		return false;
	*src++ = 0;
	*sb++ = 0;
	m->id = (uint32_t)strtoul(f[0], NULL, 10);
	m->parent_id = (uint32_t)strtoul(f[1], NULL, 10);
	m->root = pool_strdup(pool, unescape(f[3]));
	m->point = pool_strdup(pool, unescape(f[4]));
	parse_mount_options(m, f[5]);
	m->fsname = pool_strdup(pool, unescape(fs));
	m->source = pool_strdup(pool, unescape(src));
	parse_sb_options(pool, m, sb);
	m->kind = mount_kind_get(m->fsname);
	return true;
}

int mnt_tree_parse_mountinfo(struct pool *pool, char *text, struct mnt_tree *ret, struct err *e)
{
	struct mnt_tree t = { 0 };
	char *save = NULL;
	int r;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!parse_line(pool, mnt_tree_add(pool, &t), line))
			return err_set(e, ERR_SYSTEM, EINVAL, "read", "mountinfo",
				       "a line is not understood: %s", line);
	r = mnt_tree_link(&t, e);
	if (!r)
		*ret = t;
	return r;
}

int mnt_tree_read_mountinfo(struct pool *pool, pid_t pid, struct mnt_tree *ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	char path[48] = "/proc/self/mountinfo";
	ssize_t n;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	n = read_text_alloc(AT_FDCWD, path, &text);
	if (n < 0) {
		errno = (int)-n;
		return err_sys(e, "read", "%s", path);
	}
	return mnt_tree_parse_mountinfo(pool, text, ret, e);
}
