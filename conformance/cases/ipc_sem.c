// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that System V semaphores come back: ids, keys, owners and modes,
 * values, who did the last operation, what tasks owe (SEM_UNDO) in both
 * directions and to the limits, and that waiters wait on.
 */
// kinds: ipc-sem
// changes: by itself
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/wait.h>

#include "case.h"

#define KEY 0x5e3a
#define N 300

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
};

static int set, other;

static void op(int id, int num, int by, int flags)
{
	struct sembuf s = { (unsigned short)num, (short)by, (short)flags };

	case_check(!semop(id, &s, 1), "semaphore %d by %d: %s", num, by, strerror(errno));
}

static int value(int id, int num)
{
	return case_sys(semctl(id, num, GETVAL));
}

static int pid_of(int id, int num)
{
	return case_sys(semctl(id, num, GETPID));
}

/* Ends owing: 10 gets 5 back, 11 loses 7, 12 gets 32767, 13 loses 32767, 14 nothing. */
static void debtor(void)
{
	op(set, 10, -5, SEM_UNDO);
	op(set, 11, 7, SEM_UNDO);
	op(set, 12, -32767, SEM_UNDO);
	op(set, 13, 32767, SEM_UNDO);
	op(set, 14, -3, SEM_UNDO);
	op(set, 14, 3, SEM_UNDO);
	op(set, 15, -20000, SEM_UNDO);
	op(other, 0, 1, SEM_UNDO);
	case_child_ready("debtor");
	case_wait_for("settle");
	_exit(0);
}

static void waiter(void)
{
	case_child_ready("waiter");
	op(set, 20, -1, 0);
	case_check(pid_of(set, 20) == getpid(), "who waited is %d", pid_of(set, 20));
	_exit(0);
}

int main(int argc, char **argv)
{
	unsigned short values[N];
	struct semid_ds ds;
	pid_t d, w;
	int st;

	case_begin(argc, argv);
	case_sys(unshare(CLONE_NEWIPC));
	for (int i = 0; i < 4; i++)
		case_sys(semctl(case_sys(semget(IPC_PRIVATE, 1, 0600)), 0, IPC_RMID));
	set = case_sys(semget(KEY, N, IPC_CREAT | 0640));
	other = case_sys(semget(IPC_PRIVATE, 1, IPC_CREAT | 0600));
	for (int i = 0; i < N; i++)
		values[i] = (unsigned short)(i % 3 ? i : 0);
	values[10] = 5, values[11] = 0, values[12] = 32767, values[13] = 0, values[14] = 4;
	values[15] = 30000, values[20] = 0, values[30] = 32767;
	case_sys(semctl(set, 0, SETALL, (union semun){ .array = values }));
	ds.sem_perm.uid = 1234;
	ds.sem_perm.gid = 4321;
	ds.sem_perm.mode = 0600;
	case_sys(semctl(set, 0, IPC_SET, (union semun){ .buf = &ds }));
	d = case_sys(fork());
	if (!d)
		debtor();
	case_wait_child("debtor");
	op(set, 15, 1, 0); /* the last one to touch what somebody owes */
	op(set, 31, 2, SEM_UNDO);
	w = case_sys(fork());
	if (!w)
		waiter();
	case_wait_child("waiter");
	case_sleep_ms(30);
	case_ready();

	case_sys(semctl(set, 0, IPC_STAT, (union semun){ .buf = &ds }));
	case_check(ds.sem_perm.__key == KEY && ds.sem_nsems == N && ds.sem_perm.uid == 1234 &&
			   ds.sem_perm.gid == 4321 && (ds.sem_perm.mode & 0777) == 0600,
		   "key %x, %lu semaphores, owner %d:%d mode %o", ds.sem_perm.__key, ds.sem_nsems,
		   ds.sem_perm.uid, ds.sem_perm.gid, ds.sem_perm.mode);
	case_check(semget(KEY, 0, 0) == set, "the key leads to %d", semget(KEY, 0, 0));
	case_check(pid_of(set, 10) == d, "who owes is %d", pid_of(set, 10));
	case_check(pid_of(set, 15) == getpid() && pid_of(set, 30) == getpid(), "we are %d, %d",
		   pid_of(set, 15), pid_of(set, 30));
	for (int i = 32; i < N; i++)
		case_check(value(set, i) == (i % 3 ? i : 0), "semaphore %d is %d", i,
			   value(set, i));
	case_touch("settle");
	case_check(semctl(set, 20, GETNCNT) == 1, "%d wait", semctl(set, 20, GETNCNT));
	op(set, 20, 1, 0);
	case_check(waitpid(w, &st, 0) == w && !st, "the waiter ended with %#x", st);
	case_check(waitpid(d, &st, 0) == d && !st, "the debtor ended with %#x", st);
	case_check(value(set, 10) == 5 && value(set, 11) == 0 && value(set, 12) == 32767 &&
			   value(set, 13) == 0 && value(set, 14) == 4 && value(set, 15) == 30001 &&
			   value(other, 0) == 0,
		   "undone: %d %d %d %d %d %d %d", value(set, 10), value(set, 11), value(set, 12),
		   value(set, 13), value(set, 14), value(set, 15), value(other, 0));
	/* Our own, by leaving the list. */
	case_check(value(set, 31) == 33, "ours is %d", value(set, 31));
	case_sys(unshare(CLONE_SYSVSEM));
	case_check(value(set, 31) == 31, "ours becomes %d", value(set, 31));
	case_pass();
}
