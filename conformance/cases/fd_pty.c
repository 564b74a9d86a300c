// SPDX-License-Identifier: MIT
/*
 * Pseudo terminals that nobody has for controlling terminal: both sides open,
 * data both ways (lines, an unfinished line, an end of file, special
 * characters), attributes, a closed slave, one never opened, a closed master.
 * In a devpts of its own: elsewhere its numbers are anybody's meanwhile.
 */
// kinds: tty
// flavours: ns
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <termios.h>

#include "case.h"

struct pty {
	int m, s, n;
	char name[64];
};

static struct pty pty_open(int slave_flags)
{
	struct pty p = { .s = -1 };
	int zero = 0;

	p.m = case_sys(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	case_sys(ioctl(p.m, TIOCSPTLCK, &zero));
	case_sys(ioctl(p.m, TIOCGPTN, &p.n));
	snprintf(p.name, sizeof(p.name), "/dev/pts/%d", p.n);
	if (slave_flags >= 0)
		p.s = case_sys(open(p.name, slave_flags | O_NOCTTY));
	return p;
}

static void put(int fd, const char *text, size_t n)
{
	case_check(write(fd, text, n) == (ssize_t)n, "write: %s", strerror(errno));
}

static void get(int fd, const char *what, const char *want, size_t n)
{
	char buf[8192];
	ssize_t got;

	memset(buf, 0, sizeof(buf));
	got = read(fd, buf, sizeof(buf));
	case_check(got == (ssize_t)n && !memcmp(buf, want, n), "%s: %zd bytes '%.*s', not %zu",
		   what, got, got > 0 && got < 200 ? (int)got : 0, buf, n);
}

static void nothing(int fd, const char *what)
{
	struct pollfd p = { fd, POLLIN, 0 };

	case_check(poll(&p, 1, 0) == 0, "%s: %x ready", what, p.revents);
}

static void same_name(int fd, const char *want)
{
	char path[64], link[128];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, link, sizeof(link) - 1);
	case_check(n > 0, "readlink");
	link[n] = 0;
	case_check(!strcmp(link, want), "%d is %s, not %s", fd, link, want);
}

static void set_up_lines(struct pty *p)
{
	struct termios t;
	struct winsize ws = { 33, 101, 7, 9 };

	case_sys(tcgetattr(p->s, &t));
	t.c_lflag &= ~(tcflag_t)ECHO;
	t.c_cc[VERASE] = 'q';
	t.c_cc[VEOL] = '!';
	case_sys(tcsetattr(p->s, TCSANOW, &t));
	case_sys(ioctl(p->m, TIOCSWINSZ, &ws));
	put(p->m, "one\n", 4);
	put(p->m, "twoq\026q\026\003o\n", 10);
	put(p->m, "bang!", 5);
	put(p->m, "half\004", 5);
	put(p->m, "\004", 1);
	put(p->m, "unfini", 6);
	put(p->s, "written\nback", 12);
}

static void check_lines(struct pty *p)
{
	struct termios t;
	struct winsize ws;
	int n = -1;

	case_sys(tcgetattr(p->s, &t));
	case_check(t.c_lflag & ICANON && !(t.c_lflag & ECHO) && t.c_cc[VERASE] == 'q' &&
			   t.c_oflag & OPOST && t.c_lflag & ISIG,
		   "termios: %x", t.c_lflag);
	case_sys(ioctl(p->s, TIOCGWINSZ, &ws));
	case_check(ws.ws_row == 33 && ws.ws_col == 101 && ws.ws_xpixel == 7 && ws.ws_ypixel == 9,
		   "window %dx%d", ws.ws_row, ws.ws_col);
	case_sys(ioctl(p->m, TIOCGPTN, &n));
	case_check(n == p->n, "index %d, not %d", n, p->n);
	same_name(p->s, p->name);
	get(p->s, "first line", "one\n", 4);
	get(p->s, "second line", "twq\003o\n", 6);
	get(p->s, "line ended by VEOL", "bang!", 5);
	get(p->s, "ended by EOF", "half", 4);
	get(p->s, "end of file", "", 0);
	nothing(p->s, "the unfinished line");
	put(p->m, "shed\n", 5);
	get(p->s, "finished line", "unfinished\n", 11);
	get(p->m, "the master", "written\r\nback", 13);
	nothing(p->m, "the master");
}

static void set_up_raw(struct pty *p)
{
	struct termios t;
	int one = 1;

	case_sys(tcgetattr(p->s, &t));
	cfmakeraw(&t);
	t.c_iflag |= IXON;
	t.c_cc[VMIN] = 3;
	t.c_cc[VTIME] = 5;
	cfsetspeed(&t, B9600);
	case_sys(tcsetattr(p->s, TCSANOW, &t));
	put(p->m, "\0\003\004\n\026z", 6);
	case_sys(ioctl(p->m, TIOCPKT, &one));
	case_sys(ioctl(p->m, TIOCEXCL));
	put(p->s, "packet", 6);
	case_sys(fcntl(p->s, F_SETFL, fcntl(p->s, F_GETFL) | O_NONBLOCK));
}

static void check_raw(struct pty *p)
{
	struct termios t;
	int on = 0, excl = 0;

	case_sys(tcgetattr(p->s, &t));
	case_check(!(t.c_lflag & (ICANON | ECHO)) && t.c_iflag == IXON && t.c_cc[VMIN] == 3 &&
			   t.c_cc[VTIME] == 5 && cfgetospeed(&t) == B9600,
		   "raw termios: %x %x", t.c_iflag, t.c_lflag);
	case_check(fcntl(p->s, F_GETFL) & O_NONBLOCK && !(fcntl(p->m, F_GETFL) & O_NONBLOCK),
		   "flags");
	case_sys(ioctl(p->m, TIOCGPKT, &on));
	case_sys(ioctl(p->m, TIOCGEXCL, &excl));
	case_check(on && excl, "packet mode %d, exclusive %d", on, excl);
	get(p->s, "raw input", "\0\003\004\n\026z", 6);
	get(p->m, "packet", "\0packet", 7);
}

int main(int argc, char **argv)
{
	struct pty lines, raw, closed, fresh, locked, gone;
	struct pollfd pf;
	int locked_fd, lock = 0, twin;
	char c;

	case_begin(argc, argv);
	case_sys(mount("devpts", "/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=0620"));
	lines = pty_open(O_RDWR);
	twin = case_sys(dup(lines.s));
	raw = pty_open(O_RDWR);
	gone = pty_open(O_RDWR);
	closed = pty_open(O_RDWR);
	fresh = pty_open(-1);
	locked = pty_open(-1);
	locked_fd = 1;
	case_sys(ioctl(locked.m, TIOCSPTLCK, &locked_fd));
	set_up_lines(&lines);
	set_up_raw(&raw);
	put(closed.s, "last words", 10);
	case_sys(close(closed.s));
	case_sys(close(gone.m));
	case_ready();
	check_lines(&lines);
	same_name(twin, lines.name);
	check_raw(&raw);
	case_check(read(gone.s, &c, 1) == 0 && write(gone.s, "x", 1) < 0 && errno == EIO,
		   "a slave without master: %s", strerror(errno));
	get(closed.m, "the closed slave's words", "last words", 10);
	case_check(read(closed.m, &c, 1) < 0 && errno == EIO, "then EIO, not %s", strerror(errno));
	pf = (struct pollfd){ fresh.m, POLLIN, 0 };
	case_check(!poll(&pf, 1, 0), "a slave never opened counts as closed: %x", pf.revents);
	fresh.s = case_sys(open(fresh.name, O_RDWR | O_NOCTTY));
	put(fresh.s, "hi", 2);
	get(fresh.m, "the fresh one", "hi", 2);
	case_sys(ioctl(locked.m, TIOCGPTLCK, &lock));
	case_check(lock, "no longer locked");
	case_pass();
}
