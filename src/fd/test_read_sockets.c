// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Images of sockets and watches that say what cannot be: each is refused with
 * its reason before anything is made.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "fd/file_kind.h"
#include "model/images_expect.h"

#define PID 7

struct subject {
	FownEntry fown;
	SkOptsEntry opts;
	NetlinkSkEntry netlink;
	InotifyFileEntry inotify;
	InotifyWdEntry wd, *wds[1];
	FhEntry handle;
	UnixSkEntry usk;
	InetSkEntry isk;
	uint32_t zero;
	SkPacketEntry packet;
	ScmEntry scm, *scms[1];
	uint32_t right;
	const char *data; /* raw, behind the packet */
	bool queued;
	FileEntry file;
};

static void subject_init(struct subject *s)
{
	memset(s, 0, sizeof(*s));
	fown_entry__init(&s->fown);
	sk_opts_entry__init(&s->opts);
	netlink_sk_entry__init(&s->netlink);
	s->netlink.id = 1;
	s->netlink.fown = &s->fown;
	s->netlink.opts = &s->opts;
	file_entry__init(&s->file);
	s->file.id = 1;
	s->file.type = FD_TYPES__NETLINKSK;
	s->file.nlsk = &s->netlink;
}

static void inotify_init_entry(struct subject *s)
{
	subject_init(s);
	inotify_file_entry__init(&s->inotify);
	inotify_wd_entry__init(&s->wd);
	fh_entry__init(&s->handle);
	s->handle.path = "/watched";
	s->wd.wd = 1;
	s->wd.f_handle = &s->handle;
	s->wds[0] = &s->wd;
	s->inotify.id = 1;
	s->inotify.fown = &s->fown;
	s->inotify.wd = s->wds;
	s->inotify.n_wd = 1;
	s->file.type = FD_TYPES__INOTIFY;
	s->file.nlsk = NULL;
	s->file.ify = &s->inotify;
}

static void unix_init(struct subject *s)
{
	subject_init(s);
	unix_sk_entry__init(&s->usk);
	s->usk.id = 1;
	s->usk.ino = 11;
	s->usk.type = SOCK_STREAM;
	s->usk.state = TCP_ESTABLISHED;
	s->usk.fown = &s->fown;
	s->usk.opts = &s->opts;
	s->usk.name.data = (uint8_t *)"";
	s->file.type = FD_TYPES__UNIXSK;
	s->file.nlsk = NULL;
	s->file.usk = &s->usk;
}

static void packet_init(struct subject *s)
{
	s->queued = true;
	sk_packet_entry__init(&s->packet);
	scm_entry__init(&s->scm);
	s->packet.id_for = 1;
	s->packet.length = 3;
	s->data = "abc";
	s->scm.type = SCM_RIGHTS;
	s->scm.rights = &s->right;
	s->scm.n_rights = 1;
	s->right = 1;
	s->scms[0] = &s->scm;
}

static void queue_init(struct subject *s)
{
	unix_init(s);
	packet_init(s);
}

static void udp_init(struct subject *s)
{
	subject_init(s);
	inet_sk_entry__init(&s->isk);
	s->isk.id = 1;
	s->isk.family = AF_INET;
	s->isk.type = SOCK_DGRAM;
	s->isk.proto = IPPROTO_UDP;
	s->isk.state = TCP_CLOSE;
	s->isk.src_port = 53;
	s->isk.src_addr = s->isk.dst_addr = &s->zero;
	s->isk.n_src_addr = s->isk.n_dst_addr = 1;
	s->isk.fown = &s->fown;
	s->isk.opts = &s->opts;
	s->file.type = FD_TYPES__INETSK;
	s->file.nlsk = NULL;
	s->file.isk = &s->isk;
	packet_init(s);
	s->packet.has_from = 1;
	s->packet.from.data = (uint8_t *)"12345678901234567890123456";
	s->packet.from.len = 14;
}

static void put_queue(struct image_dir *d, const struct subject *s)
{
	struct image_out *o;
	struct err e = { 0 };

	assert_int_equal(image_create(d, IMG_SK_QUEUES, 0, &o, &e), 0);
	assert_int_equal(image_put(o, &s->packet.base, &e), 0);
	assert_int_equal(image_put_raw(o, s->data, strlen(s->data), &e), 0);
	assert_int_equal(image_out_close(o, &e), 0);
}

static void put(struct image_dir *d, enum image_id id, unsigned num, const ProtobufCMessage *v)
{
	struct image_out *o;
	struct err e = { 0 };

	assert_int_equal(image_create(d, id, num, &o, &e), 0);
	if (v)
		assert_int_equal(image_put(o, v, &e), 0);
	assert_int_equal(image_out_close(o, &e), 0);
}

static void subject_write(void *subject, const char *path)
{
	struct subject *s = subject;
	struct pool *pool = pool_new();
	struct image_dir *d;
	struct err e = { 0 };

	assert_int_equal(image_dir_create(&d, path, pool, &e), 0);
	put(d, IMG_FILES, 0, &s->file.base);
	put(d, IMG_FDINFO, PID, NULL);
	if (s->queued)
		put_queue(d, s);
	assert_int_equal(image_dir_commit(d, false, &e), 0);
	image_dir_free(d);
	pool_free(pool);
}

static void expect(struct subject *s, const char *want)
{
	static const struct images_case c = { PID, subject_write, fd_read, NULL };

	images_expect(&c, s, want);
}

static void test_netlink(void **state)
{
	uint32_t groups[2] = { 0, 2 };
	struct subject s;

	BAD((s.netlink.groups = groups, s.netlink.n_groups = 2), NULL);
	BAD(s.netlink.protocol = 32, "no netlink protocol 32");
	BAD((s.netlink.has_type = 1, s.netlink.type = SOCK_STREAM), "do not exist");
	BAD(s.netlink.dst_group = 33, "out of range");
}

#define BAD_WATCH(change, want)                                                                    \
	do {                                                                                       \
		inotify_init_entry(&s);                                                            \
		change;                                                                            \
		expect(&s, want);                                                                  \
	} while (0)

static void test_inotify(void **state)
{
	struct subject s;

	BAD_WATCH((void)0, NULL);
	BAD_WATCH(s.wd.wd = 0, "watch number 0 is out of range");
	BAD_WATCH(s.wd.wd = 0x80000000, "out of range");
	BAD_WATCH(s.handle.path = NULL, "no absolute path");
	BAD_WATCH(s.handle.path = "up", "no absolute path");
	BAD_WATCH((s.wd.has_file_id = 1, s.wd.file_id = 5), "file 5 is no regular file");
}

#define BAD_UNIX(change, want)                                                                     \
	do {                                                                                       \
		unix_init(&s);                                                                     \
		change;                                                                            \
		expect(&s, want);                                                                  \
	} while (0)

static void peer(struct subject *s, uint32_t pid, uint32_t uid, uint32_t gid)
{
	s->usk.has_peer_pid = s->usk.has_peer_uid = s->usk.has_peer_gid = 1;
	s->usk.peer_pid = pid;
	s->usk.peer_uid = uid;
	s->usk.peer_gid = gid;
}

static void test_unix(void **state)
{
	struct subject s;

	BAD_UNIX((void)0, NULL);
	BAD_UNIX(peer(&s, PID, 5, 6), NULL);
	BAD_UNIX(peer(&s, 0, 0, 0), NULL);
	BAD_UNIX(peer(&s, PID_LIMIT + 1, 0, 0), "credentials are out of range");
	BAD_UNIX(peer(&s, PID, UINT32_MAX, 0), "credentials are out of range");
	BAD_UNIX(peer(&s, PID, 0, UINT32_MAX), "credentials are out of range");
	BAD_UNIX((peer(&s, PID, 0, 0), s.usk.has_peer_uid = 0), "credentials are out of range");
}

#define BAD_QUEUE(change, want)                                                                    \
	do {                                                                                       \
		queue_init(&s);                                                                    \
		change;                                                                            \
		expect(&s, want);                                                                  \
	} while (0)

static void test_queue(void **state)
{
	struct subject s;

	BAD_QUEUE((void)0, NULL);
	BAD_QUEUE(s.packet.id_for = 2, "file 2 is no socket that queues data");
	BAD_QUEUE(s.packet.length = 4, "4 bytes of data are not there");
	BAD_QUEUE(s.packet.length = UINT32_MAX, "bytes of data are not there");
	BAD_QUEUE((s.packet.has_from = 1, s.packet.from.len = 0), "sender's name of 0 bytes");
	BAD_QUEUE((s.packet.has_oob = 1, s.packet.oob = 3), "out-of-band data of sort 3");
	BAD_QUEUE((s.packet.has_oob = 1, s.packet.oob = 1), "3 bytes of out-of-band data");
	BAD_QUEUE((s.packet.has_oob = 1, s.packet.oob = 2), "3 bytes of out-of-band data");
	BAD_QUEUE((s.packet.has_pid = 1, s.packet.pid = 8), "pid 8, is not there");
	BAD_QUEUE((s.packet.has_pid = 1, s.packet.pid = PID), NULL);
	BAD_QUEUE((s.packet.scm = s.scms, s.packet.n_scm = 1), NULL);
	BAD_QUEUE((s.packet.scm = s.scms, s.packet.n_scm = 1, s.right = 9), "file 9 waits in it");
	BAD_QUEUE((s.packet.scm = s.scms, s.packet.n_scm = 1, s.scm.type = 2), "of type 2 waits");
	BAD_QUEUE(s.usk.state = TCP_CLOSE, "nothing could reach");
}

#define BAD_UDP(change, want)                                                                      \
	do {                                                                                       \
		udp_init(&s);                                                                      \
		change;                                                                            \
		expect(&s, want);                                                                  \
	} while (0)

static void test_udp_queue(void **state)
{
	struct subject s;

	BAD_UDP((void)0, NULL);
	BAD_UDP(s.packet.has_from = 0, "without a sender's address");
	BAD_UDP(s.packet.from.len = 26, "without a sender's address");
	BAD_UDP(s.isk.src_port = 0, "none can reach");
	BAD_UDP((s.isk.proto = IPPROTO_TCP, s.isk.type = SOCK_STREAM),
		"no socket that queues data");
	BAD_UDP((s.packet.has_pid = 1, s.packet.pid = PID), "no datagram of UDP");
	BAD_UDP((s.packet.scm = s.scms, s.packet.n_scm = 1), "no datagram of UDP");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_netlink),	  cmocka_unit_test(test_inotify),
		cmocka_unit_test(test_unix),	  cmocka_unit_test(test_queue),
		cmocka_unit_test(test_udp_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
