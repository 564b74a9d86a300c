/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libarchive, loaded when there is content to pack: linked, it and what it
 * needs would make every start of the program 1.4 ms slower, twice a whole
 * checkpoint of a small process.
 */
#ifndef STASIS_MOUNTS_ARCHIVE_H
#define STASIS_MOUNTS_ARCHIVE_H

#include <archive.h>
#include <archive_entry.h>

struct err;

/* X(name): every function that is used, by its libarchive name. */
#define ARCHIVE_FUNCTIONS(X)                                                                       \
	X(archive_entry_filetype)                                                                  \
	X(archive_entry_free)                                                                      \
	X(archive_entry_hardlink)                                                                  \
	X(archive_entry_linkify)                                                                   \
	X(archive_entry_linkresolver_free)                                                         \
	X(archive_entry_linkresolver_new)                                                          \
	X(archive_entry_linkresolver_set_strategy)                                                 \
	X(archive_entry_new)                                                                       \
	X(archive_entry_pathname)                                                                  \
	X(archive_entry_set_filetype)                                                              \
	X(archive_entry_set_size)                                                                  \
	X(archive_entry_stat)                                                                      \
	X(archive_entry_xattr_add_entry)                                                           \
	X(archive_entry_xattr_next)                                                                \
	X(archive_entry_xattr_reset)                                                               \
	X(archive_error_string)                                                                    \
	X(archive_format)                                                                          \
	X(archive_read_data_block)                                                                 \
	X(archive_read_disk_descend)                                                               \
	X(archive_read_disk_new)                                                                   \
	X(archive_read_disk_open)                                                                  \
	X(archive_read_disk_set_behavior)                                                          \
	X(archive_read_disk_set_symlink_physical)                                                  \
	X(archive_read_free)                                                                       \
	X(archive_read_new)                                                                        \
	X(archive_read_next_header2)                                                               \
	X(archive_read_open_fd)                                                                    \
	X(archive_read_support_filter_gzip)                                                        \
	X(archive_read_support_format_tar)                                                         \
	X(archive_write_data_block)                                                                \
	X(archive_write_disk_new)                                                                  \
	X(archive_write_disk_set_options)                                                          \
	X(archive_write_finish_entry)                                                              \
	X(archive_write_free)                                                                      \
	X(archive_write_add_filter_gzip)                                                           \
	X(archive_write_header)                                                                    \
	X(archive_write_new)                                                                       \
	X(archive_write_open_fd)                                                                   \
	X(archive_write_set_format_pax)                                                            \
	X(archive_write_set_options)                                                               \
	X(archive_write_data)

struct archive_lib {
#define X(f) __typeof__(&f) f;
	ARCHIVE_FUNCTIONS(X)
#undef X
};

/* The library's functions; loaded once and kept. Call it before entering a foreign mount namespace. */
int archive_lib_get(const struct archive_lib **ret, struct err *e);

#endif
