// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Images of files, as they should be and as they should not: each fault is
 * refused with its reason, and nothing is opened.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "fd/lock.h"
#include "model/images_expect.h"

#define PID 7

/* A small checkpoint that is right; tests break it first. */
struct subject {
	FownEntry fown;
	SkOptsEntry opts;
	RegFileEntry reg, fifo_name;
	PipeEntry pipe[2];
	FifoEntry fifo;
	EventpollFileEntry ep;
	EventpollTfdEntry tfd, *tfds[1];
	UnixSkEntry usk[3];
	InetSkEntry isk;
	uint32_t addr[2];
	PidfdEntry pidfd;
	NsFileEntry nsf;
	FileEntry files[12];
	size_t n_files;
	FdinfoEntry fds[12];
	size_t n_fds;
	PipeDataEntry pipe_data;
	RemapFilePathEntry remap;
	GhostFileEntry ghost;
	GhostChunkEntry chunk;
	SkPacketEntry packet;
	FileLockEntry lock;
};

enum { REG, PIPE_R, PIPE_W, FIFO_NAME, FIFO, EPOLL, UNIX_A, UNIX_B, UNIX_L, INET, PIDFD };

static FileEntry *file(struct subject *s, FdTypes type)
{
	FileEntry *fe = &s->files[s->n_files++];

	file_entry__init(fe);
	fe->type = type;
	fe->id = (uint32_t)s->n_files;
	return fe;
}

static void descriptor(struct subject *s, int nth, uint32_t fd)
{
	FdinfoEntry *fe = &s->fds[s->n_fds++];

	fdinfo_entry__init(fe);
	fe->id = s->files[nth].id;
	fe->type = s->files[nth].type;
	fe->fd = fd;
}

static void unix_sock(struct subject *s, int i, uint32_t ino, uint32_t peer, uint32_t state,
		      char *name)
{
	UnixSkEntry *ue = &s->usk[i];

	unix_sk_entry__init(ue);
	ue->id = (uint32_t)(UNIX_A + i + 1);
	ue->ino = ino;
	ue->peer = peer;
	ue->type = SOCK_STREAM;
	ue->state = state;
	ue->fown = &s->fown;
	ue->opts = &s->opts;
	ue->name.data = (uint8_t *)name;
	ue->name.len = strlen(name);
	file(s, FD_TYPES__UNIXSK)->usk = ue;
}

static void reg(struct subject *s, RegFileEntry *re, uint32_t id, char *name, mode_t mode)
{
	reg_file_entry__init(re);
	re->id = id;
	re->name = name;
	re->fown = &s->fown;
	re->has_mode = 1;
	re->mode = mode;
	file(s, FD_TYPES__REG)->reg = re;
}

static void subject_init(struct subject *s)
{
	memset(s, 0, sizeof(*s));
	fown_entry__init(&s->fown);
	sk_opts_entry__init(&s->opts);
	reg(s, &s->reg, 1, "/nowhere", S_IFREG | 0600);
	for (int i = 0; i < 2; i++) {
		pipe_entry__init(&s->pipe[i]);
		s->pipe[i].id = (uint32_t)(2 + i);
		s->pipe[i].pipe_id = 99;
		s->pipe[i].flags = (uint32_t)i;
		s->pipe[i].fown = &s->fown;
		file(s, FD_TYPES__PIPE)->pipe = &s->pipe[i];
	}
	reg(s, &s->fifo_name, 4, "/fifo", S_IFIFO | 0600);
	fifo_entry__init(&s->fifo);
	s->fifo.id = 5;
	s->fifo.pipe_id = 99;
	s->fifo.has_regf_id = 1;
	s->fifo.regf_id = 4;
	file(s, FD_TYPES__FIFO)->fifo = &s->fifo;
	eventpoll_file_entry__init(&s->ep);
	eventpoll_tfd_entry__init(&s->tfd);
	s->tfds[0] = &s->tfd;
	s->tfd.tfd = 4;
	s->ep.id = 6;
	s->ep.fown = &s->fown;
	s->ep.tfd = s->tfds;
	s->ep.n_tfd = 1;
	file(s, FD_TYPES__EVENTPOLL)->epfd = &s->ep;
	unix_sock(s, 0, 1001, 1002, TCP_ESTABLISHED, "");
	unix_sock(s, 1, 1002, 1001, TCP_ESTABLISHED, "");
	unix_sock(s, 2, 1003, 0, TCP_LISTEN, "/run/x");
	inet_sk_entry__init(&s->isk);
	s->isk.id = 10;
	s->isk.family = AF_INET;
	s->isk.type = SOCK_STREAM;
	s->isk.proto = IPPROTO_TCP;
	s->isk.state = TCP_LISTEN;
	s->isk.src_addr = &s->addr[0];
	s->isk.dst_addr = &s->addr[1];
	s->isk.n_src_addr = s->isk.n_dst_addr = 1;
	s->isk.fown = &s->fown;
	s->isk.opts = &s->opts;
	file(s, FD_TYPES__INETSK)->isk = &s->isk;
	pidfd_entry__init(&s->pidfd);
	s->pidfd.id = 11;
	s->pidfd.nspid = -1;
	s->pidfd.fown = &s->fown;
	file(s, FD_TYPES__PIDFD)->pidfd = &s->pidfd;
	ns_file_entry__init(&s->nsf);
	s->nsf.id = 1;
	s->nsf.ns_id = 5;
	s->nsf.ns_cflag = CLONE_NEWNET;
	for (int i = 0; i < 11; i++)
		if (i != FIFO_NAME)
			descriptor(s, i, (uint32_t)(i + 3));
	pipe_data_entry__init(&s->pipe_data);
	s->pipe_data.pipe_id = 99;
	s->pipe_data.bytes = 4;
	s->pipe_data.has_size = 1;
	s->pipe_data.size = 65536;
	remap_file_path_entry__init(&s->remap);
	s->remap.orig_id = 1;
	s->remap.remap_id = 1;
	s->remap.has_remap_type = 1;
	s->remap.remap_type = REMAP_TYPE__GHOST;
	ghost_file_entry__init(&s->ghost);
	s->ghost.mode = S_IFREG | 0600;
	s->ghost.has_chunks = s->ghost.chunks = 1;
	s->ghost.has_size = 1;
	s->ghost.size = 100;
	ghost_chunk_entry__init(&s->chunk);
	s->chunk.off = 50;
	s->chunk.len = 4;
	sk_packet_entry__init(&s->packet);
	s->packet.id_for = 7;
	s->packet.length = 4;
	file_lock_entry__init(&s->lock);
	s->lock.flag = LOCK_FLAG_POSIX;
	s->lock.type = F_WRLCK;
	s->lock.pid = PID;
	s->lock.fd = 4;
}

static void put(struct image_dir *d, enum image_id id, unsigned num,
		const ProtobufCMessage *const *v, size_t n, bool data)
{
	struct image_out *o;
	struct err e = { 0 };

	assert_int_equal(image_create(d, id, num, &o, &e), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(image_put(o, v[i], &e), 0);
	if (data)
		assert_int_equal(image_put_raw(o, "data", 4, &e), 0);
	assert_int_equal(image_out_close(o, &e), 0);
}

static void subject_write(void *subject, const char *path)
{
	struct subject *s = subject;
	const ProtobufCMessage *v[12], *g[2] = { &s->ghost.base, &s->chunk.base };
	const ProtobufCMessage *pd = &s->pipe_data.base, *rm = &s->remap.base,
			       *pk = &s->packet.base, *lk = &s->lock.base;
	struct pool *pool = pool_new();
	struct image_dir *d;
	struct err e = { 0 };

	assert_int_equal(image_dir_create(&d, path, pool, &e), 0);
	for (size_t i = 0; i < s->n_files; i++)
		v[i] = &s->files[i].base;
	put(d, IMG_FILES, 0, v, s->n_files, false);
	for (size_t i = 0; i < s->n_fds; i++)
		v[i] = &s->fds[i].base;
	put(d, IMG_FDINFO, PID, v, s->n_fds, false);
	put(d, IMG_PIPES_DATA, 0, &pd, 1, true);
	put(d, IMG_REMAP_FPATH, 0, &rm, 1, false);
	put(d, IMG_GHOST_FILE, 1, g, 2, true);
	put(d, IMG_SK_QUEUES, 0, &pk, 1, true);
	put(d, IMG_FILE_LOCKS, 0, &lk, 1, false);
	assert_int_equal(image_dir_commit(d, false, &e), 0);
	image_dir_free(d);
	pool_free(pool);
}

static void check_right(void *subject, struct model *m)
{
	assert_int_equal(m->root->n_fds, ((const struct subject *)subject)->n_fds);
	for (size_t i = 1; i < m->root->n_fds; i++)
		assert_true(m->root->fds[i - 1].fd < m->root->fds[i].fd);
}

static void expect(struct subject *s, const char *want)
{
	static const struct images_case c = { PID, subject_write, fd_read, check_right };

	images_expect(&c, s, want);
}

static void test_right(void **state)
{
	struct subject s;

	subject_init(&s);
	expect(&s, NULL);
	/* Any order of descriptors will do. */
	s.fds[0].fd = 1000;
	expect(&s, NULL);
}

static void test_table(void **state)
{
	struct subject s;

	BAD(s.files[PIPE_R].id = s.pipe[0].id = 1, "two files have this number");
	BAD(s.files[REG].id = s.reg.id = 0, "without a number");
	BAD(s.files[REG].reg = NULL, "holds no such message");
	BAD(s.reg.id = 8, "its message says 8");
	BAD(s.files[REG].type = FD_TYPES__TUNF, "not supported");
	BAD(s.files[REG].type = (FdTypes)77, "not supported");
	BAD(s.fds[0].id = 55, "there is no file 55");
	BAD(s.fds[0].type = FD_TYPES__PIPE, "is not of type PIPE");
	BAD(s.fds[1].fd = 3, "is there twice");
	BAD(s.fds[0].fd = 0x80000000, "no descriptor number");
}

static void test_members(void **state)
{
	uint8_t long_name[200];
	struct subject s;

	memset(long_name, 'x', sizeof(long_name));
	BAD(s.reg.name = "relative", "not absolute");
	BAD(s.reg.removed_name = "relative", "removed name");
	BAD(s.reg.pos = UINT64_MAX, "out of range");
	BAD((s.reg.has_ext = 1, s.reg.ext = 1), "left to the caller");
	BAD(s.pipe[0].flags = 3, "impossible");
	BAD(s.fifo.has_regf_id = 0, "without a name");
	BAD(s.fifo.regf_id = 2, "not one of a FIFO");
	BAD(s.fifo.regf_id = 77, "not one of a FIFO");
	BAD(s.tfd.tfd = 0x7fffffff, "no descriptor number");
	BAD(s.tfd.tfd = 50, "target 50 is not there");
	BAD((s.tfd.has_file_id = 1, s.tfd.file_id = 6), "is not there");
	BAD(s.usk[0].type = 77, "do not exist");
	BAD(s.usk[0].state = 5, "no state 5");
	BAD(s.usk[0].peer = 1003, "connected to another one");
	BAD(s.usk[0].peer = 4, "is not there");
	BAD(s.usk[0].ino = 1002, "two sockets");
	BAD(s.usk[0].uflags = 1, "outside the checkpoint");
	BAD(s.usk[2].name.len = 0, "without a name");
	BAD((s.usk[2].name.data = long_name, s.usk[2].name.len = sizeof(long_name)), "too long");
	long_name[50] = 0;
	BAD((s.usk[2].name.data = long_name, s.usk[2].name.len = 100), "zero byte");
	BAD(s.usk[2].name.data = (uint8_t *)"rel..", "relative");
	BAD(s.isk.n_src_addr = 0, "addresses");
	BAD(s.isk.src_port = 70000, "addresses");
	BAD(s.isk.family = AF_INET6, "addresses");
	BAD(s.isk.proto = 47, "not supported");
	BAD(s.isk.state = TCP_SYN_SENT, "not supported");
	BAD(s.pidfd.nspid = 8, "process 8, which there is not");
	BAD(s.pidfd.nspid = 0, "process 0, which there is not");
	BAD((s.files[REG].type = s.fds[REG].type = FD_TYPES__NS, s.files[REG].nsf = &s.nsf),
	    "no task lives in namespace 5");
}

static void test_contents(void **state)
{
	struct subject s;

	BAD(s.pipe_data.pipe_id = 3, "belongs to pipe 3");
	BAD(s.pipe_data.bytes = 5, "not there");
	BAD(s.pipe_data.size = 2, "impossible");
	BAD(s.remap.orig_id = 2, "no regular file");
	BAD(s.remap.remap_type = REMAP_TYPE__LINKED, "its link, file 1, is no regular file");
	BAD((s.remap.remap_type = REMAP_TYPE__LINKED, s.remap.remap_id = 77), "its link, file 77");
	BAD(s.ghost.mode = S_IFMT, "can be made again");
	BAD(s.ghost.mode = S_IFLNK, "without a target");
	BAD((s.ghost.has_mtim_nsec = 1, s.ghost.mtim_nsec = 1000), "times out of range");
	BAD(s.ghost.has_size = 0, "valid size");
	BAD(s.chunk.off = 97, "outside the file");
	BAD(s.chunk.len = UINT64_MAX, "outside the file");
	BAD(s.packet.id_for = 1, "queues data");
	BAD(s.packet.length = 5, "not there");
}

static void test_locks(void **state)
{
	struct subject s;

	BAD(s.lock.flag = 4, "no kind of file lock");
	BAD(s.lock.type = F_UNLCK, "neither a read nor a write lock");
	BAD(s.lock.start = -1, "bytes long");
	BAD(s.lock.len = -1, "bytes long");
	BAD((s.lock.start = 2, s.lock.len = INT64_MAX), "bytes long");
	BAD(s.lock.pid = 8, "process 8, which there is not");
	BAD(s.lock.fd = 999, "which has none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),	cmocka_unit_test(test_table),
		cmocka_unit_test(test_members), cmocka_unit_test(test_contents),
		cmocka_unit_test(test_locks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
