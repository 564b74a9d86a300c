// SPDX-License-Identifier: LGPL-2.1-or-later
/* Unit tests of the I/O helpers: whole transfers, texts, descriptors over sockets. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

static void test_whole(void **state)
{
	_cleanup_close_ int fd = memfd_create("io", MFD_CLOEXEC);
	char buf[16];

	assert_int_equal(pwrite_all(fd, "0123456789", 10, 0), 0);
	assert_int_equal(pread_all(fd, buf, 10, 0), 0);
	assert_memory_equal(buf, "0123456789", 10);
	assert_int_equal(pread_all(fd, buf, 11, 0), -EIO);
	assert_int_equal(read_all(fd, buf, 10), 0);
	assert_int_equal(read_all(fd, buf, 1), -EIO);
	assert_int_equal(write_all(-1, buf, 1), -EBADF);
}

static void test_texts(void **state)
{
	_cleanup_free_ char *text = NULL;
	char buf[64], small[4];

	assert_true(read_text_at(AT_FDCWD, "/proc/self/comm", buf, sizeof(buf)) > 0);
	assert_int_equal(read_text_at(AT_FDCWD, "/proc/self/comm", small, sizeof(small)), -EFBIG);
	assert_int_equal(read_text_at(AT_FDCWD, "/nonexistent", buf, sizeof(buf)), -ENOENT);
	/* Longer than the first buffer. */
	assert_true(read_text_alloc(AT_FDCWD, "/proc/self/smaps", &text) > 4096);
	assert_non_null(strstr(text, "VmFlags"));
}

static void test_fds(void **state)
{
	int sv[2], pipes[2], got[3] = { -1, -1, -1 };
	size_t n = 3;
	char byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(send_fds(sv[0], pipes, 2, "x", 1), 0);
	assert_int_equal(recv_fds(sv[1], got, &n, &byte, 1), 1);
	assert_int_equal(n, 2);
	assert_int_equal(byte, 'x');
	assert_int_equal(fcntl(got[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(got[1], "y", 1), 1);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	close(got[0]);
	close(got[1]);

	/* More than there is room for: none is kept open. */
	assert_int_equal(send_fds(sv[0], pipes, 2, "x", 1), 0);
	n = 1;
	assert_int_equal(recv_fds(sv[1], got, &n, &byte, 1), -EMFILE);
	assert_int_equal(fcntl(got[0], F_GETFD), -1);

	/* The other end has gone. */
	close(sv[1]);
	assert_int_equal(send_fds(sv[0], pipes, 1, "x", 1), -EPIPE);
	close(sv[0]);
	close(pipes[0]);
	close(pipes[1]);
}

static void test_pages(void **state)
{
	assert_int_equal(page_up(1), page_size());
	assert_int_equal(page_up(page_size()), page_size());
	assert_int_equal(page_down(page_size() + 1), page_size());
	assert_int_equal(page_up(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_fds),
		cmocka_unit_test(test_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
