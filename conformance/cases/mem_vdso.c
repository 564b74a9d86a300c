// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that the vDSO works after a restore, through addresses that the
 * program took before: clocks agree with the system call and go on, the C
 * library's own pointers are good, and the image lies where AT_SYSINFO_EHDR
 * says. The vsyscall page is left alone.
 */
// kinds: mem-vdso mem-vvar mem-vsyscall
// cflags: -ldl
#include <dlfcn.h>
#include <elf.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "case.h"

typedef int gettime_fn(clockid_t, struct timespec *);

static uint64_t ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000ull + (uint64_t)t->tv_nsec;
}

static void agree(gettime_fn *fn, const char *who, clockid_t clk)
{
	struct timespec a, b, c;

	case_sys(syscall(SYS_clock_gettime, clk, &a));
	case_check(!fn(clk, &b), "%s fails for clock %d", who, clk);
	case_sys(syscall(SYS_clock_gettime, clk, &c));
	/* The coarse clocks of the vDSO move by ticks. */
	case_check(ns(&b) + 20000000 >= ns(&a) && ns(&b) <= ns(&c) + 20000000,
		   "%s: clock %d is %lu, the kernel's between %lu and %lu", who, clk, ns(&b),
		   ns(&a), ns(&c));
}

static uint64_t vdso_at(void)
{
	FILE *f = case_sys(fopen("/proc/self/maps", "re") ?: (FILE *)-1);
	char line[256];
	unsigned long at = 0, start;

	while (fgets(line, sizeof(line), f))
		if (strstr(line, "[vdso]") && sscanf(line, "%lx", &start) == 1)
			at = start;
	fclose(f);
	return at;
}

int main(int argc, char **argv)
{
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
					    CLOCK_MONOTONIC_COARSE, CLOCK_REALTIME_COARSE };
	void *h = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
	gettime_fn *fn = h ? (gettime_fn *)dlsym(h, "__vdso_clock_gettime") : NULL;
	unsigned long base = getauxval(AT_SYSINFO_EHDR);
	struct timespec before, after;
	struct timeval tv;

	case_begin(argc, argv);
	case_check(vdso_at() == base, "set-up: the vDSO is at %#lx", base);
	clock_gettime(CLOCK_MONOTONIC, &before);
	case_ready();
	case_check(vdso_at() == base, "the vDSO is at %#lx, was at %#lx", vdso_at(), base);
	if (base)
		case_check(!memcmp((void *)base, ELFMAG, SELFMAG), "no ELF image at %#lx", base);
	for (size_t i = 0; i < sizeof(clocks) / sizeof(*clocks); i++) {
		agree(clock_gettime, "clock_gettime", clocks[i]);
		if (fn)
			agree(fn, "the vDSO", clocks[i]);
	}
	clock_gettime(CLOCK_MONOTONIC, &after);
	case_check(ns(&after) > ns(&before), "time went backwards");
	case_check(!gettimeofday(&tv, NULL) && tv.tv_sec > 1600000000, "gettimeofday: %ld",
		   tv.tv_sec);
	case_check(syscall(SYS_getcpu, NULL, NULL, NULL) == 0, "getcpu");
	case_pass();
}
