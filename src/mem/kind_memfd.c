// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mapped memfds: file mappings whose file is a memfd (src/fd/memfd.c). Its
 * content is stored once with the memfd; private mappings store what was copied
 * on write.
 */
#include <string.h>

#include "mem/mem-internal.h"

static bool is_memfd(const struct mem_state *s, const struct map_line *l)
{
	return l->ino && l->dev == s->shm_dev && !strncmp(l->name, "/memfd:", 7);
}

static bool memfd_shared_match(const struct mem_state *s, const struct map_line *l)
{
	return is_memfd(s, l) && l->shared;
}

static bool memfd_private_match(const struct mem_state *s, const struct map_line *l)
{
	return is_memfd(s, l) && !l->shared;
}

const struct vma_kind kind_memfd_shared = {
	.name = "shared memfd mapping",
	.status = VMA_FILE_SHARED | VMA_MEMFD,
	.mask = VMA_FILE_SHARED | VMA_FILE_PRIVATE | VMA_MEMFD,
	.match = memfd_shared_match,
	.dump = file_dump,
	.check = file_check,
	.map = file_map,
};

const struct vma_kind kind_memfd_private = {
	.name = "private memfd mapping",
	.status = VMA_FILE_PRIVATE | VMA_MEMFD,
	.mask = VMA_FILE_SHARED | VMA_FILE_PRIVATE | VMA_MEMFD,
	.pages = true,
	.match = memfd_private_match,
	.dump = file_dump,
	.check = file_check,
	.map = file_map,
};
