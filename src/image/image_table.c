// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The table of images: file name patterns and magics, and names made from
 * them. A pattern takes at most one number: %u, %d, %lu and %ld print it in
 * decimal, %x in hexadecimal; %s stands for the two statistics files.
 */
#include "image/image-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct image_type types[IMG_ID_COUNT] = {
	[IMG_INVENTORY] = { .pattern = "inventory.img", .magic = 0x58313116, .bare = true },
	[IMG_FDINFO] = { .pattern = "fdinfo-%u.img", .magic = 0x56213732 },
	[IMG_PAGEMAP] = { .pattern = "pagemap-%lu.img", .magic = 0x56084025 },
	[IMG_SHMEM_PAGEMAP] = { .pattern = "pagemap-shmem-%lu.img", .magic = 0x56084025 },
	[IMG_REG_FILES] = { .pattern = "reg-files.img", .magic = 0x50363636 },
	[IMG_EXT_FILES] = { .pattern = "ext-files.img", .magic = 0x59255641 },
	[IMG_NS_FILES] = { .pattern = "ns-files.img", .magic = 0x61394011 },
	[IMG_EVENTFD_FILE] = { .pattern = "eventfd.img", .magic = 0x44523722 },
	[IMG_EVENTPOLL_FILE] = { .pattern = "eventpoll.img", .magic = 0x45023858 },
	[IMG_EVENTPOLL_TFD] = { .pattern = "eventpoll-tfd.img", .magic = 0x44433746 },
	[IMG_SIGNALFD] = { .pattern = "signalfd.img", .magic = 0x57323820 },
	[IMG_INOTIFY_FILE] = { .pattern = "inotify.img", .magic = 0x48424431 },
	[IMG_INOTIFY_WD] = { .pattern = "inotify-wd.img", .magic = 0x54562009 },
	[IMG_FANOTIFY_FILE] = { .pattern = "fanotify.img", .magic = 0x55096122 },
	[IMG_FANOTIFY_MARK] = { .pattern = "fanotify-mark.img", .magic = 0x56506035 },
	[IMG_CORE] = { .pattern = "core-%u.img", .magic = 0x55053847 },
	[IMG_IDS] = { .pattern = "ids-%u.img", .magic = 0x54432030 },
	[IMG_MM] = { .pattern = "mm-%u.img", .magic = 0x57492820 },
	[IMG_VMAS] = { .pattern = "vmas-%u.img", .magic = 0x54123737 },
	[IMG_PIPES] = { .pattern = "pipes.img", .magic = 0x56513555 },
	[IMG_PIPES_DATA] = { .pattern = "pipes-data.img", .magic = 0x56453709 },
	[IMG_FIFO] = { .pattern = "fifo.img", .magic = 0x58364939 },
	[IMG_FIFO_DATA] = { .pattern = "fifo-data.img", .magic = 0x59333054 },
	[IMG_PSTREE] = { .pattern = "pstree.img", .magic = 0x50273030 },
	[IMG_SIGACT] = { .pattern = "sigacts-%u.img", .magic = 0x55344201 },
	[IMG_UNIXSK] = { .pattern = "unixsk.img", .magic = 0x54373943 },
	[IMG_INETSK] = { .pattern = "inetsk.img", .magic = 0x56443851 },
	[IMG_PACKETSK] = { .pattern = "packetsk.img", .magic = 0x60454618 },
	[IMG_NETLINK_SK] = { .pattern = "netlinksk.img", .magic = 0x58005614 },
	[IMG_SK_QUEUES] = { .pattern = "sk-queues.img", .magic = 0x56264026 },
	[IMG_ITIMERS] = { .pattern = "itimers-%u.img", .magic = 0x57464056 },
	[IMG_POSIX_TIMERS] = { .pattern = "posix-timers-%u.img", .magic = 0x52603957 },
	[IMG_CREDS] = { .pattern = "creds-%u.img", .magic = 0x54023547 },
	[IMG_UTSNS] = { .pattern = "utsns-%u.img", .magic = 0x54473203 },
	[IMG_IPC_VAR] = { .pattern = "ipcns-var-%u.img", .magic = 0x53115007 },
	[IMG_IPCNS_SHM] = { .pattern = "ipcns-shm-%u.img", .magic = 0x46283044 },
	[IMG_IPCNS_MSG] = { .pattern = "ipcns-msg-%u.img", .magic = 0x55453737 },
	[IMG_IPCNS_SEM] = { .pattern = "ipcns-sem-%u.img", .magic = 0x59573019 },
	[IMG_FS] = { .pattern = "fs-%u.img", .magic = 0x51403912 },
	[IMG_REMAP_FPATH] = { .pattern = "remap-fpath.img", .magic = 0x59133954 },
	[IMG_GHOST_FILE] = { .pattern = "ghost-file-%x.img", .magic = 0x52583605 },
	[IMG_MEMFD_INODE] = { .pattern = "memfd.img", .magic = 0x48453499 },
	[IMG_TCP_STREAM] = { .pattern = "tcp-stream-%x.img", .magic = 0x51465506 },
	[IMG_MNTS] = { .pattern = "mountpoints-%u.img", .magic = 0x55563928 },
	[IMG_NETDEV] = { .pattern = "netdev-%u.img", .magic = 0x57373951 },
	[IMG_NETNS] = { .pattern = "netns-%u.img", .magic = 0x55933752 },
	[IMG_IFADDR] = { .pattern = "ifaddr-%u.img", .magic = 0 },
	[IMG_ROUTE] = { .pattern = "route-%u.img", .magic = 0 },
	[IMG_ROUTE6] = { .pattern = "route6-%u.img", .magic = 0 },
	[IMG_RULE] = { .pattern = "rule-%u.img", .magic = 0 },
	[IMG_IPTABLES] = { .pattern = "iptables-%u.img", .magic = 0 },
	[IMG_IP6TABLES] = { .pattern = "ip6tables-%u.img", .magic = 0 },
	[IMG_NFTABLES] = { .pattern = "nftables-%u.img", .magic = 0 },
	[IMG_TMPFS_IMG] = { .pattern = "tmpfs-%u.tar.gz.img", .magic = 0 },
	[IMG_TMPFS_DEV] = { .pattern = "tmpfs-dev-%u.tar.gz.img", .magic = 0 },
	[IMG_AUTOFS] = { .pattern = "autofs-%u.img", .magic = 0x49353943 },
	[IMG_BINFMT_MISC_OLD] = { .pattern = "binfmt-misc-%u.img", .magic = 0x67343323 },
	[IMG_BINFMT_MISC] = { .pattern = "binfmt-misc.img", .magic = 0x67343323 },
	[IMG_TTY_FILES] = { .pattern = "tty.img", .magic = 0x59433025 },
	[IMG_TTY_INFO] = { .pattern = "tty-info.img", .magic = 0x59453036 },
	[IMG_TTY_DATA] = { .pattern = "tty-data.img", .magic = 0x59413026 },
	[IMG_FILE_LOCKS] = { .pattern = "filelocks.img", .magic = 0x54323616 },
	[IMG_RLIMIT] = { .pattern = "rlimit-%u.img", .magic = 0x57113925 },
	[IMG_PAGES] = { .pattern = "pages-%u.img", .magic = 0 },
	[IMG_PAGES_OLD] = { .pattern = "pages-%d.img", .magic = 0x56084025 },
	[IMG_SHM_PAGES_OLD] = { .pattern = "pages-shmem-%ld.img", .magic = 0x56084025 },
	[IMG_SIGNAL] = { .pattern = "signal-s-%u.img", .magic = 0x59255647 },
	[IMG_PSIGNAL] = { .pattern = "signal-p-%u.img", .magic = 0x59255647 },
	[IMG_TUNFILE] = { .pattern = "tunfile.img", .magic = 0x57143751 },
	[IMG_CGROUP] = { .pattern = "cgroup.img", .magic = 0x59383330 },
	[IMG_TIMERFD] = { .pattern = "timerfd.img", .magic = 0x50493712 },
	[IMG_CPUINFO] = { .pattern = "cpuinfo.img", .magic = 0x61404013 },
	[IMG_SECCOMP] = { .pattern = "seccomp.img", .magic = 0x64413049 },
	[IMG_USERNS] = { .pattern = "userns-%u.img", .magic = 0x55474906 },
	[IMG_NETNF_CT] = { .pattern = "netns-ct-%u.img", .magic = 0 },
	[IMG_NETNF_EXP] = { .pattern = "netns-exp-%u.img", .magic = 0 },
	[IMG_FILES] = { .pattern = "files.img", .magic = 0x56303138 },
	[IMG_TIMENS] = { .pattern = "timens-%u.img", .magic = 0x43114433 },
	[IMG_PIDNS] = { .pattern = "pidns-%u.img", .magic = 0x61157326 },
	[IMG_BPFMAP_FILE] = { .pattern = "bpfmap-file.img", .magic = 0x57506142 },
	[IMG_BPFMAP_DATA] = { .pattern = "bpfmap-data.img", .magic = 0x64324033 },
	[IMG_APPARMOR] = { .pattern = "apparmor.img", .magic = 0x59423047 },
	[IMG_PIDFD] = { .pattern = "pidfd.img", .magic = 0x54435556 },
	[IMG_STATS] = { .pattern = "stats-%s", .magic = 0x57093306, .service = true },
	[IMG_IRMAP_CACHE] = { .pattern = "irmap-cache.img", .magic = 0x57004059, .service = true },
	/* Ours; "STMF", "STMQ". */
	[IMG_MANIFEST] = { .pattern = "manifest.img", .magic = 0x464d5453 },
	[IMG_IPCNS_MQUEUE] = { .pattern = "ipcns-mqueue-%u.img", .magic = 0x514d5453 },
};

const struct image_type *image_type(enum image_id id)
{
	return (unsigned)id < IMG_ID_COUNT ? &types[id] : NULL;
}

static const char *const stats_names[] = { "dump", "restore" };

/* Where the pattern's suffix starts, after "%lx". */
static const char *pattern_rest(const char *percent)
{
	const char *p = percent + 1;

	if (*p == 'l')
		p++;
	return p + 1;
}

void image_name(enum image_id id, unsigned long num, char *buf, size_t size)
{
	const char *pattern = types[id].pattern, *percent = strchr(pattern, '%');
	const char *rest;
	int len;

	if (!percent) {
		snprintf(buf, size, "%s", pattern);
		return;
	}
	rest = pattern_rest(percent);
	len = (int)(percent - pattern);
	switch (rest[-1]) {
	case 'x':
		snprintf(buf, size, "%.*s%lx%s", len, pattern, num, rest);
		break;
	case 's':
		snprintf(buf, size, "%.*s%s%s", len, pattern, stats_names[num != 0], rest);
		break;
	default:
		snprintf(buf, size, "%.*s%lu%s", len, pattern, num, rest);
	}
}

/* Whether @name (a whole file name) can come from @pattern, and from which number. */
static bool pattern_matches(const char *pattern, const char *name, unsigned long *num)
{
	const char *percent = strchr(pattern, '%'), *rest;
	size_t before, n;

	*num = 0;
	if (!percent)
		return !strcmp(pattern, name);
	before = (size_t)(percent - pattern);
	rest = pattern_rest(percent);
	if (strncmp(pattern, name, before))
		return false;
	name += before;
	if (rest[-1] == 's') {
		*num = !strcmp(name, stats_names[1]);
		return *num || !strcmp(name, stats_names[0]);
	}
	n = strspn(name, rest[-1] == 'x' ? "0123456789abcdef" : "0123456789");
	*num = strtoul(name, NULL, rest[-1] == 'x' ? 16 : 10);
	return n && !strcmp(name + n, rest);
}

bool image_name_parse(const char *name, enum image_id *ret_id, unsigned long *ret_num)
{
	unsigned long num;

	for (int i = 0; i < IMG_ID_COUNT; i++) {
		if (!pattern_matches(types[i].pattern, name, &num))
			continue;
		if (ret_id)
			*ret_id = (enum image_id)i;
		if (ret_num)
			*ret_num = num;
		return true;
	}
	return false;
}
