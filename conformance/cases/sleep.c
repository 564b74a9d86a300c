// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves the least: one process that sleeps goes on sleeping. */
#include "case.h"

int main(int argc, char **argv)
{
	case_begin(argc, argv);
	case_ready();
	case_pass();
}
