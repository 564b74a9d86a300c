/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The freezer as the parasite engine wants it: cgroup/ and parasite/ do not know each other. */
#ifndef STASIS_FREEZE_GLUE_H
#define STASIS_FREEZE_GLUE_H

struct freezer;
struct remote_freeze;

void freeze_glue(struct freezer *f, struct remote_freeze *ret);

#endif
