// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a session keyring with keys of the tree's own is refused by name,
 * and that the task goes on with it; the empty ones of others stand in nobody's
 * way.
 */
// refuse: it holds keys
// flavours: plain ns
#include <linux/keyctl.h>
#include <sys/syscall.h>

#include "case.h"

int main(int argc, char **argv)
{
	char text[16] = "";
	long key, ring;

	case_begin(argc, argv);
	ring = case_sys(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "the case's own"));
	key = case_sys(syscall(SYS_add_key, "user", "name", "secret", 6, KEY_SPEC_SESSION_KEYRING));
	case_ready();
	case_check(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) == ring,
		   "another session keyring");
	case_sys(syscall(SYS_keyctl, KEYCTL_READ, key, text, sizeof(text)));
	case_check(!strcmp(text, "secret"), "the key says %s", text);
	case_pass();
}
