// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that POSIX shared memory and semaphores come back: shm_open and
 * sem_open objects with names and with names removed, on a tmpfs of the tree's
 * own where it has mounts of its own; waiters at semaphores, process-shared
 * mutexes, conditions and barriers in shared anonymous memory.
 */
// flavours: plain ns
// cflags: -pthread
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "case.h"

#define SIZE (3u << 20)

struct shared {
	sem_t sem, never;
	pthread_mutex_t mutex, robust;
	pthread_cond_t cond;
	pthread_barrier_t barrier;
	int go, done;
};

static struct shared *s;
static char *named, *gone;
static sem_t *nsem, *gsem;
static char shm_name[64], sem_name[64];

static void init(void)
{
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;
	pthread_barrierattr_t ba;

	s = case_sys(
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	sem_init(&s->sem, 1, 0);
	sem_init(&s->never, 1, 3);
	pthread_mutexattr_init(&ma);
	pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&s->mutex, &ma);
	pthread_mutexattr_setrobust(&ma, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&s->robust, &ma);
	pthread_condattr_init(&ca);
	pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&s->cond, &ca);
	pthread_barrierattr_init(&ba);
	pthread_barrierattr_setpshared(&ba, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&s->barrier, &ba, 2);
}

static char *object(const char *name)
{
	int fd = case_sys(shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0640));
	char *p;

	case_sys(ftruncate(fd, SIZE));
	p = case_sys((char *)mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	close(fd);
	return p;
}

static void waiter(void)
{
	case_child_ready("waiter");
	case_check(!sem_wait(&s->sem), "sem_wait");
	case_check(!sem_wait(nsem) && !sem_wait(gsem), "named semaphores");
	pthread_mutex_lock(&s->mutex);
	while (!s->go)
		pthread_cond_wait(&s->cond, &s->mutex);
	pthread_mutex_unlock(&s->mutex);
	pthread_barrier_wait(&s->barrier);
	case_check(!strcmp(named + 5, "from the parent") && !strcmp(gone, "removed, seen"),
		   "the child sees %s and %s", named + 5, gone);
	__atomic_add_fetch(&s->done, 1, __ATOMIC_SEQ_CST);
	_exit(0);
}

static void conditional(void)
{
	pthread_mutex_lock(&s->mutex);
	case_child_ready("conditional");
	while (!s->go)
		pthread_cond_wait(&s->cond, &s->mutex);
	pthread_mutex_unlock(&s->mutex);
	__atomic_add_fetch(&s->done, 1, __ATOMIC_SEQ_CST);
	_exit(0);
}

static void owner(void)
{
	pthread_mutex_lock(&s->robust);
	case_child_ready("owner");
	case_wait_go();
	case_wait_for("die");
	_exit(0);
}

int main(int argc, char **argv)
{
	void (*const kids[])(void) = { waiter, conditional, owner };
	pid_t pids[3];
	int st, v, fd;

	case_begin(argc, argv);
	snprintf(shm_name, sizeof(shm_name), "/case-shm-%d-%lx", getpid(), (long)time(NULL));
	snprintf(sem_name, sizeof(sem_name), "/case-sem-%d-%lx", getpid(), (long)time(NULL));
	if (getpid() == 1)
		case_sys(mount("own", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"));
	init();
	named = object("/case-gone");
	gone = named;
	case_sys(shm_unlink("/case-gone"));
	named = object(shm_name);
	nsem = sem_open(sem_name, O_CREAT | O_EXCL, 0600, 0);
	case_check(nsem != SEM_FAILED, "sem_open: %s", strerror(errno));
	gsem = sem_open("/case-gone", O_CREAT | O_EXCL, 0600, 0);
	case_check(gsem != SEM_FAILED, "sem_open: %s", strerror(errno));
	case_sys(sem_unlink("/case-gone"));
	strcpy(named + 5, "named");
	strcpy(named + SIZE - 10, "end");
	strcpy(gone, "removed");
	for (int i = 0; i < 3; i++) {
		pids[i] = case_sys(fork());
		if (!pids[i])
			kids[i]();
	}
	case_wait_child("waiter");
	case_wait_child("conditional");
	case_wait_child("owner");
	case_sleep_ms(20);
	case_ready();

	case_check(!strcmp(named + 5, "named") && !strcmp(named + SIZE - 10, "end") &&
			   !strcmp(gone, "removed"),
		   "content");
	fd = shm_open(shm_name, O_RDWR, 0);
	case_check(fd >= 0 && pread(fd, &v, 4, 5) == 4 && !memcmp(&v, "name", 4), "its name");
	case_check(shm_open("/case-gone", O_RDWR, 0) == -1 && errno == ENOENT, "a removed name");
	case_check(!sem_getvalue(&s->never, &v) && v == 3, "the value is %d", v);
	strcpy(named + 5, "from the parent");
	strcpy(gone, "removed, seen");
	sem_post(&s->sem);
	sem_post(nsem);
	sem_post(gsem);
	pthread_mutex_lock(&s->mutex);
	s->go = 1;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->mutex);
	pthread_barrier_wait(&s->barrier);
	case_touch("die");
	v = pthread_mutex_lock(&s->robust);
	case_check(v == EOWNERDEAD, "the dead owner's mutex: %s", strerror(v));
	shm_unlink(shm_name);
	sem_unlink(sem_name);
	for (int i = 0; i < 3; i++)
		case_check(waitpid(pids[i], &st, 0) == pids[i] && !st, "child %d ended with %#x", i,
			   st);
	case_check(s->done == 2, "%d of 2 went on", s->done);
	case_pass();
}
