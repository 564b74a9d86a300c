// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where requests go: a service's socket, a descriptor of the caller, or a
 * worker that is started with one end of a socket pair ("criu swrk FD").
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/criu-internal.h"

static void close_keep(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
}

static int connect_to(struct criu_conn *c, const char *address)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(address) >= sizeof(a.sun_path))
		return -EINVAL;
	strcpy(a.sun_path, address);
	c->sk = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (c->sk < 0)
		return -ECONNREFUSED;
	if (!connect(c->sk, (struct sockaddr *)&a, sizeof(a)))
		return 0;
	close_keep(c->sk);
	c->sk = -1;
	return -ECONNREFUSED;
}

/* Runs in: the child, before it becomes the worker. Only calls that signal handlers may make. */
static void __attribute__((noreturn)) become_worker(const char *binary, int sk, int report)
{
	char number[16];
	char *argv[] = { (char *)binary, (char *)"swrk", number, NULL };
	sigset_t none;
	int code;

	snprintf(number, sizeof(number), "%d", sk);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fcntl(sk, F_SETFD, 0);
	execvp(binary, argv);
	code = errno;
	if (write(report, &code, sizeof(code)) < 0)
		_exit(126);
	_exit(127);
}

static pid_t wait_for(pid_t pid)
{
	pid_t r;

	do {
		r = waitpid(pid, NULL, 0);
	} while (r < 0 && errno == EINTR);
	return r;
}

static int fork_worker(struct criu_conn *c, const char *binary, int sk, int report[2], bool apart)
{
	int code = 0;
	pid_t pid = fork();

	if (!pid) {
		/* A grandchild in a session of its own stands outside of our tree. */
		if (apart && (setsid() < 0 || fork()))
			_exit(0);
		become_worker(binary, sk, report[1]);
	}
	close(report[1]);
	if (pid < 0)
		return -ECONNREFUSED;
	if (apart)
		wait_for(pid);
	if (read(report[0], &code, sizeof(code)) == sizeof(code)) {
		if (!apart)
			wait_for(pid);
		errno = code;
		return -ECONNREFUSED;
	}
	c->worker = apart ? 0 : pid;
	return 0;
}

static int start_worker(struct criu_conn *c, const char *binary, bool apart)
{
	int pair[2], report[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -ECONNREFUSED;
	if (pipe2(report, O_CLOEXEC)) {
		close_keep(pair[0]);
		close_keep(pair[1]);
		return -ECONNREFUSED;
	}
	r = fork_worker(c, binary, pair[1], report, apart);
	close_keep(report[0]);
	close_keep(pair[1]);
	if (r)
		close_keep(pair[0]);
	else
		c->sk = pair[0];
	return r;
}

int criu_conn_open(struct criu_conn *c, const criu_opts *o, bool start, bool apart)
{
	*c = (struct criu_conn){ .sk = -1 };
	if (!start && o->comm == CRIU_COMM_SK)
		return connect_to(c, o->address ? o->address : CRIU_DEFAULT_ADDRESS);
	if (!start && o->comm == CRIU_COMM_FD) {
		c->sk = o->service_fd;
		c->borrowed = true;
		return c->sk < 0 ? -EINVAL : 0;
	}
	return start_worker(c, o->binary, apart);
}

void criu_conn_close(struct criu_conn *c)
{
	int saved = errno;

	if (!c->borrowed)
		close_keep(c->sk);
	if (c->worker)
		wait_for(c->worker);
	c->sk = -1;
	c->worker = 0;
	errno = saved;
}
