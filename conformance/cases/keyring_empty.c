// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that session keyrings which hold nothing of the tree's own do not
 * stand in the way: none, an empty one, one with the user's keyring as every
 * login has it.
 */
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "case.h"

static void child(const char *name, int kind)
{
	/* User namespaces may have no room for keys; then there is nothing to prove. */
	long ring = kind ? syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) : -1;

	if (ring >= 0 && kind == 2)
		syscall(SYS_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING, KEY_SPEC_SESSION_KEYRING);
	case_child_ready(name);
	case_wait_go();
	_exit(0);
}

int main(int argc, char **argv)
{
	char name[16];
	int st;

	case_begin(argc, argv);
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%d", i);
		if (!case_sys(fork()))
			child(name, i);
		case_wait_child(name);
	}
	case_ready();
	while (wait(&st) > 0)
		case_check(!st, "a child's status is %x", st);
	case_pass();
}
