/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What runtimes ask for by name, on the command line or over RPC, before they rely on it. */
#ifndef STASIS_FEATURE_NAMES_H
#define STASIS_FEATURE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* 0, -ENOTSUP when stasis is built without it (then *ret_ok is false), -ENOENT when nobody knows the name. */
int feature_check(const char *name, bool *ret_ok);

/* All names, NULL after the last one. */
const char *feature_name_at(size_t i);

#endif
