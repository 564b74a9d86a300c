// SPDX-License-Identifier: MIT
/*
 * measure run OUTPUT COMMAND...: microseconds from before fork to after exit;
 *	the command's output goes to OUTPUT; status as the command's.
 * measure spawn N COMMAND...: median microseconds of N such runs.
 * measure memory FILE: what this machine does with 1 GiB, in MiB/s: memcpy,
 *	write(2) into FILE, read(2) from it into fresh memory. The middle of five.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIZE (1ul << 30)
#define CHUNK (4ul << 20)
#define ROUNDS 5

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ull + ts.tv_nsec / 1000;
}

static uint64_t run(const char *output, char **argv, int *ret_status)
{
	int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0644), null = open("/dev/null", O_RDWR),
	    st = 0;
	uint64_t start = now_us();
	pid_t pid = vfork();

	if (pid == 0) {
		dup2(null, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		execv(argv[0], argv);
		_exit(127);
	}
	waitpid(pid, &st, 0);
	start = now_us() - start;
	close(fd);
	close(null);
	*ret_status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
	return start;
}

static int compare(const void *a, const void *b)
{
	return *(const uint64_t *)a < *(const uint64_t *)b ? -1 : 1;
}

static uint64_t median(uint64_t *v, int n)
{
	qsort(v, n, sizeof(*v), compare);
	return v[n / 2];
}

static int spawn(int n, char **argv)
{
	uint64_t *v = calloc(n, sizeof(*v));
	int i, st;

	for (i = 0; i < n; i++) {
		v[i] = run("/dev/null", argv, &st);
		if (st)
			return st;
	}
	printf("%lu\n", (unsigned long)median(v, n));
	return 0;
}

static char *fresh(void)
{
	char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		exit(1);
	/* The loads have ordinary pages too. */
	madvise(p, SIZE, MADV_NOHUGEPAGE);
	return p;
}

static uint64_t write_file(int fd, const char *p)
{
	uint64_t start;
	size_t i;

	if (ftruncate(fd, 0))
		exit(1);
	start = now_us();
	for (i = 0; i < SIZE; i += CHUNK)
		if (pwrite(fd, p + i, CHUNK, i) != (ssize_t)CHUNK)
			exit(1);
	return now_us() - start;
}

static uint64_t read_file(int fd)
{
	uint64_t start = now_us();
	char *p = fresh();
	size_t i;

	for (i = 0; i < SIZE; i += CHUNK)
		if (pread(fd, p + i, CHUNK, i) != (ssize_t)CHUNK)
			exit(1);
	start = now_us() - start;
	munmap(p, SIZE);
	return start;
}

static int memory(const char *file)
{
	int fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600), i;
	uint64_t copy[ROUNDS], wr[ROUNDS], rd[ROUNDS];
	char *a = fresh(), *b = fresh();

	memset(a, 1, SIZE);
	memset(b, 2, SIZE);
	for (i = 0; i < ROUNDS; i++) {
		uint64_t start = now_us();

		memcpy(b, a, SIZE);
		copy[i] = now_us() - start;
		wr[i] = write_file(fd, a);
		rd[i] = read_file(fd);
	}
	unlink(file);
	printf("%.0f %.0f %.0f\n", 1024e6 / median(copy, ROUNDS), 1024e6 / median(wr, ROUNDS),
	       1024e6 / median(rd, ROUNDS));
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t us;
	int st;

	if (argc >= 4 && !strcmp(argv[1], "run")) {
		us = run(argv[2], argv + 3, &st);
		printf("%lu\n", (unsigned long)us);
		return st;
	}
	if (argc >= 4 && !strcmp(argv[1], "spawn"))
		return spawn(atoi(argv[2]), argv + 3);
	if (argc == 3 && !strcmp(argv[1], "memory"))
		return memory(argv[2]);
	return 2;
}
