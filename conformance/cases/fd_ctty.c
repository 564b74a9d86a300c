// SPDX-License-Identifier: MIT
/*
 * Controlling terminals: a session on a terminal with a foreground and a
 * background group and /dev/tty open, another one whose terminal nobody there
 * has open any more. What is typed reaches whom it should, before and after.
 */
// kinds: tty
// flavours: ns
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <termios.h>

#include "case.h"

static volatile sig_atomic_t interrupted;

static void on_int(int sig)
{
	interrupted++;
}

static int pty_open(char *name, size_t size)
{
	int zero = 0, n, m = case_sys(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));

	case_sys(ioctl(m, TIOCSPTLCK, &zero));
	case_sys(ioctl(m, TIOCGPTN, &n));
	snprintf(name, size, "/dev/pts/%d", n);
	return m;
}

static void say(int tty, const char *text)
{
	case_check(write(tty, text, strlen(text)) == (ssize_t)strlen(text),
		   "write to the terminal");
}

/* Wait until it was typed at; then both groups tell whether they were interrupted. */
static void member(const char *name, bool foreground)
{
	pid_t leader = getppid();
	int tty;

	setpgid(0, 0);
	signal(SIGINT, on_int);
	case_child_ready(name);
	case_wait_go();
	case_wait_for("typed");
	for (int i = 0; foreground && !interrupted && i < 1000; i++)
		case_sleep_ms(5);
	case_check(interrupted == foreground, "%s: interrupted %d times", name, interrupted);
	tty = open("/dev/tty", O_RDWR);
	case_check(tty >= 0, "%s: /dev/tty: %s", name, strerror(errno));
	case_check(tcgetsid(tty) == leader, "%s: session %d", name, tcgetsid(tty));
	_exit(0);
}

static void leader(const char *name)
{
	int slave, tty, status;
	pid_t fg, bg;
	char link[64];
	ssize_t n;

	setsid();
	signal(SIGTTOU, SIG_IGN);
	slave = case_sys(open(name, O_RDWR));
	tty = case_sys(open("/dev/tty", O_RDWR | O_NONBLOCK));
	fg = case_sys(fork());
	if (!fg)
		member("foreground", true);
	bg = case_sys(fork());
	if (!bg)
		member("background", false);
	case_wait_child("foreground");
	case_wait_child("background");
	case_sys(tcsetpgrp(slave, fg));
	case_child_ready("leader");
	case_wait_go();
	case_check(tcgetsid(slave) == getpid(), "session %d", tcgetsid(slave));
	case_check(tcgetpgrp(tty) == fg, "foreground group %d, not %d", tcgetpgrp(tty), fg);
	n = readlink("/proc/self/fd/4", link, sizeof(link) - 1);
	case_check(tty == 4 && n == 8 && !memcmp(link, "/dev/tty", 8), "fd %d is %.*s", tty, (int)n,
		   link);
	case_check(fcntl(tty, F_GETFL) & O_NONBLOCK, "flags");
	case_touch("leading");
	case_check(waitpid(fg, &status, 0) == fg && !status, "foreground: %x", status);
	case_check(waitpid(bg, &status, 0) == bg && !status, "background: %x", status);
	say(slave, "done");
	_exit(0);
}

/* Its terminal is open nowhere but on the other side. */
static void lonely(const char *name)
{
	int slave;

	setsid();
	slave = case_sys(open(name, O_RDWR));
	close(slave);
	case_child_ready("lonely");
	case_wait_go();
	slave = open("/dev/tty", O_RDWR);
	case_check(slave >= 0, "lonely: /dev/tty: %s", strerror(errno));
	case_check(tcgetsid(slave) == getpid() && tcgetpgrp(slave) == getpid(), "lonely: session");
	say(slave, "here");
	_exit(0);
}

static void expect(int m, const char *want)
{
	char buf[256] = "";
	size_t n = 0;
	struct pollfd p = { m, POLLIN, 0 };

	while (!strstr(buf, want) && n < sizeof(buf) - 1 && poll(&p, 1, 5000) > 0) {
		ssize_t got = read(m, buf + n, sizeof(buf) - 1 - n);

		if (got <= 0)
			break;
		n += (size_t)got;
	}
	case_check(strstr(buf, want), "the terminal says '%s', not '%s'", buf, want);
}

int main(int argc, char **argv)
{
	char name[2][32];
	int m[2], status;
	pid_t pid[2];

	case_begin(argc, argv);
	case_sys(mount("devpts", "/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=0620"));
	for (int i = 0; i < 2; i++)
		m[i] = pty_open(name[i], sizeof(name[i]));
	/* Numbers 0 to 2 are taken: the leader's will be 3 and 4. */
	case_sys(dup2(m[0], 20));
	case_sys(dup2(m[1], 21));
	close(m[0]);
	close(m[1]);
	for (int i = 0; i < 2; i++) {
		m[i] = 20 + i;
		pid[i] = case_sys(fork());
		if (!pid[i]) {
			close(20);
			close(21);
			if (i)
				lonely(name[1]);
			leader(name[0]);
		}
	}
	case_wait_child("leader");
	case_wait_child("lonely");
	case_ready();
	case_wait_for("leading");
	say(m[0], "\003");
	case_touch("typed");
	expect(m[0], "done");
	expect(m[1], "here");
	for (int i = 0; i < 2; i++)
		case_check(waitpid(pid[i], &status, 0) == pid[i] && !status, "session %d: %x", i,
			   status);
	case_pass();
}
