// SPDX-License-Identifier: GPL-2.0-or-later
/* Errors for people, and as JSON for --log-format=json and check --json. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/cli.h"

const char *err_class_name(enum err_class class)
{
	static const char *const names[] = {
		[ERR_NONE] = "none",
		[ERR_GENERAL] = "general",
		[ERR_USAGE] = "usage",
		[ERR_TARGET] = "target",
		[ERR_UNSUPPORTED] = "unsupported",
		[ERR_IMAGE] = "image",
		[ERR_SYSTEM] = "system",
		[ERR_CONFLICT] = "conflict",
		[ERR_TIMEOUT] = "timeout",
		[ERR_CANCELLED] = "cancelled",
	};

	return (size_t) class < ARRAY_SIZE(names) ? names[class] : "general";
}

void json_print_string(FILE *f, const char *s)
{
	size_t size = strlen(s) * 6 + 8;
	_cleanup_free_ char *text = malloc(size);

	if (!text)
		abort();
	json_escape(text, size, s);
	fprintf(f, "\"%s\"", text);
}

static void member(FILE *f, const char *name, const char *value)
{
	fprintf(f, "\"%s\":", name);
	json_print_string(f, value);
}

void json_print_err(FILE *f, const struct err *e)
{
	member(f, "op", e->op);
	fputc(',', f);
	member(f, "object", e->object);
	fputc(',', f);
	member(f, "why", e->why);
	fputc(',', f);
	member(f, "hint", e->hint);
	fputc(',', f);
	member(f, "context", e->trail);
	fputc(',', f);
	member(f, "class", err_class_name(e->class));
	fprintf(f, ",\"errno\":%d", e->code);
}

void json_print_err_list(FILE *f, const struct err_list *l)
{
	size_t i;

	fputc('[', f);
	for (i = 0; i < l->n; i++) {
		fputs(i ? ",{" : "{", f);
		json_print_err(f, &l->v[i]);
		fputc('}', f);
	}
	fputc(']', f);
}

void print_err_list(FILE *f, const struct err_list *l)
{
	char text[sizeof(struct err) + 64];
	size_t i;

	for (i = 0; i < l->n; i++) {
		char *hint;

		err_format(&l->v[i], text, sizeof(text));
		hint = strchr(text, '\n');
		if (hint)
			*hint++ = 0;
		fprintf(f, "%3zu. %s\n", i + 1, text);
		if (hint)
			fprintf(f, "     %s\n", hint + strspn(hint, " "));
	}
}
