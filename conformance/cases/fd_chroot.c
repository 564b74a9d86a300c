// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a task below chroot(2) gets its root, working directory and files
 * back, while its parent keeps the whole tree.
 */
#include <sys/wait.h>

#include "case.h"

static void inside(int go, int ready)
{
	struct stat a, b;
	char cwd[64], c;
	int fd;

	case_sys(chroot("."));
	case_sys(chdir("/sub"));
	fd = case_sys(open("/inner", O_RDWR | O_CREAT, 0600));
	case_sys(write(fd, "inner", 5));
	case_sys(write(ready, "r", 1));
	case_sys(read(go, &c, 1));
	/* Nothing of the protocol's directory is within reach: the status says what failed. */
	if (!getcwd(cwd, sizeof(cwd)) || strcmp(cwd, "/sub"))
		_exit(10);
	if (stat("/inner", &a) || fstat(fd, &b) || a.st_ino != b.st_ino || a.st_size != 5)
		_exit(11);
	if (lseek(fd, 0, SEEK_CUR) != 5)
		_exit(12);
	if (!access("/proc", F_OK) || !access("/tmp", F_OK))
		_exit(13);
	_exit(0);
}

int main(int argc, char **argv)
{
	char jail[512], sub[540], c;
	int in[2], out[2], st;
	pid_t child;

	case_begin(argc, argv);
	case_path(jail, "jail");
	snprintf(sub, sizeof(sub), "%s/sub", jail);
	case_sys(mkdir(jail, 0755));
	case_sys(mkdir(sub, 0755));
	case_sys(pipe(in));
	case_sys(pipe(out));
	child = case_sys(fork());
	if (!child) {
		case_sys(chdir(jail));
		close(in[1]);
		close(out[0]);
		inside(in[0], out[1]);
	}
	case_sys(read(out[0], &c, 1));
	case_ready();

	case_sys(write(in[1], "g", 1));
	case_check(waitpid(child, &st, 0) == child && !st, "the child ended with status %x", st);
	case_check(!access("/proc/self/root/proc", F_OK), "the parent lost its root");
	case_pass();
}
