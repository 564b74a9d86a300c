/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which sockets and terminals some task of the tree holds: asked by the preflight
 * to tell what has its other end outside. Read once, from /proc, while the
 * tasks run. Private to src/fd.
 */
#ifndef STASIS_SURVEY_H
#define STASIS_SURVEY_H

#include "fd/file_kind.h"

bool survey_socket(struct fd_dump *d, uint64_t ino);
/* Not all could be read, so that what was answered is worth nothing: -errno. */
int survey_failed(struct fd_dump *d, struct err *e);
/* Whether the tree holds the master of a pseudo terminal of that index. */
bool survey_tty_master(struct fd_dump *d, unsigned index);
/*
 * Whether a process outside the tree has a terminal of that index in devpts
 * @dev (0: any) open: "pid 12 (name)" into @buf. Reads all of /proc.
 */
bool survey_tty_outside(struct fd_dump *d, unsigned index, uint64_t dev, char *buf, size_t size);
/* "pid 12 (name)": a process of the machine that holds the socket, for messages. Slow. */
bool survey_who(uint64_t ino, char *buf, size_t size);

#endif
