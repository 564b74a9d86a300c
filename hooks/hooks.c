/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of hook points and the running of action scripts: all of them, the
 * one added last first, each to its end before the next.
 */
#include "hooks/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/err.h"
#define LOG_MODULE "hooks"
#include "base/log.h"
#include "base/watchdog.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif

struct point {
	const char *name;
	bool fatal;	  /* a failure stops the operation */
	bool notify_only; /* for the client, not for scripts */
	bool veto;	  /* a script's status becomes the tool's */
};

static const struct point points[HOOK_POINTS] = {
	[HOOK_PRE_STREAM] = { "pre-stream", true, false, false },
	[HOOK_PRE_DUMP] = { "pre-dump", true, false, false },
	[HOOK_NETWORK_LOCK] = { "network-lock", true, false, false },
	[HOOK_QUERY_EXT_FILES] = { "query-ext-files", true, true, false },
	[HOOK_POST_DUMP] = { "post-dump", true, false, true },
	/* From here on the tasks run or are about to: too late to say no. */
	[HOOK_NETWORK_UNLOCK] = { "network-unlock", false, false, false },
	[HOOK_PRE_RESTORE] = { "pre-restore", true, false, false },
	[HOOK_SETUP_NAMESPACES] = { "setup-namespaces", true, false, false },
	[HOOK_POST_SETUP_NAMESPACES] = { "post-setup-namespaces", true, false, false },
	[HOOK_ORPHAN_PTS_MASTER] = { "orphan-pts-master", true, false, false },
	[HOOK_POST_RESTORE] = { "post-restore", true, false, false },
	[HOOK_PRE_RESUME] = { "pre-resume", false, false, false },
	[HOOK_POST_RESUME] = { "post-resume", false, false, false },
	[HOOK_STATUS_READY] = { "status-ready", false, false, false },
};

const char *hook_name(enum hook_point p)
{
	return points[p].name;
}

bool hook_is_fatal(enum hook_point p)
{
	return points[p].fatal;
}

/* What a child needs, made before the fork: afterwards only plain system calls. */
struct child {
	const char *path;
	char *env_action, *env_dir, *env_pid; /* "NAME=value"; env_pid may be NULL */
	char **env;
	int report; /* tells the errno of a failed exec */
};

static bool is_ours(const char *var)
{
	static const char *const names[] = { "CRTOOLS_SCRIPT_ACTION=", "CRTOOLS_IMAGE_DIR=",
					     "CRTOOLS_INIT_PID=" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strncmp(var, names[i], strlen(names[i])))
			return true;
	return false;
}

/* Our environment with the three variables replaced. */
static int child_env(struct child *c, const struct hooks *h, enum hook_point p, pid_t init_pid)
{
	size_t n = 0, k = 0;

	if (asprintf(&c->env_action, "CRTOOLS_SCRIPT_ACTION=%s", points[p].name) < 0 ||
	    asprintf(&c->env_dir, "CRTOOLS_IMAGE_DIR=/proc/%d/fd/%d", getpid(), h->images_fd) < 0)
		return -ENOMEM;
	if (init_pid > 0 && asprintf(&c->env_pid, "CRTOOLS_INIT_PID=%d", init_pid) < 0)
		return -ENOMEM;
	while (environ && environ[n])
		n++;
	c->env = calloc(n + 4, sizeof(*c->env));
	if (!c->env)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (!is_ours(environ[i]))
			c->env[k++] = environ[i];
	c->env[k++] = c->env_action;
	c->env[k++] = c->env_dir;
	if (c->env_pid)
		c->env[k++] = c->env_pid;
	return 0;
}

static void child_done(struct child *c)
{
	free(c->env_action);
	free(c->env_dir);
	free(c->env_pid);
	free(c->env);
}

/*
 * Descriptors of ours close at the exec, the images directory's too: a script
 * reaches it through /proc/OUR-PID/fd, which stays as long as we wait.
 */
static void child_exec(const struct child *c)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;
	char *argv[] = { (char *)c->path, NULL };
	int code;

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, 0);
	syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
	watchdog_before_exec();
	execve(c->path, argv, c->env);
	code = errno;
	if (write(c->report, &code, sizeof(code)) < 0)
		_exit(126);
	_exit(127);
}

/* Not forever: a script that hangs ends with us. */
static int script_wait(pid_t pid, int *status, struct err *e)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int r = 0;

	watchdog_patient(true);
	while (pidfd >= 0 && poll(&p, 1, 100) <= 0) {
		r = cancel_check(e);
		if (r) {
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			break;
		}
	}
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return r ? r : err_sys(e, "wait", "script of pid %d", pid);
	watchdog_patient(false);
	return r;
}

static int exec_error(const char *path, int code, struct err *e)
{
	struct stat st;

	errno = code;
	err_sys(e, "run", "%s", path);
	if (code == ENOENT && !stat(path, &st))
		return err_hint(e, "the interpreter named in its first line does not exist");
	if (code == EACCES)
		return err_hint(e, "make the script executable (chmod +x)");
	if (code == ENOEXEC)
		return err_hint(e, "a script's first line must name its interpreter (#!/bin/sh)");
	return -e->code;
}

static int script_start(const struct child *c, pid_t *ret, struct err *e)
{
	_cleanup_close_ int rd = -EBADF;
	int pipefd[2], code;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC))
		return err_sys(e, "pipe", "%s", c->path);
	rd = pipefd[0];
	log_flush();
	pid = fork();
	if (!pid) {
		struct child mine = *c;

		setpgid(0, 0); /* so that its own children can be ended with it */
		mine.report = pipefd[1];
		child_exec(&mine);
	}
	close(pipefd[1]);
	if (pid < 0)
		return err_sys(e, "fork", "%s", c->path);
	if (read(rd, &code, sizeof(code)) == sizeof(code)) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return exec_error(c->path, code, e);
	}
	*ret = pid;
	return 0;
}

static int script_run(const struct hooks *h, enum hook_point p, const char *path, pid_t init_pid,
		      int *ret_status, struct err *e)
{
	_cleanup_(child_done) struct child c = { .path = path };
	pid_t pid = 0;
	int status = 0;
	int r = child_env(&c, h, p, init_pid);

	if (r)
		return err_set(e, ERR_SYSTEM, -r, "run", path, "out of memory");
	log_debug("%s: running %s", points[p].name, path);
	r = script_start(&c, &pid, e);
	if (!r)
		r = script_wait(pid, &status, e);
	if (r)
		return r;
	if (WIFSIGNALED(status))
		return err_set(e, ERR_GENERAL, EINTR, "run", path,
			       "the script was killed by signal %d (%s)", WTERMSIG(status),
			       strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status)) {
		if (ret_status)
			*ret_status = WEXITSTATUS(status);
		return err_set(e, ERR_GENERAL, ECANCELED, "run", path,
			       "the script ended with status %d", WEXITSTATUS(status));
	}
	return 0;
}

/* @e: what counts. The first failure is the error, later ones are only told. */
static int point_failed(enum hook_point p, int have, const struct err *new, struct err *e)
{
	char text[1024];

	if (points[p].fatal && !have) {
		*e = *new;
		return err_in(e, "hook %s", points[p].name);
	}
	err_format(new, text, sizeof(text));
	log_warn("hook %s: %s%s", points[p].name, text,
		 have ? " (after another failed)" : ", going on");
	return have;
}

int hooks_run(const struct hooks *h, enum hook_point p, pid_t init_pid, int *ret_status,
	      struct err *e)
{
	int failed = 0, r;

	if (h->notify) {
		struct err ne = { 0 };

		r = h->notify(h->notify_ctx, points[p].name, init_pid, -1, &ne);
		if (r && !ne.code)
			err_set(&ne, ERR_GENERAL, -r, "notify", "the client",
				"it refused or did not answer");
		if (r)
			failed = point_failed(p, failed, &ne, e);
	}
	if (points[p].notify_only)
		return failed;
	for (size_t i = h->n_scripts; i-- > 0;) {
		struct err se = { 0 };
		int status = 0;

		r = script_run(h, p, h->scripts[i], init_pid, &status, &se);
		if (!r)
			continue;
		if (se.class == ERR_CANCELLED && cancelled()) { /* stops everything at any point */
			*e = se;
			return err_in(e, "hook %s", points[p].name);
		}
		if (points[p].veto && ret_status && !*ret_status)
			*ret_status = status;
		failed = point_failed(p, failed, &se, e);
	}
	return failed;
}
