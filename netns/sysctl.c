/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Settings of a network namespace below /proc/sys/net. All are stored, because
 * what a fresh namespace has depends on the kernel and on its first namespace;
 * at restore only those that differ are written.
 *
 * Runs in: short helpers inside the namespace; the files show the namespace of
 * whoever opens them.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/nshelper.h"
#include "netns/netns-internal.h"
#define LOG_MODULE "netns"
#include "base/log.h"

#define TOP "/proc/sys/net"
#define NAME_MAX_LEN 200
/* ip_local_reserved_ports can list every other port. */
#define VALUE_MAX (256 * 1024)
#define VALUE_SMALL 256
/* Some settings set others (ip_forward): once more if anything was written. */
#define PASSES 3

struct walk {
	struct pool *pool;
	NetnsEntry *ns;
	char *value;
	char name[NAME_MAX_LEN + 1];
};

/* The kernel clears as much memory as is asked for: ask for little first. */
static ssize_t value_read(int fd, char *buf)
{
	ssize_t n = pread(fd, buf, VALUE_SMALL, 0);

	if (n == VALUE_SMALL)
		n = pread(fd, buf, VALUE_MAX - 1, 0);

	if (n < 0)
		return -errno;
	while (n && isspace((unsigned char)buf[n - 1]))
		n--;
	buf[n] = 0;
	return n;
}

static void value_add(struct walk *w)
{
	NetSysctlEntry *s = pool_msg(w->pool, NetSysctlEntry, net_sysctl_entry__init);

	s->name = pool_strdup(w->pool, w->name);
	s->value = pool_strdup(w->pool, w->value);
	pool_push(w->pool, w->ns->sysctls, w->ns->n_sysctls, s);
}

/*
 * Files that cannot be both read and written are counters, triggers (flush) or
 * settings of the machine. One that is unset reads as EIO (stable_secret).
 */
static void file_read(struct walk *w, int dir, const char *name)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDWR | O_CLOEXEC);

	if (fd >= 0 && value_read(fd, w->value) > 0)
		value_add(w);
}

static int dir_read(struct walk *w, int at, const char *name, size_t len, struct err *e)
{
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *de;
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return err_sys(e, "open", TOP "/%s", w->name);
	while (!r && (de = readdir(d))) {
		size_t n = strlen(de->d_name);

		if (de->d_name[0] == '.' || len + n + 1 > NAME_MAX_LEN)
			continue;
		memcpy(w->name + len, de->d_name, n + 1);
		if (de->d_type == DT_DIR) {
			w->name[len + n] = '/';
			w->name[len + n + 1] = 0;
			r = dir_read(w, dirfd(d), de->d_name, len + n + 1, e);
		} else {
			file_read(w, dirfd(d), de->d_name);
		}
		w->name[len] = 0;
	}
	return r;
}

static int dump_main(void *arg, void *ret, struct err *e)
{
	return dir_read(arg, AT_FDCWD, TOP, 0, e);
}

int net_sysctls_dump(struct model *m, pid_t pid, NetnsEntry *ns, struct err *e)
{
	struct walk w = { .pool = m->pool, .ns = ns, .value = pool_alloc(m->pool, VALUE_MAX) };

	return ns_helper_call(pid, CLONE_NEWNET, dump_main, &w, NULL, e);
}

/* Relative, and nothing in it but names. */
static bool name_is_plain(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > NAME_MAX_LEN || name[0] == '/' || name[len - 1] == '/')
		return false;
	for (const char *p = name; *p; p++)
		if (*p == '.' && (p == name || p[-1] == '/'))
			return false;
	return true;
}

int net_sysctls_check(const NetnsEntry *ns, struct err *e)
{
	for (size_t i = 0; i < ns->n_sysctls; i++)
		if (!name_is_plain(ns->sysctls[i]->name) ||
		    strlen(ns->sysctls[i]->value) >= VALUE_MAX)
			return err_set(e, ERR_IMAGE, EINVAL, "read", "netns image",
				       "setting %zu has no usable name or value", i);
	return 0;
}

/* 1: written; 0: it was so already. */
static int setting_fill(int top, const NetSysctlEntry *s, char *buf, struct err *e)
{
	_cleanup_close_ int fd = openat(top, s->name, O_RDWR | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		log_warn("this kernel has no setting net/%s, going on without its value %s",
			 s->name, s->value);
		return 0;
	}
	if (fd < 0)
		return err_sys(e, "open", TOP "/%s", s->name);
	if (value_read(fd, buf) >= 0 && !strcmp(buf, s->value))
		return 0;
	if (pwrite(fd, s->value, strlen(s->value), 0) < 0)
		return err_sys(e, "write", TOP "/%s", s->name);
	return 1;
}

static int fill_main(void *arg, void *ret, struct err *e)
{
	const NetnsEntry *ns = arg;
	_cleanup_free_ char *buf = malloc(VALUE_MAX);
	_cleanup_close_ int top = open(TOP, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool wrote = true;

	if (!buf || top < 0)
		return err_sys(e, "open", TOP);
	for (int pass = 0; wrote && pass < PASSES; pass++) {
		wrote = false;
		for (size_t i = 0; i < ns->n_sysctls; i++) {
			int r = setting_fill(top, ns->sysctls[i], buf, e);

			if (r < 0)
				return r;
			wrote |= r;
		}
	}
	return 0;
}

int net_sysctls_fill(pid_t pid, const NetnsEntry *ns, struct err *e)
{
	if (!ns->n_sysctls)
		return 0;
	return ns_helper_call(pid, CLONE_NEWNET, fill_main, (void *)ns, NULL, e);
}
