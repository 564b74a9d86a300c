// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading /proc: one open and as few reads as the file needs, parsed in place.
 * proc(5) describes the formats; task names may hold any byte but a newline
 * in status, so stat is parsed from its last ')'.
 */
#include "base/proc.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"

struct dirent64_raw {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

static bool pid_exists(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	return !access(path, F_OK);
}

/* A name below /proc/PID is missing: because the process has gone, or for its own reason? */
static int proc_err(struct err *e, const char *op, pid_t pid, const char *path, int code)
{
	if (code == ENOENT && !pid_exists(pid))
		code = ESRCH;
	errno = code;
	return err_sys(e, op, "%s", path);
}

/* Into @stack when it fits, else into *@heap. Returns where the text lies. */
static char *slurp(pid_t pid, const char *path, char *stack, size_t size, char **heap,
		   struct err *e)
{
	ssize_t n = read_text_at(AT_FDCWD, path, stack, size);

	if (n >= 0)
		return stack;
	if (n == -EFBIG) {
		n = read_text_alloc(AT_FDCWD, path, heap);
		if (n >= 0)
			return *heap;
	}
	proc_err(e, "read", pid, path, (int)-n);
	return NULL;
}

/* The next decimal number, signed or not; the cursor moves past it. */
static uint64_t next_num(const char **p)
{
	bool minus = false;
	uint64_t v = 0;

	while (**p == ' ' || **p == '\t')
		(*p)++;
	if (**p == '-') {
		minus = true;
		(*p)++;
	}
	while (isdigit((unsigned char)**p))
		v = v * 10 + (uint64_t)(*(*p)++ - '0');
	return minus ? -v : v;
}

static void copy_comm(char *to, size_t size, const char *from, size_t len)
{
	if (len >= size)
		len = size - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

/* Numbers of proc(5): 3 is the state. */
enum { STAT_FIRST = 4, STAT_LAST = 52 };

static int stat_parse(const char *buf, struct proc_stat *ret)
{
	const char *open = strchr(buf, '('), *close = strrchr(buf, ')'), *p;
	uint64_t f[STAT_LAST + 1] = { 0 };
	struct proc_stat s = { 0 };

	if (!open || !close || close < open || close[1] != ' ' || !close[2])
		return -EIO;
	s.pid = atoi(buf);
	copy_comm(s.comm, sizeof(s.comm), open + 1, (size_t)(close - open - 1));
	s.state = close[2];
	p = close + 3;
	for (int i = STAT_FIRST; i <= STAT_LAST && *p; i++)
		f[i] = next_num(&p);
	s.ppid = (pid_t)f[4];
	s.pgrp = (pid_t)f[5];
	s.sid = (pid_t)f[6];
	s.tty_nr = (int)f[7];
	s.tpgid = (pid_t)f[8];
	s.flags = (unsigned)f[9];
	s.priority = (int)f[18];
	s.nice = (int)f[19];
	s.num_threads = (int)f[20];
	s.starttime = f[22];
	s.start_code = f[26];
	s.end_code = f[27];
	s.start_stack = f[28];
	s.exit_signal = (int)f[38];
	s.rt_priority = (unsigned)f[40];
	s.policy = (unsigned)f[41];
	s.start_data = f[45];
	s.end_data = f[46];
	s.start_brk = f[47];
	s.arg_start = f[48];
	s.arg_end = f[49];
	s.env_start = f[50];
	s.env_end = f[51];
	s.exit_code = (int)f[52];
	*ret = s;
	return 0;
}

static int stat_read(const char *path, pid_t pid, struct proc_stat *ret, struct err *e)
{
	char buf[1024];
	ssize_t n = read_text_at(AT_FDCWD, path, buf, sizeof(buf));

	if (n < 0)
		return proc_err(e, "read", pid, path, (int)-n);
	if (stat_parse(buf, ret))
		return err_set(e, ERR_SYSTEM, EIO, "read", path, "not in the known format");
	return 0;
}

int proc_stat_read(pid_t pid, struct proc_stat *ret, struct err *e)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	return stat_read(path, pid, ret, e);
}

/* include/linux/sched.h; field 9 of proc_pid_stat(5) */
#define PF_EXITING 4

bool proc_is_exiting(const struct proc_stat *s)
{
	return s->flags & PF_EXITING || s->state == 'Z' || s->state == 'X';
}

bool proc_is_alive(pid_t pid)
{
	struct proc_stat st;
	struct err e = { 0 };

	return !proc_stat_read(pid, &st, &e) && !proc_is_exiting(&st);
}

int proc_thread_stat_read(pid_t pid, pid_t tid, struct proc_stat *ret, struct err *e)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	return stat_read(path, tid, ret, e);
}

static int pid_list(const char *p, pid_t *v)
{
	int n = 0;

	for (;;) {
		while (*p == ' ' || *p == '\t')
			p++;
		if (!isdigit((unsigned char)*p))
			return n;
		if (n == PROC_NSPID_MAX)
			return n;
		v[n++] = (pid_t)next_num(&p);
	}
}

static void id4(const char *p, uint32_t *v)
{
	for (int i = 0; i < 4; i++)
		v[i] = (uint32_t)next_num(&p);
}

static int groups_parse(const char *p, struct proc_status *s)
{
	for (;;) {
		while (*p == ' ' || *p == '\t')
			p++;
		if (!isdigit((unsigned char)*p))
			return 0;
		if (!(s->ngroups & (s->ngroups - 1))) {
			size_t room = s->ngroups ? 2 * s->ngroups : 1;
			uint32_t *v = reallocarray(s->groups, room, sizeof(*v));

			if (!v)
				return -ENOMEM;
			s->groups = v;
		}
		s->groups[s->ngroups++] = (uint32_t)next_num(&p);
	}
}

/* status shows a task's name with \n and \\ escaped. */
static void name_unescape(char *to, size_t size, const char *p)
{
	size_t n = 0;

	while (*p && n + 1 < size) {
		if (p[0] == '\\' && p[1] == 'n') {
			to[n++] = '\n';
			p += 2;
		} else if (p[0] == '\\' && p[1] == '\\') {
			to[n++] = '\\';
			p += 2;
		} else {
			to[n++] = *p++;
		}
	}
	to[n] = '\0';
}

enum status_type { ST_NAME, ST_CHAR, ST_OCT, ST_INT, ST_BOOL, ST_HEX, ST_PIDS, ST_ID4, ST_GROUPS };

#define FIELD(key, type, member)                                                                   \
	{                                                                                          \
		key, sizeof(key) - 1, type, offsetof(struct proc_status, member)                   \
	}
/* In the file's own order, so that a scan finds each line's field next to the last one. */
static const struct status_field {
	const char *key;
	size_t len;
	enum status_type type;
	size_t at;
} status_fields[] = {
	FIELD("Name:\t", ST_NAME, comm),
	FIELD("Umask:", ST_OCT, umask),
	FIELD("State:\t", ST_CHAR, state),
	FIELD("Tgid:", ST_INT, tgid),
	FIELD("Pid:", ST_INT, pid),
	FIELD("PPid:", ST_INT, ppid),
	FIELD("TracerPid:", ST_INT, tracer),
	FIELD("Uid:", ST_ID4, uid),
	FIELD("Gid:", ST_ID4, gid),
	FIELD("Groups:", ST_GROUPS, groups),
	FIELD("NStgid:", ST_PIDS, nstgid),
	FIELD("NSpid:", ST_PIDS, nspid),
	FIELD("NSpgid:", ST_PIDS, nspgid),
	FIELD("NSsid:", ST_PIDS, nssid),
	FIELD("Kthread:", ST_BOOL, kthread),
	FIELD("Threads:", ST_INT, threads),
	FIELD("SigPnd:", ST_HEX, sigpnd),
	FIELD("ShdPnd:", ST_HEX, shdpnd),
	FIELD("SigBlk:", ST_HEX, sigblk),
	FIELD("SigIgn:", ST_HEX, sigign),
	FIELD("SigCgt:", ST_HEX, sigcgt),
	FIELD("CapInh:", ST_HEX, cap_inh),
	FIELD("CapPrm:", ST_HEX, cap_prm),
	FIELD("CapEff:", ST_HEX, cap_eff),
	FIELD("CapBnd:", ST_HEX, cap_bnd),
	FIELD("CapAmb:", ST_HEX, cap_amb),
	FIELD("NoNewPrivs:", ST_INT, no_new_privs),
	FIELD("Seccomp:", ST_INT, seccomp),
	FIELD("Seccomp_filters:", ST_INT, seccomp_filters),
};

static int status_field_set(struct proc_status *s, const struct status_field *f, const char *v)
{
	void *at = (char *)s + f->at;

	switch (f->type) {
	case ST_NAME:
		name_unescape(at, sizeof(s->comm), v);
		return 0;
	case ST_CHAR:
		*(char *)at = *v;
		return 0;
	case ST_OCT:
		*(unsigned *)at = (unsigned)strtoul(v, NULL, 8);
		return 0;
	case ST_INT:
		*(int *)at = (int)next_num(&v);
		return 0;
	case ST_BOOL:
		*(bool *)at = next_num(&v) != 0;
		return 0;
	case ST_HEX:
		*(uint64_t *)at = strtoull(v, NULL, 16);
		return 0;
	case ST_PIDS: {
		int n = pid_list(v, at);

		if (f->at == offsetof(struct proc_status, nspid))
			s->nspid_n = n;
		return 0;
	}
	case ST_ID4:
		id4(v, at);
		return 0;
	case ST_GROUPS:
		return groups_parse(v, s);
	default:
		return -EINVAL;
	}
}

static int status_parse(char *text, struct proc_status *s)
{
	size_t next = 0;

	for (char *line = text; *line;) {
		char *end = strchrnul(line, '\n'), *after = *end ? end + 1 : end;

		*end = '\0';
		for (size_t i = next; i < ARRAY_SIZE(status_fields); i++) {
			const struct status_field *f = &status_fields[i];

			/* Keys differ early: most lines cost a few byte compares. */
			if (line[0] != f->key[0] || strncmp(line, f->key, f->len))
				continue;
			if (status_field_set(s, f, line + f->len))
				return -ENOMEM;
			next = i + 1;
			break;
		}
		line = after;
	}
	return 0;
}

int proc_status_read(pid_t pid, pid_t tid, struct proc_status *ret, struct err *e)
{
	_cleanup_free_ char *heap = NULL;
	struct proc_status s = { 0 };
	char buf[4096], path[64], *text;

	if (tid && tid != pid)
		snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
	else
		snprintf(path, sizeof(path), "/proc/%d/status", pid);
	text = slurp(tid ? tid : pid, path, buf, sizeof(buf), &heap, e);
	if (!text)
		return -e->code;
	if (status_parse(text, &s)) {
		proc_status_free(&s);
		errno = ENOMEM;
		return err_sys(e, "read", "%s", path);
	}
	*ret = s;
	return 0;
}

void proc_status_free(struct proc_status *s)
{
	free(s->groups);
	s->groups = NULL;
	s->ngroups = 0;
}

struct ints {
	int *v;
	size_t n, room;
};

static int ints_add(struct ints *l, int value)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 16;
		int *v = reallocarray(l->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->room = room;
	}
	l->v[l->n++] = value;
	return 0;
}

static int int_cmp(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* The numeric names of an open directory. */
static int dir_numbers(int fd, struct ints *l)
{
	_Alignas(struct dirent64_raw) char buf[16 * 1024];
	bool sorted = true;
	long n;

	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			struct dirent64_raw *d = (void *)(buf + at);
			const char *p = d->name;
			int v;

			at += d->reclen;
			if (!isdigit((unsigned char)*p))
				continue;
			v = (int)next_num(&p);
			if (*p)
				continue;
			sorted &= !l->n || l->v[l->n - 1] < v;
			if (ints_add(l, v))
				return -ENOMEM;
		}
	}
	if (n < 0)
		return -errno;
	if (!sorted)
		qsort(l->v, l->n, sizeof(*l->v), int_cmp);
	return 0;
}

int proc_list(pid_t pid, const char *what, int **ret, size_t *ret_n, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	struct ints l = { 0 };
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return proc_err(e, "open", pid, path, errno);
	r = dir_numbers(fd, &l);
	if (r) {
		free(l.v);
		return proc_err(e, "read", pid, path, -r);
	}
	*ret = l.v;
	*ret_n = l.n;
	return 0;
}

/* One thread's children, oldest first (CONFIG_PROC_CHILDREN). A thread that has gone has none. */
static int thread_children(pid_t pid, int tid, struct ints *l, struct err *e)
{
	_cleanup_free_ char *heap = NULL;
	char buf[4096], path[64];
	const char *p;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, tid);
	p = slurp(tid, path, buf, sizeof(buf), &heap, e);
	if (!p)
		return e->code == ESRCH && pid_exists(pid) ? 0 : -e->code;
	for (;;) {
		while (*p == ' ')
			p++;
		if (!isdigit((unsigned char)*p))
			return 0;
		if (ints_add(l, (int)next_num(&p))) {
			errno = ENOMEM;
			return err_sys(e, "read", "%s", path);
		}
	}
}

/* Stable insertion by start time: each thread's own list is in order already. */
static int sort_by_birth(struct ints *l, struct err *e)
{
	_cleanup_free_ unsigned long long *born = calloc(l->n, sizeof(*born));

	if (!born) {
		errno = ENOMEM;
		return err_sys(e, "malloc", "%zu children", l->n);
	}
	for (size_t i = 0; i < l->n; i++) {
		struct proc_stat s = { 0 };
		size_t at = i;
		int v = l->v[i];

		/* One that has just been reaped sorts first; callers notice it by themselves. */
		if (proc_stat_read(v, &s, e) && e->code != ESRCH)
			return -e->code;
		for (; at && born[at - 1] > s.starttime; at--) {
			born[at] = born[at - 1];
			l->v[at] = l->v[at - 1];
		}
		born[at] = s.starttime;
		l->v[at] = v;
	}
	err_clear(e);
	return 0;
}

int proc_children(pid_t pid, pid_t **ret, size_t *ret_n, struct err *e)
{
	_cleanup_free_ int *tids = NULL;
	struct ints l = { 0 };
	size_t n_tids, parents = 0;
	int r;

	r = proc_list(pid, "task", &tids, &n_tids, e);
	for (size_t i = 0; !r && i < n_tids; i++) {
		size_t before = l.n;

		r = thread_children(pid, tids[i], &l, e);
		parents += l.n > before;
	}
	if (!r && parents > 1)
		r = sort_by_birth(&l, e);
	if (r) {
		free(l.v);
		return r;
	}
	*ret = l.v;
	*ret_n = l.n;
	return 0;
}

int proc_readlink(pid_t pid, const char *name, char *buf, size_t size, struct err *e)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	n = readlink(path, buf, size);
	if (n < 0)
		return proc_err(e, "readlink", pid, path, errno);
	if ((size_t)n == size) {
		errno = ENAMETOOLONG;
		return err_sys(e, "readlink", "%s", path);
	}
	buf[n] = '\0';
	return 0;
}

int proc_ns_ino(pid_t pid, const char *name, uint64_t *ret, struct err *e)
{
	char what[48], link[64];
	const char *p;
	int r;

	snprintf(what, sizeof(what), "ns/%s", name);
	r = proc_readlink(pid, what, link, sizeof(link), e);
	if (r == -ENOENT) {
		/* No such kind in this kernel, or a zombie, which is in no namespace any more. */
		err_clear(e);
		*ret = 0;
		return 0;
	}
	if (r)
		return r;
	p = strchr(link, '[');
	if (!p)
		return err_set(e, ERR_SYSTEM, EIO, "readlink", what, "'%s' is no namespace link",
			       link);
	p++;
	*ret = next_num(&p);
	return 0;
}

int proc_kcmp(pid_t pid1, pid_t pid2, int type, unsigned long idx1, unsigned long idx2)
{
	long r = syscall(SYS_kcmp, pid1, pid2, type, idx1, idx2);

	return r < 0 ? -errno : (int)r;
}

/* The initial user namespace maps all ids to themselves, in one line (user_namespaces(7)). */
bool proc_in_initial_userns(void)
{
	unsigned first, lower, count;
	char buf[128];

	return read_text_at(AT_FDCWD, "/proc/self/uid_map", buf, sizeof(buf)) > 0 &&
	       sscanf(buf, "%u %u %u", &first, &lower, &count) == 3 && !first && !lower &&
	       count == UINT32_MAX;
}
