// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * /proc/PID/task/TID/syscall tells number and arguments of the call that a
 * thread sleeps in (man 5 proc; needs the right to trace it). Names are read
 * from its memory, descriptors from its /proc links: neither asks the
 * filesystem that hangs.
 */
#include "base/hang.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

/* Calls that a filesystem answers, and which argument names the object. */
static const struct fs_call {
	long nr;
	const char *name;
	int path_arg; /* -1: none */
	int fd_arg;
} fs_calls[] = {
	{ SYS_open, "open", 0, -1 },	      { SYS_openat, "open", 1, 0 },
	{ SYS_openat2, "open", 1, 0 },	      { SYS_stat, "stat", 0, -1 },
	{ SYS_lstat, "stat", 0, -1 },	      { SYS_newfstatat, "stat", 1, 0 },
	{ SYS_statx, "stat", 1, 0 },	      { SYS_access, "access", 0, -1 },
	{ SYS_faccessat, "access", 1, 0 },    { SYS_faccessat2, "access", 1, 0 },
	{ SYS_readlink, "readlink", 0, -1 },  { SYS_readlinkat, "readlink", 1, 0 },
	{ SYS_unlink, "unlink", 0, -1 },      { SYS_unlinkat, "unlink", 1, 0 },
	{ SYS_rename, "rename", 0, -1 },      { SYS_statfs, "statfs", 0, -1 },
	{ SYS_fstat, "stat", -1, 0 },	      { SYS_fstatfs, "statfs", -1, 0 },
	{ SYS_read, "read", -1, 0 },	      { SYS_readv, "read", -1, 0 },
	{ SYS_pread64, "read", -1, 0 },	      { SYS_preadv, "read", -1, 0 },
	{ SYS_write, "write", -1, 0 },	      { SYS_writev, "write", -1, 0 },
	{ SYS_pwrite64, "write", -1, 0 },     { SYS_pwritev, "write", -1, 0 },
	{ SYS_getdents64, "list", -1, 0 },    { SYS_lseek, "seek in", -1, 0 },
	{ SYS_ftruncate, "truncate", -1, 0 }, { SYS_fallocate, "allocate", -1, 0 },
	{ SYS_fsync, "sync", -1, 0 },	      { SYS_fdatasync, "sync", -1, 0 },
	{ SYS_syncfs, "sync", -1, 0 },	      { SYS_close, "close", -1, 0 },
};

/* Our own ways into a task lead through /proc; what they lead to is what hangs. */
static void follow_proc(char *buf, size_t size)
{
	char target[PATH_MAX];
	ssize_t n = strncmp(buf, "/proc/", 6) ? -1 : readlink(buf, target, sizeof(target) - 1);

	if (n <= 0 || (size_t)n >= size)
		return;
	target[n] = 0;
	strcpy(buf, target);
}

static void object_of(pid_t pid, const struct fs_call *c, const unsigned long *arg, char *buf,
		      size_t size)
{
	char link[64], name[256] = "";
	ssize_t n = -1;

	buf[0] = 0;
	if (c->path_arg >= 0) {
		struct iovec to = { name, sizeof(name) - 1 };
		struct iovec from = { (void *)arg[c->path_arg], sizeof(name) - 1 };

		/* Short when the name lies at the end of a mapping. */
		process_vm_readv(pid, &to, 1, &from, 1, 0);
	}
	if (name[0] != '/' && c->fd_arg >= 0 && (int)arg[c->fd_arg] >= 0) {
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, (int)arg[c->fd_arg]);
		n = readlink(link, buf, size - 1);
		buf[n < 0 ? 0 : n] = 0;
	}
	if (name[0] && strlen(buf) + strlen(name) + 2 < size)
		sprintf(buf + strlen(buf), "%s%s", buf[0] ? "/" : "", name);
	follow_proc(buf, size);
}

/* True when thread @tid sleeps in such a call. */
static bool held_up(pid_t pid, const char *tid, const char **ret_call, char *object, size_t size)
{
	char path[300], text[256];
	unsigned long arg[6];
	long nr;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/syscall", pid, tid);
	if (read_text_at(AT_FDCWD, path, text, sizeof(text)) <= 0 ||
	    sscanf(text, "%ld %lx %lx %lx %lx %lx %lx", &nr, &arg[0], &arg[1], &arg[2], &arg[3],
		   &arg[4], &arg[5]) != 7)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(fs_calls); i++) {
		if (fs_calls[i].nr != nr)
			continue;
		*ret_call = fs_calls[i].name;
		object_of(pid, &fs_calls[i], arg, object, size);
		return true;
	}
	return false;
}

int hang_describe(pid_t pid, const char *what, unsigned long seconds, struct err *e)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const char *call = NULL;
	char path[64], object[PATH_MAX];
	struct dirent *de;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (!call && dir && (de = readdir(dir)))
		if (de->d_name[0] != '.')
			held_up(pid, de->d_name, &call, object, sizeof(object));
	if (!call) {
		err_set(e, ERR_TIMEOUT, ETIMEDOUT, "go on", "", "it has hung for %lu s", seconds);
		err_hint(e, "look at the machine's load, or give more time with --timeout");
	} else {
		object[sizeof(e->object) - 1] = 0;
		err_set(e, ERR_TIMEOUT, ETIMEDOUT, call, object,
			"its filesystem has not answered for %lu s", seconds);
		err_hint(e, "look whether what serves that filesystem (FUSE, NFS) still works, or "
			    "give more time with --timeout");
	}
	return what ? err_in(e, "step \"%s\"", what) : -e->code;
}
