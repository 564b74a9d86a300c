/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files that make stubs: stub.c and birth.c. */
#ifndef STASIS_STUB_INTERNAL_H
#define STASIS_STUB_INTERNAL_H

#include "parasite/stub.h"

#define STUB_USER_TOP 0x7ffffffff000ull

struct clone_args;

struct clone_args *stub_clone_args(struct stub_set *s, struct sv_ring *ring, uint64_t flags,
				   int exit_signal, pid_t tid);
/* Until all rings that work have answered; a stub that died or failed ends the wait. */
int stub_phase_wait(struct stub_set *s, const char *phase, struct err *e);

#endif
