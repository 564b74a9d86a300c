// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The listening service: one process per client, so that none of them can hold
 * up or end another. What was restored outlives the process and us.
 */
#define LOG_MODULE "rpc"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"
#include "rpc/rpc-internal.h"
#include "rpc/rpc.h"

#define DEFAULT_ADDRESS "/var/run/criu_service.socket"
#define BACKLOG 16
/* sd_listen_fds(3): the first descriptor that systemd passes. */
#define LISTEN_FDS_START 3

struct service {
	const struct options *o;
	int sk, signals;
	sigset_t mask; /* as our caller had it */
	bool passed;   /* systemd's socket: not ours to remove */
	struct sockaddr_un addr;
	pid_t owner;
};

/* Only a socket that nobody listens on is in the way. */
static int remove_stale(const struct sockaddr_un *a, struct err *e)
{
	_cleanup_close_ int sk = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct stat st;

	if (lstat(a->sun_path, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_CONFLICT, EEXIST, "listen", a->sun_path,
			       "something that is no socket has this name");
	if (sk >= 0 && !connect(sk, (const struct sockaddr *)a, sizeof(*a))) {
		err_set(e, ERR_CONFLICT, EADDRINUSE, "listen", a->sun_path,
			"another service listens there");
		return err_hint(e, "end that one, or choose another --address");
	}
	if (errno == ECONNREFUSED && unlink(a->sun_path))
		return err_sys(e, "remove", "%s", a->sun_path);
	return 0;
}

static int passed_socket(struct service *s, struct err *e)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	socklen_t len = sizeof(int);
	int type;

	if (!pid || !fds || atoi(pid) != getpid() || atoi(fds) < 1)
		return 0;
	if (getsockopt(LISTEN_FDS_START, SOL_SOCKET, SO_TYPE, &type, &len) ||
	    type != SOCK_SEQPACKET) {
		err_set(e, ERR_USAGE, EINVAL, "listen", "the socket passed by systemd",
			"it is no SOCK_SEQPACKET socket");
		return err_hint(e, "its unit needs ListenSequentialPacket=");
	}
	fcntl(LISTEN_FDS_START, F_SETFD, FD_CLOEXEC);
	s->sk = LISTEN_FDS_START;
	s->passed = true;
	return 0;
}

static int listen_at(struct service *s, const char *address, struct err *e)
{
	_cleanup_close_ int sk = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int r;

	if (sk < 0)
		return err_sys(e, "make", "a socket");
	if (strlen(address) >= sizeof(s->addr.sun_path))
		return err_set(e, ERR_USAGE, ENAMETOOLONG, "listen", address,
			       "a socket's path has at most %zu bytes",
			       sizeof(s->addr.sun_path) - 1);
	s->addr.sun_family = AF_UNIX;
	strcpy(s->addr.sun_path, address);
	r = remove_stale(&s->addr, e);
	if (r)
		return r;
	if (bind(sk, (struct sockaddr *)&s->addr, sizeof(s->addr)))
		return err_sys(e, "listen", "%s", address);
	/* Everybody may ask; what is granted depends on who asks. */
	if (chmod(address, 0666) || listen(sk, BACKLOG)) {
		err_sys(e, "listen", "%s", address);
		unlink(address);
		return -e->code;
	}
	s->sk = take_fd(sk);
	return 0;
}

static void __attribute__((noreturn)) serve_child(struct service *s, int sk)
{
	struct client c;
	struct err e = { 0 };
	bool granted;

	close(s->sk);
	close(s->signals);
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
	log_forked();
	if (client_init(&c, sk, false, &e)) {
		log_warn("a client: %s %s: %s", e.op, e.object, e.why);
		log_flush();
		_exit(1);
	}
	log_info("client: pid %d of user %u", c.cred.pid, c.cred.uid);
	granted = client_serve(&c, &e);
	log_flush();
	_exit(granted ? 0 : 1);
}

static void accept_one(struct service *s)
{
	_cleanup_close_ int sk = accept4(s->sk, NULL, NULL, SOCK_CLOEXEC);
	pid_t pid;

	if (sk < 0)
		return;
	log_flush();
	fflush(NULL);
	pid = fork();
	if (!pid)
		serve_child(s, sk);
	/* It sees its connection closed; others are served again when there is room. */
	if (pid < 0)
		log_warn("fork for a client: %m");
}

/* Whether to go on. */
static bool on_signal(struct service *s)
{
	struct signalfd_siginfo si;

	while (read(s->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo != SIGCHLD) {
			log_info("ended by signal %u", si.ssi_signo);
			return false;
		}
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return true;
}

static int loop(struct service *s, struct err *e)
{
	struct pollfd p[2] = { { .fd = s->sk, .events = POLLIN },
			       { .fd = s->signals, .events = POLLIN } };

	for (;;) {
		log_flush();
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return err_sys(e, "poll", "the service's socket");
		if (p[1].revents && !on_signal(s))
			return 0;
		if (p[0].revents)
			accept_one(s);
	}
}

static int write_pid(const char *path, pid_t pid, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	char text[16];
	int r;

	if (fd < 0)
		return err_sys(e, "open", "%s", path);
	snprintf(text, sizeof(text), "%d", pid);
	r = write_all(fd, text, strlen(text));
	return r ? err_set(e, ERR_SYSTEM, -r, "write", path, "%s", strerror(-r)) : 0;
}

static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (chdir("/"))
		log_debug("chdir: %m");
	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

/* 1 in the process that the caller waits for: everything is ready, the other one serves. */
static int go_to_background(struct service *s, struct err *e)
{
	pid_t pid;
	int r;

	log_flush();
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return err_sys(e, "fork", "the service");
	if (!pid) {
		log_forked();
		leave_terminal();
		s->owner = getpid();
		return 0;
	}
	r = s->o->pidfile ? write_pid(s->o->pidfile, pid, e) : 0;
	if (r)
		kill(pid, SIGTERM);
	return r ? r : 1;
}

static int tell_ready(const struct options *o, struct err *e)
{
	if (o->status_fd < 0)
		return 0;
	if (write(o->status_fd, "", 1) != 1)
		return err_sys(e, "write", "--status-fd %d", o->status_fd);
	close(o->status_fd);
	return 0;
}

static int set_signals(struct service *s, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, &s->mask);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signals < 0 ? err_sys(e, "make", "a signalfd") : 0;
}

static void end(struct service *s)
{
	if (s->owner == getpid() && !s->passed && s->sk >= 0)
		unlink(s->addr.sun_path);
	if (s->owner == getpid() && s->o->pidfile)
		unlink(s->o->pidfile);
	cleanup_close(&s->sk);
	cleanup_close(&s->signals);
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
}

int rpc_service(const struct options *o, struct err *e)
{
	struct service s = { .o = o, .sk = -EBADF, .signals = -EBADF, .owner = getpid() };
	int r;

	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_SETMASK, NULL, &s.mask);
	r = passed_socket(&s, e);
	if (!r && s.sk < 0)
		r = listen_at(&s, o->address ? o->address : DEFAULT_ADDRESS, e);
	if (!r)
		r = set_signals(&s, e);
	if (!r && o->daemon)
		r = go_to_background(&s, e);
	else if (!r && o->pidfile)
		r = write_pid(o->pidfile, getpid(), e);
	/* What is ours to remove is now the other one's. */
	if (r == 1) {
		s.owner = 0;
		end(&s);
		return 0;
	}
	if (!r)
		r = tell_ready(o, e);
	if (!r)
		r = loop(&s, e);
	end(&s);
	return r;
}
