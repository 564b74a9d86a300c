// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a message queue in whose next message somebody has asked to be
 * notified is refused by name, for nobody shows with which value, and that the
 * notification still comes.
 */
// refuse: POSIX message queue /case
#include <mqueue.h>
#include <sched.h>
#include <signal.h>

#include "case.h"

int main(int argc, char **argv)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct timespec no = { 0, 0 };
	siginfo_t si;
	sigset_t set;
	mqd_t q;

	case_begin(argc, argv);
	case_sys(unshare(CLONE_NEWIPC));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	case_sys(sigprocmask(SIG_BLOCK, &set, NULL));
	ev.sigev_value.sival_int = 4711;
	q = case_sys(mq_open("/case", O_CREAT | O_RDWR | O_CLOEXEC, 0600, NULL));
	case_sys(mq_notify(q, &ev));
	case_ready();
	case_sys(mq_send(q, "x", 1, 0));
	case_check(sigtimedwait(&set, &si, &no) == SIGUSR1 && si.si_value.sival_int == 4711,
		   "the notification did not come");
	case_pass();
}
