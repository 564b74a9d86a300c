// SPDX-License-Identifier: MIT
/*
 * Proves that CLOCK_MONOTONIC and CLOCK_BOOTTIME go on from where they were:
 * somebody who looks at them all the time sees them neither go backwards nor
 * jump over the seconds between a checkpoint and its restore, in the C library,
 * by system call and in another process; and that the wall clock does jump.
 */
// kinds: time
// pause: 3
#include <sys/syscall.h>
#include <sys/wait.h>

#include "case.h"

/* Less than the pause, more than a busy machine takes for a restore or to run us. */
#define JUMP_MS 2500

static uint64_t ms(clockid_t clk, bool kernel)
{
	struct timespec t;

	if (kernel)
		case_sys(syscall(SYS_clock_gettime, clk, &t));
	else
		case_sys(clock_gettime(clk, &t));
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

static void watch(const char *who)
{
	static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_MONOTONIC_RAW,
					    CLOCK_MONOTONIC_COARSE };
	enum { N = sizeof(clocks) / sizeof(*clocks) };
	uint64_t last[N][2], now;

	for (int i = 0; i < N; i++)
		last[i][0] = last[i][1] = ms(clocks[i], false);
	for (int more = 2; more; more -= case_exists("go")) {
		case_sleep_ms(3);
		for (int k = 0; k < 2 * N; k++) {
			now = ms(clocks[k / 2], k % 2);
			case_check(now + 10 >= last[k / 2][k % 2],
				   "%s: clock %d went from %lu to %lu", who, clocks[k / 2],
				   last[k / 2][k % 2], now);
			case_check(now <= last[k / 2][k % 2] + JUMP_MS,
				   "%s: clock %d jumped from %lu to %lu", who, clocks[k / 2],
				   last[k / 2][k % 2], now);
			last[k / 2][k % 2] = now;
		}
	}
}

int main(int argc, char **argv)
{
	uint64_t wall = ms(CLOCK_REALTIME, false), mono, boot;
	int st;
	pid_t pid;

	case_begin(argc, argv);
	pid = case_sys(fork());
	if (!pid) {
		case_child_ready("watcher");
		watch("child");
		_exit(0);
	}
	case_wait_child("watcher");
	mono = ms(CLOCK_MONOTONIC, true);
	boot = ms(CLOCK_BOOTTIME, true);
	case_touch("ready");
	watch("parent");
	case_check(waitpid(pid, &st, 0) == pid && !st, "the child's status is %x", st);
	mono = ms(CLOCK_MONOTONIC, true) - mono;
	boot = ms(CLOCK_BOOTTIME, true) - boot;
	wall = ms(CLOCK_REALTIME, false) - wall;
	case_check(mono <= wall + 50 && boot <= wall + 50,
		   "the wall clock went on by %lu, the others by %lu and %lu", wall, mono, boot);
	case_check(mono <= boot + 50 && boot <= mono + 50, "boottime by %lu, monotonic by %lu",
		   boot, mono);
	case_pass();
}
