// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that System V message queues come back: ids, keys, owners, modes and
 * sizes; messages with their types and in their order, empty and large ones,
 * more than today's limits allow; who sent and received last.
 */
// kinds: ipc-msg
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/wait.h>

#include "case.h"

#define KEY 0x35a6
#define LARGE 60000

static struct {
	long type;
	char text[LARGE];
} msg;

static void send(int q, long type, size_t n, char fill)
{
	msg.type = type;
	memset(msg.text, fill, n);
	case_check(!msgsnd(q, &msg, n, IPC_NOWAIT), "msgsnd: %s", strerror(errno));
}

static void expect(int q, long want, long type, size_t n, char fill)
{
	ssize_t got = msgrcv(q, &msg, LARGE, want, IPC_NOWAIT);

	case_check(got == (ssize_t)n && msg.type == type, "want %zu bytes of type %ld: %zd, %ld", n,
		   type, got, msg.type);
	for (size_t i = 0; i < n; i++)
		case_check(msg.text[i] == fill, "byte %zu of type %ld is %c", i, type, msg.text[i]);
}

static void limit(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/kernel/%s", name);
	fd = case_sys(open(path, O_WRONLY));
	case_sys(write(fd, value, strlen(value)));
	close(fd);
}

static void child(int q, int full)
{
	send(q, 7, 3, 'c');
	send(full, 1, 10, 'c');
	case_child_ready("child");
	case_wait_go();
	case_wait_for("empty");
	send(q, 1, 0, 0);
	_exit(0);
}

int main(int argc, char **argv)
{
	struct msqid_ds ds, was[3];
	int q, full, fresh, st, ids[3];
	pid_t pid;

	case_begin(argc, argv);
	case_sys(unshare(CLONE_NEWIPC));
	for (int i = 0; i < 3; i++)
		case_sys(msgctl(case_sys(msgget(IPC_PRIVATE, 0600)), IPC_RMID, NULL));
	limit("msgmnb", "200000");
	limit("msgmax", "60000");
	q = ids[0] = case_sys(msgget(KEY, IPC_CREAT | 0620));
	full = ids[1] = case_sys(msgget(IPC_PRIVATE, 0600));
	fresh = ids[2] = case_sys(msgget(KEY + 1, IPC_CREAT | 0606));
	send(q, 5, 100, 'a');
	send(q, 2, 0, 0);
	send(q, 5, LARGE, 'b');
	send(q, 9, 7, 'x');
	expect(q, 9, 9, 7, 'x');
	case_sys(msgctl(q, IPC_STAT, &ds));
	ds.msg_perm.uid = 1234;
	ds.msg_perm.gid = 4321;
	ds.msg_perm.mode = 0606;
	ds.msg_qbytes = 150000;
	case_sys(msgctl(q, IPC_SET, &ds));
	case_sys(msgctl(full, IPC_STAT, &ds));
	ds.msg_qbytes = 10;
	case_sys(msgctl(full, IPC_SET, &ds));
	pid = case_sys(fork());
	if (!pid)
		child(q, full);
	case_wait_child("child");
	limit("msgmnb", "1000");
	for (int i = 0; i < 3; i++)
		case_sys(msgctl(ids[i], IPC_STAT, &was[i]));
	case_ready();

	for (int i = 0; i < 3; i++) {
		case_check(!msgctl(ids[i], IPC_STAT, &ds), "queue %d is gone", i);
		case_check(ds.msg_qnum == was[i].msg_qnum && ds.msg_qbytes == was[i].msg_qbytes &&
				   ds.__msg_cbytes == was[i].__msg_cbytes,
			   "queue %d: %lu messages, %lu bytes", i, ds.msg_qnum, ds.msg_qbytes);
		case_check(ds.msg_lspid == was[i].msg_lspid && ds.msg_lrpid == was[i].msg_lrpid,
			   "queue %d: last by %d and %d, was %d and %d", i, ds.msg_lspid,
			   ds.msg_lrpid, was[i].msg_lspid, was[i].msg_lrpid);
		case_check(!memcmp(&ds.msg_perm, &was[i].msg_perm, sizeof(ds.msg_perm)),
			   "queue %d: owner", i);
	}
	case_check(msgget(KEY, 0) == q && msgget(KEY + 1, 0) == fresh, "keys");
	case_check(msgsnd(full, &msg, 1, IPC_NOWAIT) == -1 && errno == EAGAIN, "it is not full");
	expect(full, 0, 1, 10, 'c');
	expect(q, 0, 5, 100, 'a');
	expect(q, -4, 2, 0, 0);
	expect(q, 7, 7, 3, 'c');
	expect(q, 0, 5, LARGE, 'b');
	case_check(msgrcv(q, &msg, LARGE, 0, IPC_NOWAIT) == -1 && errno == ENOMSG, "one too many");
	case_touch("empty");
	case_check(msgrcv(q, &msg, LARGE, 0, 0) == 0 && msg.type == 1, "the child's answer");
	case_check(waitpid(pid, &st, 0) == pid && !st, "the child ended with %#x", st);
	case_pass();
}
