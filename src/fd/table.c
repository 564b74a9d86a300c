// SPDX-License-Identifier: GPL-2.0-or-later
/* The kinds of open files, and names for what is none of them. */
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "fd/kinds.h"

/*
 * Order matters on restore: FIFOs look up names of files, sockets are made by
 * the maker after what the coordinator opens itself, and epoll comes last since
 * it watches all others. Of two kinds with one type the first reads images.
 */
const struct file_kind *const file_kinds[] = {
	/* before what takes whatever has a name */
	&file_kind_memfd,
	&file_kind_mqueue,
	/* all others */
	&file_kind_reg,
	&file_kind_tty,
	&file_kind_chardev,
	&file_kind_pipe,
	&file_kind_fifo,
	&file_kind_eventfd,
	&file_kind_inotify,
	&file_kind_signalfd,
	&file_kind_timerfd,
	&file_kind_unix,
	&file_kind_inet,
	&file_kind_netlink,
	&file_kind_pidfd,
	&file_kind_nsfile,
	&file_kind_epoll,
	NULL,
};

const struct file_kind *file_kind_of(const struct fd_look *l)
{
	for (size_t i = 0; file_kinds[i]; i++)
		if (file_kinds[i]->is(l))
			return file_kinds[i];
	return NULL;
}

const struct file_kind *file_kind_by_type(FdTypes type)
{
	for (size_t i = 0; file_kinds[i]; i++)
		if (file_kinds[i]->type == type && file_kinds[i]->read && !file_kinds[i]->reads)
			return file_kinds[i];
	return NULL;
}

const struct file_kind *file_kind_of_entry(const FileEntry *fe)
{
	for (size_t i = 0; file_kinds[i]; i++)
		if (file_kinds[i]->type == fe->type && file_kinds[i]->reads &&
		    file_kinds[i]->reads(fe))
			return file_kinds[i];
	return file_kind_by_type(fe->type);
}

const char *file_type_name(FdTypes type)
{
	const ProtobufCEnumValue *v =
		protobuf_c_enum_descriptor_get_value(&fd_types__descriptor, (int)type);

	return v ? v->name : "unknown";
}

/* What no kind recognises, in order to be refused by name, and what can be done about it. */
struct stranger {
	const char *link; /* how /proc shows it; of sockets NULL */
	int family;
	const char *what, *hint;
};

#define HINT_CLOSE "let the program close it before the checkpoint"

static const struct stranger strangers[] = {
	{ "anon_inode:[fanotify]", 0, "fanotify", HINT_CLOSE },
	{ "anon_inode:[userfaultfd]", 0, "userfaultfd", HINT_CLOSE },
	{ "anon_inode:[io_uring]", 0, "io_uring",
	  "let the program use epoll, or start it where io_uring is switched off "
	  "(sysctl kernel.io_uring_disabled)" },
	{ "anon_inode:[perf_event]", 0, "perf_event", "stop the profiler first" },
	{ "anon_inode:bpf-", 0, "BPF object", "detach the program that uses BPF first" },
	{ "anon_inode:seccomp", 0, "seccomp notifier", "checkpoint the supervised tree alone" },
	{ "anon_inode:[fscontext]", 0, "filesystem context (fsopen)", HINT_CLOSE },
	{ NULL, AF_PACKET, "packet sockets", HINT_CLOSE },
	{ NULL, AF_VSOCK, "vsock sockets", HINT_CLOSE },
	{ NULL, AF_ALG, "crypto (AF_ALG) sockets", HINT_CLOSE },
	{ NULL, AF_BLUETOOTH, "bluetooth sockets", HINT_CLOSE },
	{ NULL, AF_CAN, "CAN sockets", HINT_CLOSE },
	{ NULL, AF_TIPC, "TIPC sockets", HINT_CLOSE },
	{ NULL, AF_KEY, "IPsec key sockets", HINT_CLOSE },
	{ NULL, AF_XDP, "XDP sockets", HINT_CLOSE },
};

static const struct stranger *stranger_of(const struct fd_look *l)
{
	bool sock = S_ISSOCK(l->st.st_mode);

	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
		const struct stranger *s = &strangers[i];

		if (sock ? !s->link && s->family == l->family :
			   s->link && !strncmp(l->link, s->link, strlen(s->link)))
			return s;
	}
	return NULL;
}

const char *file_kind_name(const struct fd_look *l)
{
	const struct file_kind *k = file_kind_of(l);
	const struct stranger *s = k ? NULL : stranger_of(l);

	return k		       ? k->name :
	       s		       ? s->what :
	       S_ISBLK(l->st.st_mode)  ? "block device" :
	       S_ISSOCK(l->st.st_mode) ? "socket" :
					 "descriptor";
}

int file_refuse_unknown(const struct fd_look *l, struct err *e)
{
	const struct stranger *s = stranger_of(l);

	if (s)
		fd_refuse(l, e,
			  s->link ? "a %s descriptor is not supported" : "%s are not supported",
			  s->what);
	else if (S_ISSOCK(l->st.st_mode))
		fd_refuse(l, e, "sockets of family %d are not supported", l->family);
	else if (S_ISBLK(l->st.st_mode))
		fd_refuse(l, e, "an open block device is not supported");
	else
		fd_refuse(l, e, "descriptors of this kind are not supported");
	return s ? err_hint(e, "%s", s->hint) : -e->code;
}

void fd_kinds(kind_fn *fn, void *ctx)
{
	const char *last = "";

	for (size_t i = 0; file_kinds[i]; i++)
		fn(ctx, file_kinds[i]->name, NULL, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
		/* Kernels differ in how they show one thing. */
		if (strcmp(strangers[i].what, last))
			fn(ctx, strangers[i].what, "not supported", strangers[i].hint);
		last = strangers[i].what;
	}
	chardev_kinds(fn, ctx);
	fn(ctx, "block device", "not supported", HINT_CLOSE);
}
