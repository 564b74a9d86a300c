// SPDX-License-Identifier: MIT
/*
 * Proves that a tree in a time namespace of its own keeps its clocks, far from
 * ours in both directions, over a pause; processes born later have them too, and
 * /proc/uptime fits.
 */
// kinds: time
// pause: 3
#include <sched.h>
#include <sys/wait.h>

#include "case.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define AHEAD 1000000 /* seconds */
#define BEHIND 100

static uint64_t ms(clockid_t clk)
{
	struct timespec t;

	case_sys(clock_gettime(clk, &t));
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

static void enter(void)
{
	char text[128];
	int fd = case_sys(open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC));
	int n = snprintf(text, sizeof(text), "monotonic %d 250000000\nboottime -%d 0\n", AHEAD,
			 BEHIND);

	case_check(write(fd, text, n) == n, "set-up: offsets: %s", strerror(errno));
	close(fd);
	fd = case_sys(open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC));
	case_sys(setns(fd, CLONE_NEWTIME));
	close(fd);
}

static void uptime_fits(const char *who)
{
	char text[64] = "";
	uint64_t boot = ms(CLOCK_BOOTTIME);
	int fd = case_sys(open("/proc/uptime", O_RDONLY | O_CLOEXEC));

	case_check(read(fd, text, sizeof(text) - 1) > 0, "%s: /proc/uptime", who);
	close(fd);
	case_check(strtod(text, NULL) * 1000 + 20 >= boot &&
			   strtod(text, NULL) * 1000 <= boot + 1000,
		   "%s: uptime is %s, CLOCK_BOOTTIME %lu ms", who, text, boot);
}

int main(int argc, char **argv)
{
	uint64_t mono, boot, wall;
	char a[64] = "", b[64] = "";
	pid_t pid;
	int st;

	case_begin(argc, argv);
	case_sys(unshare(CLONE_NEWTIME));
	enter();
	mono = ms(CLOCK_MONOTONIC);
	boot = ms(CLOCK_BOOTTIME);
	wall = ms(CLOCK_REALTIME);
	case_check(mono > AHEAD * 1000ull, "set-up: the clock is %lu", mono);
	case_ready();

	wall = ms(CLOCK_REALTIME) - wall;
	mono = ms(CLOCK_MONOTONIC) - mono;
	boot = ms(CLOCK_BOOTTIME) - boot;
	case_check(mono <= wall + 50 && boot <= wall + 50 && mono <= boot + 50 && boot <= mono + 50,
		   "the clocks went on by %lu and %lu ms, the wall clock by %lu", mono, boot, wall);
	case_check(wall < 3000 || mono + 2500 < wall || mono + 200 > wall,
		   "the clock went on by %lu ms of %lu", mono, wall);
	uptime_fits("parent");
	pid = case_sys(fork());
	if (!pid) {
		case_check(ms(CLOCK_MONOTONIC) > AHEAD * 1000ull, "a new child's clock is %lu",
			   ms(CLOCK_MONOTONIC));
		uptime_fits("child");
		_exit(0);
	}
	case_check(waitpid(pid, &st, 0) == pid && !st, "the child's status is %x", st);
	case_sys(readlink("/proc/self/ns/time", a, sizeof(a) - 1));
	case_sys(readlink("/proc/self/ns/time_for_children", b, sizeof(b) - 1));
	case_check(!strcmp(a, b), "in %s, children in %s", a, b);
	case_pass();
}
