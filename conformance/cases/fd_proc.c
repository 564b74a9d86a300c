// SPDX-License-Identifier: MIT
/*
 * Files of /proc about processes: our own, a child's, a thread's, a descriptor's,
 * those of a process and a thread that are gone; half read, shared, watched.
 */
// cflags: -pthread
// kinds: reg epoll
#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "case.h"

static pid_t tid, brief_tid;
static int go_pipe[2];

static void *sleeper(void *arg)
{
	char c;

	pthread_setname_np(pthread_self(), "sleeper");
	__atomic_store_n(&tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	if (read(go_pipe[0], &c, 1) < 0)
		return (void *)1;
	return NULL;
}

static void *brief(void *arg)
{
	sem_t *sem = arg;

	__atomic_store_n(&brief_tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	sem_wait(sem);
	return NULL;
}

static int open_at(int flags, const char *fmt, ...)
{
	char path[128];
	va_list ap;
	int fd;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	fd = open(path, flags);
	case_check(fd >= 0, "open %s: %s", path, strerror(errno));
	return fd;
}

static void link_is(int fd, const char *want)
{
	char path[64], link[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, link, sizeof(link) - 1);
	case_check(n > 0, "readlink of %d", fd);
	link[n] = 0;
	/* Whether the kernel has noticed yet that its process is gone does not matter. */
	if (n > 10 && !strcmp(link + n - 10, " (deleted)"))
		link[n - 10] = 0;
	case_check(!strcmp(link, want), "fd %d is %s, not %s", fd, link, want);
}

/* The next bytes of a half-read file are what a fresh look shows there. */
static void goes_on(int fd, const char *path, int at, const char *want)
{
	char buf[64] = "";
	ssize_t n;

	case_check(lseek(fd, 0, SEEK_CUR) == at, "%s: at %ld, not %d", path,
		   (long)lseek(fd, 0, SEEK_CUR), at);
	n = read(fd, buf, strlen(want));
	case_check(n == (ssize_t)strlen(want) && !strcmp(buf, want), "%s: reads '%s', not '%s'",
		   path, buf, want);
}

static void read_some(int fd, int n)
{
	char buf[64];

	case_check(read(fd, buf, (size_t)n) == n, "read of %d bytes", n);
}

/* What was open before, and what it must still be. */
static struct {
	int own_stat, stat, child_stat, dead_stat, dead_task, comm, task_comm, fds, info, link,
		mounts, ep, net, score;
} f;
static int own_digits, child_digits;
static pid_t child, dead;

static int digits(pid_t pid)
{
	return snprintf(NULL, 0, "%d", pid);
}

static void open_own(void)
{
	struct epoll_event ev = { .events = EPOLLPRI | EPOLLERR, .data.u64 = 7 };

	own_digits = digits(getpid());
	f.task_comm = open_at(O_RDWR | O_CLOEXEC, "/proc/self/task/%d/comm", tid);
	case_sys(dup2(f.task_comm, 70));
	f.own_stat = open_at(O_RDONLY, "/proc/self/stat");
	f.stat = case_sys(dup(f.own_stat));
	read_some(f.own_stat, own_digits);
	f.info = open_at(O_RDONLY, "/proc/self/fdinfo/%d", go_pipe[0]);
	f.link = open_at(O_PATH | O_NOFOLLOW, "/proc/self/fd/%d", go_pipe[0]);
	f.comm = open_at(O_RDWR, "/proc/self/comm");
	f.fds = open_at(O_RDONLY | O_DIRECTORY, "/proc/self/fd");
	f.net = open_at(O_RDONLY, "/proc/self/net/dev");
	read_some(f.net, 6);
	/* Whoever looks such a name up makes the kernel call the earlier entry deleted. */
	case_sys(access("/proc/self/net/dev", F_OK));
	f.score = open_at(O_RDWR, "/proc/self/oom_score_adj");
	f.mounts = open_at(O_RDONLY, "/proc/self/mountinfo");
	f.ep = case_sys(epoll_create1(0));
	case_sys(epoll_ctl(f.ep, EPOLL_CTL_ADD, f.mounts, &ev));
	case_sys(chdir("/proc/self/task"));
}

static void open_others(void)
{
	pthread_t th;
	sem_t sem;

	child = case_sys(fork());
	if (!child) {
		char c[4];

		case_child_ready("reader");
		case_wait_go();
		case_check(read(70, c, 3) == 3 && !memcmp(c, "sle", 3), "the child reads %.3s", c);
		_exit(0);
	}
	case_wait_child("reader");
	f.child_stat = open_at(O_RDONLY, "/proc/%d/stat", child);
	child_digits = digits(child);
	read_some(f.child_stat, child_digits);
	dead = case_sys(fork());
	if (!dead) {
		pause();
		_exit(1);
	}
	f.dead_stat = open_at(O_RDONLY, "/proc/%d/stat", dead);
	kill(dead, SIGKILL);
	case_check(waitpid(dead, NULL, 0) == dead, "waitpid");
	sem_init(&sem, 0, 0);
	case_check(!pthread_create(&th, NULL, brief, &sem), "pthread_create");
	while (!__atomic_load_n(&brief_tid, __ATOMIC_ACQUIRE))
		usleep(1000);
	f.dead_task = open_at(O_RDONLY, "/proc/self/task/%d/stat", brief_tid);
	sem_post(&sem);
	case_check(!pthread_join(th, NULL), "pthread_join");
}

static void check_own(void)
{
	struct epoll_event ev;
	char buf[256], want[256];
	struct dirent *de;
	int entries = 0;
	DIR *dir;

	goes_on(f.own_stat, "own stat", own_digits, " (fd_proc) ");
	snprintf(want, sizeof(want), "/proc/%d/stat", getpid());
	link_is(f.own_stat, want);
	link_is(f.stat, want);
	case_check(lseek(f.stat, 0, SEEK_CUR) == lseek(f.own_stat, 0, SEEK_CUR),
		   "no longer shared");
	snprintf(want, sizeof(want), "/proc/%d/fdinfo/%d", getpid(), go_pipe[0]);
	link_is(f.info, want);
	goes_on(f.info, "fdinfo", 0, "pos:\t0\n");
	snprintf(want, sizeof(want), "/proc/%d/fd/%d", getpid(), go_pipe[0]);
	link_is(f.link, want);
	case_check(readlinkat(f.link, "", buf, sizeof(buf)) > 0 && !strncmp(buf, "pipe:[", 6),
		   "the link leads elsewhere");
	goes_on(f.comm, "comm", 0, "fd_proc\n");
	goes_on(f.net, "net/dev", 6, "|");
	case_check(write(f.score, "500", 3) == 3, "write of oom_score_adj: %s", strerror(errno));
	case_sys(epoll_wait(f.ep, &ev, 1, 0));
	case_check(!epoll_ctl(f.ep, EPOLL_CTL_DEL, f.mounts, NULL), "the epoll lost its target");
	dir = fdopendir(f.fds);
	while (dir && (de = readdir(dir)))
		entries += de->d_name[0] != '.';
	case_check(entries >= 18, "%d entries in the directory of descriptors", entries);
	case_check(getcwd(buf, sizeof(buf)), "getcwd: %s", strerror(errno));
	snprintf(want, sizeof(want), "/proc/%d/task", getpid());
	case_check(!strcmp(buf, want), "in %s", buf);
}

static void is_dead(int fd, const char *what)
{
	char c;

	case_check(read(fd, &c, 1) < 0 && errno == ESRCH, "%s: it can be read, or %s", what,
		   strerror(errno));
}

static void check_others(void)
{
	char want[256];
	int status;

	goes_on(f.child_stat, "child's stat", child_digits, " (fd_proc) ");
	is_dead(f.dead_stat, "stat of a dead process");
	snprintf(want, sizeof(want), "/proc/%d/stat", dead);
	link_is(f.dead_stat, want);
	is_dead(f.dead_task, "stat of a dead thread");
	snprintf(want, sizeof(want), "/proc/%d/task/%d/comm", getpid(), tid);
	link_is(f.task_comm, want);
	link_is(70, want);
	case_check(fcntl(f.task_comm, F_GETFD) == FD_CLOEXEC && fcntl(70, F_GETFD) == 0,
		   "descriptor flags");
	case_check((fcntl(f.task_comm, F_GETFL) & O_ACCMODE) == O_RDWR, "access mode");
	/* The child has read the first three bytes through the description that we share. */
	case_check(waitpid(child, &status, 0) == child && !status, "the child: %x", status);
	goes_on(f.task_comm, "comm of a thread", 3, "eper\n");
}

int main(int argc, char **argv)
{
	pthread_t th;
	void *ret;

	case_begin(argc, argv);
	case_sys(pipe(go_pipe));
	case_check(!pthread_create(&th, NULL, sleeper, NULL), "pthread_create");
	while (!__atomic_load_n(&tid, __ATOMIC_ACQUIRE))
		usleep(1000);
	open_own();
	open_others();
	case_ready();
	check_own();
	check_others();
	case_check(write(f.task_comm, "renamed", 7) == 7, "write of a comm: %s", strerror(errno));
	case_check(write(go_pipe[1], "x", 1) == 1, "write");
	case_check(!pthread_join(th, &ret) && !ret, "pthread_join");
	case_pass();
}
