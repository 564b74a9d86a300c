// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that netlink sockets come back: ports that were chosen or given, those
 * without one, groups beyond 32, destinations, options, filters, sizes, types;
 * they answer, hear each other, and a second process holds one of them.
 */
// kinds: netlink
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "case.h"

#define SOL_NETLINK 270
#define GROUPS (1u << (RTNLGRP_LINK - 1) | 1u << (RTNLGRP_IPV4_IFADDR - 1))

static int make(int type, int protocol)
{
	return case_sys(socket(AF_NETLINK, type, protocol));
}

static struct sockaddr_nl name(int fd, bool peer)
{
	struct sockaddr_nl nl = { 0 };
	socklen_t n = sizeof(nl);

	case_check(!(peer ? getpeername : getsockname)(fd, (struct sockaddr *)&nl, &n),
		   "fd %d has no name: %s", fd, strerror(errno));
	return nl;
}

static void check_opt(int fd, int level, int opt, int want)
{
	int v = -1;
	socklen_t n = sizeof(v);

	case_check(!getsockopt(fd, level, opt, &v, &n) && v == want,
		   "fd %d: option %d of level %d is %d, want %d", fd, opt, level, v, want);
}

static void set_opt(int fd, int level, int opt, int v)
{
	case_sys(setsockopt(fd, level, opt, &v, sizeof(v)));
}

/* The answer to RTM_GETLINK for the loopback interface. */
static void check_answer(int fd)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} q = { { sizeof(q), RTM_GETLINK, NLM_F_REQUEST, 7, 0 },
		{ .ifi_family = AF_UNSPEC, .ifi_index = 1 } };
	struct nlmsghdr *h;
	char buf[16384];
	ssize_t n;

	case_check(send(fd, &q, sizeof(q), 0) == sizeof(q), "fd %d: send: %s", fd, strerror(errno));
	n = recv(fd, buf, sizeof(buf), 0);
	h = (struct nlmsghdr *)buf;
	case_check(n > (ssize_t)sizeof(*h) && h->nlmsg_type == RTM_NEWLINK && h->nlmsg_seq == 7,
		   "fd %d: no answer", fd);
}

static uint32_t member(int fd, int group)
{
	uint32_t v[32] = { 0 };
	socklen_t n = sizeof(v);

	case_check(!getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, v, &n), "groups: %s",
		   strerror(errno));
	return v[(group - 1) / 32] >> (group - 1) % 32 & 1;
}

int main(int argc, char **argv)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = GROUPS };
	struct sock_filter accept_all = { BPF_RET | BPF_K, 0, 0, 0xffffffff };
	struct sock_fprog prog = { 1, &accept_all };
	struct sockaddr_nl from;
	int fresh, route, second, given, events, user, other, dgram, st, v;
	socklen_t n = sizeof(from);
	uint32_t p_route, p_second, p_other;
	struct pollfd pf;
	char buf[64];
	pid_t child;

	case_begin(argc, argv);
	fresh = make(SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	route = make(SOCK_RAW | SOCK_NONBLOCK, NETLINK_ROUTE);
	set_opt(route, SOL_NETLINK, NETLINK_EXT_ACK, 1);
	set_opt(route, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
	set_opt(route, SOL_SOCKET, SO_RCVBUF, 70000);
	check_answer(route);
	p_route = name(route, false).nl_pid;
	second = make(SOCK_RAW, NETLINK_ROUTE);
	check_answer(second);
	p_second = name(second, false).nl_pid;
	given = make(SOCK_DGRAM, NETLINK_ROUTE);
	a.nl_pid = 0x40000000u + (uint32_t)getpid();
	case_sys(bind(given, (struct sockaddr *)&a, sizeof(a)));
	/* Beyond what bind can say. */
	set_opt(given, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 34);
	set_opt(given, SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
	set_opt(given, SOL_NETLINK, NETLINK_BROADCAST_ERROR, 1);
	events = make(SOCK_RAW, NETLINK_KOBJECT_UEVENT);
	a = (struct sockaddr_nl){ .nl_family = AF_NETLINK, .nl_groups = 2 };
	case_sys(bind(events, (struct sockaddr *)&a, sizeof(a)));
	case_sys(setsockopt(events, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
	set_opt(events, SOL_SOCKET, SO_PASSCRED, 1);
	set_opt(events, SOL_NETLINK, NETLINK_PKTINFO, 1);
	other = make(SOCK_RAW, NETLINK_USERSOCK);
	a = (struct sockaddr_nl){ .nl_family = AF_NETLINK };
	case_sys(bind(other, (struct sockaddr *)&a, sizeof(a)));
	p_other = name(other, false).nl_pid;
	user = make(SOCK_RAW, NETLINK_USERSOCK);
	a.nl_pid = p_other;
	case_sys(connect(user, (struct sockaddr *)&a, sizeof(a)));
	dgram = make(SOCK_DGRAM, NETLINK_SOCK_DIAG);
	child = case_sys(fork());
	if (!child) {
		close(second);
		case_child_ready("child");
		case_wait_go();
		check_answer(route);
		_exit(0);
	}
	case_wait_child("child");
	case_ready();

	case_check(!name(fresh, false).nl_pid, "the fresh one has port %u",
		   name(fresh, false).nl_pid);
	case_check(fcntl(fresh, F_GETFD) == FD_CLOEXEC && !fcntl(route, F_GETFD), "FD_CLOEXEC");
	case_check(fcntl(route, F_GETFL) == (O_RDWR | O_NONBLOCK), "flags of the route socket: %o",
		   fcntl(route, F_GETFL));
	case_check(name(route, false).nl_pid == p_route, "port %u", name(route, false).nl_pid);
	case_check(name(second, false).nl_pid == p_second, "port %u", name(second, false).nl_pid);
	check_opt(route, SOL_NETLINK, NETLINK_EXT_ACK, 1);
	check_opt(route, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
	check_opt(route, SOL_NETLINK, NETLINK_CAP_ACK, 0);
	check_opt(route, SOL_SOCKET, SO_RCVBUF, 140000);
	check_opt(route, SOL_SOCKET, SO_TYPE, SOCK_RAW);
	check_opt(route, SOL_SOCKET, SO_PROTOCOL, NETLINK_ROUTE);
	case_check(waitpid(child, &st, 0) == child && !st, "the child ended with status %x", st);
	check_answer(second);
	check_answer(fresh);
	case_check(name(given, false).nl_pid == 0x40000000u + (uint32_t)getpid(), "given port %u",
		   name(given, false).nl_pid);
	case_check(name(given, false).nl_groups == (GROUPS | 0), "groups %x",
		   name(given, false).nl_groups);
	case_check(member(given, 34) && !member(given, 33) && !member(given, 35), "group 34");
	check_opt(given, SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
	check_opt(given, SOL_NETLINK, NETLINK_BROADCAST_ERROR, 1);
	check_opt(given, SOL_SOCKET, SO_TYPE, SOCK_DGRAM);
	case_check(name(events, false).nl_groups == 2, "uevent groups");
	check_opt(events, SOL_SOCKET, SO_PASSCRED, 1);
	check_opt(events, SOL_NETLINK, NETLINK_PKTINFO, 1);
	n = 0;
	case_check(!getsockopt(events, SOL_SOCKET, SO_GET_FILTER, NULL, &n) && n == 1,
		   "a filter of %u instructions", n);
	case_check(name(user, true).nl_pid == p_other, "the destination is %u",
		   name(user, true).nl_pid);
	case_check(send(user, "hello", 5, 0) == 5, "send: %s", strerror(errno));
	n = sizeof(from);
	pf = (struct pollfd){ .fd = other, .events = POLLIN };
	case_check(poll(&pf, 1, 5000) == 1, "nothing came");
	v = (int)recvfrom(other, buf, sizeof(buf), 0, (struct sockaddr *)&from, &n);
	case_check(v == 5 && !memcmp(buf, "hello", 5) && from.nl_pid == name(user, false).nl_pid,
		   "%d bytes from %u", v, from.nl_pid);
	check_opt(dgram, SOL_SOCKET, SO_PROTOCOL, NETLINK_SOCK_DIAG);
	case_pass();
}
