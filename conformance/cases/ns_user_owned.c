// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves, of a tree in a user namespace: the namespace was made by an ordinary user, who stays its maker. */
// flavours: user
// userns: owned
#include "ns_user_map.h"
