// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves: a container's mounts as runtimes make them: a directory made the root
 * by pivot_root, proc, a tmpfs on /dev with nodes, its own devpts, /dev/shm with
 * content, mqueue, sysfs read-only, masked files (the container's own null) and
 * directories (empty read-only tmpfs), read-only paths, binds from outside. All
 * of mountinfo is as it was, and so is what is in the filesystems.
 */
// flavours: ns
// kinds: mnt
#include "mountinfo.h"
#include "rooted.h"

static void node(const char *path, unsigned minor)
{
	case_sys(mknod(path, S_IFCHR | 0666, makedev(1, minor)));
	case_sys(chmod(path, 0666));
}

static void read_only(const char *path)
{
	case_sys(mount(path, path, NULL, MS_BIND | MS_REC, NULL));
	case_sys(mount(NULL, path, NULL,
		       MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
}

static void set_up(void)
{
	umask(0);
	case_sys(mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_STRICTATIME,
		       "mode=755,size=65536k"));
	node("/dev/null", 3);
	node("/dev/zero", 5);
	node("/dev/full", 7);
	case_sys(symlink("/proc/self/fd", "/dev/fd"));
	case_sys(symlink("pts/ptmx", "/dev/ptmx"));
	case_sys(mkdir("/dev/pts", 0755));
	case_sys(mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		       "newinstance,ptmxmode=0666,mode=0620,gid=5"));
	case_sys(mkdir("/dev/shm", 01777));
	case_sys(mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		       "mode=1777,size=65536k"));
	case_sys(mkdir("/dev/mqueue", 01777));
	case_sys(mount("mqueue", "/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	case_sys(mkdir("/sys", 0755));
	case_sys(mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
		       NULL));
	case_sys(mount("/dev/null", "/proc/timer_list", NULL, MS_BIND, NULL));
	case_sys(mount("/dev/null", "/proc/keys", NULL, MS_BIND, NULL));
	case_sys(mount("tmpfs", "/proc/acpi", "tmpfs", MS_RDONLY, NULL));
	case_sys(mount("tmpfs", "/sys/firmware", "tmpfs", MS_RDONLY, NULL));
	read_only("/proc/bus");
	read_only("/proc/sys");
	read_only("/proc/interrupts");
}

int main(int argc, char **argv)
{
	char text[32] = "";
	int fd, file;

	if (!rooted(argc, argv, NULL))
		return 1;
	set_up();
	rooted_null();
	fd = case_sys(open("/dev/shm/data", O_RDWR | O_CREAT, 0600));
	case_sys(write(fd, "kept in memory", 14));
	file = case_sys(open("/written", O_RDWR | O_CREAT, 0600));
	case_sys(write(file, "kept on disk", 12));
	case_sys(chdir("/dev/shm"));
	mi_picture(mi_before, sizeof(mi_before));
	case_ready();
	mi_compare();
	case_check(pread(fd, text, sizeof(text), 0) == 14 && !strncmp(text, "kept in memory", 14),
		   "/dev/shm/data holds \"%.14s\"", text);
	case_check(!access("data", R_OK), "the working directory has changed");
	case_check(pread(file, text, sizeof(text), 0) == 12, "/written is not the same");
	case_check(open("/proc/sys/kernel/hostname", O_WRONLY) < 0 && errno == EROFS,
		   "/proc/sys can be written");
	fd = case_sys(open("/proc/timer_list", O_RDONLY));
	case_check(!read(fd, text, 1), "/proc/timer_list is not masked");
	fd = case_sys(open("/dev/zero", O_RDONLY));
	case_check(read(fd, text, 4) == 4 && !text[0], "/dev/zero does not give zeroes");
	case_sys(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	case_pass();
}
