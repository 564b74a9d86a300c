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
#include "cli/cli.h"
#include "runlog.h"
#include "version.h"

static const struct {
	enum cmd cmd;
	int (*run)(struct invocation *in, struct err *e);
} commands[] = {
	{ CMD_DUMP, cmd_dump },	      { CMD_RESTORE, cmd_restore }, { CMD_CHECK, cmd_check },
	{ CMD_RECOVER, cmd_recover }, { CMD_SWRK, cmd_swrk },	    { CMD_SERVICE, cmd_service },
	{ CMD_UNLOCK, cmd_unlock },
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

void print_hang(void *ctx, const struct err *e)
{
	print_error(ctx, e);
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
		printf("Version: %d.%d\nstasis %s\n", COMPAT_MAJOR, COMPAT_MINOR, STASIS_VERSION);
	else if (help == 'h')
		help_print(stdout);
	else if (help == 'm')
		help_print_man(stdout);
	else if (help == 'k')
		help_print_man_kinds(stdout);
	if (help)
		return 0;
	/* Every request has a log of its own. */
	r = cmd->cmd == CMD_SWRK ? 0 : runlog_open(o, print_hang, in, e);
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
	/* While nobody shares it, a table of descriptors grows without waiting for RCU (fs/file.c). */
	fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 1023);
	if (fd >= 0)
		close(fd);
	sigaction(SIGXFSZ, &file_limit, NULL);
	err_clear(&e);
	options_init(&o);
	if (run(&in, argc, argv, &e)) {
		runlog_error(&in.problems, &e);
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
