// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves, of a tree in a user namespace: only root is mapped, setgroups(2) is forbidden and groups from before stay. */
// flavours: user
// userns: single
#include "ns_user_map.h"
