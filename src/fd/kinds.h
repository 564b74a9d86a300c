/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All kinds, for the table. One line each. Private to src/fd. */
#ifndef STASIS_KINDS_H
#define STASIS_KINDS_H

#include "fd/file_kind.h"

extern const struct file_kind file_kind_inotify;
extern const struct file_kind file_kind_reg, file_kind_chardev, file_kind_pipe, file_kind_fifo,
	file_kind_eventfd, file_kind_unix, file_kind_inet, file_kind_netlink, file_kind_epoll;
extern const struct file_kind file_kind_memfd, file_kind_tty;
extern const struct file_kind file_kind_signalfd, file_kind_timerfd;
extern const struct file_kind file_kind_pidfd, file_kind_nsfile;

/* Devices that are refused by name. */
void chardev_kinds(kind_fn *fn, void *ctx);

/* Files of the IPC namespace. */
extern const struct file_kind file_kind_mqueue;

#endif
