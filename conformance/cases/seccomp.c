// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a task with seccomp filters can be saved although they forbid
 * what a checkpoint would call inside, and that the filters stand afterwards:
 * an errno filter, a second one on top that kills, inherited by a child.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "case.h"

#define NR offsetof(struct seccomp_data, nr)
#define JUMP_EQ(v, t, f) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, v, t, f)

static void install(struct sock_filter *f, size_t n)
{
	struct sock_fprog p = { n, f };

	case_sys(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p));
}

/* Only what this case itself does, and uname gives an errno of its own; mmap and munmap are not among it. */
static void strict_child(void)
{
	static const int allowed[] = {
		SYS_read,      SYS_write,	    SYS_close,		SYS_openat, SYS_access,
		SYS_nanosleep, SYS_clock_nanosleep, SYS_exit_group,	SYS_getpid, SYS_prctl,
		SYS_faccessat, SYS_faccessat2,	    SYS_restart_syscall
	};
	struct sock_filter f[32] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR) };
	size_t n = 1, i;

	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		f[n++] = (struct sock_filter)JUMP_EQ(allowed[i], 0, 1);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	f[n++] = (struct sock_filter)JUMP_EQ(SYS_uname, 0, 1);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 77);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	case_child_ready("strict");
	install(f, n);
	case_wait_go();
	case_check(syscall(SYS_uname, NULL) == -1 && errno == 77, "uname gives %s",
		   strerror(errno));
	case_check(prctl(PR_GET_SECCOMP) == 2, "the mode is %d", prctl(PR_GET_SECCOMP));
	/* Forbidden: the filter kills us here. */
	syscall(SYS_getuid);
	_exit(1);
}

static void errno_child(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR),
		JUMP_EQ(SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 55),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	}, g[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR),
		JUMP_EQ(SYS_getpgrp, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 56),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	pid_t pid;
	int st;

	install(f, 4);
	pid = case_sys(fork());
	install(g, 4);
	if (!pid)
		case_child_ready("grandchild");
	else
		case_child_ready("errno");
	case_wait_go();
	case_check(syscall(SYS_getppid) == -1 && errno == 55, "the first filter is gone");
	case_check(syscall(SYS_getpgrp) == -1 && errno == 56, "the second filter is gone");
	case_check(syscall(SYS_getsid, 0) > 0, "getsid: %m");
	if (!pid)
		_exit(0);
	case_check(waitpid(pid, &st, 0) == pid && st == 0, "the grandchild's status is %x", st);
	_exit(0);
}

int main(int argc, char **argv)
{
	pid_t strict, child;
	int st;

	case_begin(argc, argv);
	case_sys(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	strict = case_sys(fork());
	if (!strict)
		strict_child();
	child = case_sys(fork());
	if (!child)
		errno_child();
	case_wait_child("strict");
	case_wait_child("errno");
	case_wait_child("grandchild");
	case_sleep_ms(10);
	case_ready();
	case_check(waitpid(strict, &st, 0) == strict, "waitpid: %m");
	case_check(WIFSIGNALED(st) && WTERMSIG(st) == SIGSYS, "the strict child was not killed: %x",
		   st);
	case_check(waitpid(child, &st, 0) == child && st == 0, "the other child's status is %x",
		   st);
	case_pass();
}
