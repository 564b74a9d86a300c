/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why a process of ours does not get on: the system call that holds it up. Private to src/base. */
#ifndef STASIS_HANG_H
#define STASIS_HANG_H

#include <sys/types.h>

#include "base/err.h"

/* Fill @e (-ETIMEDOUT): what the process was at (@what, may be NULL) and where it has hung for @seconds. */
int hang_describe(pid_t pid, const char *what, unsigned long seconds, struct err *e);

#endif
