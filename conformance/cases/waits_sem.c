// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that semop and semtimedop on a System V semaphore of the host's IPC
 * namespace are not disturbed.
 */
// flavours: plain
// changes: by itself
#include <signal.h>
#include <sys/ipc.h>
#include <sys/sem.h>

#include "waits.h"

static int sem;

static long w_semtimedop(void)
{
	struct timespec ts = { WAIT_MS / 1000, WAIT_MS % 1000 * 1000000L };
	struct sembuf op = { 0, -1, 0 };

	return semtimedop(sem, &op, 1, &ts);
}

static long w_semop(void)
{
	struct sembuf op = { 1, -1, 0 };

	return semop(sem, &op, 1);
}

int main(int argc, char **argv)
{
	static const struct wait_kind timed = { "semtimedop", w_semtimedop, -1, EAGAIN, true };
	static const struct wait_kind endless = { "semop", w_semop, 0, 0, false };
	pid_t a, b;
	struct sembuf op = { 1, 1, 0 };
	int st;

	case_begin(argc, argv);
	sem = case_sys(semget(IPC_PRIVATE, 2, 0600));
	/* A failing check ends us; the semaphore must not outlive us then either. */
	if (!case_sys(fork())) {
		a = wait_spawn(&timed);
		b = wait_spawn(&endless);
		case_child_ready("both");
		case_wait_go();
		case_sys(semop(sem, &op, 1));
		wait_reap(a, timed.name);
		wait_reap(b, endless.name);
		_exit(0);
	}
	case_wait_child("both");
	case_ready();
	wait(&st);
	semctl(sem, 0, IPC_RMID);
	case_check(st == 0, "status %x", st);
	case_pass();
}
