// SPDX-License-Identifier: MIT
// cflags: -ldl -lpthread
// A client of libstasis. Given: the library, the program, PID, DIR and GO: as rpc-library.sh says.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/lib/stasis.h"

#define FN(name) __typeof__(name) *name##_
static FN(stasis_new);
static FN(stasis_free);
static FN(stasis_set);
static FN(stasis_reset);
static FN(stasis_program);
static FN(stasis_on_hook);
static FN(stasis_dump);
static FN(stasis_restore);
static FN(stasis_check);
static FN(stasis_cancel);
static FN(stasis_error);

#define EXPECT(s, ok)                                                                              \
	do {                                                                                       \
		if (!(ok)) {                                                                       \
			fprintf(stderr, "%d: %s: errno %d, error %d: %s (%s)\n", __LINE__, #ok,    \
				errno, stasis_error_(s)->code, stasis_error_(s)->text,             \
				stasis_error_(s)->hint);                                           \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

static void load(const char *path)
{
	void *lib = dlopen(path, RTLD_NOW);

	if (!lib) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
#define GET(name) name##_ = (__typeof__(name) *)dlsym(lib, #name)
	GET(stasis_new);
	GET(stasis_free);
	GET(stasis_set);
	GET(stasis_reset);
	GET(stasis_program);
	GET(stasis_on_hook);
	GET(stasis_dump);
	GET(stasis_restore);
	GET(stasis_check);
	GET(stasis_cancel);
	GET(stasis_error);
}

struct told {
	char points[512];
	const char *refuse;
	struct stasis *cancel;
	pid_t pid;
};

static int on_hook(void *data, const char *point, pid_t pid)
{
	struct told *t = data;

	strcat(strcat(t->points, point), " ");
	t->pid = pid;
	if (t->cancel && !strcmp(point, "network-lock"))
		stasis_cancel_(t->cancel);
	return t->refuse && !strcmp(t->refuse, point) ? -1 : 0;
}

static const char *sub(const char *dir, const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	mkdir(path, 0700);
	return path;
}

static const char *program;

/* Many handles at once ask their own questions. */
static void *checks(void *arg)
{
	struct stasis *s;

	if (stasis_new_(&s))
		exit(1);
	stasis_program_(s, program);
	for (int i = 0; i < 5; i++)
		EXPECT(s, stasis_check_(s) == 0);
	stasis_free_(s);
	return NULL;
}

int main(int argc, char **argv)
{
	struct told t = { .refuse = "pre-dump" };
	pthread_t threads[3];
	struct stasis *s;
	pid_t pid, root = 0;
	int st;

	if (argc != 6)
		return 2;
	load(argv[1]);
	program = argv[2];
	pid = atoi(argv[3]);
	if (stasis_new_(&s))
		return 1;
	EXPECT(s, stasis_program_(s, "/none/stasis") == 0);
	EXPECT(s, stasis_check_(s) == -ENOENT && *stasis_error_(s)->text);
	stasis_program_(s, program);
	EXPECT(s, stasis_check_(s) == 0 && stasis_error_(s)->code == 0);
	EXPECT(s, stasis_set_(s, "--leave-running", NULL) == -EINVAL);
	EXPECT(s, stasis_set_(s, "leave-runing", NULL) == 0);
	EXPECT(s, stasis_dump_(s, pid, sub(argv[4], "unknown")) == -EBADRQC);
	EXPECT(s, strstr(stasis_error_(s)->hint, "--leave-running"));
	stasis_reset_(s);
	EXPECT(s, stasis_dump_(s, 3999999, sub(argv[4], "nobody")) == -ESRCH);
	stasis_on_hook_(s, on_hook, &t);
	EXPECT(s, stasis_dump_(s, pid, sub(argv[4], "refused")) == -ECANCELED);
	t.refuse = NULL;
	t.cancel = s;
	EXPECT(s, stasis_dump_(s, pid, sub(argv[4], "cancelled")) == -ECANCELED);
	EXPECT(s, strstr(stasis_error_(s)->text, "cancelled"));
	memset(&t, 0, sizeof(t));
	EXPECT(s, stasis_set_(s, "leave-running", NULL) == 0);
	EXPECT(s, stasis_set_(s, "log-file", "a \"log\"") == 0);
	EXPECT(s, stasis_set_(s, "verbosity", "4") == 0);
	EXPECT(s, stasis_dump_(s, pid, sub(argv[4], "left")) == 0);
	EXPECT(s, !strcmp(t.points,
			  "pre-dump network-lock query-ext-files post-dump network-unlock ") &&
			  t.pid == pid);
	EXPECT(s, access(sub(argv[4], "left/a \"log\""), F_OK) == 0);
	stasis_reset_(s);
	EXPECT(s, stasis_dump_(s, pid, sub(argv[4], "images")) == 0);
	EXPECT(s, stasis_restore_(s, sub(argv[4], "images"), &root) == 0 && root == pid);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, checks, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	EXPECT(s, waitpid(root, &st, WNOHANG) == 0);
	close(open(argv[5], O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	EXPECT(s, waitpid(root, &st, 0) == root && st == 0);
	EXPECT(s, waitpid(-1, &st, 0) < 0 && errno == ECHILD);
	stasis_free_(s);
	return 0;
}
