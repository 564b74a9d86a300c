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
	fprintf(f, ",\"errno\":%d,\"pid\":%d,", e->code, e->pid);
	member(f, "kind", e->kind);
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

/* The first option of ours that the remedy names; "" when there is none. */
static const char *option_in(const char *hint)
{
	for (const char *at = strstr(hint, "--"); at; at = strstr(at + 2, "--")) {
		size_t n = strspn(at + 2, "abcdefghijklmnopqrstuvwxyz-");

		for (const struct option_def *d = option_table; d->name; d++)
			if (!d->missing && strlen(d->name) == n && !strncmp(d->name, at + 2, n))
				return d->name;
	}
	return "";
}

void json_print_blockers(FILE *f, const struct err_list *l)
{
	fputc('[', f);
	for (size_t i = 0; i < l->n; i++) {
		const struct err *e = &l->v[i];
		const char *option = option_in(e->hint);

		fprintf(f, "%s{\"pid\":%d,", i ? "," : "", e->pid);
		member(f, "kind", e->kind);
		fputc(',', f);
		member(f, "object", e->object);
		fputc(',', f);
		member(f, "reason", e->why);
		fputc(',', f);
		member(f, "hint", e->hint);
		fputs(",\"option\":", f);
		if (*option) {
			fputs("\"--", f);
			fputs(option, f);
			fputs("\"}", f);
		} else {
			fputs("null}", f);
		}
	}
	fputc(']', f);
}

/* The object without its process, which has a column of its own. */
static const char *object_of(const struct err *e)
{
	char prefix[24];
	size_t n = snprintf(prefix, sizeof(prefix), "pid %d", e->pid);

	if (!e->pid || strncmp(e->object, prefix, n))
		return e->object;
	if (!e->object[n])
		return "the process";
	return !strncmp(e->object + n, ", ", 2) ? e->object + n + 2 :
	       !strncmp(e->object + n, " (", 2) ? e->object + n + 1 :
						  e->object;
}

/* Longer ones stand out of the column. */
#define COLUMN_MAX 44

static int widen(int width, const char *text)
{
	int n = (int)strlen(text);

	return n > width && n <= COLUMN_MAX ? n : width;
}

void print_blockers(FILE *f, const struct err_list *l)
{
	int pid = 3, kind = 4, object = 6;

	for (size_t i = 0; i < l->n; i++) {
		char num[16];

		snprintf(num, sizeof(num), "%d", l->v[i].pid);
		pid = widen(pid, num);
		kind = widen(kind, l->v[i].kind);
		object = widen(object, object_of(&l->v[i]));
	}
	fprintf(f, "%*s  %-*s  %-*s  %s\n", pid, "PID", kind, "KIND", object, "OBJECT", "REASON");
	for (size_t i = 0; i < l->n; i++) {
		const struct err *e = &l->v[i];

		fprintf(f, "%*d  %-*s  %-*s  %s\n", pid, e->pid, kind, e->kind, object,
			object_of(e), e->why);
		if (e->hint[0])
			fprintf(f, "%*s  %s\n", pid + kind + object + 4, "", e->hint);
	}
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
