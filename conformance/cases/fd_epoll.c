// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that eventfds come back with counter and semaphore flag, and epolls
 * with their targets: events and data, a target whose number was closed, one
 * that is known only under another number, one inside an epoll, edge triggered
 * and one-shot ones, and an epoll shared with a child.
 */
// kinds: eventfd epoll
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "case.h"

static void add(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };

	case_sys(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
}

/* The only event is @data's. */
static void expect(int ep, uint64_t data, uint32_t events, const char *what)
{
	struct epoll_event ev[8];
	int n = epoll_wait(ep, ev, 8, 0);

	if (!events) {
		case_check(n == 0, "%s: %d events (%llx), none expected", what, n,
			   (unsigned long long)ev[0].data.u64);
		return;
	}
	case_check(n == 1 && ev[0].data.u64 == data && ev[0].events == events,
		   "%s: %d events, first %x of %llx; want %x of %llx", what, n, ev[0].events,
		   (unsigned long long)ev[0].data.u64, events, (unsigned long long)data);
}

int main(int argc, char **argv)
{
	int ef, sem, ep, other, moved, outer, shot, p[2], q[2], st;
	uint64_t v;
	pid_t child;

	case_begin(argc, argv);
	ef = case_sys(eventfd(0xfffffffeu, EFD_NONBLOCK));
	v = 1ull << 40;
	case_sys(write(ef, &v, 8));
	sem = case_sys(eventfd(3, EFD_SEMAPHORE | EFD_CLOEXEC));
	case_sys(pipe(p));
	case_sys(pipe(q));
	ep = case_sys(epoll_create1(EPOLL_CLOEXEC));
	add(ep, p[0], EPOLLIN, 0x1234567887654321);
	/* Added as 40, now 41, and 40 is something else. */
	other = case_sys(eventfd(0, EFD_NONBLOCK));
	case_sys(dup2(other, 40));
	moved = case_sys(dup2(other, 41));
	add(ep, 40, EPOLLIN | EPOLLET, 40);
	close(40);
	close(other);
	case_sys(dup2(p[1], 40));
	outer = case_sys(epoll_create1(0));
	add(outer, ep, EPOLLIN, 77);
	shot = case_sys(epoll_create1(0));
	add(shot, q[1], EPOLLOUT | EPOLLONESHOT, 5);
	expect(shot, 5, EPOLLOUT, "one-shot, before");
	add(shot, q[0], EPOLLIN | EPOLLONESHOT, 6);
	child = case_sys(fork());
	if (!child) {
		case_child_ready("child");
		case_wait_go();
		case_wait_for("pushed");
		expect(outer, 77, EPOLLIN, "the child's epoll");
		_exit(0);
	}
	case_wait_child("child");
	case_ready();

	expect(ep, 0, 0, "nothing happened");
	case_sys(write(p[1], "x", 1));
	expect(ep, 0x1234567887654321, EPOLLIN, "the pipe");
	expect(outer, 77, EPOLLIN, "the outer epoll");
	case_touch("pushed");
	case_check(waitpid(child, &st, 0) == child && !st, "the child ended with status %x", st);
	case_check(read(p[0], &v, 1) == 1, "pipe");
	v = 1;
	case_sys(write(moved, &v, 8));
	expect(ep, 40, EPOLLIN, "the target whose number was closed");
	expect(ep, 0, 0, "the edge");
	/* The number is part of the kernel's key: given back, it can be taken out. */
	case_sys(dup2(moved, 40));
	case_check(!epoll_ctl(ep, EPOLL_CTL_DEL, 40, NULL), "EPOLL_CTL_DEL: %s", strerror(errno));
	expect(shot, 0, 0, "the spent one-shot target");
	case_sys(write(q[1], "x", 1));
	expect(shot, 6, EPOLLIN, "the armed one-shot target");
	case_check(read(ef, &v, 8) == 8 && v == (1ull << 40) + 0xfffffffeu, "counter %llx",
		   (unsigned long long)v);
	case_check(read(ef, &v, 8) == -1 && errno == EAGAIN, "the eventfd lost O_NONBLOCK");
	for (int i = 0; i < 3; i++)
		case_check(read(sem, &v, 8) == 8 && v == 1, "semaphore: %llu",
			   (unsigned long long)v);
	case_check(fcntl(sem, F_GETFD) == FD_CLOEXEC && fcntl(ep, F_GETFD) == FD_CLOEXEC,
		   "FD_CLOEXEC");
	case_pass();
}
