// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Probes of mounts, control groups and the network. A freezer is tried on a
 * group made for that and removed at once, with nobody in it.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/mount.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/abi.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/probe-internal.h"

static int call_result(long r)
{
	return r < 0 ? -errno : 0;
}

int probe_openat2(const struct probe *p)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	_cleanup_close_ int fd = (int)syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));

	return call_result(fd);
}

static int first_mount(uint64_t *ret)
{
	struct mnt_id_req req = { .size = MNT_ID_REQ_SIZE_VER1, .mnt_id = LSMT_ROOT };
	long n = syscall(SYS_listmount, &req, ret, 1, 0);

	return n < 0 ? -errno : n == 1 ? 0 : -ENOENT;
}

int probe_listmount(const struct probe *p)
{
	uint64_t id;

	return first_mount(&id);
}

int probe_statmount(const struct probe *p)
{
	struct mnt_id_req req = { .size = MNT_ID_REQ_SIZE_VER1,
				  .param = STATMOUNT_MNT_BASIC | STATMOUNT_FS_TYPE };
	union {
		struct statmount sm;
		char room[2048];
	} buf;
	uint64_t id = 0;
	int r = first_mount(&id);

	if (r)
		return r;
	req.mnt_id = id;
	return call_result(syscall(SYS_statmount, &req, &buf, sizeof(buf), 0));
}

int probe_mntns_id(const struct probe *p)
{
	_cleanup_close_ int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	uint64_t id;

	return fd < 0 ? -errno : call_result(ioctl(fd, NS_GET_MNTNS_ID, &id));
}

int probe_set_group(const struct probe *p)
{
	/* Flags are looked at before descriptors. */
	long r = syscall(SYS_move_mount, -1, "", -1, "",
			 MOVE_MOUNT_SET_GROUP | MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);

	return r < 0 && errno == EBADF ? 0 : r < 0 ? -errno : -EINVAL;
}

int probe_mount_setattr(const struct probe *p)
{
	/* Nothing to set: nothing is looked up either. */
	struct mount_attr attr = { 0 };

	return call_result(syscall(SYS_mount_setattr, -1, "", AT_EMPTY_PATH, &attr, sizeof(attr)));
}

int probe_fsopen(const struct probe *p)
{
	_cleanup_close_ int fd = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);

	return call_result(fd);
}

/* Where a hierarchy is mounted: @type "cgroup2", or "cgroup" with @option among its super options. */
static int hierarchy_find(const char *type, const char *option, char *ret, size_t size)
{
	_cleanup_free_ char *text = NULL;
	char *line, *save = NULL;

	if (read_text_alloc(AT_FDCWD, "/proc/self/mountinfo", &text) < 0)
		return -ENOENT;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char point[512], fstype[32], options[256];
		char *rest = strstr(line, " - ");

		if (!rest || sscanf(rest, " - %31s %*s %255s", fstype, options) != 2 ||
		    strcmp(fstype, type) || (option && !strstr(options, option)))
			continue;
		if (sscanf(line, "%*s %*s %*s %*s %511s", point) != 1 || strlen(point) >= size)
			continue;
		strcpy(ret, point);
		return 0;
	}
	return -ENOENT;
}

/* Whether a group made in that hierarchy has the file @name. */
static int group_file(const char *type, const char *option, const char *name)
{
	char root[256], dir[320], file[400];
	int r = hierarchy_find(type, option, root, sizeof(root));

	if (r)
		return r;
	snprintf(dir, sizeof(dir), "%s/stasis-probe-%d", root, (int)getpid());
	if (mkdir(dir, 0700))
		return -errno;
	snprintf(file, sizeof(file), "%s/%s", dir, name);
	r = call_result(access(file, W_OK));
	rmdir(dir);
	return r;
}

int probe_freezer_v1(const struct probe *p)
{
	return group_file("cgroup", "freezer", "freezer.state");
}

int probe_freezer_v2(const struct probe *p)
{
	return group_file("cgroup2", NULL, "cgroup.freeze");
}

int probe_freezer(const struct probe *p)
{
	/* By name, so that what is switched off does not count. */
	if (probe_ok("freezer_v1") || probe_ok("freezer_v2"))
		return 0;
	return probe_run(probe_find("freezer_v2"));
}

int probe_cgroup_kill(const struct probe *p)
{
	return group_file("cgroup2", NULL, "cgroup.kill");
}

/* One request to the kernel and the kind of its answer: 0, or the error it carries. */
static int netlink_ask(int protocol, struct nlmsghdr *request)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	union {
		struct nlmsghdr head;
		char room[8192];
	} answer;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (sendto(fd, request, request->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) <
	    0)
		return -errno;
	/* The kernel answers within the send. */
	n = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);
	if (n < (ssize_t)sizeof(answer.head))
		return n < 0 ? -errno : -EIO;
	if (answer.head.nlmsg_type == NLMSG_ERROR) {
		struct nlmsgerr *error = NLMSG_DATA(&answer.head);

		return error->error;
	}
	return 0;
}

int probe_nftables(const struct probe *p)
{
	struct {
		struct nlmsghdr head;
		struct nfgenmsg nfg;
	} ask = {
		.head = { .nlmsg_len = sizeof(ask),
			  .nlmsg_flags = NLM_F_REQUEST,
			  .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN },
		.nfg = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 },
	};

	return netlink_ask(NETLINK_NETFILTER, &ask.head);
}

int probe_tcp_repair(const struct probe *p)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -errno;
	return call_result(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)));
}

int probe_inet_diag(const struct probe *p)
{
	/* Sockets in none of the states: an empty list. */
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 req;
	} ask = {
		.head = { .nlmsg_len = sizeof(ask),
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			  .nlmsg_type = SOCK_DIAG_BY_FAMILY },
		.req = { .sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP },
	};

	return netlink_ask(NETLINK_SOCK_DIAG, &ask.head);
}

int probe_unix_diag(const struct probe *p)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req req;
	} ask = {
		.head = { .nlmsg_len = sizeof(ask),
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			  .nlmsg_type = SOCK_DIAG_BY_FAMILY },
		.req = { .sdiag_family = AF_UNIX },
	};

	return netlink_ask(NETLINK_SOCK_DIAG, &ask.head);
}
