/* SPDX-License-Identifier: MIT */
/*
 * A case that goes on in a root filesystem of its own: DIR/root, with the
 * directories of ours that a program needs bound into it, and DIR at /case. With
 * ROOTED_MOUNT defined that mounts something else on DIR/root; with ROOTED_MOVE it
 * is moved over our root, which stays below.
 */
#ifndef CASE_ROOTED_H
#define CASE_ROOTED_H

#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "case.h"

#define INSIDE "/case"

static void rooted_path(const char *root, const char *path)
{
	char buf[2 * PATH_MAX];

	snprintf(buf, sizeof(buf), "%s%s", root, path);
	for (char *p = buf + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		mkdir(buf, 0755);
		*p = '/';
	}
	if (mkdir(buf, 0755) && errno != EEXIST)
		case_fail("mkdir %s: %s", buf, strerror(errno));
}

static void rooted_bind(const char *root, const char *from, const char *to)
{
	char buf[2 * PATH_MAX];

	rooted_path(root, to);
	snprintf(buf, sizeof(buf), "%s%s", root, to);
	case_sys(mount(from, buf, NULL, MS_BIND, NULL));
}

/*
 * True inside, when the program begins anew there. @before: called outside, in
 * the directory that becomes the root.
 */
__attribute__((unused)) static bool rooted(int argc, char **argv, void (*before)(const char *root))
{
	static const char *const dirs[] = { "/usr", "/lib", "/lib64", "/bin" };
	char exe[PATH_MAX], root[512], *slash;
	char inside[] = INSIDE;
	ssize_t n;

	if (argc == 2 && !strcmp(argv[1], INSIDE)) {
		case_dir = INSIDE;
		return true;
	}
	case_begin(argc, argv);
	n = case_sys(readlink("/proc/self/exe", exe, sizeof(exe) - 1));
	exe[n] = 0;
	case_sys(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	case_path(root, "root");
	case_sys(mkdir(root, 0755));
#ifdef ROOTED_MOUNT
	ROOTED_MOUNT(root);
#else
	case_sys(mount(root, root, NULL, MS_BIND, NULL));
#endif
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		rooted_bind(root, dirs[i], dirs[i]);
	rooted_bind(root, case_dir, INSIDE);
	slash = strrchr(exe, '/');
	*slash = 0;
	rooted_bind(root, exe, exe);
	*slash = '/';
	rooted_path(root, "/proc");
	rooted_path(root, "/dev");
	case_sys(chdir(root));
	/* In a user namespace only where another proc is to be seen. */
	case_sys(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	if (before)
		before(root);
#ifdef ROOTED_MOVE
	case_sys(mount(".", "/", NULL, MS_MOVE, NULL));
	case_sys(chroot("."));
#else
	case_sys(syscall(SYS_pivot_root, ".", "."));
	case_sys(umount2(".", MNT_DETACH));
#endif
	case_sys(chdir("/"));
	execv(exe, (char *[]){ exe, inside, NULL });
	case_fail("exec %s: %s", exe, strerror(errno));
}

/* 0, 1 and 2 are ours outside; inside they are the tree's own /dev/null. */
__attribute__((unused)) static void rooted_null(void)
{
	int fd = case_sys(open("/dev/null", O_RDWR));

	for (int i = 0; i < 3; i++)
		case_sys(dup2(fd, i));
	if (fd > 2)
		close(fd);
}

#endif
