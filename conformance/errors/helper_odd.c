// SPDX-License-Identifier: MIT
/*
 * helper_odd DIR KIND: a victim that holds one thing of a kind that cannot be
 * checkpointed. Ends with status 77 when this machine does not have it.
 */
// cflags: -pthread
#include <linux/aio_abi.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
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

static void odd_userfaultfd(void)
{
	have(syscall(SYS_userfaultfd, 0));
}

static void odd_pidfd(void)
{
	/* Of who started us: outside the tree. */
	have(syscall(SYS_pidfd_open, getppid(), 0));
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
	char name[32];
	int zero = 0, n, master = have(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	pid_t pid;

	have(ioctl(master, TIOCSPTLCK, &zero));
	have(ioctl(master, TIOCGPTN, &n));
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	have(open(name, O_RDWR | O_NOCTTY));
	/* An orphan keeps the master: it is none of the tree. */
	pid = have(fork());
	if (!pid) {
		setsid();
		if (!fork())
			pause();
		_exit(0);
	}
	have(waitpid(pid, NULL, 0));
	close(master);
}

static void odd_perf(void)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE,
				     .size = sizeof(a),
				     .config = PERF_COUNT_SW_TASK_CLOCK };

	have(syscall(SYS_perf_event_open, &a, 0, -1, -1, 0));
}

static void odd_bpf(void)
{
	union bpf_attr a = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
	};

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

static void odd_timens(void)
{
	have(unshare(CLONE_NEWTIME));
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

static void odd_map(int fd, size_t size, int flags)
{
	have(mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0) == MAP_FAILED ? -1 : 0);
	if (fd >= 0)
		close(fd);
}

static void odd_secretmem(void)
{
	int fd = have(syscall(447, 0));

	have(ftruncate(fd, 4096));
	odd_map(fd, 4096, MAP_SHARED);
}

/* Without a reservation no page of the pool is needed. */
static void odd_hugetlb(void)
{
	odd_map(-1, 2 << 20, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE);
}

static void odd_uffd_map(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range.len = 4096, .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = have(syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY));

	have(ioctl(fd, UFFDIO_API, &api));
	reg.range.start = (unsigned long)mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	have(ioctl(fd, UFFDIO_REGISTER, &reg));
}

static void odd_perf_map(void)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE,
				     .size = sizeof(a),
				     .config = PERF_COUNT_SW_TASK_CLOCK };

	odd_map(have(syscall(SYS_perf_event_open, &a, 0, -1, -1, 0)), 2 * 4096, MAP_SHARED);
}

static void odd_bpf_map(void)
{
	union bpf_attr a = { .map_type = BPF_MAP_TYPE_ARRAY,
			     .key_size = 4,
			     .value_size = 4,
			     .max_entries = 1,
			     .map_flags = BPF_F_MMAPABLE };

	odd_map(have(syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a))), 4096, MAP_SHARED);
}

static void odd_ring_map(void)
{
	struct tpacket_req req = { 4096, 1, 2048, 2 };
	int s = have(socket(AF_PACKET, SOCK_RAW, 0));

	have(setsockopt(s, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)));
	odd_map(s, 4096, MAP_SHARED);
}

/* A probe on a function of ours; the first hit makes the kernel map its area. */
__attribute__((noinline)) static void probed(void)
{
	__asm__ volatile("mov $1, %%eax" ::: "eax");
}

static void odd_uprobes(void)
{
	static char exe[512];
	unsigned long base = 0, start, end, off;
	struct perf_event_attr a = { .size = sizeof(a) };
	char line[1024], perms[8];
	FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "r");

	have(f && fscanf(f, "%u", &a.type) == 1 ? 0 : -1);
	fclose(f);
	f = fopen("/proc/self/maps", "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %7s %lx", &start, &end, perms, &off) == 4 &&
		    start <= (unsigned long)probed && (unsigned long)probed < end)
			base = start - off;
	have(readlink("/proc/self/exe", exe, sizeof(exe) - 1));
	a.config1 = (unsigned long)exe;
	a.config2 = (unsigned long)probed - base;
	fclose(f);
	have(syscall(SYS_perf_event_open, &a, 0, -1, -1, 0));
	probed();
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

static void odd_shared_files(void)
{
	if (have(syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0)))
		return;
	case_wait_go();
	_exit(0);
}

static void *own_fs(void *arg)
{
	have(unshare(CLONE_FS));
	*(volatile int *)arg = 1;
	for (;;)
		pause();
	return NULL;
}

static void odd_thread_fs(void)
{
	static volatile int done;
	pthread_t t;

	case_check(!pthread_create(&t, NULL, own_fs, (void *)&done), "pthread_create");
	while (!done)
		usleep(1000);
}

/* Larger than the limit, and nobody has it open. */
static void odd_ghost_map(void)
{
	const size_t size = 2 << 20;
	char path[512];
	char *p;
	int fd;

	case_path(path, "ghost");
	fd = have(open(path, O_RDWR | O_CREAT, 0600));
	p = malloc(size);
	memset(p, 1, size);
	case_check(write(fd, p, size) == (ssize_t)size, "write: %m");
	free(p);
	p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	case_check(p != MAP_FAILED, "mmap: %m");
	close(fd);
	unlink(path);
}

/* clang-format off */
static const struct odd {
	const char *name;
	void (*make)(void);
} odds[] = {
	{ "inotify", odd_inotify }, { "fanotify", odd_fanotify }, { "userfaultfd", odd_userfaultfd }, { "pidfd", odd_pidfd },
	{ "io_uring", odd_io_uring }, { "packet", odd_packet }, { "netlink", odd_netlink },
	{ "raw", odd_raw }, { "tcp", odd_tcp }, { "aio", odd_aio }, { "sysv", odd_sysv }, { "traced", odd_traced }, { "lock", odd_lock }, { "pty", odd_pty },
	{ "perf", odd_perf }, { "bpf", odd_bpf }, { "fscontext", odd_fscontext },
	{ "netns", odd_netns }, { "userns", odd_userns }, { "cgroupns", odd_cgroupns },
	{ "timens", odd_timens }, { "secretmem", odd_secretmem },
	{ "hugetlb", odd_hugetlb }, { "uffd-map", odd_uffd_map }, { "perf-map", odd_perf_map },
	{ "bpf-map", odd_bpf_map }, { "ring-map", odd_ring_map }, { "uprobes", odd_uprobes },
	{ "vfork", odd_vfork }, { "shared-files", odd_shared_files }, { "thread-fs", odd_thread_fs },
	{ "ghost-map", odd_ghost_map },
};
/* clang-format on */

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
