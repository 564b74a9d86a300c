// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libstasis: handles. Options by name go to the worker as a config file, which
 * is an anonymous one of ours: only the program's own table knows them.
 */
/* Only the header's calls can be seen from outside. */
#pragma GCC visibility push(default)
#include "lib/stasis.h"
#pragma GCC visibility pop

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/criu-internal.h"

struct stasis {
	criu_opts *o;
	FILE *config; /* grows in @text */
	char *text;
	size_t len;
	int (*hook)(void *data, const char *point, pid_t pid);
	void *data;
	pid_t worker; /* at work; read by stasis_cancel() */
	struct stasis_error error;
	char *said; /* what error.text and error.hint point into */
};

int stasis_new(struct stasis **ret)
{
	struct stasis *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->config = open_memstream(&s->text, &s->len);
	s->error.text = s->error.hint = "";
	if (!s->config || criu_local_init_opts(&s->o) || stasis_program(s, "stasis")) {
		stasis_free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

void stasis_free(struct stasis *s)
{
	if (!s)
		return;
	criu_local_free_opts(s->o);
	if (s->config)
		fclose(s->config);
	free(s->text);
	free(s->said);
	free(s);
}

int stasis_program(struct stasis *s, const char *path)
{
	return criu_local_set_service_binary(s->o, path);
}

void stasis_on_hook(struct stasis *s, int (*hook)(void *data, const char *point, pid_t pid),
		    void *data)
{
	s->hook = hook;
	s->data = data;
}

void stasis_reset(struct stasis *s)
{
	rewind(s->config);
}

int stasis_set(struct stasis *s, const char *option, const char *value)
{
	if (!option || !*option || *option == '-' ||
	    option[strspn(option, "abcdefghijklmnopqrstuvwxyz-")] || (value && strchr(value, '\n')))
		return -EINVAL;
	fputs(option, s->config);
	if (value) {
		fputs(" \"", s->config);
		for (; *value; value++) {
			if (*value == '"' || *value == '\\')
				fputc('\\', s->config);
			fputc(*value, s->config);
		}
		fputc('"', s->config);
	}
	fputc('\n', s->config);
	return ferror(s->config) ? -ENOMEM : 0;
}

const struct stasis_error *stasis_error(const struct stasis *s)
{
	return &s->error;
}

void stasis_cancel(struct stasis *s)
{
	pid_t pid = __atomic_load_n(&s->worker, __ATOMIC_ACQUIRE);

	if (pid > 0)
		kill(pid, SIGTERM);
}

/* @text is "what failed", then perhaps a line with what to do. Returns -@code. */
static int failed(struct stasis *s, int code, const char *text)
{
	char *hint;

	free(s->said);
	s->said = strdup(text ? text : "");
	s->error =
		(struct stasis_error){ .code = code, .text = s->said ? s->said : "", .hint = "" };
	hint = s->said ? strstr(s->said, "\n  ") : NULL;
	if (hint) {
		*hint = 0;
		s->error.hint = hint + 3;
	}
	return -code;
}

static int on_notify(void *ctx, CriuNotify *n, int fd)
{
	struct stasis *s = ctx;

	return s->hook ? s->hook(s->data, n->script, n->has_pid ? n->pid : 0) : 0;
}

/* The options as a file that the worker reads through our /proc/PID/fd; -1: there are none. */
static int config_file(struct stasis *s, char *path, size_t size)
{
	int fd;

	fflush(s->config);
	if (!s->len)
		return -1;
	fd = memfd_create("options", MFD_CLOEXEC);
	if (fd >= 0 && write(fd, s->text, s->len) != (ssize_t)s->len) {
		close(fd);
		fd = -1;
	}
	snprintf(path, size, "/proc/%d/fd/%d", getpid(), fd);
	return fd < 0 ? -ENOMEM : fd;
}

static int talk(struct stasis *s, const CriuReq *req, CriuResp **ret_resp)
{
	struct criu_listener l = { .notify = on_notify, .ctx = s };
	struct criu_conn c;
	int r;

	failed(s, 0, NULL);
	errno = 0;
	r = criu_conn_open(&c, s->o, true, false);
	if (r)
		return failed(s, errno ? errno : -r, "the worker cannot be started");
	__atomic_store_n(&s->worker, c.worker, __ATOMIC_RELEASE);
	r = criu_ask(&c, &l, req, ret_resp);
	__atomic_store_n(&s->worker, 0, __ATOMIC_RELEASE);
	criu_conn_close(&c);
	if (r)
		return failed(s, -r, "the worker ended without an answer");
	if ((*ret_resp)->success)
		return 0;
	r = failed(s,
		   (*ret_resp)->has_cr_errno && (*ret_resp)->cr_errno > 0 ? (*ret_resp)->cr_errno :
									    EIO,
		   (*ret_resp)->cr_errmsg);
	criu_resp__free_unpacked(*ret_resp, NULL);
	return r;
}

/* @fill has set the fields; the strings are only lent. */
static int operate(struct stasis *s, CriuReqType type, CriuOpts *o, const char *images,
		   CriuResp **ret_resp)
{
	CriuReq req = CRIU_REQ__INIT;
	char path[64];
	int fd, r;

	if (!images || !*images)
		return failed(s, EINVAL, "no directory for the images was given");
	fd = config_file(s, path, sizeof(path));
	if (fd < -1)
		return failed(s, -fd, "the options cannot be passed on");
	o->images_dir = (char *)images;
	o->config_file = fd >= 0 ? path : NULL;
	o->has_notify_scripts = o->notify_scripts = s->hook != NULL;
	req.type = type;
	req.opts = o;
	r = talk(s, &req, ret_resp);
	if (fd >= 0)
		close(fd);
	return r;
}

int stasis_dump(struct stasis *s, pid_t tree, const char *images)
{
	CriuOpts o = CRIU_OPTS__INIT;
	CriuResp *resp;
	int r;

	if (tree <= 0)
		return failed(s, EINVAL, "no process tree was given");
	o.has_pid = true;
	o.pid = tree;
	r = operate(s, CRIU_REQ_TYPE__DUMP, &o, images, &resp);
	if (!r)
		criu_resp__free_unpacked(resp, NULL);
	return r;
}

int stasis_restore(struct stasis *s, const char *images, pid_t *ret_root)
{
	CriuOpts o = CRIU_OPTS__INIT;
	CriuResp *resp;
	int r;

	o.has_rst_sibling = o.rst_sibling = true;
	r = operate(s, CRIU_REQ_TYPE__RESTORE, &o, images, &resp);
	if (r)
		return r;
	if (resp->restore)
		*ret_root = resp->restore->pid;
	else
		r = failed(s, EBADMSG, "the worker names no process");
	criu_resp__free_unpacked(resp, NULL);
	return r;
}

int stasis_check(struct stasis *s)
{
	CriuReq req = CRIU_REQ__INIT;
	CriuResp *resp;
	int r;

	req.type = CRIU_REQ_TYPE__CHECK;
	r = talk(s, &req, &resp);
	if (!r)
		criu_resp__free_unpacked(resp, NULL);
	return r;
}
