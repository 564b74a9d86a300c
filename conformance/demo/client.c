// SPDX-License-Identifier: MIT
/*
 * The demo's client of redis-server, over its unix socket.
 *
 * client hammer SOCKET FILE: SET one key after the other; a key whose SET was
 * acknowledged is appended to FILE, never before.
 * client verify SOCKET FILE: GET every key in FILE, print how many are right;
 * status 1 when one is missing or wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BATCH 500 /* their replies fit into a socket's buffer */

static int die(const char *what)
{
	fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
	exit(1);
}

static FILE *dial(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timespec ms = { 0, 10000000 };
	int s, i;
	FILE *f;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	for (i = 0; connect(s, (struct sockaddr *)&a, sizeof(a)); i++) {
		if (i == 500)
			die(path);
		nanosleep(&ms, NULL);
	}
	f = fdopen(s, "r+");
	return f ? f : (FILE *)(long)die("fdopen");
}

static unsigned long value_of(unsigned long key)
{
	return key * 2654435761u % 1000000007u;
}

static int hammer(const char *path, const char *file)
{
	int out = open(file, O_WRONLY | O_CREAT | O_APPEND, 0644);
	FILE *f = dial(path);
	char line[256];
	unsigned long key;
	int n;

	if (out < 0)
		die(file);
	for (key = 1;; key++) {
		char v[32];

		n = snprintf(v, sizeof(v), "%lu", value_of(key));
		/* A stream changes direction only through a seek or a flush. */
		fprintf(f, "*3\r\n$3\r\nSET\r\n$12\r\nkey:%08lu\r\n$%d\r\n%s\r\n", key, n, v);
		fflush(f);
		if (!fgets(line, sizeof(line), f))
			die("the connection was lost");
		if (strcmp(line, "+OK\r\n")) {
			fprintf(stderr, "client: key %lu: %s", key, line);
			return 1;
		}
		n = snprintf(line, sizeof(line), "%lu\n", key);
		if (write(out, line, n) != n)
			die(file);
		fseek(f, 0, SEEK_CUR);
	}
}

static unsigned long reply(FILE *f)
{
	char line[256];

	if (!fgets(line, sizeof(line), f))
		die("the connection was lost");
	if (!strcmp(line, "$-1\r\n"))
		return 0;
	return fgets(line, sizeof(line), f) ? strtoul(line, NULL, 10) : 0;
}

static int verify(const char *path, const char *file)
{
	unsigned long keys[BATCH], got, right = 0, wrong = 0;
	FILE *in = fopen(file, "r"), *f = dial(path);
	int n, i;
	char end;

	if (!in)
		die(file);
	do {
		/* A key of which the last byte is not written yet is not acknowledged. */
		for (n = 0; n < BATCH && fscanf(in, "%lu%c", &keys[n], &end) == 2; n++)
			fprintf(f, "*2\r\n$3\r\nGET\r\n$12\r\nkey:%08lu\r\n", keys[n]);
		fflush(f);
		for (i = 0; i < n; i++) {
			got = reply(f);
			if (got == value_of(keys[i]))
				right++;
			else if (!wrong++)
				fprintf(stderr, "client: key %lu is %lu, should be %lu\n", keys[i],
					got, value_of(keys[i]));
		}
		fseek(f, 0, SEEK_CUR);
	} while (n == BATCH);
	printf("%lu of %lu\n", right, right + wrong);
	return wrong || !right;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 4 && !strcmp(argv[1], "hammer"))
		return hammer(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "verify"))
		return verify(argv[2], argv[3]);
	return 2;
}
