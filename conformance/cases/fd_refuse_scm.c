// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that descriptors on their way through a unix socket are refused by name, and arrive.
 */
// refuse: descriptors wait in it (SCM_RIGHTS)
#include <sys/socket.h>

#include "case.h"

int main(int argc, char **argv)
{
	char ctl[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { "x", 1 };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl)
	};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);
	int s[2], fd = 0;
	char b[8];

	case_begin(argc, argv);
	case_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	case_sys(sendmsg(s[0], &mh, 0));
	case_ready();

	iov.iov_base = b;
	mh.msg_controllen = sizeof(ctl);
	case_check(recvmsg(s[1], &mh, 0) == 1 && mh.msg_controllen, "the descriptor is lost");
	case_pass();
}
