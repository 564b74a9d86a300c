/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this program is, and what it is compatible with. */
#ifndef STASIS_VERSION_H
#define STASIS_VERSION_H

#define STASIS_VERSION "0.1.0"
/* The level of the interfaces that other tools compare with. */
#define COMPAT_MAJOR 4
#define COMPAT_MINOR 2

#endif
