// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a request to an operation: directories that are descriptors of the
 * client, then all other fields, then the config file that they name.
 */
#define LOG_MODULE "rpc"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "rpc/fields-internal.h"

/* Descriptor @fd of the client, a directory, as one of ours; and the path of ours as an option. */
static int open_client_dir(const struct client *c, const char *field, int fd, int *ret_fd,
			   char **ret_path, struct err *e)
{
	_cleanup_close_ int mine = -EBADF;
	char path[64], where[64];

	snprintf(where, sizeof(where), "criu_opts.%s", field);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", c->cred.pid, fd);
	mine = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mine < 0) {
		int code = errno;

		err_set(e, ERR_USAGE, code == ENOENT ? EBADF : code, "use", where,
			"descriptor %d of the client (pid %d): %s", fd, c->cred.pid,
			code == ENOENT ? "it is not open" : strerror(code));
		return err_hint(e, "open the directory and keep it open until the answer comes");
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", mine);
	free(*ret_path);
	*ret_path = strdup(path);
	*ret_fd = take_fd(mine);
	return *ret_path ? 0 : err_set(e, ERR_SYSTEM, ENOMEM, "use", where, "out of memory");
}

static int set_directories(struct setter *s)
{
	const CriuOpts *o = s->opts;
	struct job *j = s->j;
	bool named = o->images_dir && *o->images_dir;
	int r = 0;

	if (!named && o->images_dir_fd < 0) {
		err_set(s->e, ERR_USAGE, EINVAL, "use", "criu_opts.images_dir_fd",
			"the request names no directory for the images");
		return err_hint(s->e, "set images_dir_fd to a descriptor of the directory");
	}
	if (o->images_dir_fd >= 0)
		r = open_client_dir(s->client, "images_dir_fd", o->images_dir_fd, &j->images_fd,
				    &j->o.images_dir, s->e);
	else
		r = option_set(&j->o, option_find("images-dir", &(bool){ false }), false,
			       o->images_dir, "criu_opts.images_dir", s->e);
	if (!r && o->has_work_dir_fd && o->work_dir_fd >= 0)
		r = open_client_dir(s->client, "work_dir_fd", o->work_dir_fd, &j->work_fd,
				    &j->o.work_dir, s->e);
	return r;
}

/* Before the others: an error about one of those stands in the log. */
static int set_log(struct setter *s)
{
	static const char *const names[] = { "log_level", "log_file", "log_to_stderr" };
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(names); i++)
		r = field_apply(s, names[i]);
	if (s->log_to_stderr) {
		free(s->j->o.log_file);
		s->j->o.log_file = NULL;
	}
	s->j->has_log = !r;
	return r;
}

/* The words point into the request. */
static int set_exec(struct job *j, const CriuOpts *o, struct err *e)
{
	if (!o->n_exec_cmd)
		return 0;
	j->exec_cmd = calloc(o->n_exec_cmd + 1, sizeof(*j->exec_cmd));
	if (!j->exec_cmd)
		return err_set(e, ERR_SYSTEM, ENOMEM, "use", "criu_opts.exec_cmd", "out of memory");
	memcpy(j->exec_cmd, o->exec_cmd, o->n_exec_cmd * sizeof(*j->exec_cmd));
	return 0;
}

static void set_tree(struct setter *s)
{
	struct job *j = s->j;

	if (s->cmd != CMD_DUMP)
		return;
	j->self = !s->opts->has_pid || s->opts->pid == 0;
	j->o.tree = j->self ? s->client->cred.pid : s->opts->pid;
}

/* Runtimes always name theirs, whether it exists or not. */
static int read_config(struct setter *s)
{
	const char *path = s->opts->config_file;
	int r;

	if (!path || !*path)
		return 0;
	r = options_read_file(&s->j->o, s->cmd, path, s->e);
	if (r != -ENOENT && r != -ENOTDIR)
		return r ? err_in(s->e, "named by criu_opts.config_file") : 0;
	log_debug("config file %s does not exist", path);
	err_clear(s->e);
	return 0;
}

int job_init(struct job *j, const struct client *c, const CriuOpts *opts, enum cmd cmd,
	     struct err *e)
{
	struct setter s = { .j = j, .client = c, .opts = opts, .cmd = cmd, .e = e };
	int r;

	*j = (struct job){ .images_fd = -EBADF, .work_fd = -EBADF };
	options_init(&j->o);
	if (!opts)
		return err_set(e, ERR_USAGE, EINVAL, "serve", "the request", "it has no opts");
	r = options_read_configs(&j->o, cmd, e);
	if (!r)
		r = set_directories(&s);
	if (!r)
		r = set_log(&s);
	if (!r)
		r = fields_set(&s);
	if (r)
		return r;
	set_tree(&s);
	r = set_exec(j, opts, e);
	if (!r)
		r = read_config(&s);
	if (r)
		return r;
	/* Nobody waits for the root task inside of a request. */
	j->o.restore_detached = cmd == CMD_RESTORE;
	if (cmd == CMD_DUMP && j->o.tree < 0)
		return err_set(e, ERR_USAGE, EINVAL, "use", "criu_opts.pid", "%d is no process id",
			       j->o.tree);
	if (j->self && self_prepare(c, j, opts, e))
		return -e->code;
	return options_check(&j->o, cmd, e);
}

void job_free(struct job *j)
{
	cleanup_close(&j->images_fd);
	cleanup_close(&j->work_fd);
	free(j->exec_cmd);
	options_free(&j->o);
}
