// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a program with a uprobe in it is refused by name, before anything is frozen,
 * and that the task goes on.
 */
// flavours: plain ns
// kinds: mem-uprobes
// refuse: uprobes
#include <linux/perf_event.h>
#include <sys/syscall.h>

#include "case.h"

static volatile int sink;

__attribute__((noinline)) static int probed(int n)
{
	sink = n;
	return sink + 1;
}

int main(int argc, char **argv)
{
	struct perf_event_attr a = { .size = sizeof(a) };
	unsigned long start, end, off;
	char line[512], path[400] = "";
	FILE *f;

	case_begin(argc, argv);
	f = case_sys(fopen("/sys/bus/event_source/devices/uprobe/type", "re") ?: (FILE *)-1);
	case_check(fscanf(f, "%u", &a.type) == 1, "type of uprobes");
	fclose(f);
	f = case_sys(fopen("/proc/self/maps", "re") ?: (FILE *)-1);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %399s", &start, &end, &off, path) == 4 &&
		    start <= (unsigned long)probed && (unsigned long)probed < end)
			break;
	fclose(f);
	a.uprobe_path = (unsigned long)path;
	a.probe_offset = (unsigned long)probed - start + off;
	case_sys(syscall(SYS_perf_event_open, &a, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
	/* The kernel maps its area when the probe is hit. */
	case_check(probed(argc) == argc + 1, "probed");
	case_ready();
	case_pass();
}
