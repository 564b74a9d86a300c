// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves: a filter that asks a supervisor is refused by name, and the task goes on. */
// refuse: SECCOMP_RET_USER_NOTIF
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "case.h"

int main(int argc, char **argv)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { 4, f };
	int fd;

	case_begin(argc, argv);
	case_sys(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	fd = case_sys((int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				   SECCOMP_FILTER_FLAG_NEW_LISTENER, &p));
	close(fd);
	case_ready();
	case_check(syscall(SYS_getppid) == -1 && errno == ENOSYS, "the filter is gone");
	case_pass();
}
