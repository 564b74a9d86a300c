// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The error object and the table of remedies.
 *
 * The table is keyed by (operation, errno). It says what the errno means for
 * that operation where the C library's text would mislead, which class of
 * failure it is, and what the user can do about it.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct remedy {
	const char *op; /* NULL: any operation */
	int code;
	enum err_class class; /* ERR_NONE: the errno's own */
	const char *why;      /* NULL: strerror */
	const char *hint;     /* NULL: none */
};

#define HINT_PTRACE                                                                                \
	"this needs the capability CAP_SYS_PTRACE or CAP_CHECKPOINT_RESTORE over the task "        \
	"(run as root, or give it with setcap), and nobody else may be tracing it"
#define HINT_ADMIN "this needs the capability CAP_SYS_ADMIN in the user namespace concerned"
#define HINT_NS_LIMIT "raise the sysctls user.max_*_namespaces, or remove unused namespaces"
#define HINT_TASKS "raise the limit on processes: ulimit -u, pids.max of the cgroup, kernel.pid_max"

/* Searched from the top: an operation's own line comes before the line for any operation. */
static const struct remedy remedies[] = {
	{ "ptrace", EPERM, ERR_SYSTEM, NULL, HINT_PTRACE },
	{ "ptrace", EACCES, ERR_SYSTEM, NULL, HINT_PTRACE },
	{ "ptrace", EIO, ERR_TARGET, NULL, NULL },
	{ "seize", EPERM, ERR_SYSTEM, NULL, HINT_PTRACE },
	{ "seize", EACCES, ERR_SYSTEM, NULL, HINT_PTRACE },
	{ "pidfd_getfd", EPERM, ERR_SYSTEM, NULL, HINT_PTRACE },
	{ "kcmp", EPERM, ERR_SYSTEM, NULL, HINT_PTRACE },
	{ "process_vm_readv", EPERM, ERR_SYSTEM, NULL, HINT_PTRACE },
	{ "process_vm_writev", EPERM, ERR_SYSTEM, NULL, HINT_PTRACE },
	{ "clone3", EEXIST, ERR_CONFLICT, "the pid is taken by another process",
	  "end the process that has this pid, or restore into a new pid namespace" },
	{ "clone3", EPERM, ERR_SYSTEM, NULL,
	  "choosing pids needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN in the user namespace of the "
	  "pid namespace; new namespaces need CAP_SYS_ADMIN" },
	{ "clone3", ENOSPC, ERR_SYSTEM, "a limit on namespaces is reached", HINT_NS_LIMIT },
	{ "clone3", EUSERS, ERR_SYSTEM, "a limit on user namespaces is reached", HINT_NS_LIMIT },
	{ "clone3", EAGAIN, ERR_SYSTEM, "a limit on processes is reached", HINT_TASKS },
	{ "fork", EAGAIN, ERR_SYSTEM, "a limit on processes is reached", HINT_TASKS },
	{ "unshare", ENOSPC, ERR_SYSTEM, "a limit on namespaces is reached", HINT_NS_LIMIT },
	{ "unshare", EPERM, ERR_SYSTEM, NULL, HINT_ADMIN },
	{ "setns", EPERM, ERR_SYSTEM, NULL, HINT_ADMIN },
	{ "mount", EPERM, ERR_SYSTEM, NULL, HINT_ADMIN },
	{ "move_mount", EPERM, ERR_SYSTEM, NULL, HINT_ADMIN },
	{ "inotify_add_watch", ENOSPC, ERR_SYSTEM, "the limit on watches is reached",
	  "raise the sysctl fs.inotify.max_user_watches" },
	{ "inotify_init1", EMFILE, ERR_SYSTEM, "the limit on inotify instances is reached",
	  "raise the sysctl fs.inotify.max_user_instances" },
	{ "mmap", ENOMEM, ERR_SYSTEM, NULL,
	  "free memory, or raise the sysctl vm.max_map_count or the limit RLIMIT_AS" },
	{ "mkdir", ENOSPC, ERR_SYSTEM, NULL,
	  "no space, no inodes, or cgroup.max.descendants is reached" },
	{ NULL, ENOSPC, ERR_SYSTEM, NULL,
	  "free space on that filesystem, or use another directory" },
	{ NULL, EDQUOT, ERR_SYSTEM, NULL,
	  "the quota is used up: free space or use another directory" },
	{ NULL, EFBIG, ERR_SYSTEM, NULL, "raise the limit on file sizes (ulimit -f)" },
	{ NULL, EROFS, ERR_SYSTEM, NULL, "the filesystem is read-only: use another directory" },
	{ NULL, EMFILE, ERR_SYSTEM, NULL, "raise the limit on open files: ulimit -n" },
	{ NULL, ENFILE, ERR_SYSTEM, NULL, "raise the sysctl fs.file-max" },
	{ NULL, ENOMEM, ERR_SYSTEM, NULL, "free memory, or raise memory.max of our cgroup" },
	{ NULL, EACCES, ERR_SYSTEM, NULL, "check the permissions of the path, or run as root" },
	{ NULL, EPERM, ERR_SYSTEM, NULL, "run as root or give the capability that this needs" },
	{ NULL, ENOSYS, ERR_SYSTEM, NULL, "this kernel lacks the call; see `stasis check`" },
	{ NULL, ESRCH, ERR_TARGET, "no such process", NULL },
};

static const struct remedy *remedy_find(const char *op, int code)
{
	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++) {
		const struct remedy *r = &remedies[i];

		if (r->code == code && (!r->op || !strcmp(r->op, op)))
			return r;
	}
	return NULL;
}

enum err_class err_class_of_errno(int code)
{
	switch (code) {
	case 0:
		return ERR_NONE;
	case ESRCH:
		return ERR_TARGET;
	case EOPNOTSUPP:
		return ERR_UNSUPPORTED;
	case EBADMSG:
	case EILSEQ:
		return ERR_IMAGE;
	case EPERM:
	case EACCES:
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EROFS:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOSYS:
	case EIO:
	case EAGAIN:
	case EUSERS:
		return ERR_SYSTEM;
	case EEXIST:
		return ERR_CONFLICT;
	case ETIMEDOUT:
	case ETIME:
		return ERR_TIMEOUT;
	case ECANCELED:
		return ERR_CANCELLED;
	default:
		return ERR_GENERAL;
	}
}

static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

int err_sys(struct err *e, const char *op, const char *object, ...)
{
	int code = errno ? errno : EIO;
	const struct remedy *r = remedy_find(op, code);
	va_list ap;

	if (!e)
		return -code;
	err_clear(e);
	e->code = code;
	e->class = r && r->class ? r->class : err_class_of_errno(code);
	copy_text(e->op, sizeof(e->op), op);
	va_start(ap, object);
	vsnprintf(e->object, sizeof(e->object), object, ap);
	va_end(ap);
	copy_text(e->why, sizeof(e->why), r && r->why ? r->why : strerror(code));
	if (r && r->hint)
		copy_text(e->hint, sizeof(e->hint), r->hint);
	errno = code;
	return -code;
}

int err_set(struct err *e, enum err_class class, int code, const char *op, const char *object,
	    const char *why, ...)
{
	struct err filled = { .code = code > 0 ? code : EIO, .class = class };
	va_list ap;

	if (!e)
		return -filled.code;
	copy_text(filled.op, sizeof(filled.op), op);
	copy_text(filled.object, sizeof(filled.object), object);
	va_start(ap, why);
	vsnprintf(filled.why, sizeof(filled.why), why, ap);
	va_end(ap);
	/* Copied last: the arguments may point into *e. */
	*e = filled;
	return -filled.code;
}

int err_hint(struct err *e, const char *fmt, ...)
{
	char text[sizeof(e->hint)];
	va_list ap;

	if (!e)
		return -EIO;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(e->hint, text, sizeof(text));
	return -e->code;
}

int err_in(struct err *e, const char *fmt, ...)
{
	size_t len;
	va_list ap;

	if (!e)
		return -EIO;
	len = strlen(e->trail);
	if (len && len + 3 < sizeof(e->trail)) {
		memcpy(e->trail + len, "; ", 3);
		len += 2;
	}
	va_start(ap, fmt);
	vsnprintf(e->trail + len, sizeof(e->trail) - len, fmt, ap);
	va_end(ap);
	return -e->code;
}

int err_about(struct err *e, int pid, const char *kind)
{
	if (!e)
		return -EIO;
	if (!e->pid)
		e->pid = pid;
	if (!e->kind[0] && kind)
		copy_text(e->kind, sizeof(e->kind), kind);
	return -e->code;
}

int err_class_set(struct err *e, enum err_class class)
{
	if (!e)
		return -EIO;
	e->class = class;
	return -e->code;
}

void err_clear(struct err *e)
{
	if (e)
		memset(e, 0, sizeof(*e));
}

void err_format(const struct err *e, char *buf, size_t size)
{
	snprintf(buf, size, "cannot %s%s%s: %s%s%s%s%s%s", e->op, e->object[0] ? " " : "",
		 e->object, e->why, e->trail[0] ? " (" : "", e->trail, e->trail[0] ? ")" : "",
		 e->hint[0] ? "\n  " : "", e->hint);
}

void err_list_add(struct err_list *l, const struct err *e)
{
	/* Grown at powers of two, so that no capacity has to be stored. */
	if (!(l->n & (l->n - 1))) {
		struct err *v = reallocarray(l->v, l->n ? l->n * 2 : 1, sizeof(*v));

		if (!v)
			abort();
		l->v = v;
	}
	l->v[l->n++] = *e;
}

void err_list_about(struct err_list *l, size_t from, int pid, const char *kind)
{
	for (size_t i = from; i < l->n; i++)
		err_about(&l->v[i], pid, kind);
}

void err_list_free(struct err_list *l)
{
	free(l->v);
	l->v = NULL;
	l->n = 0;
}

int err_list_file(int *ret_fd, struct err *e)
{
	int fd = memfd_create("stasis-errors", MFD_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "memfd_create", "a list of errors");
	*ret_fd = fd;
	return 0;
}

int err_list_save(const struct err_list *l, int fd)
{
	for (size_t i = 0; i < l->n; i++)
		if (pwrite(fd, &l->v[i], sizeof(l->v[i]), (off_t)(i * sizeof(l->v[i]))) !=
		    (ssize_t)sizeof(l->v[i]))
			return -1;
	return 0;
}

void err_list_load(struct err_list *l, int fd)
{
	struct err one;

	err_list_free(l);
	while (fd >= 0 &&
	       pread(fd, &one, sizeof(one), (off_t)(l->n * sizeof(one))) == (ssize_t)sizeof(one))
		err_list_add(l, &one);
}
