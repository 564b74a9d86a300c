// SPDX-License-Identifier: GPL-2.0-or-later
/* See kinds.h. */
#include "kinds.h"

#include <stddef.h>

#include "mounts/mounts.h"
#include "nsops/nsops.h"
#include "src/fd/fd.h"
#include "src/mem/mem.h"
#include "src/task/task.h"

const struct kind_area kind_areas[] = {
	{ "process", "Processes", task_kinds },
	{ "descriptor", "Open files", fd_kinds },
	{ "mapping", "Memory", mem_kinds },
	{ "namespace", "Namespaces of the tree's own", ns_list_kinds },
	{ "filesystem", "Filesystems mounted in the tree alone", mounts_kinds },
	{ NULL, NULL, NULL },
};
