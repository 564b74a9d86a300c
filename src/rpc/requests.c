// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What can be asked for: one function per type, one line each in the table.
 * A failure is an answer with the error object's errno and its whole text.
 */
#define LOG_MODULE "rpc"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/probe.h"
#include "checkpoint.h"
#include "feature_names.h"
#include "restore.h"
#include "rpc/rpc-internal.h"
#include "runlog.h"
#include "version.h"

void answer_init(struct answer *a, CriuReqType type)
{
	memset(a, 0, sizeof(*a));
	criu_resp__init(&a->resp);
	criu_dump_resp__init(&a->dump);
	criu_restore_resp__init(&a->restore);
	criu_version__init(&a->version);
	criu_features__init(&a->features);
	a->resp.type = type;
}

void answer_error(struct answer *a, const struct err *e)
{
	err_format(e, a->errmsg, sizeof(a->errmsg));
	a->resp.success = false;
	a->resp.cr_errmsg = a->errmsg;
	a->resp.has_cr_errno = true;
	/* Clients know bad options by this number; other errors have their own. */
	a->resp.cr_errno = e->class == ERR_USAGE && e->code == EINVAL ? EBADRQC : e->code;
}

/* Several things stand in the way: all that there is room for, one below the other. */
static void add_problems(struct answer *a, const struct err_list *l)
{
	char text[sizeof(struct err) + 64];

	for (size_t i = 0; i < l->n && l->n > 1; i++) {
		size_t used = strlen(a->errmsg);

		err_format(&l->v[i], text, sizeof(text));
		if (used + strlen(text) + 2 > sizeof(a->errmsg))
			return;
		snprintf(a->errmsg + used, sizeof(a->errmsg) - used, "\n%s", text);
	}
}

/* A filesystem holds us up for ever: our process ends after this. */
struct held_up {
	struct client *c;
	CriuReqType type;
};

static void tell_held_up(void *ctx, const struct err *e)
{
	const struct held_up *h = ctx;
	struct answer a;
	struct err late = { 0 };

	answer_init(&a, h->type);
	answer_error(&a, e);
	if (wire_send(h->c->sk, &a.resp, -1, &late))
		log_debug("answer: %s", late.why);
}

/* Who may have processes of others checkpointed, or made with whatever credentials images name. */
static int privileged(const struct client *c, const char *what, struct err *e)
{
	char object[48];

	if (c->swrk || c->cred.uid == 0 || c->cred.uid == geteuid())
		return 0;
	snprintf(object, sizeof(object), "a request of user %u", c->cred.uid);
	err_set(e, ERR_TARGET, EPERM, what, object,
		"the service works for root and for the user that it runs as");
	return err_hint(e, "start \"swrk\" with the privileges that the client has itself");
}

typedef int job_fn(struct client *c, struct job *j, struct err_list *problems, struct answer *a,
		   struct err *e);

/* Options, log, the work, its error in the log and in the answer. */
static int run_job(struct client *c, const CriuReq *req, struct answer *a, enum cmd cmd,
		   job_fn *work, struct err *e)
{
	_cleanup_(err_list_free) struct err_list problems = { 0 };
	struct held_up h = { .c = c, .type = req->type };
	struct job j;
	struct err unlogged = { 0 };
	int r = job_init(&j, c, req->opts, cmd, e);

	/* Who cannot see the answer finds wrong options in the log. */
	if (r && j.has_log && !runlog_open(&j.o, tell_held_up, &h, &unlogged))
		runlog_error(&problems, e);
	if (!r)
		r = runlog_open(&j.o, tell_held_up, &h, e);
	if (!r) {
		j.o.give_up = tell_held_up;
		j.o.give_up_ctx = &h;
		j.o.notify = req->opts->has_notify_scripts && req->opts->notify_scripts ?
				     notify_client :
				     notify_nobody;
		j.o.notify_ctx = c;
		r = work(c, &j, &problems, a, e);
		if (r)
			runlog_error(&problems, e);
	}
	if (r) {
		answer_error(a, e);
		add_problems(a, &problems);
	}
	log_close();
	job_free(&j);
	return r;
}

static int dump(struct client *c, struct job *j, struct err_list *problems, struct answer *a,
		struct err *e)
{
	int status = 0;

	a->resp.dump = &a->dump;
	a->dump.has_restored = true;
	return checkpoint_run(&j->o, problems, &status, e);
}

static int restore(struct client *c, struct job *j, struct err_list *problems, struct answer *a,
		   struct err *e)
{
	pid_t root = 0;
	int status = 0, r;

	j->o.restore_detached = true;
	r = restore_run(&j->o, problems, &root, &status, e);
	if (root) {
		a->restore.pid = root;
		a->resp.restore = &a->restore;
	}
	a->exec = r ? NULL : take_ptr(j->exec_cmd);
	return r;
}

static int req_dump(struct client *c, const CriuReq *req, struct answer *a, struct err *e)
{
	int r = privileged(c, "grant", e);

	return r ? r : run_job(c, req, a, CMD_DUMP, dump, e);
}

static int req_restore(struct client *c, const CriuReq *req, struct answer *a, struct err *e)
{
	int r = privileged(c, "grant", e);

	return r ? r : run_job(c, req, a, CMD_RESTORE, restore, e);
}

/* As `stasis check` without arguments: what every checkpoint needs. */
static int req_check(struct client *c, const CriuReq *req, struct answer *a, struct err *e)
{
	for (size_t i = 0; i < probe_count(); i++) {
		const struct probe *p = probe_get(i);
		int r = p->required ? probe_run(p) : 0;

		if (r) {
			err_set(e, ERR_SYSTEM, -r, "go without", p->name, "%s needs it",
				p->needed_by);
			return err_hint(e, "%s", p->hint);
		}
	}
	return 0;
}

static int req_version(struct client *c, const CriuReq *req, struct answer *a, struct err *e)
{
	a->version.major_number = COMPAT_MAJOR;
	a->version.minor_number = COMPAT_MINOR;
	a->resp.version = &a->version;
	return 0;
}

static int req_features(struct client *c, const CriuReq *req, struct answer *a, struct err *e)
{
	const CriuFeatures *want = req->features;
	CriuFeatures *have = &a->features;
	bool ok;

	if (!want) {
		err_set(e, ERR_USAGE, EINVAL, "check", "features", "the request names none");
		return err_hint(e, "set those that are of interest in the field \"features\"");
	}
	have->has_mem_track = want->has_mem_track;
	have->mem_track = !feature_check("mem_dirty_track", &ok) && ok;
	have->has_lazy_pages = want->has_lazy_pages;
	have->lazy_pages = !feature_check("uffd-noncoop", &ok) && ok;
	have->has_pidfd_store = want->has_pidfd_store;
	have->pidfd_store = !feature_check("pidfd_store", &ok) && ok;
	a->resp.features = have;
	return 0;
}

/* Wait for a task restored over this connection; it is our child unless it is a sibling. */
static int req_wait_pid(struct client *c, const CriuReq *req, struct answer *a, struct err *e)
{
	_cleanup_close_ int pidfd = -EBADF;
	struct pollfd p[2] = { { .events = POLLIN }, { .fd = c->sk } };
	int status;

	if (!req->has_pid || !req->pid)
		return err_set(e, ERR_USAGE, EINVAL, "wait for", "a process",
			       "the request names none");
	pidfd = (int)syscall(SYS_pidfd_open, req->pid, 0);
	if (pidfd < 0)
		return err_sys(e, "wait for", "process %u", req->pid);
	if (waitid(P_PIDFD, (id_t)pidfd, &(siginfo_t){ 0 }, WEXITED | WNOHANG | WNOWAIT)) {
		err_sys(e, "wait for", "process %u", req->pid);
		return err_hint(e, "only what was restored over this connection, and not as a "
				   "sibling, can be waited for");
	}
	p[0].fd = pidfd;
	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	if (!p[0].revents)
		return err_set(e, ERR_CANCELLED, ECONNRESET, "wait for", "a process",
			       "the client went away");
	while (waitpid((pid_t)req->pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return err_sys(e, "wait for", "process %u", req->pid);
	a->resp.has_status = true;
	a->resp.status = status;
	return 0;
}

/* Known, with nothing behind it: said so, by the option table's words. */
static int refuse(struct err *e, const char *what, const char *why)
{
	return err_set(e, ERR_UNSUPPORTED, ENOTSUP, "serve", what, "it is not built: %s", why);
}

static int req_unbuilt(struct client *c, const CriuReq *req, struct answer *a, struct err *e)
{
	static const struct {
		CriuReqType type;
		const char *name, *cmd;
	} unbuilt[] = {
		{ CRIU_REQ_TYPE__PRE_DUMP, "PRE_DUMP", "pre-dump" },
		{ CRIU_REQ_TYPE__SINGLE_PRE_DUMP, "SINGLE_PRE_DUMP", "pre-dump" },
		{ CRIU_REQ_TYPE__PAGE_SERVER, "PAGE_SERVER", "page-server" },
		{ CRIU_REQ_TYPE__PAGE_SERVER_CHLD, "PAGE_SERVER_CHLD", "page-server" },
		{ CRIU_REQ_TYPE__CPUINFO_DUMP, "CPUINFO_DUMP", "cpuinfo" },
		{ CRIU_REQ_TYPE__CPUINFO_CHECK, "CPUINFO_CHECK", "cpuinfo" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(unbuilt); i++)
		for (const struct cmd_name *n = cmd_table; n->name; n++)
			if (unbuilt[i].type == req->type && !strcmp(n->name, unbuilt[i].cmd))
				return refuse(e, unbuilt[i].name, n->missing);
	return refuse(e, "the request", "its type has no function");
}

static const struct request {
	CriuReqType type;
	int (*run)(struct client *c, const CriuReq *req, struct answer *a, struct err *e);
} requests[] = {
	{ CRIU_REQ_TYPE__DUMP, req_dump },
	{ CRIU_REQ_TYPE__RESTORE, req_restore },
	{ CRIU_REQ_TYPE__CHECK, req_check },
	{ CRIU_REQ_TYPE__FEATURE_CHECK, req_features },
	{ CRIU_REQ_TYPE__VERSION, req_version },
	{ CRIU_REQ_TYPE__WAIT_PID, req_wait_pid },
	{ CRIU_REQ_TYPE__PRE_DUMP, req_unbuilt },
	{ CRIU_REQ_TYPE__SINGLE_PRE_DUMP, req_unbuilt },
	{ CRIU_REQ_TYPE__PAGE_SERVER, req_unbuilt },
	{ CRIU_REQ_TYPE__PAGE_SERVER_CHLD, req_unbuilt },
	{ CRIU_REQ_TYPE__CPUINFO_DUMP, req_unbuilt },
	{ CRIU_REQ_TYPE__CPUINFO_CHECK, req_unbuilt },
};

void request_run(struct client *c, const CriuReq *req, struct answer *a)
{
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		if (requests[i].type != req->type)
			continue;
		if (!requests[i].run(c, req, a, &e))
			a->resp.success = true;
		else if (!a->resp.cr_errmsg)
			answer_error(a, &e);
		return;
	}
	/* Also NOTIFY, when nothing was asked. */
	a->resp.type = CRIU_REQ_TYPE__EMPTY;
	err_set(&e, ERR_USAGE, EINVAL, "serve", "the request", "type %d means nothing here",
		(int)req->type);
	answer_error(a, &e);
}
