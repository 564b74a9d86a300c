// SPDX-License-Identifier: MIT
/*
 * helper_files DIR: a victim that depends on files: DIR/data is open for
 * writing, DIR/map is mapped privately, and it is itself DIR/prog.
 */
#include <sys/mman.h>

#include "../cases/case.h"

int main(int argc, char **argv)
{
	char path[512], self[1024], text[6] = "";
	char *map;
	ssize_t n;
	int fd;

	case_dir = argv[1];
	case_path(path, "prog");
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n < 0 ? 0 : n] = 0;
	if (strcmp(self, path)) {
		snprintf(self, sizeof(self), "cp /proc/%d/exe %s", getpid(), path);
		case_check(system(self) == 0, "cannot copy myself");
		execv(path, argv);
		case_fail("exec %s: %m", path);
	}
	case_begin(argc, argv);
	case_path(path, "map");
	fd = case_sys(open(path, O_RDWR | O_CREAT, 0644));
	case_sys(ftruncate(fd, 8192));
	map = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
	case_check(map != MAP_FAILED, "mmap: %m");
	close(fd);
	case_path(path, "data");
	fd = case_sys(open(path, O_RDWR | O_CREAT, 0644));
	case_sys(write(fd, "12345678", 8));
	case_ready();
	case_check(pread(fd, text, 5, 0) == 5 && !strcmp(text, "12345"), "data holds %s", text);
	case_check(map[8191] == 0, "the mapping holds %d", map[8191]);
	case_pass();
}
