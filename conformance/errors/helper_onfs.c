// SPDX-License-Identifier: MIT
/* helper_onfs DIR FS: a victim with a file and its working directory on the filesystem FS. */
#include "../cases/case.h"

int main(int argc, char **argv)
{
	char path[512], text[8] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/data", argv[2]);
	case_begin(2, argv);
	fd = case_sys(open(path, O_RDWR | O_CREAT, 0644));
	case_sys(write(fd, "on fs", 5));
	case_sys(chdir(argv[2]));
	case_ready();
	case_check(pread(fd, text, 7, 0) == 5 && !strcmp(text, "on fs"), "read: %s", text);
	case_check(access("data", F_OK) == 0, "the working directory is another: %m");
	case_pass();
}
