// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where options are read from: config files and the command line. The files
 * come first, in a fixed order, so that the command line has the last word.
 */
#include <ctype.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "model/options.h"

#define DEFAULT_CONFIG "/etc/criu/default.conf"
#define HOME_CONFIG ".criu/default.conf"

/*
 * One config line in place: the name, then the value or NULL. A value may be
 * quoted; inside quotes a backslash protects the next character. Returns 0 for
 * a line without content, -EINVAL for an unfinished quote or text after it.
 */
static int split_line(char *line, char **ret_name, char **ret_value)
{
	char *p = line + strspn(line, " \t\r"), *out;

	if (!*p || *p == '#')
		return 0;
	*ret_name = p;
	*ret_value = NULL;
	p += strcspn(p, " \t\r=#");
	if (!*p)
		return 1;
	if (*p != '#') {
		*p++ = 0;
		p += strspn(p, " \t\r=");
	}
	if (!*p || *p == '#') {
		*p = 0;
		return 1;
	}
	*ret_value = out = p;
	if (*p++ != '"') {
		/* A '#' starts a comment only after a blank: it may be part of a name. */
		for (; *p && !(*p == '#' && isblank((unsigned char)p[-1])); p++)
			;
		for (*p = 0; p > out && isspace((unsigned char)p[-1]); p--)
			p[-1] = 0;
		return 1;
	}
	for (; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		*out++ = *p;
	}
	if (*p != '"')
		return -EINVAL;
	p++;
	*out = 0;
	p += strspn(p, " \t\r");
	return *p && *p != '#' ? -EINVAL : 1;
}

static int read_line(struct options *o, enum cmd cmd, char *line, const char *at, struct err *e)
{
	const struct option_def *d;
	char *name, *value, where[512];
	struct options scratch;
	bool negated;
	int r;

	r = split_line(line, &name, &value);
	if (r < 0)
		return err_set(e, ERR_USAGE, EINVAL, "read", at,
			       "a quote does not end, or text follows it");
	if (r == 0)
		return 0;
	snprintf(where, sizeof(where), "%s: %s", at, name);
	d = option_find(name, &negated);
	if (!d)
		return option_unknown("option", where, name, option_name_at, e);
	if (!strcmp(d->name, "config") || !strcmp(d->name, "no-default-config") ||
	    !strcmp(d->name, "exec-cmd"))
		return err_set(e, ERR_USAGE, EINVAL, "use", where,
			       "it makes sense on the command line only");
	if (d->cmds & cmd)
		return option_set(o, d, negated, value, where, e);
	/* Of another command: only its spelling is of interest. */
	if (d->missing)
		return 0;
	options_init(&scratch);
	r = option_set(&scratch, d, negated, value, where, e);
	options_free(&scratch);
	return r;
}

int options_read_file(struct options *o, enum cmd cmd, const char *path, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	char *line, *next, at[480];
	unsigned n = 0;
	ssize_t len;
	int r;

	len = read_text_alloc(AT_FDCWD, path, &text);
	if (len < 0) {
		errno = -len;
		err_sys(e, "open", "config file %s", path);
		return err_class_set(e, ERR_USAGE);
	}
	if (strlen(text) != (size_t)len)
		return err_set(e, ERR_USAGE, EINVAL, "read", path, "it is not a text file");
	for (line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		snprintf(at, sizeof(at), "%s:%u", path, ++n);
		r = read_line(o, cmd, line, at, e);
		if (r)
			return r;
	}
	return 0;
}

static int read_default(struct options *o, enum cmd cmd, const char *path, struct err *e)
{
	int r = options_read_file(o, cmd, path, e);

	if (r == -ENOENT || r == -ENOTDIR) {
		err_clear(e);
		return 0;
	}
	return r;
}

int options_read_configs(struct options *o, enum cmd cmd, struct err *e)
{
	const char *home = getenv("HOME"), *env = getenv("CRIU_CONFIG_FILE");
	char path[4096];
	size_t i;
	int r;

	if (!o->no_default_config) {
		r = read_default(o, cmd, DEFAULT_CONFIG, e);
		if (r)
			return r;
		if (home && *home) {
			snprintf(path, sizeof(path), "%s/%s", home, HOME_CONFIG);
			r = read_default(o, cmd, path, e);
			if (r)
				return r;
		}
	}
	if (env && *env) {
		r = options_read_file(o, cmd, env, e);
		if (r)
			return err_in(e, "named by CRIU_CONFIG_FILE");
	}
	for (i = 0; i < o->n_configs; i++) {
		r = options_read_file(o, cmd, o->configs[i], e);
		if (r)
			return r;
	}
	return 0;
}

/* What getopt_long() needs, made from the table. val is 256 + 2 * index (+ 1 when negated). */
#define MAX_OPTIONS 128
struct getopt_table {
	struct option longs[2 * MAX_OPTIONS + 5];
	char shorts[3 * MAX_OPTIONS];
	char no_names[MAX_OPTIONS][32];
};

static void make_getopt(struct getopt_table *t)
{
	struct option *l = t->longs;
	char *s = t->shorts;
	int i;

	*s++ = ':';
	*s++ = 'h';
	*s++ = 'V';
	*l++ = (struct option){ "help", no_argument, NULL, 'h' };
	*l++ = (struct option){ "version", no_argument, NULL, 'V' };
	*l++ = (struct option){ "help-man", no_argument, NULL, 'm' };
	*l++ = (struct option){ "help-man-kinds", no_argument, NULL, 'k' };
	for (i = 0; option_table[i].name && i < MAX_OPTIONS; i++) {
		const struct option_def *d = &option_table[i];
		int arg = !d->arg		 ? no_argument :
			  option_arg_optional(d) ? optional_argument :
						   required_argument;

		*l++ = (struct option){ d->name, arg, NULL, 256 + 2 * i };
		if (d->letter) {
			*s++ = d->letter;
			for (int n = arg; n; n--)
				*s++ = ':';
		}
		if (d->type == OPT_BOOL || (d->type == OPT_NONE && !d->arg)) {
			snprintf(t->no_names[i], sizeof(t->no_names[i]), "no-%s", d->name);
			*l++ = (struct option){ t->no_names[i], no_argument, NULL, 257 + 2 * i };
		}
	}
	*l = (struct option){ NULL, 0, NULL, 0 };
	*s = 0;
}

/* The option that getopt_long() returned, or an error that names what the user wrote. */
static int pick(int c, char **argv, const struct option_def **ret_d, bool *ret_negated,
		char where[static 64], struct err *e)
{
	const struct option_def *d;
	bool missing_value = c == ':', extra_value = c == '?' && optopt >= 256;
	char text[64];

	if (missing_value || extra_value)
		c = optopt;
	if (c == '?' && optopt) {
		snprintf(text, sizeof(text), "-%c", optopt);
		err_set(e, ERR_USAGE, EINVAL, "use", text, "no such option");
		return err_hint(e, "--help lists them all");
	}
	if (c == '?') {
		snprintf(text, sizeof(text), "%s", argv[optind - 1]);
		text[strcspn(text, "=")] = 0;
		return option_unknown("option", text, text + 2, option_name_at, e);
	}
	for (d = option_table; d->name && d->letter != c; d++)
		;
	*ret_negated = false;
	if (c >= 256) {
		d = &option_table[(c - 256) / 2];
		*ret_negated = c & 1;
	}
	snprintf(where, 64, "--%s%s", *ret_negated ? "no-" : "", d->name);
	if (extra_value)
		return err_set(e, ERR_USAGE, EINVAL, "use", where, "it takes no value");
	if (missing_value)
		return err_set(e, ERR_USAGE, EINVAL, "use", where, "it needs a value: %s", d->arg);
	*ret_d = d;
	return 0;
}

static bool is_config(const struct option_def *d)
{
	return d->offset == offsetof(struct options, configs) ||
	       d->offset == offsetof(struct options, no_default_config);
}

/* First pass: spelling of all, and which config files to read. Leaves operands at the end. */
static int first_pass(struct options *o, const struct getopt_table *t, int argc, char **argv,
		      int *ret_help, struct err *e)
{
	const struct option_def *d;
	bool negated;
	char where[64];
	int c, r;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, t->shorts, t->longs, NULL)) != -1) {
		if (c == 'h' || c == 'V' || c == 'm' || c == 'k') {
			*ret_help = c;
			return 0;
		}
		r = pick(c, argv, &d, &negated, where, e);
		if (r)
			return r;
		r = d->type != OPT_NONE && is_config(d) ?
			    option_set(o, d, negated, optarg, where, e) :
			    0;
		if (r)
			return r;
	}
	return 0;
}

static int second_pass(struct options *o, enum cmd cmd, const struct getopt_table *t, int argc,
		       char **argv, struct err *e)
{
	const struct option_def *d;
	bool negated;
	char where[64];
	int c, r;

	optind = 0;
	while ((c = getopt_long(argc, argv, t->shorts, t->longs, NULL)) != -1) {
		r = pick(c, argv, &d, &negated, where, e);
		if (r)
			return r;
		if (d->type != OPT_NONE && is_config(d))
			continue;
		r = option_set(o, d, negated, optarg, where, e);
		if (r)
			return r;
		if (!(d->cmds & cmd))
			options_note_unused(o, where);
	}
	return 0;
}

static int find_command(const char *name, const struct cmd_name **ret, struct err *e)
{
	const struct cmd_name *c;

	for (c = cmd_table; c->name && strcmp(c->name, name); c++)
		;
	if (!c->name)
		return option_unknown("command", name, name, cmd_name_at, e);
	if (c->missing)
		return err_set(e, ERR_USAGE, ENOTSUP, "use", name, "it is not built yet: %s",
			       c->missing);
	*ret = c;
	return 0;
}

int options_parse(struct options *o, int argc, char **argv, const struct cmd_name **ret_cmd,
		  char ***ret_rest, int *ret_help, struct err *e)
{
	struct getopt_table t;
	int r;

	make_getopt(&t);
	r = first_pass(o, &t, argc, argv, ret_help, e);
	if (r || *ret_help)
		return r;
	if (optind >= argc) {
		err_set(e, ERR_USAGE, EINVAL, "start", "stasis", "no command was given");
		return err_hint(e, "--help lists them all");
	}
	r = find_command(argv[optind], ret_cmd, e);
	if (r)
		return r;
	*ret_rest = argv + optind + 1;
	r = options_read_configs(o, (*ret_cmd)->cmd, e);
	if (r)
		return r;
	r = second_pass(o, (*ret_cmd)->cmd, &t, argc, argv, e);
	if (r)
		return r;
	if (o->want_exec) {
		o->exec_cmd = **ret_rest ? *ret_rest : NULL;
		*ret_rest = argv + argc;
	}
	return options_check(o, (*ret_cmd)->cmd, e);
}
