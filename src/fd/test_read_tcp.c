// SPDX-License-Identifier: GPL-2.0-or-later
/* Images of TCP connections: what cannot be is refused before anything is made. */
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "fd/inet.h"
#include "model/options.h"

#define PID 7
#define INO 5

struct subject {
	struct options opt;
	InventoryEntry inventory;
	FownEntry fown;
	SkOptsEntry opts;
	InetSkEntry isk;
	uint32_t addr[2];
	FileEntry file;
	TcpStreamEntry stream;
	size_t data; /* bytes behind it */
	bool no_stream;
};

static void subject_init(struct subject *s)
{
	memset(s, 0, sizeof(*s));
	s->opt.tcp_established = true;
	inventory_entry__init(&s->inventory);
	fown_entry__init(&s->fown);
	sk_opts_entry__init(&s->opts);
	inet_sk_entry__init(&s->isk);
	s->isk.id = 1;
	s->isk.ino = INO;
	s->isk.family = AF_INET;
	s->isk.type = SOCK_STREAM;
	s->isk.proto = IPPROTO_TCP;
	s->isk.state = TCP_ESTABLISHED;
	s->isk.src_addr = &s->addr[0];
	s->isk.dst_addr = &s->addr[1];
	s->isk.n_src_addr = s->isk.n_dst_addr = 1;
	s->isk.fown = &s->fown;
	s->isk.opts = &s->opts;
	file_entry__init(&s->file);
	s->file.id = 1;
	s->file.type = FD_TYPES__INETSK;
	s->file.isk = &s->isk;
	tcp_stream_entry__init(&s->stream);
	s->stream.inq_len = 10;
	s->stream.outq_len = 20;
	s->stream.unsq_len = 5;
	s->stream.has_unsq_len = 1;
	s->stream.mss_clamp = 1460;
	s->data = 30;
}

static void put(struct image_dir *d, enum image_id id, unsigned num, const ProtobufCMessage *v,
		size_t data)
{
	static const char zeroes[64];
	struct image_out *o;
	struct err e = { 0 };

	assert_int_equal(image_create(d, id, num, &o, &e), 0);
	if (v)
		assert_int_equal(image_put(o, v, &e), 0);
	assert_int_equal(image_put_raw(o, zeroes, data, &e), 0);
	assert_int_equal(image_out_close(o, &e), 0);
}

/* Read @s; NULL: it is right, else what the refusal says. */
static void expect(struct subject *s, const char *want, uint32_t state)
{
	char path[] = "/tmp/stasis-test-XXXXXX", cmd[64];
	struct model *m = model_new(&s->opt);
	struct image_dir *d;
	struct err e = { 0 };
	bool foreign;
	int r;

	assert_non_null(mkdtemp(path));
	assert_int_equal(image_dir_create(&d, path, m->pool, &e), 0);
	put(d, IMG_FILES, 0, &s->file.base, 0);
	put(d, IMG_FDINFO, PID, NULL, 0);
	if (!s->no_stream)
		put(d, IMG_TCP_STREAM, INO, &s->stream.base, s->data);
	assert_int_equal(image_dir_commit(d, false, &e), 0);
	image_dir_free(d);
	model_task_new(m, NULL)->pid = PID;
	m->inventory = &s->inventory;
	assert_int_equal(image_dir_open(&m->dir, path, m->pool, &foreign, &e), 0);
	r = fd_read(m, &e);
	if (want && (!r || !strstr(e.why, want)))
		fail_msg("want \"%s\", got %d: %s", want, r, e.why);
	if (!want && r)
		fail_msg("%s: %s", e.object, e.why);
	if (!want)
		assert_int_equal(m->files[0]->entry->isk->state, state);
	image_dir_free(m->dir);
	model_free(m);
	snprintf(cmd, sizeof(cmd), "rm -r %s", path);
	assert_int_equal(system(cmd), 0);
}

#define BAD(change, want)                                                                          \
	do {                                                                                       \
		subject_init(&s);                                                                  \
		change;                                                                            \
		expect(&s, want, 0);                                                               \
	} while (0)
#define GOOD(change, state)                                                                        \
	do {                                                                                       \
		subject_init(&s);                                                                  \
		change;                                                                            \
		expect(&s, NULL, state);                                                           \
	} while (0)

static void test_streams(void **state)
{
	struct subject s;

	GOOD(, TCP_ESTABLISHED);
	GOOD(s.isk.state = TCP_LAST_ACK, TCP_LAST_ACK);
	GOOD((s.stream.inq_len = s.stream.outq_len = s.stream.unsq_len = 0, s.data = 0),
	     TCP_ESTABLISHED);
	BAD(s.data = 29, "longer than the file");
	BAD(s.stream.inq_len = 0xffffffff, "longer than any");
	BAD(s.stream.outq_len = 0x7fffffff, "longer than any");
	BAD(s.stream.outq_len = 4, "more is unsent");
	BAD(s.stream.snd_wscale = 15, "window scale");
	BAD((s.stream.has_rcv_wscale = 1, s.stream.rcv_wscale = 99), "window scale");
	BAD(s.stream.mss_clamp = 0, "segment size");
	BAD(s.stream.mss_clamp = 70000, "segment size");
	BAD(s.no_stream = true, "no such image");
	BAD(s.isk.state = TCP_SYN_RECV, "not supported");
	BAD(s.isk.state = 77, "not supported");
}

static void test_asked_for(void **state)
{
	struct subject s;

	BAD(s.opt.tcp_established = false, "established connection");
	GOOD((s.opt.tcp_established = false, s.opt.tcp_close = true), TCP_CLOSE);
	GOOD((s.opt.tcp_established = false, s.inventory.has_tcp_close = 1,
	      s.inventory.tcp_close = 1, s.no_stream = true),
	     TCP_CLOSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
