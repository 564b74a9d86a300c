// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which message each image holds, and how many bytes of another kind follow
 * one: enough to go through any image without knowing what it is about. For
 * image tools and tests; whoever understands an image reads it directly.
 */
#include "base/cleanup.h"
#include "image/image-internal.h"
#include "image/schemas.h"

#define PAD(n, to) (((uint64_t)(n) + (to)-1) / (to) * (to))

static uint64_t pipe_extra(const ProtobufCMessage *msg)
{
	return ((const PipeDataEntry *)msg)->bytes;
}

static uint64_t packet_extra(const ProtobufCMessage *msg)
{
	return ((const SkPacketEntry *)msg)->length;
}

static uint64_t stream_extra(const ProtobufCMessage *msg)
{
	const TcpStreamEntry *ts = (const void *)msg;

	return (uint64_t)ts->inq_len + ts->outq_len;
}

static uint64_t sem_extra(const ProtobufCMessage *msg)
{
	return PAD((uint64_t)((const IpcSemEntry *)msg)->nsems * 2, 8);
}

static uint64_t shm_extra(const ProtobufCMessage *msg)
{
	const IpcShmEntry *shm = (const void *)msg;

	if (shm->has_in_pagemaps && shm->in_pagemaps)
		return 0;
	return shm->size > UINT64_MAX - 4 ? shm->size : PAD(shm->size, 4);
}

static uint64_t map_extra(const ProtobufCMessage *msg)
{
	const BpfmapDataEntry *map = (const void *)msg;

	return (uint64_t)map->keys_bytes + map->values_bytes;
}

static uint64_t msg_extra(const ProtobufCMessage *msg)
{
	return PAD(((const IpcMsg *)msg)->msize, 8);
}

static uint64_t chunk_extra(const ProtobufCMessage *msg)
{
	return ((const GhostChunkEntry *)msg)->len;
}

static const struct {
	const ProtobufCMessageDescriptor *desc;
	uint64_t (*extra)(const ProtobufCMessage *msg);
} extras[] = {
	{ &pipe_data_entry__descriptor, pipe_extra },
	{ &sk_packet_entry__descriptor, packet_extra },
	{ &tcp_stream_entry__descriptor, stream_extra },
	{ &ipc_sem_entry__descriptor, sem_extra },
	{ &ipc_shm_entry__descriptor, shm_extra },
	{ &ipc_msg__descriptor, msg_extra },
	{ &bpfmap_data_entry__descriptor, map_extra },
	{ &ghost_chunk_entry__descriptor, chunk_extra },
};

uint64_t image_extra(const ProtobufCMessage *msg)
{
	for (size_t i = 0; i < ARRAY_SIZE(extras); i++)
		if (extras[i].desc == msg->descriptor)
			return extras[i].extra(msg);
	return 0;
}

static const struct image_content {
	const ProtobufCMessageDescriptor *desc;
	const ProtobufCMessageDescriptor *first; /* of the first entry, when it is another */
} contents[IMG_ID_COUNT] = {
	[IMG_INVENTORY] = { .desc = &inventory_entry__descriptor },
	[IMG_FDINFO] = { .desc = &fdinfo_entry__descriptor },
	[IMG_PAGEMAP] = { .desc = &pagemap_entry__descriptor, .first = &pagemap_head__descriptor },
	[IMG_SHMEM_PAGEMAP] = { .desc = &pagemap_entry__descriptor,
				.first = &pagemap_head__descriptor },
	[IMG_REG_FILES] = { .desc = &reg_file_entry__descriptor },
	[IMG_EXT_FILES] = { .desc = &ext_file_entry__descriptor },
	[IMG_NS_FILES] = { .desc = &ns_file_entry__descriptor },
	[IMG_EVENTFD_FILE] = { .desc = &eventfd_file_entry__descriptor },
	[IMG_EVENTPOLL_FILE] = { .desc = &eventpoll_file_entry__descriptor },
	[IMG_EVENTPOLL_TFD] = { .desc = &eventpoll_tfd_entry__descriptor },
	[IMG_SIGNALFD] = { .desc = &signalfd_entry__descriptor },
	[IMG_INOTIFY_FILE] = { .desc = &inotify_file_entry__descriptor },
	[IMG_INOTIFY_WD] = { .desc = &inotify_wd_entry__descriptor },
	[IMG_FANOTIFY_FILE] = { .desc = &fanotify_file_entry__descriptor },
	[IMG_FANOTIFY_MARK] = { .desc = &fanotify_mark_entry__descriptor },
	[IMG_CORE] = { .desc = &core_entry__descriptor },
	[IMG_IDS] = { .desc = &task_kobj_ids_entry__descriptor },
	[IMG_MM] = { .desc = &mm_entry__descriptor },
	[IMG_VMAS] = { .desc = &vma_entry__descriptor },
	[IMG_PIPES] = { .desc = &pipe_entry__descriptor },
	[IMG_PIPES_DATA] = { .desc = &pipe_data_entry__descriptor },
	[IMG_FIFO] = { .desc = &fifo_entry__descriptor },
	[IMG_FIFO_DATA] = { .desc = &pipe_data_entry__descriptor },
	[IMG_PSTREE] = { .desc = &pstree_entry__descriptor },
	[IMG_SIGACT] = { .desc = &sa_entry__descriptor },
	[IMG_UNIXSK] = { .desc = &unix_sk_entry__descriptor },
	[IMG_INETSK] = { .desc = &inet_sk_entry__descriptor },
	[IMG_PACKETSK] = { .desc = &packet_sock_entry__descriptor },
	[IMG_NETLINK_SK] = { .desc = &netlink_sk_entry__descriptor },
	[IMG_SK_QUEUES] = { .desc = &sk_packet_entry__descriptor },
	[IMG_ITIMERS] = { .desc = &itimer_entry__descriptor },
	[IMG_POSIX_TIMERS] = { .desc = &posix_timer_entry__descriptor },
	[IMG_CREDS] = { .desc = &creds_entry__descriptor },
	[IMG_UTSNS] = { .desc = &utsns_entry__descriptor },
	[IMG_IPC_VAR] = { .desc = &ipc_var_entry__descriptor },
	[IMG_IPCNS_SHM] = { .desc = &ipc_shm_entry__descriptor },
	[IMG_IPCNS_MSG] = { .desc = &ipc_msg_entry__descriptor },
	[IMG_IPCNS_SEM] = { .desc = &ipc_sem_entry__descriptor },
	[IMG_FS] = { .desc = &fs_entry__descriptor },
	[IMG_REMAP_FPATH] = { .desc = &remap_file_path_entry__descriptor },
	[IMG_GHOST_FILE] = { .desc = &ghost_chunk_entry__descriptor,
			     .first = &ghost_file_entry__descriptor },
	[IMG_MEMFD_INODE] = { .desc = &memfd_inode_entry__descriptor },
	[IMG_TCP_STREAM] = { .desc = &tcp_stream_entry__descriptor },
	[IMG_MNTS] = { .desc = &mnt_entry__descriptor },
	[IMG_NETDEV] = { .desc = &net_device_entry__descriptor },
	[IMG_NETNS] = { .desc = &netns_entry__descriptor },
	[IMG_AUTOFS] = { .desc = &autofs_entry__descriptor },
	[IMG_BINFMT_MISC_OLD] = { .desc = &binfmt_misc_entry__descriptor },
	[IMG_BINFMT_MISC] = { .desc = &binfmt_misc_entry__descriptor },
	[IMG_TTY_FILES] = { .desc = &tty_file_entry__descriptor },
	[IMG_TTY_INFO] = { .desc = &tty_info_entry__descriptor },
	[IMG_TTY_DATA] = { .desc = &tty_data_entry__descriptor },
	[IMG_FILE_LOCKS] = { .desc = &file_lock_entry__descriptor },
	[IMG_RLIMIT] = { .desc = &rlimit_entry__descriptor },
	[IMG_PAGES_OLD] = { .desc = &pagemap_entry__descriptor },
	[IMG_SHM_PAGES_OLD] = { .desc = &pagemap_entry__descriptor },
	[IMG_SIGNAL] = { .desc = &siginfo_entry__descriptor },
	[IMG_PSIGNAL] = { .desc = &siginfo_entry__descriptor },
	[IMG_TUNFILE] = { .desc = &tunfile_entry__descriptor },
	[IMG_CGROUP] = { .desc = &cgroup_entry__descriptor },
	[IMG_TIMERFD] = { .desc = &timerfd_entry__descriptor },
	[IMG_CPUINFO] = { .desc = &cpuinfo_entry__descriptor },
	[IMG_SECCOMP] = { .desc = &seccomp_entry__descriptor },
	[IMG_USERNS] = { .desc = &userns_entry__descriptor },
	[IMG_FILES] = { .desc = &file_entry__descriptor },
	[IMG_TIMENS] = { .desc = &timens_entry__descriptor },
	[IMG_PIDNS] = { .desc = &pidns_entry__descriptor },
	[IMG_BPFMAP_FILE] = { .desc = &bpfmap_file_entry__descriptor },
	[IMG_BPFMAP_DATA] = { .desc = &bpfmap_data_entry__descriptor },
	[IMG_APPARMOR] = { .desc = &apparmor_entry__descriptor },
	[IMG_PIDFD] = { .desc = &pidfd_entry__descriptor },
	[IMG_STATS] = { .desc = &stats_entry__descriptor },
	[IMG_IRMAP_CACHE] = { .desc = &irmap_cache_entry__descriptor },
};

struct walk {
	struct image_in *in;
	image_entry_fn fn;
	void *ctx;
};

/* Hand over one entry, step over the bytes behind it. */
static int visit(struct walk *w, ProtobufCMessage *msg, uint64_t extra, struct err *e)
{
	struct image_entry entry = { .msg = msg, .extra_at = image_tell(w->in), .extra = extra };
	int r;

	if (extra > image_left(w->in))
		return image_bad(w->in, e,
				 "truncated: %llu bytes of data belong to it, %llu are left",
				 (unsigned long long)extra, (unsigned long long)image_left(w->in));
	r = w->fn(w->ctx, w->in, &entry, e);
	if (r)
		return r;
	return image_seek(w->in, entry.extra_at + extra, e);
}

/* System V messages: each is an entry with its text behind it. */
static int visit_queue(struct walk *w, const IpcMsgEntry *queue, struct err *e)
{
	for (uint32_t i = 0; i < queue->qnum; i++) {
		IpcMsg *m;
		int r = image_get(w->in, &ipc_msg__descriptor, &m, e);

		if (!r)
			return image_bad(w->in, e,
					 "truncated: the queue has %u messages, %u are there",
					 queue->qnum, i);
		if (r > 0)
			r = visit(w, &m->base, image_extra(&m->base), e);
		if (r)
			return r;
	}
	return 0;
}

/* A ghost file's content is what follows, unless it comes in chunks. */
static uint64_t ghost_extra(const struct walk *w, const GhostFileEntry *ghost)
{
	return ghost->has_chunks && ghost->chunks ? 0 : image_left(w->in);
}

const ProtobufCMessageDescriptor *image_message(enum image_id id, bool first)
{
	return first && contents[id].first ? contents[id].first : contents[id].desc;
}

int image_walk(struct image_dir *d, enum image_id id, unsigned long num, image_entry_fn fn,
	       void *ctx, struct err *e)
{
	struct walk w = { .fn = fn, .ctx = ctx };
	ProtobufCMessage *msg;
	bool first = true;
	uint64_t extra;
	int r = image_open(d, id, num, &w.in, e);

	if (r)
		return r;
	if (!contents[id].desc)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "decode", image_type(id)->pattern,
			       "it does not consist of messages");
	while ((r = image_get(w.in, image_message(id, first), &msg, e)) > 0) {
		first = false;
		extra = msg->descriptor == &ghost_file_entry__descriptor ?
				ghost_extra(&w, (const GhostFileEntry *)msg) :
				image_extra(msg);
		r = visit(&w, msg, extra, e);
		if (!r && msg->descriptor == &ipc_msg_entry__descriptor)
			r = visit_queue(&w, (const IpcMsgEntry *)msg, e);
		if (r)
			return r;
	}
	return r;
}
