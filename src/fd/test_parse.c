// SPDX-License-Identifier: GPL-2.0-or-later
/* What the kernel says of descriptors, epoll targets and unix sockets, understood and misunderstood. */
#include <linux/rtnetlink.h>
#include <linux/unix_diag.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "fd/epoll.h"
#include "fd/lock.h"
#include "fd/unix_diag.h"

static void test_fdinfo(void **state)
{
	static const char text[] = "pos:\t4711\nflags:\t02104002\nmnt_id:\t29\nino:\t12\n"
				   "lock:\t1: FLOCK  ADVISORY  WRITE 12 fe:00:4711 0 EOF\n"
				   "eventfd-count:               ff\neventfd-semaphore: 1\n";
	struct fd_info i;

	assert_int_equal(fd_info_parse(text, &i), 0);
	assert_int_equal(i.pos, 4711);
	assert_int_equal(i.flags, 0104002);
	assert_true(i.cloexec);
	assert_int_equal(i.mnt_id, 29);
	assert_int_equal(strncmp(i.lock, "1: FLOCK  ADVISORY  WRITE 12 fe:00:4711 0 EOF\n", 46), 0);
	assert_int_equal(strtoull(fd_info_line(text, "eventfd-count"), NULL, 16), 255);
	assert_string_equal(fd_info_line(text, "eventfd-semaphore"), "1\n");
	assert_null(fd_info_line(text, "eventfd"));
	assert_null(fd_info_line(text, "count"));
}

static void test_fdinfo_bad(void **state)
{
	static const char text[] = "pos:\t0\nflags:\t00\n";
	struct fd_info i;

	assert_int_equal(fd_info_parse("", &i), -EINVAL);
	assert_int_equal(fd_info_parse("pos:\t1\n", &i), -EINVAL);
	assert_int_equal(fd_info_parse(text, &i), 0);
	assert_null(i.lock);
	assert_false(i.cloexec);
	assert_int_equal(i.mnt_id, -1);
}

static void test_locks(void **state)
{
	static const char text[] = "lock:\t1: POSIX  ADVISORY  READ 5 08:01:12345 100 149\n"
				   "other:\t1\nlock:\t2: LEASE  BREAKING  UNLCK 7 00:1f:9 0 EOF\n";
	const char *p = fd_info_line(text, "lock");
	struct lock_line k;

	assert_int_equal(lock_line_parse(p, &k), 0);
	assert_int_equal(k.flag, LOCK_FLAG_POSIX);
	assert_int_equal(k.type, F_RDLCK);
	assert_int_equal(k.pid, 5);
	assert_int_equal(k.start, 100);
	assert_int_equal(k.len, 50);
	p = lock_line_next(p);
	assert_int_equal(lock_line_parse(p, &k), 0);
	assert_int_equal(k.flag, LOCK_FLAG_LEASE);
	assert_int_equal(k.type, F_UNLCK);
	assert_true(k.breaking);
	assert_int_equal(k.len, 0);
	assert_null(lock_line_next(p));
	assert_int_equal(lock_line_parse("1: OFDLCK ADVISORY  WRITE -1 fe:00:1 5 EOF", &k), 0);
	assert_int_equal(k.pid, -1);
	assert_int_equal(lock_line_parse("1: FLOCK  ADVISORY  UNLCK 5 08:01:1 0 EOF", &k), -EINVAL);
	assert_int_equal(lock_line_parse("1: POSIX  MANDATORY READ 5 08:01:1 0 9", &k), -EINVAL);
	assert_int_equal(lock_line_parse("1: DELEG  ACTIVE    READ 5 08:01:1 0 EOF", &k), -EINVAL);
	assert_int_equal(lock_line_parse("1: POSIX  ADVISORY  READ 5 08:01:1 9 5", &k), -EINVAL);
	assert_int_equal(lock_line_parse("1: POSIX  ADVISORY  READ 5 08:01:1 0 9x", &k), -EINVAL);
	assert_int_equal(lock_line_parse("", &k), -EINVAL);
}

static void test_epoll(void **state)
{
	EventpollTfdEntry te = EVENTPOLL_TFD_ENTRY__INIT;

	assert_int_equal(epoll_parse_line("tfd:        3 events: 80000019 data: fedcba9876543210"
					  "  pos:5 ino:40e sdev:10\nmore",
					  &te),
			 1);
	assert_int_equal(te.tfd, 3);
	assert_int_equal(te.events, 0x80000019);
	assert_true(te.data == 0xfedcba9876543210);
	assert_int_equal(te.inode, 0x40e);
	assert_int_equal(te.dev, 0x10);
	assert_int_equal(te.pos, 5);
	assert_int_equal(epoll_parse_line("pos:\t0\n", &te), 0);
	assert_int_equal(epoll_parse_line("tfd: 3 events: x", &te), -EINVAL);
}

struct answer {
	struct unix_diag_msg m;
	char attrs[256];
	size_t len;
};

static void attr(struct answer *a, unsigned short type, const void *data, unsigned short n)
{
	struct rtattr *ra = (void *)((char *)a + a->len);

	ra->rta_type = type;
	ra->rta_len = RTA_LENGTH(n);
	memcpy(RTA_DATA(ra), data, n);
	a->len += RTA_SPACE(n);
}

static void test_diag(void **state)
{
	struct answer a = { .m = { .udiag_ino = 7, .udiag_type = 1, .udiag_state = 10 },
			    .len = sizeof(a.m) };
	struct unix_diag_rqlen rq = { 3, 128 };
	uint32_t peer = 0, icons[2] = { 55, 66 };
	struct pool *pool = pool_new();
	struct unix_sock s;
	uint8_t shut = 2;

	attr(&a, UNIX_DIAG_NAME, "\0abc", 4);
	attr(&a, UNIX_DIAG_PEER, &peer, 4);
	attr(&a, UNIX_DIAG_ICONS, icons, 8);
	attr(&a, UNIX_DIAG_RQLEN, &rq, sizeof(rq));
	attr(&a, UNIX_DIAG_SHUTDOWN, &shut, 1);
	attr(&a, 200, "new", 3);
	assert_int_equal(unix_diag_parse(pool, &a, a.len, &s), 0);
	assert_int_equal(s.ino, 7);
	assert_int_equal(s.name_len, 4);
	assert_memory_equal(s.name, "\0abc", 4);
	assert_true(s.has_peer);
	assert_int_equal(s.peer, 0);
	assert_int_equal(s.n_pending, 2);
	assert_int_equal(s.pending[1], 66);
	assert_int_equal(s.rqueue, 3);
	assert_int_equal(s.wqueue, 128);
	assert_int_equal(s.shutdown, 2);
	/* Any cut: no reading beyond. */
	for (size_t n = 0; n < a.len; n++) {
		void *cut = malloc(n + 1);

		memcpy(cut, &a, n);
		assert_int_equal(unix_diag_parse(pool, cut, n, &s), n < sizeof(a.m) ? -EINVAL : 0);
		free(cut);
	}
	pool_free(pool);
}

static void test_build_id(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), null = open("/dev/null", O_RDONLY);
	uint32_t id[16];

	assert_true(fd >= 0 && null >= 0);
	assert_int_equal(build_id_read(fd, id, 16), 5);
	assert_int_equal(build_id_read(fd, id, 4), 0);
	assert_int_equal(build_id_read(null, id, 16), 0);
	close(fd);
	close(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fdinfo), cmocka_unit_test(test_fdinfo_bad),
		cmocka_unit_test(test_locks),  cmocka_unit_test(test_epoll),
		cmocka_unit_test(test_diag),   cmocka_unit_test(test_build_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
