/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How each module lists what it can save and what it refuses, from the tables
 * that decide it: for `stasis check --kinds` and the manual.
 */
#ifndef STASIS_MODEL_KINDS_H
#define STASIS_MODEL_KINDS_H

/* One kind. @why NULL: it is saved; else why it is refused, and in @hint (may be NULL) what to do. */
typedef void kind_fn(void *ctx, const char *name, const char *why, const char *hint);

#endif
