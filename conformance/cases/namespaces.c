// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a tree that is init of its own pid, mount, net, ipc and uts
 * namespaces comes back as that: pids inside, host and domain name, a tmpfs
 * with content and permissions, /proc of the own pid namespace, lo with its
 * state, limits of the ipc namespace; and that they are not the host's.
 */
// flavours: ns user
// kinds: pid mnt net ipc uts
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "case.h"

static char dir[512];

static void put(const char *name, const char *text, mode_t mode)
{
	char path[600];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = case_sys(open(path, O_WRONLY | O_CREAT, 0600));
	case_sys(fchmod(fd, mode));
	case_sys(write(fd, text, strlen(text)));
	close(fd);
}

static int lo_flags(void)
{
	struct ifreq r = { .ifr_name = "lo" };
	int s = case_sys(socket(AF_INET, SOCK_DGRAM, 0));

	case_sys(ioctl(s, SIOCGIFFLAGS, &r));
	close(s);
	return r.ifr_flags;
}

static void lo_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int s = case_sys(socket(AF_INET, SOCK_DGRAM, 0));

	case_sys(ioctl(s, SIOCSIFFLAGS, &r));
	close(s);
}

static void number(const char *path, long want)
{
	FILE *f = fopen(path, "r");
	long v = -1;

	case_check(f && fscanf(f, "%ld", &v) == 1, "cannot read %s", path);
	fclose(f);
	case_check(v == want, "%s is %ld, not %ld", path, v, want);
}

static void check_tmpfs(void)
{
	char path[600], text[16] = "";
	struct statvfs vfs;
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/a file", dir);
	fd = case_sys(open(path, O_RDONLY));
	case_check(read(fd, text, 15) == 7 && !strcmp(text, "content"), "the file holds \"%s\"",
		   text);
	close(fd);
	case_sys(stat(path, &st));
	case_check((st.st_mode & 07777) == 0751, "the file's mode is %o", st.st_mode);
	snprintf(path, sizeof(path), "%s/sub/link", dir);
	case_check(readlink(path, text, sizeof(text)) == 9 && !memcmp(text, "../a file", 9),
		   "the link is lost");
	case_sys(statvfs(dir, &vfs));
	case_check(vfs.f_blocks * vfs.f_frsize == 4 << 20, "the tmpfs has %lu bytes",
		   (unsigned long)(vfs.f_blocks * vfs.f_frsize));
	case_check(vfs.f_flag & ST_NOSUID, "the tmpfs lost nosuid");
}

int main(int argc, char **argv)
{
	char path[600], self[32] = "";
	struct utsname u;
	pid_t child;
	FILE *f;
	int st;

	case_begin(argc, argv);
	case_check(getpid() == 1, "the pid is %d", getpid());
	case_sys(sethostname("a.host", 6));
	case_sys(setdomainname("a.domain", 8));
	case_path(dir, "private");
	case_sys(mkdir(dir, 0755));
	case_sys(mount("none", dir, "tmpfs", MS_NOSUID, "size=4M"));
	put("a file", "content", 0751);
	snprintf(path, sizeof(path), "%s/sub", dir);
	case_sys(mkdir(path, 0700));
	snprintf(path, sizeof(path), "%s/sub/link", dir);
	case_sys(symlink("../a file", path));
	lo_up();
	f = fopen("/proc/sys/kernel/msgmax", "w");
	case_check(f && fprintf(f, "4321") == 4 && !fclose(f), "cannot set msgmax");
	child = case_sys(fork());
	if (!child) {
		case_child_ready("two");
		case_wait_go();
		case_check(getpid() == 2 && getppid() == 1, "the child is %d of %d", getpid(),
			   getppid());
		_exit(5);
	}
	case_wait_child("two");
	case_ready();

	case_check(getpid() == 1, "the pid is now %d", getpid());
	case_check(readlink("/proc/self", self, sizeof(self)) == 1 && self[0] == '1',
		   "/proc/self is %s", self);
	uname(&u);
	case_check(!strcmp(u.nodename, "a.host"), "the host is called %s", u.nodename);
	case_check(!strcmp(u.domainname, "a.domain"), "the domain is %s", u.domainname);
	check_tmpfs();
	case_check(lo_flags() & IFF_UP, "lo is down");
	number("/proc/sys/kernel/msgmax", 4321);
	case_check(waitpid(child, &st, 0) == child && st == 5 << 8, "the child's status is %x", st);
	case_sys(umount(dir));
	case_pass();
}
