// SPDX-License-Identifier: MIT
/*
 * load DIR KIND [N [M]]: what the benchmark checkpoints: N processes with M
 * files each, or with M threads each, or one process that holds N of something.
 * Sets up, creates DIR/ready, sleeps until it is killed.
 */
// cflags: -pthread
#include <pthread.h>
#include <sys/mman.h>

#include "../cases/case.h"

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

static void *thread(void *arg)
{
	forever();
	return arg;
}

/* @n threads in all. */
static void threads(int n)
{
	pthread_attr_t attr;
	pthread_t t;
	int i;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 << 10);
	for (i = 1; i < n; i++)
		case_check(!pthread_create(&t, &attr, thread, NULL), "pthread_create");
}

static void procs(int n, int files, int n_threads)
{
	char name[16];
	int i;

	for (i = 0; i < n; i++) {
		if (case_sys(fork()))
			continue;
		open_files(i, files);
		threads(n_threads);
		snprintf(name, sizeof(name), "%d", i);
		case_child_ready(name);
		forever();
	}
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%d", i);
		case_wait_child(name);
	}
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
	int n = argc > 3 ? atoi(argv[3]) : 1, m = argc > 4 ? atoi(argv[4]) : 0;

	if (argc < 3)
		return 3;
	case_begin(2, argv);
	if (!strcmp(argv[2], "processes"))
		procs(n, m, 1);
	else if (!strcmp(argv[2], "threads"))
		procs(n, 0, m);
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
