// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves, of a tree in a user namespace: nobody is root inside: an ordinary id without any capability comes back. */
// flavours: user
// userns: noroot
#include "ns_user_map.h"
