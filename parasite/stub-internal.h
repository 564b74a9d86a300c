/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files that make stubs: stub.c and birth.c. */
#ifndef STASIS_STUB_INTERNAL_H
#define STASIS_STUB_INTERNAL_H

#include "parasite/stub.h"

/* Room for the image of stub_exec_image(). */
#define STUB_EXEC_MAX 1024

#define STUB_USER_TOP 0x7ffffffff000ull

struct clone_args;

struct clone_args *stub_clone_args(struct stub_set *s, struct sv_ring *ring, uint64_t flags,
				   int exit_signal, pid_t tid);
/* Until all rings that work have answered; a stub that died or failed ends the wait. */
int stub_phase_wait(struct stub_set *s, const char *phase, struct err *e);

/*
 * arch/x86/exec.c: an executable that maps the arena @a from descriptor
 * @arena_fd and waits on @ring. Returns its size.
 */
size_t stub_exec_image(const struct arena *a, const struct sv_ring *ring, int arena_fd,
		       uint8_t buf[STUB_EXEC_MAX]);

#endif
