// SPDX-License-Identifier: MIT
/*
 * load DIR KIND: what the benchmark checkpoints. Sets up, creates DIR/ready,
 * sleeps until it is killed.
 */
// cflags: -pthread
#include <pthread.h>
#include <sys/mman.h>

#include "../cases/case.h"

#define PROCS 100
#define FILES_EACH 10
#define THREADS 100
#define MAPS 10000
#define FILES 1000
#define MEM (1ul << 30)

static void forever(void)
{
	for (;;)
		pause();
}

static void open_files(int who, int n)
{
	char path[512];
	int i;

	for (i = 0; i < n; i++) {
		case_path(path, "f%d.%d", who, i);
		case_sys(open(path, O_RDWR | O_CREAT, 0644));
	}
}

static void procs(void)
{
	char name[16];
	int i;

	for (i = 0; i < PROCS; i++) {
		if (case_sys(fork()))
			continue;
		open_files(i, FILES_EACH);
		snprintf(name, sizeof(name), "%d", i);
		case_child_ready(name);
		forever();
	}
	for (i = 0; i < PROCS; i++) {
		snprintf(name, sizeof(name), "%d", i);
		case_wait_child(name);
	}
}

static void *thread(void *arg)
{
	forever();
	return arg;
}

static void threads(void)
{
	pthread_attr_t attr;
	pthread_t t;
	int i;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 << 10);
	for (i = 1; i < THREADS; i++)
		case_check(!pthread_create(&t, &attr, thread, NULL), "pthread_create");
}

static void maps(void)
{
	size_t page = sysconf(_SC_PAGESIZE), i;
	char *p =
		mmap(NULL, MAPS * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	case_check(p != MAP_FAILED, "mmap: %m");
	for (i = 0; i < MAPS; i++) {
		p[i * page] = i;
		/* Neighbours differ, so that they stay mappings of their own. */
		if (i % 2)
			case_sys(mprotect(p + i * page, page, PROT_READ));
	}
}

static void mem(void)
{
	char *p = mmap(NULL, MEM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	case_check(p != MAP_FAILED, "mmap: %m");
	for (i = 0; i < MEM; i += 8)
		*(uint64_t *)(p + i) = i * 0x9e3779b97f4a7c15;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 3;
	case_begin(2, argv);
	if (!strcmp(argv[2], "processes"))
		procs();
	else if (!strcmp(argv[2], "threads"))
		threads();
	else if (!strcmp(argv[2], "mappings"))
		maps();
	else if (!strcmp(argv[2], "files"))
		open_files(0, FILES);
	else if (!strcmp(argv[2], "memory"))
		mem();
	else if (strcmp(argv[2], "small"))
		return 3;
	case_touch("ready");
	forever();
}
