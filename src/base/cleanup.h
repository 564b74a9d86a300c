/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cleanup attributes: what a scope took is given back when it ends. All
 * destructors accept "nothing" (NULL, -EBADF) and keep errno.
 */
#ifndef STASIS_CLEANUP_H
#define STASIS_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		errno = saved;
	}
}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f) {
		int saved = errno;

		fclose(*f);
		errno = saved;
	}
}

static inline void cleanup_closedir(DIR **d)
{
	if (*d) {
		int saved = errno;

		closedir(*d);
		errno = saved;
	}
}

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _cleanup_close_ _cleanup_(cleanup_close)
#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)
#define _cleanup_closedir_ _cleanup_(cleanup_closedir)

/* Hand ownership over: the variable is left holding nothing. */
static inline int take_fd_(int *fd)
{
	int v = *fd;

	*fd = -EBADF;
	return v;
}
#define take_fd(fd) take_fd_(&(fd))
#define take_ptr(p)                                                                                \
	({                                                                                         \
		__typeof__(p) take_ptr_v = (p);                                                    \
		(p) = NULL;                                                                        \
		take_ptr_v;                                                                        \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
