// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where the program starts: options, the log, the command, and the one place
 * that prints an error. Nothing is set up that the command does not need: a
 * runtime starts us several times for one checkpoint.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/probe.h"
#include "base/watchdog.h"
#include "cli/cli.h"
#include "steps.h"

static const struct {
	enum cmd cmd;
	int (*run)(struct invocation *in, struct err *e);
} commands[] = {
	{ CMD_DUMP, cmd_dump },
	{ CMD_RESTORE, cmd_restore },
	{ CMD_CHECK, cmd_check },
	{ CMD_RECOVER, cmd_recover },
};

int cmd_no_operands(const char *cmd, char **rest, struct err *e)
{
	if (!*rest)
		return 0;
	err_set(e, ERR_USAGE, EINVAL, "use", *rest, "%s takes options only", cmd);
	return err_hint(e, strspn(*rest, "0123456789") == strlen(*rest) ?
				   "a process tree is named with --tree PID" :
				   "--help shows how it is called");
}

/* The log goes to --log-file in the work directory, else to stderr. */
static int open_log(const struct options *o, struct err *e)
{
	static const int levels[] = { LOG_ERROR, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
	const char *dir = o->work_dir ? o->work_dir : o->images_dir;
	_cleanup_close_ int dir_fd = -EBADF;
	int fd = -1;

	if (o->log_file || o->work_dir)
		dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* Statistics go there too, when it is too late to complain. */
	if (dir_fd < 0 && o->work_dir) {
		err_sys(e, "open", "work directory %s", dir);
		err_class_set(e, ERR_USAGE);
		return err_hint(e, "create the directory first");
	}
	if (o->log_file) {
		if (dir_fd < 0 && o->log_file[0] != '/') {
			err_sys(e, "open", "image directory %s", dir);
			return err_class_set(e, ERR_USAGE);
		}
		fd = openat(dir_fd, o->log_file,
			    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
		if (fd < 0)
			return err_sys(e, "open", "log file %s", o->log_file);
	}
	log_open(fd, levels[o->verbosity], o->log_json, getenv("STASIS_DEBUG"));
	return 0;
}

void print_error(const struct invocation *in, const struct err *e)
{
	char text[sizeof(*e) + 64];

	err_format(e, text, sizeof(text));
	if (!strcmp(in->o->log_format, "json")) {
		fputs("{\"error\":{", stderr);
		json_print_err(stderr, e);
		fputs(",\"problems\":", stderr);
		json_print_err_list(stderr, &in->problems);
		fprintf(stderr, ",\"status\":%d}}\n", e->class);
	} else {
		fprintf(stderr, "stasis: %s\n", text);
		/* One that stands alone has just been said. */
		if (in->problems.n > 1 && e->class == ERR_UNSUPPORTED)
			print_blockers(stderr, &in->problems);
		else if (in->problems.n > 1)
			print_err_list(stderr, &in->problems);
	}
}

/* When the log is a file: there, too. */
static void log_error(const struct invocation *in, const struct err *e)
{
	char text[sizeof(*e) + 64];

	if (log_fd() <= STDERR_FILENO)
		return;
	for (size_t i = 0; i < in->problems.n && in->problems.n > 1; i++) {
		err_format(&in->problems.v[i], text, sizeof(text));
		log_line(LOG_ERROR, "stasis", "%s", text);
	}
	err_format(e, text, sizeof(text));
	log_line(LOG_ERROR, "stasis", "%s", text);
}

void print_hang(void *ctx, const struct err *e)
{
	print_error(ctx, e);
}

/* It often lies beside the images, and its filesystem may hang like any other. */
static int open_log_in_time(struct invocation *in, struct err *e)
{
	int r;

	if (!in->o->log_file)
		return open_log(in->o, e);
	r = watchdog_self(print_hang, in, NULL, NULL, e);
	watchdog_step("open the log", steps_patience(in->o));
	if (!r)
		r = open_log(in->o, e);
	watchdog_self_end();
	return r;
}

static int run(struct invocation *in, int argc, char **argv, struct err *e)
{
	const struct cmd_name *cmd = NULL;
	struct options *o = in->o;
	int help = 0, r;
	size_t i;

	r = options_parse(o, argc, argv, &cmd, &in->rest, &help, e);
	if (r)
		return r;
	if (help == 'V')
		printf("Version: %s\nstasis %s\n", COMPAT_VERSION, STASIS_VERSION);
	else if (help == 'h')
		help_print(stdout);
	else if (help == 'm')
		help_print_man(stdout);
	else if (help == 'k')
		help_print_man_kinds(stdout);
	if (help)
		return 0;
	r = open_log_in_time(in, e);
	if (r)
		return r;
	r = probe_disable(getenv("STASIS_DISABLE"), e);
	if (r)
		return r;
	for (i = 0; i < o->n_unused; i++)
		log_warn("%s has no meaning for %s, going on without it", o->unused[i], cmd->name);
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (commands[i].cmd == cmd->cmd) {
			progress_install(o);
			r = commands[i].run(in, e);
			progress_end(o);
			return r;
		}
	}
	return err_set(e, ERR_GENERAL, ENOTSUP, "run", cmd->name, "the command has no function");
}

static void on_file_limit(int sig)
{
}

int main(int argc, char **argv)
{
	/*
	 * Then writing beyond RLIMIT_FSIZE is an error like others. A handler and
	 * not SIG_IGN, which what we start would inherit.
	 */
	const struct sigaction file_limit = { .sa_handler = on_file_limit, .sa_flags = SA_RESTART };
	struct options o;
	struct invocation in = { .o = &o };
	struct err e;
	int fd;

	/* Descriptors that we open must not land on a closed 0, 1 or 2. */
	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	sigaction(SIGXFSZ, &file_limit, NULL);
	err_clear(&e);
	options_init(&o);
	if (run(&in, argc, argv, &e)) {
		log_error(&in, &e);
		log_flush();
		print_error(&in, &e);
		if (!in.status)
			in.status = e.class ? e.class : ERR_GENERAL;
	} else if (fflush(stdout)) {
		err_sys(&e, "write", "standard output");
		print_error(&in, &e);
		in.status = ERR_SYSTEM;
	}
	log_close();
	err_list_free(&in.problems);
	options_free(&o);
	return in.status;
}
