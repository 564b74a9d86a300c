// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Calls on unix sockets that the kernel remembers the caller of, made by the
 * stub with the right number while it has the right effective ids and groups.
 * A number that is nobody's in the tree's pid namespace is a helper's of ours.
 *
 * Runs in: the coordinator; the programs in stubs, act() in a helper.
 */
#define LOG_MODULE "fd"
#include <stdio.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "base/nshelper.h"
#include "fd/unix.h"
#include "model/ids.h"
#include "parasite/stub.h"

#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0) /* linux/un.h: O_PATH descriptor of the bound file */
#endif

/* One job: as many calls as there are descriptors, or pairs. */
struct job {
	struct fd_restore *r;
	const struct unix_cred *c;
	uint64_t nr; /* SYS_socketpair, SYS_listen, SYS_connect */
	const int *types;
	const int *fds;
	size_t n;
	int backlog;
	struct sockaddr_un to;
	socklen_t to_len;
	int path; /* O_PATH, of the file that @to is bound to; -EBADF: it is an abstract name */
	int (*pairs)[2];
	const char *what;
};

static struct stub *stub_of(const struct stub_set *s, pid_t pid)
{
	for (size_t i = 0; i < s->n; i++)
		if (pid && s->v[i]->pid == pid)
			return s->v[i];
	return NULL;
}

/* Ids as the stub has to name them; -1, which changes nothing, for one without a number. */
struct ids {
	uint32_t uid, gid;
	bool groups;
};

static struct ids ids_of(const struct job *j)
{
	const struct unix_cred *maker = unix_cred_or_maker(j->r, NULL);
	const struct model *m = j->r->m;
	struct unix_cred c = *maker;
	struct ids ids = { j->c->uid, j->c->gid, false };
	uint32_t id;

	if (!model_uid_out(m, ids.uid, &id) || !model_gid_out(m, ids.gid, &id)) {
		log_warn("SO_PEERCRED of a unix socket: ids %u and %u have no number here, "
			 "going on with those of the restore",
			 ids.uid, ids.gid);
		ids.uid = ids.gid = UINT32_MAX;
	}
	c.pid = j->c->pid;
	c.uid = j->c->uid;
	c.gid = j->c->gid;
	ids.groups = unix_cred_cmp(&c, j->c) && !j->c->groups_kept;
	if (ids.groups && m->groups_fixed) {
		log_warn("SO_PEERGROUPS of a unix socket: setgroups(2) is forbidden in the tree, "
			 "going on with the groups that all have");
		ids.groups = false;
	}
	return ids;
}

/* The real and saved ids stay: they are the way back. Files are looked at as before. */
static void become(struct prog *p, const struct job *j, const struct ids *ids)
{
	const struct unix_cred *maker = unix_cred_or_maker(j->r, NULL);

	if (ids->groups)
		prog_call(p, "set the creator's groups", SYS_setgroups, j->c->n_groups,
			  (uint64_t)prog_dup(p, j->c->groups,
					     j->c->n_groups * sizeof(*j->c->groups)));
	if (ids->gid != maker->gid)
		prog_call(p, "set the creator's group", SYS_setresgid, -1, ids->gid, -1);
	if (ids->uid == maker->uid)
		return;
	prog_call(p, "set the creator's user", SYS_setresuid, -1, ids->uid, -1);
	if (maker->uid != UINT32_MAX)
		prog_call(p, "keep the user of files", SYS_setfsuid, maker->uid);
}

static void come_back(struct prog *p, const struct job *j, const struct ids *ids, size_t dumpable)
{
	const struct unix_cred *maker = unix_cred_or_maker(j->r, NULL);

	if (ids->uid != maker->uid)
		prog_call(p, "set the user back", SYS_setresuid, -1, maker->uid, -1);
	if (ids->gid != maker->gid)
		prog_call(p, "set the group back", SYS_setresgid, -1, maker->gid, -1);
	if (ids->groups && !maker->groups_kept)
		prog_call(p, "set the groups back", SYS_setgroups, maker->n_groups,
			  (uint64_t)prog_dup(p, maker->groups,
					     maker->n_groups * sizeof(*maker->groups)));
	/* Both went with the change of ids. */
	prog_call(p, "end with the parent", SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
	prog_call(p, "be as open to debuggers as before", SYS_prctl, PR_SET_DUMPABLE, 0);
	prog_ref(p, dumpable, 1);
}

/*
 * A file is reached through /proc, where even one without a name is; by our own
 * one, as the tree may have none.
 */
static void connect_calls(struct prog *p, const struct job *j, const int *numbers)
{
	struct sockaddr_un to = j->to;

	if (j->path >= 0) {
		snprintf(to.sun_path, sizeof(to.sun_path), "self/fd/%d", numbers[j->n]);
		prog_call(p, "enter /proc", SYS_fchdir, (uint64_t)numbers[j->n + 1]);
	}
	for (size_t i = 0; i < j->n; i++)
		prog_call(p, j->what, SYS_connect, (uint64_t)numbers[i],
			  (uint64_t)prog_dup(p, &to, sizeof(to)), j->to_len);
	if (j->path >= 0)
		prog_call(p, "back to the root directory", SYS_chdir,
			  (uint64_t)prog_strdup(p, "/"));
}

static int pairs_take(struct stub *st, const struct job *j, int (*made)[2], struct err *e)
{
	return stub_take(j->r->unixes->stubs, st, made[0], 2 * j->n, j->pairs[0], e);
}

static int run_in_stub(const struct job *j, struct stub *st, const int *give, size_t n_give,
		       struct err *e)
{
	struct stub_set *s = j->r->unixes->stubs;
	int numbers[UNIX_AS_MAX + 2], (*made)[2] = NULL, r = 0;
	struct ids ids = ids_of(j);
	struct prog p;
	size_t dumpable;

	if (n_give)
		r = stub_give(s, st, give, n_give, numbers, e);
	if (r)
		return r;
	prog_init(&p, &s->arena);
	dumpable = prog_call(&p, "how open to debuggers it is", SYS_prctl, PR_GET_DUMPABLE);
	become(&p, j, &ids);
	if (j->nr == SYS_socketpair)
		made = prog_alloc(&p, j->n * sizeof(*made));
	for (size_t i = 0; made && i < j->n; i++)
		prog_call(&p, "make a pair of unix sockets", SYS_socketpair, AF_UNIX,
			  (uint64_t)j->types[i] | SOCK_CLOEXEC, 0, (uint64_t)made[i]);
	if (j->nr == SYS_listen)
		prog_call(&p, j->what, SYS_listen, (uint64_t)numbers[0], (uint64_t)j->backlog);
	if (j->nr == SYS_connect)
		connect_calls(&p, j, numbers);
	come_back(&p, j, &ids, dumpable);
	for (size_t i = 0; i < n_give; i++)
		prog_call(&p, "close what was given", SYS_close, (uint64_t)numbers[i]);
	r = stub_run(s, st, &p, e);
	if (!r && made)
		r = pairs_take(st, j, made, e);
	prog_free(&p);
	return r;
}

static int become_here(const struct job *j, struct err *e)
{
	const struct model *m = j->r->m;
	uint32_t uid = j->c->uid, gid = j->c->gid, *groups, n = 0;

	groups = pool_alloc(m->pool, (j->c->n_groups + 1) * sizeof(*groups));
	for (size_t i = 0; i < j->c->n_groups; i++)
		n += model_gid_out(m, j->c->groups[i], &groups[n]);
	model_uid_out(m, uid, &uid);
	model_gid_out(m, gid, &gid);
	if (syscall(SYS_setgroups, (size_t)n, groups) || syscall(SYS_setresgid, -1, gid, -1) ||
	    syscall(SYS_setresuid, -1, uid, -1))
		return err_sys(e, "become", "user %u, group %u", uid, gid);
	syscall(SYS_setfsuid, getuid());
	return 0;
}

/* Runs in: a helper that shares our memory and descriptors. */
static int act(void *arg, void *ret, struct err *e)
{
	const struct job *j = arg;
	int r = become_here(j, e);
	long x = 0;

	for (size_t i = 0; i < j->n && !r && !x; i++) {
		if (j->nr == SYS_socketpair)
			x = socketpair(AF_UNIX, j->types[i] | SOCK_CLOEXEC, 0, j->pairs[i]);
		else if (j->nr == SYS_listen)
			x = listen(j->fds[i], j->backlog);
		else
			x = connect(j->fds[i], (const struct sockaddr *)&j->to, j->to_len);
	}
	return x ? err_sys(e, "make", "%s", j->what) : r;
}

static int run_in_helper(struct job *j, struct err *e)
{
	struct model *m = j->r->m;
	int dumpable = prctl(PR_GET_DUMPABLE), r;
	bool net = j->nr == SYS_socketpair && model_has_own_ns(m, NS_NET);

	if (!model_has_own_ns(m, NS_PID))
		log_warn("SO_PEERCRED of a unix socket: process %d is none of the tree, and its "
			 "number is taken or unknown; going on with another number",
			 j->c->pid);
	if (j->path >= 0)
		snprintf(j->to.sun_path, sizeof(j->to.sun_path), "/proc/self/fd/%d", j->path);
	r = ns_helper_call(m->root->stub->host, net ? CLONE_NEWNET : 0, act, j, NULL, e);
	/* Its change of ids closed our common memory to debuggers. */
	if (dumpable == 1)
		prctl(PR_SET_DUMPABLE, 1);
	return r;
}

static int run(struct job *j, const int *give, size_t n_give, struct err *e)
{
	struct stub *st = stub_of(j->r->unixes->stubs, j->c->pid);

	return st ? run_in_stub(j, st, give, n_give, e) : run_in_helper(j, e);
}

int unix_as_pairs(struct fd_restore *r, const struct unix_cred *c, const int *types, size_t n,
		  int (*ret_fds)[2], struct err *e)
{
	struct job j = { .r = r,
			 .c = c,
			 .nr = SYS_socketpair,
			 .types = types,
			 .n = n,
			 .path = -EBADF,
			 .pairs = ret_fds,
			 .what = "a pair of unix sockets" };

	return run(&j, NULL, 0, e);
}

int unix_as_listen(struct fd_restore *r, const struct unix_cred *c, int fd, int backlog,
		   struct err *e)
{
	struct job j = { .r = r,
			 .c = c,
			 .nr = SYS_listen,
			 .fds = &fd,
			 .n = 1,
			 .path = -EBADF,
			 .backlog = backlog,
			 .what = "a unix socket that listens" };

	return run(&j, &fd, 1, e);
}

/*
 * Where nobody is root inside, the file belongs to whoever the maker was, and who
 * connects is somebody else for good: the file is open to all meanwhile.
 */
static int run_on_file(struct job *j, const int *give, size_t n_give, struct err *e)
{
	char self[40];
	struct stat st;
	int r;

	if (j->path < 0 || unix_cred_or_maker(j->r, NULL)->uid != UINT32_MAX)
		return run(j, give, n_give, e);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", j->path);
	if (fstat(j->path, &st) || chmod(self, 0777))
		return err_sys(e, "chmod", "the file of a unix socket");
	r = run(j, give, n_give, e);
	if (chmod(self, st.st_mode & 07777) && !r)
		return err_sys(e, "chmod", "the file of a unix socket");
	return r;
}

int unix_as_connect(struct fd_restore *r, const struct unix_cred *c, const int *fds, size_t n,
		    const struct file_obj *to, int to_fd, struct err *e)
{
	const ProtobufCBinaryData *name = &to->entry->usk->name;
	_cleanup_close_ int path = -EBADF, proc = -EBADF;
	int give[UNIX_AS_MAX + 2];
	struct job j = { .r = r,
			 .c = c,
			 .nr = SYS_connect,
			 .fds = fds,
			 .n = n,
			 .to.sun_family = AF_UNIX,
			 .what = "a unix socket's client" };

	if (unix_is_path(name)) {
		path = ioctl(to_fd, SIOCUNIXFILE);
		proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (path < 0 || proc < 0)
			return err_sys(e, "open", "the file of a unix socket");
		j.to_len = sizeof(j.to);
	} else {
		memcpy(j.to.sun_path, name->data, name->len);
		j.to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name->len);
	}
	memcpy(give, fds, n * sizeof(*fds));
	give[n] = j.path = path;
	give[n + 1] = proc;
	return run_on_file(&j, give, path >= 0 ? n + 2 : n, e);
}
