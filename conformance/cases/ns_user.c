// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a tree in a user namespace finds it as it was: the maps with all
 * their lines, who its maker is, that its other namespaces belong to it, full
 * power inside and none outside; mounts that were there before stay locked,
 * those made inside do not; files that ids inside own.
 */
// flavours: user
// kinds: user
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "case.h"

static void slurp(const char *path, char *buf, size_t size)
{
	int fd = case_sys(open(path, O_RDONLY));
	ssize_t n = case_sys(read(fd, buf, size - 1));

	buf[n] = 0;
	close(fd);
}

static ino_t ino_of(int fd)
{
	struct stat st;

	case_sys(fstat(fd, &st));
	close(fd);
	return st.st_ino;
}

struct state {
	char uid_map[512], gid_map[512], setgroups[16], status[2048];
	uid_t owner;
};

static void note(struct state *s)
{
	static const char *const names[] = { "pid", "mnt", "net", "ipc", "uts" };
	ino_t user = ino_of(case_sys(open("/proc/self/ns/user", O_RDONLY)));
	int fd;

	memset(s, 0, sizeof(*s));
	slurp("/proc/self/uid_map", s->uid_map, sizeof(s->uid_map));
	slurp("/proc/self/gid_map", s->gid_map, sizeof(s->gid_map));
	slurp("/proc/self/setgroups", s->setgroups, sizeof(s->setgroups));
	fd = case_sys(open("/proc/self/ns/user", O_RDONLY));
	case_sys(ioctl(fd, NS_GET_OWNER_UID, &s->owner));
	close(fd);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		fd = case_sys(open(path, O_RDONLY));
		case_check(ino_of(case_sys(ioctl(fd, NS_GET_USERNS))) == user,
			   "the %s namespace belongs to another user namespace", names[i]);
		close(fd);
	}
}

static void locks(const char *when)
{
	case_check(umount2("/proc", MNT_EXPIRE) == -1 && errno != EINVAL,
		   "%s: our own /proc is locked: %m", when);
	case_check(umount2("/sys", MNT_EXPIRE) == -1 && errno == EINVAL,
		   "%s: /sys, which was there before us, is not locked: %m", when);
}

static void check_file(const char *path, uid_t uid, gid_t gid)
{
	struct stat st;

	case_sys(stat(path, &st));
	case_check(st.st_uid == uid && st.st_gid == gid, "%s belongs to %u:%u, not %u:%u", path,
		   st.st_uid, st.st_gid, uid, gid);
}

/* An ordinary user inside, who must stay one. */
static void child(const char *secret)
{
	struct stat st;
	int fds[2];

	case_sys(setgid(1001));
	case_sys(setuid(2001));
	case_sys(pipe(fds));
	case_child_ready("child");
	case_wait_go();
	case_check(getuid() == 2001 && getgid() == 1001, "the child is %u:%u", getuid(), getgid());
	case_check(open(secret, O_RDONLY) == -1 && errno == EACCES, "the child reads %s", secret);
	case_check(setuid(0) == -1, "the child can become root");
	case_sys(fstat(fds[0], &st));
	case_check(st.st_uid == 2001 && st.st_gid == 1001, "its pipe belongs to %u:%u", st.st_uid,
		   st.st_gid);
	_exit(3);
}

int main(int argc, char **argv)
{
	char file[512], own[512], in[600], other[512];
	struct state a, b;
	pid_t pid;
	int st;

	case_begin(argc, argv);
	case_sys(chmod(case_dir, 0777));
	case_path(file, "a file");
	close(case_sys(open(file, O_WRONLY | O_CREAT, 0600)));
	case_sys(chown(file, 999, 1000));
	case_path(other, "device");
	case_path(own, "own");
	case_sys(mkdir(own, 0755));
	case_sys(mount("none", own, "tmpfs", 0, "mode=755"));
	snprintf(in, sizeof(in), "%s/in it", own);
	close(case_sys(open(in, O_WRONLY | O_CREAT, 0600)));
	case_sys(chown(in, 1000, 65000));
	pid = case_sys(fork());
	if (!pid)
		child(file);
	case_wait_child("child");
	note(&a);
	case_check(strstr(a.uid_map, "1000"), "the maps are not those of the runner");
	locks("before");
	case_ready();
	note(&b);
	case_check(!strcmp(a.uid_map, b.uid_map), "uid_map is\n%swas\n%s", b.uid_map, a.uid_map);
	case_check(!strcmp(a.gid_map, b.gid_map), "gid_map is\n%swas\n%s", b.gid_map, a.gid_map);
	case_check(!strcmp(a.setgroups, b.setgroups), "setgroups: %s", b.setgroups);
	case_check(a.owner == b.owner, "the maker is %u, was %u", b.owner, a.owner);
	locks("after");
	check_file(file, 999, 1000);
	check_file(in, 1000, 65000);
	case_check(mknod(other, S_IFCHR | 0600, makedev(1, 5)) == -1 && errno == EPERM,
		   "a device could be made: %m");
	case_sys(sethostname("still", 5));
	case_check(waitpid(pid, &st, 0) == pid && st == 3 << 8, "the child's status is %x", st);
	case_sys(umount(own));
	case_pass();
}
