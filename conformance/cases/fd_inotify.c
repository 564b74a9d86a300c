// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that inotify comes back with its watches under the same numbers: on
 * directories, files, a renamed one, one whose first name is gone, removed ones
 * that are held open, a device; masks, one-shots; no event that nobody caused.
 */
// kinds: inotify
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "case.h"

static char info[8192];

static const char *fdinfo(int fd)
{
	char path[64];
	ssize_t n;
	int f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = case_sys(open(path, O_RDONLY));
	n = case_sys(read(f, info, sizeof(info) - 1));
	close(f);
	info[n] = 0;
	return strstr(info, "inotify ");
}

static int waiting(int fd)
{
	int n = -1;

	case_sys(ioctl(fd, FIONREAD, &n));
	return n;
}

static void check_event(int fd, int wd, uint32_t mask, const char *name)
{
	union {
		struct inotify_event ev;
		char buf[4096];
	} u;
	/* Room for one. */
	ssize_t n = read(fd, &u, sizeof(u.ev) + (name[0] ? 16 : 0));

	case_check(n >= (ssize_t)sizeof(u.ev), "no event: %s", strerror(errno));
	case_check(u.ev.wd == wd && u.ev.mask == mask && !strcmp(u.ev.len ? u.ev.name : "", name),
		   "event of watch %d, mask %x, name \"%s\"; want %d, %x, \"%s\"", u.ev.wd,
		   u.ev.mask, u.ev.len ? u.ev.name : "", wd, mask, name);
}

static int file(const char *name)
{
	char path[512];

	case_path(path, "%s", name);
	return case_sys(open(path, O_RDWR | O_CREAT, 0644));
}

static int watch(int fd, const char *name, uint32_t mask)
{
	char path[512];

	case_path(path, "%s", name);
	return case_sys(inotify_add_watch(fd, path, mask));
}

int main(int argc, char **argv)
{
	int in, empty, dir, plain, once, moved, linked, gone, null, other, gone_fd, f, st;
	char path[512], path2[512], before[8192];
	pid_t child;

	case_begin(argc, argv);
	case_path(path, "dir");
	case_sys(mkdir(path, 0755));
	for (int i = 0; i < 5; i++)
		close(file((const char *[]){ "plain", "once", "old", "link1", "dir/x" }[i]));
	empty = case_sys(inotify_init1(IN_CLOEXEC));
	in = case_sys(inotify_init1(IN_NONBLOCK));
	/* Numbers with holes, and one high above. */
	plain = watch(in, "plain", IN_MODIFY);
	case_sys(inotify_rm_watch(in, plain));
	dir = watch(in, "dir", IN_CREATE | IN_DELETE | IN_MOVE | IN_EXCL_UNLINK);
	plain = watch(in, "plain", IN_MODIFY | IN_ATTRIB | IN_CLOSE);
	once = watch(in, "once", IN_MODIFY | IN_ONESHOT);
	f = 1000;
	case_sys(ioctl(in, _IOW('I', 0, int), f));
	moved = watch(in, "old", IN_MODIFY);
	case_path(path, "old");
	case_path(path2, "new name\n");
	case_sys(rename(path, path2));
	linked = watch(in, "link1", IN_MODIFY);
	case_path(path, "link1");
	case_path(path2, "dir/link2");
	case_sys(link(path, path2));
	case_sys(unlink(path));
	gone_fd = file("gone");
	gone = watch(in, "gone", IN_MODIFY | IN_DELETE_SELF);
	case_path(path, "gone");
	case_sys(unlink(path));
	null = case_sys(inotify_add_watch(in, "/dev/null", IN_DELETE_SELF));
	case_sys(inotify_rm_watch(in, null));
	null = case_sys(inotify_add_watch(in, "/dev/full", IN_DELETE_SELF));
	while (read(in, path, sizeof(path)) > 0)
		;
	case_check(!waiting(in), "events in the set-up");
	snprintf(before, sizeof(before), "%s", fdinfo(in));
	child = case_sys(fork());
	if (!child) {
		close(gone_fd);
		case_child_ready("child");
		case_wait_for("asked");
		check_event(in, dir, IN_CREATE, "y");
		_exit(0);
	}
	case_wait_child("child");
	case_ready();

	case_check(waiting(in) == 0, "%d bytes of events that nobody caused", waiting(in));
	case_check(fcntl(in, F_GETFL) == O_NONBLOCK && fcntl(empty, F_GETFL) == 0, "flags %o %o",
		   fcntl(in, F_GETFL), fcntl(empty, F_GETFL));
	case_check(fcntl(empty, F_GETFD) == FD_CLOEXEC && !fcntl(in, F_GETFD), "FD_CLOEXEC");
	case_check(!fdinfo(empty), "the empty one has watches");
	{
		/* The removed file is a new one; all else is as it was, in the same order. */
		const char *a = before, *b = fdinfo(in);
		char number[32];

		snprintf(number, sizeof(number), "wd:%x ", gone);
		for (; a && b && *a && *b; a = strchr(a, '\n') + 1, b = strchr(b, '\n') + 1) {
			size_t n = strcspn(a, "\n");

			if (!strncmp(a + 8, number, strlen(number)))
				continue;
			case_check(n == strcspn(b, "\n") && !memcmp(a, b, n),
				   "watches are now\n%s, were\n%s", info, before);
		}
		case_check(a && b && !*a && !*b, "watches are now\n%s, were\n%s", info, before);
	}
	close(file("dir/y"));
	case_touch("asked");
	case_check(waitpid(child, &st, 0) == child && !st, "the child ended with status %x", st);
	f = file("plain");
	case_sys(write(f, "x", 1));
	close(f);
	check_event(in, plain, IN_MODIFY, "");
	check_event(in, plain, IN_CLOSE_WRITE, "");
	f = file("once");
	case_sys(write(f, "x", 1));
	close(f);
	check_event(in, once, IN_MODIFY, "");
	check_event(in, once, IN_IGNORED, "");
	f = file("new name\n");
	case_sys(write(f, "x", 1));
	check_event(in, moved, IN_MODIFY, "");
	f = file("dir/link2");
	case_sys(write(f, "x", 1));
	check_event(in, linked, IN_MODIFY, "");
	case_sys(write(gone_fd, "x", 1));
	check_event(in, gone, IN_MODIFY, "");
	close(gone_fd);
	check_event(in, gone, IN_DELETE_SELF, "");
	check_event(in, gone, IN_IGNORED, "");
	case_check(!waiting(in), "more events");
	other = watch(in, "dir/x", IN_MODIFY);
	case_check(other == null + 1, "the next watch is %d, not %d", other, null + 1);
	case_pass();
}
