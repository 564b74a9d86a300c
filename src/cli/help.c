// SPDX-License-Identifier: GPL-2.0-or-later
/* --help and the manual's option section, both from the option table. */
#include <string.h>

#include "cli/cli.h"
#include "kinds.h"

static void spelling(char *buf, size_t size, const struct option_def *d)
{
	const char *eq = !d->arg ? "" : option_arg_optional(d) ? "[=" : "=";
	const char *arg = !d->arg ? "" : option_arg_optional(d) ? d->arg + 1 : d->arg;

	if (d->letter)
		snprintf(buf, size, "-%c, --%s%s%s", d->letter, d->name, eq, arg);
	else
		snprintf(buf, size, "    --%s%s%s", d->name, eq, arg);
}

/* @text at column @indent, broken at 80. */
static void wrapped(FILE *f, const char *text, int column, int indent)
{
	while (*text) {
		int room = 80 - indent, len = strlen(text);

		if (len > room)
			for (len = room; len && text[len] != ' '; len--)
				;
		if (!len)
			len = strlen(text);
		fprintf(f, "%*s%.*s\n", indent - column, "", len, text);
		text += len + (text[len] == ' ');
		column = 0;
	}
}

static void command_names(char *buf, size_t size, unsigned cmds)
{
	const struct cmd_name *c;
	size_t n = 0;

	buf[0] = 0;
	for (c = cmd_table; c->name; c++)
		if (c->help && (cmds & c->cmd) && n < size)
			n += snprintf(buf + n, size - n, "%s%s", n ? ", " : "", c->name);
}

/* The commands whose options are listed. */
#define BUILT (CMD_DUMP | CMD_RESTORE | CMD_CHECK | CMD_RECOVER | CMD_SERVICE | CMD_SWRK)

static void print_section(FILE *f, const char *title, unsigned cmds, bool exactly)
{
	const struct option_def *d;
	const unsigned built = BUILT;

	fprintf(f, "\n%s\n", title);
	for (d = option_table; d->name; d++) {
		unsigned of = d->cmds & built;
		char text[80];

		if (d->missing || (exactly ? of != cmds : !(of & cmds) || of == built))
			continue;
		spelling(text, sizeof(text), d);
		fprintf(f, "  %s", text);
		if (strlen(text) > 26) {
			fputc('\n', f);
			wrapped(f, d->help, 0, 30);
		} else {
			wrapped(f, d->help, 2 + strlen(text), 30);
		}
	}
}

void help_print(FILE *f)
{
	const struct option_def *d;
	const struct cmd_name *c;
	int column = 0;

	fputs("stasis: checkpoint and restore for Linux containers\n\n", f);
	for (c = cmd_table; c->name; c++) {
		if (!c->help)
			continue;
		fprintf(f, "  stasis %s %s\n", c->name, c->args);
		wrapped(f, c->help, 0, 30);
	}
	print_section(f, "dump:", CMD_DUMP, false);
	print_section(f, "restore:", CMD_RESTORE, false);
	print_section(f, "check:", CMD_CHECK, false);
	print_section(f, "service:", CMD_SERVICE, false);
	print_section(f, "all commands:", BUILT, true);
	fputs("  -h, --help\n  -V, --version\n\nBoolean options have a no- form. Known, not built, refused when given:\n",
	      f);
	for (d = option_table; d->name; d++) {
		if (!d->missing)
			continue;
		column += fprintf(f, "%s--%s", column ? " " : "  ", d->name);
		if (column > 64) {
			fputc('\n', f);
			column = 0;
		}
	}
	fputs(column ? "\n" : "", f);
	fputs("\nExit status: 0 done, 1 failed, 2 wrong usage, 3 no such process, 4 unsupported, "
	      "5 bad image,\n6 the system lacks something, 7 conflict, 8 timeout, 9 cancelled. "
	      "See stasis(8).\n",
	      f);
}

/* Roff: a hyphen that shall be typed is \-. */
static void roff(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '-')
			fputs("\\-", f);
		else if (*s == '\\')
			fputs("\\e", f);
		else
			fputc(*s, f);
	}
}

static void man_option(FILE *f, const struct option_def *d)
{
	char text[80], cmds[80];

	spelling(text, sizeof(text), d);
	fputs(".TP\n.B ", f);
	roff(f, text + strspn(text, " "));
	fputc('\n', f);
	roff(f, d->help);
	command_names(cmds, sizeof(cmds), d->cmds);
	if (d->cmds != CMD_ALL)
		fprintf(f, ".\nFor %s", cmds);
	if (d->type == OPT_BOOL)
		fprintf(f, ".\nUndone by \\-\\-no\\-%s", d->name);
	fputs(".\n", f);
}

void help_print_man(FILE *f)
{
	const struct option_def *d;

	for (d = option_table; d->name; d++)
		if (!d->missing)
			man_option(f, d);
	fputs(".SS Known but not built\nAsking for one of these is an error (exit status 2).\n", f);
	for (d = option_table; d->name; d++) {
		if (!d->missing)
			continue;
		fputs(".TP\n.B \\-\\-", f);
		roff(f, d->name);
		fputc('\n', f);
		roff(f, d->missing);
		fputs(".\n", f);
	}
}

/* Those that are saved, then those that are refused. */
struct man_kinds {
	FILE *f;
	bool refused;
};

static void man_kind(void *ctx, const char *name, const char *why, const char *hint)
{
	struct man_kinds *k = ctx;

	if (k->refused != (why != NULL))
		return;
	fputs(".TP\n.B ", k->f);
	roff(k->f, name);
	fputc('\n', k->f);
	if (!why) {
		fputs("saved.\n", k->f);
		return;
	}
	fputs("refused: ", k->f);
	roff(k->f, why);
	if (hint) {
		fputs("; ", k->f);
		roff(k->f, hint);
	}
	fputs(".\n", k->f);
}

void help_print_man_kinds(FILE *f)
{
	for (const struct kind_area *a = kind_areas; a->name; a++) {
		struct man_kinds k = { .f = f };

		fprintf(f, ".SS %s\n", a->title);
		a->list(man_kind, &k);
		k.refused = true;
		a->list(man_kind, &k);
	}
}
