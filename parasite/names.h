/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of system calls, for plans and errors. */
#ifndef STASIS_NAMES_H
#define STASIS_NAMES_H

#include <stddef.h>

/* The call's name; "syscall N" in @buf for one without an entry. */
const char *syscall_name(unsigned nr, char *buf, size_t size);

#endif
