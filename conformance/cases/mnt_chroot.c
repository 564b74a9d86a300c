// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves: tasks of one mount namespace with different roots, in a root of its
 * own: one below chroot(2) in a tmpfs, one in a directory bound elsewhere, each
 * with a working directory and an open file there; nested chroots.
 */
// flavours: ns
// kinds: mnt
#include <sys/mount.h>
#include <sys/wait.h>

#include "mountinfo.h"
#include "rooted.h"

static int up[2], down[2];

static void child(const char *root, const char *mark)
{
	char buf[64] = "", cwd[512] = "";
	struct stat a, b;
	int fd;

	if (fork())
		return;
	case_sys(chroot(root));
	case_sys(chdir("/in"));
	fd = case_sys(open("/mark", O_RDWR));
	case_sys(stat("/", &a));
	case_sys(write(up[1], "r", 1));
	case_sys(read(down[0], buf, 1));
	buf[0] = 0;
	case_check(pread(fd, buf, sizeof(buf), 0) == (ssize_t)strlen(mark) && !strcmp(buf, mark),
		   "%s: the open file holds %s", root, buf);
	case_sys(stat("/", &b));
	case_check(a.st_ino == b.st_ino, "%s: the root is another", root);
	case_sys(getcwd(cwd, sizeof(cwd)));
	case_check(!strcmp(cwd, "/in"), "%s: the working directory is %s", root, cwd);
	memset(buf, 0, sizeof(buf));
	fd = case_sys(open("/mark", O_RDONLY));
	case_check(read(fd, buf, sizeof(buf)) > 0 && !strcmp(buf, mark), "%s: /mark holds %s", root,
		   buf);
	_exit(0);
}

static void fill(const char *dir, const char *mark)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/in", dir);
	case_sys(mkdir(path, 0755));
	snprintf(path, sizeof(path), "%s/mark", dir);
	fd = case_sys(open(path, O_CREAT | O_WRONLY, 0644));
	case_sys(write(fd, mark, strlen(mark)));
	close(fd);
}

int main(int argc, char **argv)
{
	int status;
	char byte;

	if (!rooted(argc, argv, NULL))
		return 1;
	for (int i = 0; i < 3; i++)
		close(i);
	case_sys(mkdir("/t", 0755));
	case_sys(mkdir("/plain", 0755));
	case_sys(mkdir("/bound", 0755));
	case_sys(mount("t", "/t", "tmpfs", 0, NULL));
	fill("/t", "tmpfs");
	fill("/plain", "directory");
	case_sys(mkdir("/plain/deep", 0755));
	fill("/plain/deep", "deep");
	case_sys(mount("/plain", "/bound", NULL, MS_BIND, NULL));
	case_sys(pipe(up));
	case_sys(pipe(down));
	child("/t", "tmpfs");
	child("/bound", "directory");
	child("/plain/deep", "deep");
	for (int i = 0; i < 3; i++)
		case_check(read(up[0], &byte, 1) == 1, "a child ended");
	mi_picture(mi_before, sizeof(mi_before));
	case_ready();
	mi_compare();
	case_sys(write(down[1], "goo", 3));
	for (int i = 0; i < 3; i++)
		case_check(wait(&status) > 0 && !status, "a child ended with %d", status);
	case_pass();
}
