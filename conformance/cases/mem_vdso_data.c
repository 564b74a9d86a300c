// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a task that has kept the data of the vDSO but not its code, as
 * valgrind's programs do, comes back so.
 */
// kinds: mem-vvar
#include <sys/mman.h>

#include "case.h"

static unsigned special(const char *name, bool take_away)
{
	FILE *f = case_sys(fopen("/proc/self/maps", "re") ?: (FILE *)-1);
	unsigned long range[8][2];
	char line[256];
	unsigned n = 0;

	while (fgets(line, sizeof(line), f) && n < 8)
		if (strstr(line, name) && sscanf(line, "%lx-%lx", &range[n][0], &range[n][1]) == 2)
			n++;
	fclose(f);
	for (unsigned i = 0; take_away && i < n; i++)
		case_sys(munmap((void *)range[i][0], range[i][1] - range[i][0]));
	return n;
}

int main(int argc, char **argv)
{
	unsigned data = special("[vvar", false);

	case_begin(argc, argv);
	case_check(data && special("[vdso]", true) == 1, "set-up: no vDSO");
	case_ready();
	case_check(special("[vdso]", false) == 0, "there is code that was not there before");
	case_check(special("[vvar", false) == data, "%u mappings of data, not %u",
		   special("[vvar", false), data);
	case_pass();
}
