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
#include "model/images_expect.h"

#define PID 7

struct subject {
	FownEntry fown;
	SkOptsEntry opts;
	NetlinkSkEntry netlink;
	InotifyFileEntry inotify;
	InotifyWdEntry wd, *wds[1];
	FhEntry handle;
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
	assert_int_equal(image_dir_commit(d, false, &e), 0);
	image_dir_free(d);
	pool_free(pool);
}

static void expect(struct subject *s, const char *want)
{
	static const struct images_case c = { PID, subject_write, fd_read, NULL };

	images_expect(&c, s, want);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_netlink),
		cmocka_unit_test(test_inotify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
