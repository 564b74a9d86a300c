// SPDX-License-Identifier: MIT
/*
 * helper_odd DIR KIND: a victim that holds one thing of a kind that cannot be
 * checkpointed. Ends with status 77 when this machine does not have it.
 */
// cflags: -pthread
#include <linux/aio_abi.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "../cases/case.h"

static int have(long r)
{
	if (r < 0)
		_exit(77);
	return r;
}

static void odd_inotify(void)
{
	have(inotify_add_watch(have(inotify_init1(0)), case_dir, IN_CREATE));
}

static void odd_fanotify(void)
{
	have(fanotify_init(FAN_CLASS_NOTIF, O_RDONLY));
}

static void odd_signalfd(void)
{
	sigset_t set;

	sigemptyset(&set);
	have(signalfd(-1, &set, 0));
}

static void odd_timerfd(void)
{
	have(timerfd_create(CLOCK_MONOTONIC, 0));
}

static void odd_userfaultfd(void)
{
	have(syscall(SYS_userfaultfd, 0));
}

static void odd_pidfd(void)
{
	have(syscall(SYS_pidfd_open, getpid(), 0));
}

static void odd_io_uring(void)
{
	char params[120] = { 0 };

	have(syscall(425, 4, params));
}

static void odd_packet(void)
{
	have(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)));
}

static void odd_netlink(void)
{
	have(socket(AF_NETLINK, SOCK_RAW, 0));
}

static void odd_raw(void)
{
	have(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static void odd_tcp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int l = have(socket(AF_INET, SOCK_STREAM, 0)), c = have(socket(AF_INET, SOCK_STREAM, 0));

	have(bind(l, (struct sockaddr *)&a, sizeof(a)));
	have(listen(l, 1));
	have(getsockname(l, (struct sockaddr *)&a, &len));
	have(connect(c, (struct sockaddr *)&a, sizeof(a)));
	have(accept(l, NULL, NULL));
}

static void odd_aio(void)
{
	aio_context_t ctx = 0;

	have(syscall(SYS_io_setup, 4, &ctx));
}

static void odd_sysv(void)
{
	int id = have(shmget(IPC_PRIVATE, 4096, 0600));
	void *p = shmat(id, NULL, 0);

	shmctl(id, IPC_RMID, NULL);
	have(p == (void *)-1 ? -1 : 0);
}

static void odd_timer(void)
{
	timer_t t;
	struct itimerspec its = { { 0, 0 }, { 1000, 0 } };

	have(timer_create(CLOCK_MONOTONIC, NULL, &t));
	have(timer_settime(t, 0, &its, NULL));
}

static void odd_traced(void)
{
	pid_t pid = have(fork());

	if (!pid) {
		case_wait_go();
		_exit(0);
	}
	have(ptrace(PTRACE_SEIZE, pid, 0, 0));
}

static void odd_lock(void)
{
	char path[512];

	case_path(path, "lock");
	have(flock(have(open(path, O_RDWR | O_CREAT, 0600)), LOCK_EX));
}

static void odd_pty(void)
{
	have(open("/dev/ptmx", O_RDWR | O_NOCTTY));
}

static void odd_perf(void)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(a),
				     .config = PERF_COUNT_SW_TASK_CLOCK };

	have(syscall(SYS_perf_event_open, &a, 0, -1, -1, 0));
}

static void odd_bpf(void)
{
	union bpf_attr a = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4,
			     .max_entries = 1 };

	have(syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a)));
}

static void odd_fscontext(void)
{
	have(syscall(430, "tmpfs", 0));
}

static void odd_nested(int flag)
{
	pid_t pid = have(fork());

	if (!pid) {
		if (unshare(flag)) {
			case_touch("child.none");
			_exit(0);
		}
		case_child_ready("nested");
		case_wait_go();
		_exit(0);
	}
	while (!case_exists("child.nested") && !case_exists("child.none"))
		case_sleep_ms(2);
	have(case_exists("child.none") ? -1 : 0);
}

static void odd_netns(void)
{
	odd_nested(CLONE_NEWNET);
}

static void odd_userns(void)
{
	odd_nested(CLONE_NEWUSER);
}

static void odd_cgroupns(void)
{
	odd_nested(CLONE_NEWCGROUP);
}

/* The parent sleeps in vfork() until we are done: it cannot be stopped. */
static void odd_vfork(void)
{
	pid_t pid = have(fork());

	if (!pid) {
		if (!vfork()) {
			case_child_ready("vfork");
			case_wait_go();
			_exit(0);
		}
		_exit(0);
	}
	case_wait_child("vfork");
}

static const struct odd {
	const char *name;
	void (*make)(void);
} odds[] = {
	{ "inotify", odd_inotify }, { "fanotify", odd_fanotify }, { "signalfd", odd_signalfd },
	{ "timerfd", odd_timerfd }, { "userfaultfd", odd_userfaultfd }, { "pidfd", odd_pidfd },
	{ "io_uring", odd_io_uring }, { "packet", odd_packet }, { "netlink", odd_netlink },
	{ "raw", odd_raw }, { "tcp", odd_tcp }, { "aio", odd_aio }, { "sysv", odd_sysv },
	{ "timer", odd_timer }, { "traced", odd_traced }, { "lock", odd_lock }, { "pty", odd_pty },
	{ "perf", odd_perf }, { "bpf", odd_bpf }, { "fscontext", odd_fscontext },
	{ "netns", odd_netns }, { "userns", odd_userns }, { "cgroupns", odd_cgroupns },
	{ "vfork", odd_vfork },
};

int main(int argc, char **argv)
{
	size_t i;

	if (argc != 3)
		return 3;
	case_begin(2, argv);
	for (i = 0; i < sizeof(odds) / sizeof(odds[0]); i++) {
		if (strcmp(odds[i].name, argv[2]))
			continue;
		odds[i].make();
		case_ready();
		while (wait(NULL) > 0)
			;
		case_pass();
	}
	return 3;
}
