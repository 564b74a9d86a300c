// SPDX-License-Identifier: MIT
/*
 * helper_outside DIR [OUT...]: answers each line of its input by its number and
 * the line, on standard output and on each descriptor OUT, until the input ends.
 */
#include <stdlib.h>

#include "../cases/case.h"

int main(int argc, char **argv)
{
	char line[256], answer[300];
	size_t n = 0;
	int count = 0;

	case_dir = argv[1];
	case_touch("ready");
	while (n < sizeof(line) && read(0, line + n, 1) == 1) {
		int len;

		if (line[n++] != '\n')
			continue;
		len = snprintf(answer, sizeof(answer), "%d %.*s", ++count, (int)n, line);
		n = 0;
		case_check(write(1, answer, (size_t)len) == len, "output");
		for (int i = 2; i < argc; i++)
			case_check(write(atoi(argv[i]), answer, (size_t)len) == len, "output %s",
				   argv[i]);
	}
	case_pass();
}
