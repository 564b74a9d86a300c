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
	&file_kind_reg,	 &file_kind_chardev, &file_kind_pipe,
	&file_kind_fifo, &file_kind_eventfd, &file_kind_unix,
	&file_kind_inet, &file_kind_epoll,   NULL,
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
		if (file_kinds[i]->type == type && file_kinds[i]->read)
			return file_kinds[i];
	return NULL;
}

const char *file_type_name(FdTypes type)
{
	const ProtobufCEnumValue *v =
		protobuf_c_enum_descriptor_get_value(&fd_types__descriptor, (int)type);

	return v ? v->name : "unknown";
}

static const struct {
	const char *link, *what;
} strangers[] = {
	{ "anon_inode:[signalfd]", "signalfd" },
	{ "anon_inode:[timerfd]", "timerfd" },
	{ "anon_inode:inotify", "inotify" },
	{ "anon_inode:[inotify]", "inotify" },
	{ "anon_inode:[fanotify]", "fanotify" },
	{ "anon_inode:[userfaultfd]", "userfaultfd" },
	{ "anon_inode:[io_uring]", "io_uring" },
	{ "anon_inode:[perf_event]", "perf_event" },
	{ "anon_inode:[pidfd]", "pidfd" },
	{ "pidfd:", "pidfd" },
	{ "anon_inode:bpf-", "BPF object" },
	{ "anon_inode:seccomp", "seccomp notifier" },
	{ "anon_inode:[fscontext]", "filesystem context (fsopen)" },
	{ "net:[", "network namespace" },
	{ "mnt:[", "mount namespace" },
	{ "pid:[", "pid namespace" },
	{ "uts:[", "UTS namespace" },
	{ "ipc:[", "IPC namespace" },
	{ "user:[", "user namespace" },
	{ "cgroup:[", "cgroup namespace" },
	{ "time:[", "time namespace" },
};

static const struct {
	int family;
	const char *what;
} families[] = {
	{ AF_NETLINK, "netlink" },     { AF_PACKET, "packet" },	      { AF_VSOCK, "vsock" },
	{ AF_ALG, "crypto (AF_ALG)" }, { AF_BLUETOOTH, "bluetooth" }, { AF_CAN, "CAN" },
	{ AF_TIPC, "TIPC" },	       { AF_KEY, "IPsec key" },	      { AF_XDP, "XDP" },
};

int file_refuse_unknown(const struct fd_look *l, struct err *e)
{
	if (S_ISSOCK(l->st.st_mode)) {
		for (size_t i = 0; i < ARRAY_SIZE(families); i++)
			if (families[i].family == l->family)
				return fd_refuse(l, e, "%s sockets are not supported",
						 families[i].what);
		return fd_refuse(l, e, "sockets of family %d are not supported", l->family);
	}
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++)
		if (!strncmp(l->link, strangers[i].link, strlen(strangers[i].link)))
			return fd_refuse(l, e, "a %s descriptor is not supported",
					 strangers[i].what);
	if (S_ISBLK(l->st.st_mode))
		return fd_refuse(l, e, "an open block device is not supported");
	return fd_refuse(l, e, "descriptors of this kind are not supported");
}
