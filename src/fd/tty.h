/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pseudo terminals: what dump and restore share. Private to src/fd.
 *
 * A pair is a devpts instance and an index in it. Each side has a
 * TtyInfoEntry; a side's descriptions refer to it. The slave's is there, too,
 * when the slave was open once and no longer is: the master sees a difference.
 */
#ifndef STASIS_TTY_H
#define STASIS_TTY_H

#include <asm/termbits.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "fd/file_kind.h"

#define PTMX_RDEV makedev(5, 2)
#define TTY_RDEV makedev(5, 0) /* /dev/tty */
/* Eight majors of 256 each, admin-guide/devices.txt; the kernel's limit is lower. */
#define PTS_MAJOR 136
#define PTS_MAJORS 8
#define TTY_INDEX_MAX 2048u

static inline bool rdev_is_pts(dev_t rdev)
{
	return major(rdev) >= PTS_MAJOR && major(rdev) < PTS_MAJOR + PTS_MAJORS;
}

static inline unsigned pts_index(dev_t rdev)
{
	return (major(rdev) - PTS_MAJOR) * 256 + minor(rdev);
}

/* As --external and --inherit-fd name a terminal from outside. */
static inline void tty_key_print(char *buf, size_t size, uint64_t rdev, uint64_t dev)
{
	snprintf(buf, size, "tty[%llx:%llx]", (unsigned long long)rdev, (unsigned long long)dev);
}

TermiosEntry *termios_entry(struct pool *pool, const struct termios2 *t);
void termios_from_entry(const TermiosEntry *te, struct termios2 *ret);

/* Data on its way between the sides. */
struct tty_data {
	char *v;
	size_t n;
};
struct tty_ends {
	int master, slave; /* ours; of a slave that nobody has open, -EBADF */
	char name[64];	   /* for messages */
};

/*
 * What waits to be read on either side, left where it was: done by a process
 * of its own that ends its work even when we are killed. @ret_input: what would
 * have to be typed again at the master (special characters quoted, see
 * tty_data.c), @ret_output: what the slave has written. In @pool.
 */
int tty_data_copy(const struct tty_ends *t, struct pool *pool, struct tty_data *ret_input,
		  struct tty_data *ret_output, struct err *e);
/* Put it into a new pair. */
int tty_data_put(const struct tty_ends *t, const struct tty_data *input,
		 const struct tty_data *output, struct err *e);

/* The kind's functions of tty_restore.c. */
int tty_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e);
int tty_read_end(struct fd_restore *r, struct err *e);
int tty_job_foreground(struct fd_restore *r, struct err *e);
/* Whether a slave was open, but no longer is, as the master sees it. */
bool tty_is_hung(int master);

#endif
