// SPDX-License-Identifier: MIT
// cflags: -ldl
// A client of libcriu.so.2 as crun is one: everything by dlsym. Given: the library; then
//   symbols              every name on stdin is there
//   run PID DIR GO       dump PID into DIR (leaving it, then for good), restore it as our child, end it by making GO
//   self DIR             dump ourselves and be restored
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void *lib;

static void *sym(const char *name)
{
	void *p = dlsym(lib, name);

	if (!p) {
		fprintf(stderr, "no symbol %s\n", name);
		exit(1);
	}
	return p;
}

#define CALL(type, name, args, ...) ((type(*) args)sym(name))(__VA_ARGS__)
#define EXPECT(what, ok)                                                                           \
	do {                                                                                       \
		if (!(ok)) {                                                                       \
			fprintf(stderr, "%s: errno %d: %s\n", what, errno,                         \
				CALL(const char *, "criu_errmsg", (void)));                        \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

static char seen[512];
static int notified_pid;

static int on_notify(char *action, void *na)
{
	strcat(strcat(seen, action), " ");
	notified_pid = CALL(int, "criu_notify_pid", (void *), na);
	return 0;
}

static int refuse(char *action, void *na)
{
	return strcmp(action, "post-dump") ? 0 : -1;
}

static int symbols(void)
{
	char name[128];
	int n = 0;

	while (scanf("%127s", name) == 1 && ++n)
		sym(name);
	printf("%d symbols\n", n);
	return n == 0;
}

static void set_up(const char *dir, const char *name)
{
	char path[4096];
	int fd;

	EXPECT("criu_init_opts", CALL(int, "criu_init_opts", (void)) == 0);
	EXPECT("criu_set_service_binary",
	       CALL(int, "criu_set_service_binary", (const char *), getenv("STASIS")) == 0);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	mkdir(path, 0700);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CALL(void, "criu_set_images_dir_fd", (int), fd);
	CALL(void, "criu_set_log_level", (int), 4);
	EXPECT("criu_set_log_file", CALL(int, "criu_set_log_file", (const char *), "log") == 0);
	CALL(void, "criu_set_orphan_pts_master", (bool), true);
}

static int run(int pid, const char *dir, const char *go)
{
	struct {
		bool mem_track, lazy_pages, pidfd_store;
	} f = { true, false, false };
	int st, child;

	set_up(dir, "veto");
	EXPECT("criu_check", CALL(int, "criu_check", (void)) == 0);
	EXPECT("criu_get_version", CALL(int, "criu_get_version", (void)) == 40200);
	EXPECT("criu_check_version", CALL(int, "criu_check_version", (int), 31600) == 1);
	EXPECT("criu_check_version", CALL(int, "criu_check_version", (int), 990000) == 0);
	EXPECT("criu_feature_check",
	       CALL(int, "criu_feature_check", (void *, size_t), &f, sizeof(f)) == 0);
	CALL(void, "criu_set_pid", (int), 3999999);
	EXPECT("criu_dump of nobody", CALL(int, "criu_dump", (void)) == -EBADE && errno == ESRCH);
	CALL(void, "criu_set_pid", (int), pid);
	CALL(void, "criu_set_notify_cb", (void *), refuse);
	EXPECT("criu_dump, vetoed", CALL(int, "criu_dump", (void)) == -EBADE && errno == ECANCELED);
	/* A veto comes when the images are whole: they stay. */
	set_up(dir, "leave");
	CALL(void, "criu_set_pid", (int), pid);
	CALL(void, "criu_set_notify_cb", (void *), on_notify);
	CALL(void, "criu_set_leave_running", (bool), true);
	EXPECT("criu_dump", CALL(int, "criu_dump", (void)) == 0);
	EXPECT("notifications", !strcmp(seen, "pre-dump network-lock query-ext-files post-dump "
					      "network-unlock "));
	EXPECT("pid", notified_pid == pid);
	set_up(dir, "images");
	CALL(void, "criu_set_pid", (int), pid);
	EXPECT("criu_dump", CALL(int, "criu_dump", (void)) == 0);
	CALL(void, "criu_set_notify_cb", (void *), on_notify);
	child = CALL(int, "criu_restore_child", (void));
	EXPECT("criu_restore_child", child == pid);
	EXPECT("pid", notified_pid == pid);
	EXPECT("still alive", waitpid(child, &st, WNOHANG) == 0);
	close(open(go, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	EXPECT("our child", waitpid(child, &st, 0) == child && st == 0);
	EXPECT("no other child", waitpid(-1, &st, 0) < 0 && errno == ECHILD);
	EXPECT("no worker",
	       CALL(int, "criu_set_service_binary", (const char *), "/none/criu") == 0);
	EXPECT("no worker", CALL(int, "criu_check", (void)) == -ECONNREFUSED && errno == ENOENT);
	return 0;
}

static int self(const char *dir)
{
	char path[4096];
	FILE *f;
	int r;

	set_up(dir, "images");
	r = CALL(int, "criu_dump", (void));
	snprintf(path, sizeof(path), "%s/said", dir);
	f = fopen(path, "w");
	fprintf(f, "%d %s\n", r, r < 0 ? CALL(const char *, "criu_errmsg", (void)) : "");
	return fclose(f);
}

int main(int argc, char **argv)
{
	lib = argc > 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
	if (!lib) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	if (!strcmp(argv[2], "symbols"))
		return symbols();
	if (argc == 4 && !strcmp(argv[2], "self"))
		return self(argv[3]);
	return argc == 6 && !strcmp(argv[2], "run") ? run(atoi(argv[3]), argv[4], argv[5]) : 2;
}
