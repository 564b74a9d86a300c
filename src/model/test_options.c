// SPDX-License-Identifier: GPL-2.0-or-later
/* Options: strict values, named refusals, near names, config files, who has the last word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "model/options.h"

static struct options o;
static struct err e;
static const struct cmd_name *cmd;
static char **rest;

/* Parse a command line given as words; our own config files must not matter. */
static int parse(const char *words)
{
	static char buf[512], *argv[64];
	int argc = 0, help = 0;
	char *w, *save;

	options_free(&o);
	options_init(&o);
	err_clear(&e);
	cmd = NULL;
	snprintf(buf, sizeof(buf), "stasis %s", words);
	for (w = strtok_r(buf, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	return options_parse(&o, argc, argv, &cmd, &rest, &help, &e);
}

#define refused(words, in_object, in_why)                                                          \
	do {                                                                                       \
		assert_true(parse(words) < 0);                                                     \
		assert_int_equal(e.class, ERR_USAGE);                                              \
		if (!strstr(e.object, in_object) || !strstr(e.why, in_why))                        \
			fail_msg("%s: object \"%s\", why \"%s\"", words, e.object, e.why);         \
	} while (0)

static void test_values(void **state)
{
	assert_int_equal(parse("dump -t 42 -D /img --ghost-limit 2M --timeout=7 -vv -R"), 0);
	assert_int_equal(cmd->cmd, CMD_DUMP);
	assert_int_equal(o.tree, 42);
	assert_string_equal(o.images_dir, "/img");
	assert_int_equal(o.ghost_limit, 2 << 20);
	assert_int_equal(o.timeout, 7);
	assert_int_equal(o.verbosity, 4);
	assert_true(o.leave_running);
	assert_int_equal(parse("-t 42 dump --leave-running --no-leave-running -v1"), 0);
	assert_false(o.leave_running);
	assert_int_equal(o.verbosity, 1);
	assert_int_equal(parse("restore --action-script /bin/sh --action-script /bin/true"), 0);
	assert_int_equal(o.n_action_scripts, 2);
	assert_string_equal(o.action_scripts[1], "/bin/true");
}

static void test_bad_values(void **state)
{
	static const char *const pids[] = {
		"0", "-1", "+1", "12x", "0x10", " 1", "99999999999", ""
	};
	char line[64];
	size_t i;

	for (i = 0; i < 7; i++) {
		snprintf(line, sizeof(line), "dump --tree=%s", pids[i]);
		refused(line, "--tree", "");
	}
	refused("dump --tree= ", "--tree", "needs a value");
	refused("dump -t", "--tree", "needs a value");
	refused("dump -t 1 --ghost-limit 3X", "--ghost-limit", "\"3X\"");
	refused("dump -t 1 --ghost-limit 99999999999999999999G", "--ghost-limit", "");
	refused("dump -t 1 --leave-running=yes", "--leave-running", "takes no value");
	refused("dump -t 1 --log-format=xml", "--log-format", "\"xml\"");
	assert_non_null(strstr(e.hint, "human|json"));
	refused("dump -t 1 -v9", "--verbosity", "0 to 4");
	refused("dump -t 1 --timeout 0", "dump", "--timeout 0");
	refused("dump", "dump", "--tree PID");
	refused("dump -t 1 -R -s", "dump", "contradict");
	refused("restore --restore-sibling", "restore", "--restore-detached");
	refused("restore --exec-cmd", "restore", "needs a command");
}

static void test_near_names(void **state)
{
	refused("dmup -t 1", "dmup", "no such command");
	assert_string_equal(e.hint, "did you mean dump?");
	refused("dump --leave-runing", "--leave-runing", "no such option");
	assert_string_equal(e.hint, "did you mean --leave-running?");
	refused("dump --zzzzzzzzzzzz=3", "--zzzzzzzzzzzz", "no such option");
	assert_string_equal(e.hint, "--help lists them all");
	refused("dump -Q", "-Q", "no such option");
	refused("", "stasis", "no command");
}

/* Every option that is not built is refused by name, and its absence can be asked for. */
static void test_not_built(void **state)
{
	const struct option_def *d;
	char line[128];

	for (d = option_table; d->name; d++) {
		if (!d->missing)
			continue;
		snprintf(line, sizeof(line), "dump -t 1 --%s%s", d->name,
			 !d->arg		? "" :
			 option_arg_optional(d) ? "=x" :
						  " x");
		refused(line, d->name, "not built yet: ");
		if (d->arg)
			continue;
		snprintf(line, sizeof(line), "dump -t 1 --no-%s", d->name);
		assert_int_equal(parse(line), 0);
	}
	refused("page-server", "page-server", "not built yet");
}

static void test_exec(void **state)
{
	assert_int_equal(parse("restore --exec-cmd -- sh -c true"), 0);
	assert_string_equal(o.exec_cmd[0], "sh");
	assert_string_equal(o.exec_cmd[1], "-c");
	assert_null(o.exec_cmd[3]);
	assert_null(*rest);
	assert_int_equal(parse("recover /some/dir"), 0);
	assert_string_equal(rest[0], "/some/dir");
}

static void test_unused(void **state)
{
	assert_int_equal(parse("restore --leave-running"), 0);
	assert_int_equal(o.n_unused, 1);
	assert_string_equal(o.unused[0], "--leave-running");
}

static char config[64];

static void write_config(const char *text)
{
	FILE *f = fopen(config, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_config(void **state)
{
	char line[160];

	snprintf(config, sizeof(config), "/tmp/stasis-test-%d.conf", getpid());
	write_config("# comment\n\n tree 7\nimages-dir \"/a \\\"b\" # rest\nghost-limit=64K\n"
		     "leave-running\nskip-file-rwx-check\nwork-dir /x#y\nverbosity 3\n");
	snprintf(line, sizeof(line), "dump --config %s --no-leave-running -t 9", config);
	assert_int_equal(parse(line), 0);
	assert_int_equal(o.tree, 9);
	assert_string_equal(o.images_dir, "/a \"b");
	assert_int_equal(o.ghost_limit, 64 << 10);
	assert_false(o.leave_running);
	assert_string_equal(o.work_dir, "/x#y");
	assert_int_equal(o.verbosity, 3);
	write_config("images-dir \"/a\ntree 1\n");
	refused(line, ":1", "quote");
	write_config("\ntre 7\n");
	refused(line, ":2: tre", "no such option");
	write_config("lazy-pages\n");
	refused(line, ":1: lazy-pages", "not built yet");
	write_config("tree seven\n");
	refused(line, ":1: tree", "\"seven\"");
	/* One file may serve all commands. */
	write_config("lazy-pages\nghost-limit 1M\n");
	snprintf(line, sizeof(line), "recover --config %s", config);
	assert_int_equal(parse(line), 0);
	write_config("ghost-limit 1Z\n");
	refused(line, ":1: ghost-limit", "\"1Z\"");
	unlink(config);
	refused(line, config, "No such file");
	setenv("CRIU_CONFIG_FILE", config, 1);
	refused("dump -t 1", config, "No such file");
	unsetenv("CRIU_CONFIG_FILE");
}

/* The table is written by hand: names are unique, letters too, every built option is fillable. */
static void test_table(void **state)
{
	const struct option_def *d, *f;

	for (d = option_table; d->name; d++) {
		assert_true(d->help && d->cmds);
		assert_true(strlen(d->name) < 28);
		assert_int_equal(!d->missing, d->type != OPT_NONE);
		for (f = d + 1; f->name; f++) {
			assert_string_not_equal(d->name, f->name);
			assert_true(!d->letter || d->letter != f->letter || d->missing ||
				    f->missing);
		}
	}
}

static int setup(void **state)
{
	setenv("HOME", "/nonexistent", 1);
	unsetenv("CRIU_CONFIG_FILE");
	return 0;
}

static int teardown(void **state)
{
	options_free(&o);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),	   cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_near_names), cmocka_unit_test(test_not_built),
		cmocka_unit_test(test_exec),	   cmocka_unit_test(test_unused),
		cmocka_unit_test(test_config),	   cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
