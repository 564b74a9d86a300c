// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a mapping of a device, here a block device under an ordinary name, is refused
 * by name, before anything is frozen, and that the task goes on.
 */
// flavours: plain ns
// kinds: mem-device
// refuse: device memory
#include <dirent.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "case.h"

static int any_device(void)
{
	DIR *d = case_sys(opendir("/sys/block") ?: (DIR *)-1);
	struct dirent *de;
	char path[512], text[512];
	unsigned major, minor;
	int fd;

	while ((de = readdir(d))) {
		FILE *f;

		snprintf(text, sizeof(text), "/sys/block/%.200s/dev", de->d_name);
		f = fopen(text, "re");
		if (!f)
			continue;
		if (fscanf(f, "%u:%u", &major, &minor) != 2)
			major = minor = 0;
		fclose(f);
		case_path(path, "node");
		unlink(path);
		case_sys(mknod(path, S_IFBLK | 0400, makedev(major, minor)));
		fd = open(path, O_RDONLY | O_CLOEXEC);
		unlink(path);
		if (fd >= 0) {
			case_sys(mknod(path, S_IFBLK | 0400, makedev(major, minor)));
			closedir(d);
			close(fd);
			return case_sys(open(path, O_RDONLY));
		}
	}
	case_fail("there is no block device that can be opened");
}

int main(int argc, char **argv)
{
	int fd;

	case_begin(argc, argv);
	fd = any_device();
	case_sys(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
	close(fd);
	case_ready();
	case_pass();
}
