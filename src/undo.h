/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of everything that a journal can undo; NULL-ended. */
#ifndef STASIS_UNDO_H
#define STASIS_UNDO_H

#include "base/journal.h"

extern const struct undo_kind *const undo_kinds[];

#endif
