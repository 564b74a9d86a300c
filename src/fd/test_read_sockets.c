// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Images of sockets and watches that say what cannot be: each is refused with
 * its reason before anything is made.
 */
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "fd/file_kind.h"

#define PID 7

struct subject {
	FownEntry fown;
	SkOptsEntry opts;
	NetlinkSkEntry netlink;
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

static void put(struct image_dir *d, enum image_id id, unsigned num, const ProtobufCMessage *v)
{
	struct image_out *o;
	struct err e = { 0 };

	assert_int_equal(image_create(d, id, num, &o, &e), 0);
	if (v)
		assert_int_equal(image_put(o, v, &e), 0);
	assert_int_equal(image_out_close(o, &e), 0);
}

/* Read @s; NULL: it is right, else what the refusal says. */
static void expect(const struct subject *s, const char *want)
{
	char path[] = "/tmp/stasis-test-XXXXXX", cmd[64];
	struct model *m = model_new(NULL);
	struct image_dir *d;
	struct err e = { 0 };
	bool foreign;
	int r;

	assert_non_null(mkdtemp(path));
	assert_int_equal(image_dir_create(&d, path, m->pool, &e), 0);
	put(d, IMG_FILES, 0, &s->file.base);
	put(d, IMG_FDINFO, PID, NULL);
	assert_int_equal(image_dir_commit(d, false, &e), 0);
	image_dir_free(d);
	model_task_new(m, NULL)->pid = PID;
	assert_int_equal(image_dir_open(&m->dir, path, m->pool, &foreign, &e), 0);
	r = fd_read(m, &e);
	if (want && (!r || !strstr(e.why, want)))
		fail_msg("want \"%s\", got %d: %s", want, r, e.why);
	if (!want && r)
		fail_msg("%s: %s", e.object, e.why);
	image_dir_free(m->dir);
	model_free(m);
	snprintf(cmd, sizeof(cmd), "rm -r %s", path);
	assert_int_equal(system(cmd), 0);
}

#define BAD(change, want)                                                                          \
	do {                                                                                       \
		subject_init(&s);                                                                  \
		change;                                                                            \
		expect(&s, want);                                                                  \
	} while (0)

static void test_netlink(void **state)
{
	uint32_t groups[2] = { 0, 2 };
	struct subject s;

	BAD((s.netlink.groups = groups, s.netlink.n_groups = 2), NULL);
	BAD(s.netlink.protocol = 32, "no netlink protocol 32");
	BAD((s.netlink.has_type = 1, s.netlink.type = SOCK_STREAM), "do not exist");
	BAD(s.netlink.dst_group = 33, "out of range");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_netlink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
