// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that descriptors of the tree's own namespaces come back as such: read
 * or O_PATH, shared by dup, good for setns(2).
 */
// kinds: nsfile
#include <sched.h>

#include "case.h"

static const char *const names[] = { "net", "mnt", "pid", "uts", "ipc", "user", "cgroup", "time" };

static void check_same(int fd, const char *name)
{
	char path[64], want[64], is[64];
	struct stat st, now;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	n = readlink(path, want, sizeof(want) - 1);
	case_check(n > 0, "%s: readlink", path);
	want[n] = 0;
	case_check(!stat(path, &now) && !fstat(fd, &st), "%s: stat: %s", name, strerror(errno));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, is, sizeof(is) - 1);
	case_check(n > 0, "%s: readlink", path);
	is[n] = 0;
	case_check(!strcmp(is, want) && st.st_ino == now.st_ino, "fd %d is %s, not %s", fd, is,
		   want);
}

int main(int argc, char **argv)
{
	int fds[8], paths[8], twin;

	case_begin(argc, argv);
	for (int i = 0; i < 8; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		fds[i] = case_sys(open(path, O_RDONLY | O_CLOEXEC));
		paths[i] = case_sys(open(path, O_PATH));
	}
	twin = dup(fds[3]);
	case_ready();

	for (int i = 0; i < 8; i++) {
		check_same(fds[i], names[i]);
		check_same(paths[i], names[i]);
		case_check(fcntl(fds[i], F_GETFD) == FD_CLOEXEC, "%s: FD_CLOEXEC", names[i]);
		case_check((fcntl(paths[i], F_GETFL) & O_PATH), "%s: O_PATH", names[i]);
		case_check(!(fcntl(fds[i], F_GETFL) & (O_PATH | O_ACCMODE)), "%s: flags", names[i]);
	}
	check_same(twin, "uts");
	case_check(!setns(fds[3], CLONE_NEWUTS), "setns: %s", strerror(errno));
	case_pass();
}
