// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves that a 32-bit task is refused by name and goes on unharmed. */
// needs: m32
// refuse: 32-bit
#include "case.h"

int main(int argc, char **argv)
{
	case_begin(argc, argv);
	case_ready();
	case_pass();
}
