// SPDX-License-Identifier: MIT
/*
 * helper_pages DIR: a victim with something in every sort of image: memory of
 * its own and shared, children with files and a pipe, a removed file, threads.
 */
// cflags: -pthread
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../cases/case.h"

#define BYTES (3u << 20)
#define CHILDREN 4

static uint64_t *fill(int flags, uint64_t seed)
{
	uint64_t *p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	case_check(p != MAP_FAILED, "mmap: %m");
	for (size_t i = 0; i < BYTES / 8; i++)
		p[i] = (i + seed) * 0x9e3779b97f4a7c15;
	return p;
}

static void verify(const uint64_t *p, uint64_t seed, const char *what)
{
	for (size_t i = 0; i < BYTES / 8; i++)
		case_check(p[i] == (i + seed) * 0x9e3779b97f4a7c15, "%s differs at %zu", what, i);
}

static void *thread(void *arg)
{
	for (;;)
		pause();
	return arg;
}

int main(int argc, char **argv)
{
	int pipes[2], ghost, status;
	char path[512], name[16], text[8] = "";
	uint64_t *own, *shared;
	pthread_t t;

	case_begin(argc, argv);
	own = fill(MAP_PRIVATE, 1);
	shared = fill(MAP_SHARED, 2);
	case_sys(pipe(pipes));
	case_sys(write(pipes[1], "in pipe", 7));
	case_path(path, "ghost");
	ghost = case_sys(open(path, O_RDWR | O_CREAT, 0644));
	case_sys(write(ghost, "ghost", 5));
	case_sys(unlink(path));
	for (int i = 0; i < CHILDREN; i++) {
		snprintf(name, sizeof(name), "%d", i);
		if (case_sys(fork()))
			continue;
		case_path(path, "data%d", i);
		case_sys(open(path, O_RDWR | O_CREAT, 0644));
		case_child_ready(name);
		case_wait_go();
		_exit(0);
	}
	for (int i = 0; i < CHILDREN; i++) {
		snprintf(name, sizeof(name), "%d", i);
		case_wait_child(name);
	}
	case_check(!pthread_create(&t, NULL, thread, NULL), "pthread_create");
	case_ready();
	verify(own, 1, "private memory");
	verify(shared, 2, "shared memory");
	case_check(read(pipes[0], text, 7) == 7 && !strcmp(text, "in pipe"), "pipe: %s", text);
	memset(text, 0, sizeof(text));
	case_check(pread(ghost, text, 7, 0) == 5 && !strcmp(text, "ghost"), "ghost: %s", text);
	for (int i = 0; i < CHILDREN; i++)
		case_check(wait(&status) > 0 && !status, "a child ended with %#x", status);
	case_pass();
}
