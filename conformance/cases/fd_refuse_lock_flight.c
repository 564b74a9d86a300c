// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a lock of an open file, whose descriptor is on its way only, is
 * refused by name, and still held afterwards.
 */
// refuse: in flight
// dump: --file-locks
#include <sys/socket.h>

#include "case.h"

static int take(int fd, short type)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &l);
}

int main(int argc, char **argv)
{
	char path[512], byte = 0, buf[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = { &byte, 1 };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof(buf)
	};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);
	int fd, other, sv[2];

	case_begin(argc, argv);
	case_path(path, "locked");
	fd = case_sys(open(path, O_RDWR | O_CREAT, 0600));
	case_sys(take(fd, F_WRLCK));
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	case_sys(sendmsg(sv[0], &mh, 0));
	close(fd);
	case_ready();

	other = case_sys(open(path, O_RDWR));
	case_check(take(other, F_WRLCK) == -1 && errno == EAGAIN, "the lock is gone");
	case_pass();
}
