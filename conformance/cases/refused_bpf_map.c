// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a mapping of an object that has no kind of its own, here a BPF map, is refused
 * by name, before anything is frozen, and that the task goes on.
 */
// flavours: plain ns
// kinds: mem-anon_inode
// refuse: bpf-map
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "case.h"

int main(int argc, char **argv)
{
	union bpf_attr a = { .map_type = BPF_MAP_TYPE_ARRAY,
			     .key_size = 4,
			     .value_size = 8,
			     .max_entries = 8,
			     .map_flags = BPF_F_MMAPABLE };
	int fd;

	case_begin(argc, argv);
	fd = case_sys((int)syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a)));
	case_sys(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	close(fd);
	case_ready();
	case_pass();
}
