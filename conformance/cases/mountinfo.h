/* SPDX-License-Identifier: MIT */
/*
 * A picture of a mount tree that two runs can be compared by: one line a mount,
 * numbers (of mounts, devices without a device, peer groups) in order of
 * appearance.
 */
#ifndef CASE_MOUNTINFO_H
#define CASE_MOUNTINFO_H

#include "case.h"

#define MI_MOUNTS 512

struct mi {
	int id, parent, depth, shared, master, from;
	unsigned major, minor;
	char dev[32], root[512], point[512], opts[128], extra[32], fs[32], src[256], sb[512];
	struct mi *up;
};

static struct mi mi_v[MI_MOUNTS];
static int mi_n;

static int mi_cmp(const void *a, const void *b)
{
	const struct mi *x = a, *y = b;
	int c = strcmp(x->point, y->point);

	return c ? c : x->depth - y->depth;
}

static int mi_number(int *known, int *n, int v)
{
	int i = 0;

	while (i < *n && known[i] != v)
		i++;
	if (i == *n)
		known[(*n)++] = v;
	return i + 1;
}

static void mi_parse(char *line)
{
	struct mi *m = &mi_v[mi_n++];
	char *tail = strstr(line, " - "), *save, *w;

	*tail = 0;
	memset(m, 0, sizeof(*m));
	sscanf(line, "%d %d %u:%u %511s %511s %127s", &m->id, &m->parent, &m->major, &m->minor,
	       m->root, m->point, m->opts);
	sscanf(tail + 3, "%31s %255s %511[^\n]", m->fs, m->src, m->sb);
	w = strtok_r(line, " ", &save);
	for (int i = 0; w; w = strtok_r(NULL, " ", &save), i++) {
		if (i < 6)
			continue;
		if (sscanf(w, "shared:%d", &m->shared) != 1 &&
		    sscanf(w, "master:%d", &m->master) != 1 &&
		    sscanf(w, "propagate_from:%d", &m->from) != 1)
			strncat(m->extra, w, sizeof(m->extra) - 1);
	}
}

/* Into @buf; of all below @skip (a mount point) nothing. */
__attribute__((unused)) static void mi_picture(char *buf, size_t size)
{
	static int groups[MI_MOUNTS * 2], devs[MI_MOUNTS];
	static char text[1 << 18];
	int n_groups = 0, n_devs = 0, fd = case_sys(open("/proc/self/mountinfo", O_RDONLY));
	size_t at = 0;
	ssize_t n;
	char *save;

	while ((n = read(fd, text + at, sizeof(text) - 1 - at)) > 0)
		at += (size_t)n;
	close(fd);
	text[at] = 0;
	mi_n = 0;
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		mi_parse(l);
	for (int i = 0; i < mi_n; i++)
		for (int up = mi_v[i].parent, k = 0; k < mi_n; k++)
			if (mi_v[k].id == up) {
				mi_v[i].depth++;
				up = mi_v[k].parent;
				k = -1;
			}
	qsort(mi_v, (size_t)mi_n, sizeof(mi_v[0]), mi_cmp);
	at = 0;
	for (int i = 0; i < mi_n; i++) {
		struct mi *m = &mi_v[i];
		int up = 0;

		for (int k = 0; k < mi_n; k++)
			if (mi_v[k].id == m->parent)
				up = k + 1;
		if (m->major)
			snprintf(m->dev, sizeof(m->dev), "%u:%u", m->major, m->minor);
		else
			snprintf(m->dev, sizeof(m->dev), "dev%d",
				 mi_number(devs, &n_devs, (int)m->minor));
		at += (size_t)snprintf(buf + at, size - at, "%d %d %s %s %s %s %s", i + 1, up,
				       m->dev, m->root, m->point, m->opts, m->extra);
		if (m->shared)
			at += (size_t)snprintf(buf + at, size - at, " shared:%d",
					       mi_number(groups, &n_groups, m->shared));
		if (m->master)
			at += (size_t)snprintf(buf + at, size - at, " master:%d",
					       mi_number(groups, &n_groups, m->master));
		at += (size_t)snprintf(buf + at, size - at, " - %s %s %s\n", m->fs, m->src, m->sb);
	}
}

static char mi_before[1 << 17], mi_after[1 << 17];

/* The first line that differs is told. */
__attribute__((unused)) static void mi_compare(void)
{
	char *a = mi_before, *b = mi_after;

	mi_picture(mi_after, sizeof(mi_after));
	while (*a || *b) {
		size_t x = strcspn(a, "\n"), y = strcspn(b, "\n");

		case_check(x == y && !strncmp(a, b, x), "mounts differ: \"%.*s\" is \"%.*s\"",
			   (int)x, a, (int)y, b);
		a += x + (a[x] == '\n');
		b += y + (b[y] == '\n');
	}
}

#endif
