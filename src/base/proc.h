/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading /proc (man 5 proc). All take our own view's pids. A process that has
 * gone reads as -ESRCH.
 */
#ifndef STASIS_PROC_H
#define STASIS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

struct proc_stat {
	pid_t pid, ppid, pgrp, sid, tpgid;
	char comm[64];
	char state;
	int tty_nr;
	unsigned flags;
	int priority, nice, num_threads;
	unsigned long long starttime;
	uint64_t start_code, end_code, start_stack, start_data, end_data, start_brk;
	uint64_t arg_start, arg_end, env_start, env_end;
	int exit_signal, exit_code;
	unsigned rt_priority, policy;
};
int proc_stat_read(pid_t pid, struct proc_stat *ret, struct err *e);
/* It is dead, or on its way there: it runs no code of its own any more. */
bool proc_is_exiting(const struct proc_stat *s);
bool proc_is_alive(pid_t pid);
int proc_thread_stat_read(pid_t pid, pid_t tid, struct proc_stat *ret, struct err *e);

#define PROC_NSPID_MAX 32
struct proc_status {
	char comm[64];
	char state;
	unsigned umask;
	pid_t tgid, pid, ppid, tracer;
	pid_t nspid[PROC_NSPID_MAX], nstgid[PROC_NSPID_MAX], nspgid[PROC_NSPID_MAX],
		nssid[PROC_NSPID_MAX];
	int nspid_n;		 /* depth: 1 when in our own pid namespace */
	uint32_t uid[4], gid[4]; /* real, effective, saved, fs; in our user namespace */
	uint32_t *groups;	 /* malloc'ed; proc_status_free() */
	size_t ngroups;
	uint64_t sigpnd, shdpnd, sigblk, sigign, sigcgt;
	uint64_t cap_inh, cap_prm, cap_eff, cap_bnd, cap_amb;
	int no_new_privs, seccomp, seccomp_filters;
	bool kthread;
	int threads;
};
int proc_status_read(pid_t pid, pid_t tid, struct proc_status *ret, struct err *e);
void proc_status_free(struct proc_status *s);

/* Numeric entries of /proc/PID/<what> ("task", "fd"), ascending, malloc'ed. */
int proc_list(pid_t pid, const char *what, int **ret, size_t *ret_n, struct err *e);
/* Children of all threads of @pid, in birth order, malloc'ed. */
int proc_children(pid_t pid, pid_t **ret, size_t *ret_n, struct err *e);

/* Inode number of /proc/PID/ns/<name>; 0 when the kernel has no such kind. */
int proc_ns_ino(pid_t pid, const char *name, uint64_t *ret, struct err *e);

/* Whether our ids are those of the machine: power in another user namespace ends there. */
bool proc_in_initial_userns(void);

/* /proc/PID/<name> as a link, NUL-terminated. */
int proc_readlink(pid_t pid, const char *name, char *buf, size_t size, struct err *e);

/* kcmp(2), quietly: 0 same object, 1 or 2 an order between different ones, 3 different, -errno. */
int proc_kcmp(pid_t pid1, pid_t pid2, int type, unsigned long idx1, unsigned long idx2);

#endif
