// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a descriptor of a kind that is not built is refused by name.
 */
// refuse: a signalfd descriptor is not supported
#include <signal.h>
#include <sys/signalfd.h>

#include "case.h"

int main(int argc, char **argv)
{
	sigset_t set;
	int fd;

	case_begin(argc, argv);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = case_sys(signalfd(-1, &set, SFD_NONBLOCK));
	case_ready();

	struct signalfd_siginfo si;

	case_sys(kill(getpid(), SIGUSR1));
	case_check(read(fd, &si, sizeof(si)) == sizeof(si) && si.ssi_signo == SIGUSR1,
		   "the signalfd is dead");
	case_pass();
}
