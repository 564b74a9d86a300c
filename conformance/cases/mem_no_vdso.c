// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a task without a vDSO can be taken and comes back without one:
 * calls are made through a `syscall` instruction of its own text.
 */
#include <sys/mman.h>

#include "case.h"

static unsigned special(bool take_away)
{
	FILE *f = case_sys(fopen("/proc/self/maps", "re") ?: (FILE *)-1);
	unsigned long range[8][2];
	char line[256];
	unsigned n = 0;

	while (fgets(line, sizeof(line), f) && n < 8)
		if ((strstr(line, "[vdso]") || strstr(line, "[vvar")) &&
		    sscanf(line, "%lx-%lx", &range[n][0], &range[n][1]) == 2)
			n++;
	fclose(f);
	for (unsigned i = 0; take_away && i < n; i++)
		case_sys(munmap((void *)range[i][0], range[i][1] - range[i][0]));
	return n;
}

int main(int argc, char **argv)
{
	unsigned char *p;

	case_begin(argc, argv);
	p = case_sys(mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	memset(p, 5, 65536);
	special(true);
	case_check(special(false) == 0, "set-up");
	case_ready();
	case_check(special(false) == 0, "there is a vDSO that was not there before");
	for (unsigned i = 0; i < 65536; i++)
		case_check(p[i] == 5, "byte %u changed", i);
	case_pass();
}
