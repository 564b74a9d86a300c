// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves: limits of an IPC namespace of the tree's own come back, and no object of the host shows in it. */
// flavours: ns user
// kinds: ipc
#include <sys/msg.h>
#include <sys/shm.h>

#include "case.h"

static const struct {
	const char *path, *value;
} limits[] = {
	{ "/proc/sys/kernel/msgmax", "4096\n" },
	{ "/proc/sys/kernel/shmmni", "77\n" },
	{ "/proc/sys/kernel/sem", "250\t32000\t100\t128\n" },
	{ "/proc/sys/kernel/shm_rmid_forced", "1\n" },
};

int main(int argc, char **argv)
{
	struct shm_info si;
	int fd;

	case_begin(argc, argv);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		fd = case_sys(open(limits[i].path, O_WRONLY));
		case_sys(write(fd, limits[i].value, strlen(limits[i].value)));
		close(fd);
	}
	case_ready();
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		char buf[128] = "";

		fd = case_sys(open(limits[i].path, O_RDONLY));
		case_sys(read(fd, buf, sizeof(buf) - 1));
		close(fd);
		case_check(!strcmp(buf, limits[i].value), "%s is %s", limits[i].path, buf);
	}
	case_sys(shmctl(0, SHM_INFO, (struct shmid_ds *)&si));
	case_check(si.used_ids == 0, "%d segments are in the namespace", si.used_ids);
	case_pass();
}
