// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that the process tree comes back: pids, parents, sessions, groups
 * (one whose leader is gone), grandchildren, an unreaped zombie of each sort
 * with its status, a stopped child, and that wait4() sees what it would have
 * seen without us and nothing else.
 */
// cflags: -Wno-unused-result
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "case.h"

enum { SESSION, GROUP, GROUP_MEMBER, GRANDCHILD, ORPHAN_GROUP, KINDS };
static struct seen {
	pid_t pid, ppid, pgid, sid;
} * before;

static void note(struct seen *s)
{
	*s = (struct seen){ getpid(), getppid(), getpgid(0), getsid(0) };
}

static void child_main(int kind)
{
	char name[16];
	struct seen now;

	snprintf(name, sizeof(name), "%d", kind);
	note(&before[kind]);
	case_child_ready(name);
	case_wait_go();
	note(&now);
	case_check(!memcmp(&now, &before[kind], sizeof(now)),
		   "child %d: pid %d ppid %d pgid %d sid %d, were %d %d %d %d", kind, now.pid,
		   now.ppid, now.pgid, now.sid, before[kind].pid, before[kind].ppid,
		   before[kind].pgid, before[kind].sid);
	_exit(10 + kind);
}

static pid_t spawn(int kind)
{
	char name[16];
	pid_t pid = case_sys(fork());

	if (!pid) {
		if (kind == SESSION)
			case_sys(setsid());
		if (kind == GROUP)
			case_sys(setpgid(0, 0));
		if (kind == GROUP_MEMBER)
			case_sys(setpgid(0, before[GROUP].pid));
		if (kind == GRANDCHILD) {
			pid_t grand = case_sys(fork());
			int st;

			if (!grand)
				child_main(GRANDCHILD);
			case_wait_go();
			case_check(waitpid(grand, &st, 0) == grand,
				   "the grandchild is not our child: %m");
			case_check(WIFEXITED(st) && WEXITSTATUS(st) == 10 + GRANDCHILD,
				   "the grandchild ended with status %x", st);
			_exit(10 + GRANDCHILD);
		}
		child_main(kind);
	}
	snprintf(name, sizeof(name), "%d", kind);
	case_wait_child(name);
	return pid;
}

/* A group whose leader has gone and been reaped. */
static pid_t spawn_orphan_group(void)
{
	int go[2];
	pid_t leader, member;

	case_sys(pipe(go));
	leader = case_sys(fork());
	if (!leader) {
		case_sys(setpgid(0, 0));
		close(go[1]);
		read(go[0], &leader, 1);
		_exit(0);
	}
	setpgid(leader, leader);
	member = case_sys(fork());
	if (!member) {
		case_sys(setpgid(0, leader));
		close(go[1]);
		close(go[0]);
		child_main(ORPHAN_GROUP);
	}
	case_wait_child("4");
	close(go[1]);
	close(go[0]);
	case_check(waitpid(leader, NULL, 0) == leader, "cannot reap the leader: %m");
	return member;
}

static void expect(pid_t pid, int want, const char *what)
{
	int st = -1;
	pid_t r = waitpid(pid, &st, WUNTRACED);

	case_check(r == pid && st == want, "%s: waitpid gives %d (%m), status %x, not %x", what, r,
		   st, want);
}

int main(int argc, char **argv)
{
	pid_t kids[KINDS], exited, killed, stopped;
	struct seen self, now;
	siginfo_t si;
	int i, st;

	case_begin(argc, argv);
	before = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	note(&self);
	exited = case_sys(fork());
	if (!exited)
		_exit(42);
	killed = case_sys(fork());
	if (!killed)
		for (;;)
			pause();
	kill(killed, SIGKILL);
	stopped = case_sys(fork());
	if (!stopped) {
		raise(SIGSTOP);
		_exit(43);
	}
	case_check(waitid(P_PID, stopped, &si, WSTOPPED) == 0, "waitid: %m");
	for (i = 0; i < ORPHAN_GROUP; i++)
		kids[i] = spawn(i);
	kids[ORPHAN_GROUP] = spawn_orphan_group();
	case_check(waitid(P_PID, exited, &si, WEXITED | WNOWAIT) == 0, "waitid: %m");
	case_check(waitid(P_PID, killed, &si, WEXITED | WNOWAIT) == 0, "waitid: %m");
	case_ready();

	note(&now);
	/* Our own parent is another one after a restore. */
	now.ppid = self.ppid;
	case_check(!memcmp(&now, &self, sizeof(now)), "own pid %d pgid %d sid %d, were %d %d %d",
		   now.pid, now.pgid, now.sid, self.pid, self.pgid, self.sid);
	case_check(waitid(P_PID, stopped, &si, WSTOPPED | WCONTINUED | WEXITED | WNOHANG) == 0 &&
			   si.si_pid == 0,
		   "the stopped child reports code %d again", si.si_code);
	for (i = 0; i < KINDS; i++)
		expect(kids[i], (10 + i) << 8, "child");
	expect(exited, 42 << 8, "exited zombie");
	expect(killed, SIGKILL, "killed zombie");
	kill(stopped, SIGCONT);
	expect(stopped, 43 << 8, "stopped child");
	case_check(waitpid(-1, &st, 0) == -1 && errno == ECHILD, "there is one child too many");
	case_pass();
}
