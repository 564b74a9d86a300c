// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Setting options from text, whatever the text's source: strict values, named
 * refusal of what is not built, the nearest name for what nobody knows, and
 * what the options together must satisfy.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "model/options.h"

static char *dup_text(const char *s)
{
	char *d = strdup(s);

	if (!d)
		abort();
	return d;
}

void options_init(struct options *o)
{
	memset(o, 0, sizeof(*o));
	o->images_dir = dup_text(".");
	o->ghost_limit = 1 << 20;
	o->timeout = 10;
	o->verbosity = 2;
	o->status_fd = -1;
	o->log_format = dup_text("human");
	o->file_validation = dup_text("buildid");
}

static void list_free(char **list, size_t n)
{
	while (n)
		free(list[--n]);
	free(list);
}

void options_free(struct options *o)
{
	const struct option_def *d;

	for (d = option_table; d->name; d++) {
		char *base = (char *)o + d->offset;

		if (d->type == OPT_STR || d->type == OPT_CHOICE)
			free(*(char **)base);
		else if (d->type == OPT_LIST)
			list_free(*(char ***)base, *(size_t *)(base + sizeof(char **)));
	}
	list_free(o->unused, o->n_unused);
	free(o->client_answer);
	memset(o, 0, sizeof(*o));
}

const struct option_def *option_find(const char *name, bool *ret_negated)
{
	const struct option_def *d;

	for (d = option_table; d->name; d++) {
		if (!strcmp(d->name, name)) {
			*ret_negated = false;
			return d;
		}
	}
	if (strncmp(name, "no-", 3))
		return NULL;
	for (d = option_table; d->name; d++) {
		/* Asking for less than what is not built anyway is fine. */
		if (!strcmp(d->name, name + 3) &&
		    (d->type == OPT_BOOL || (d->type == OPT_NONE && !d->arg))) {
			*ret_negated = true;
			return d;
		}
	}
	return NULL;
}

int parse_uint(const char *text, uint64_t max, uint64_t *ret)
{
	unsigned long long v;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int parse_size(const char *text, uint64_t *ret)
{
	size_t len = strlen(text);
	char digits[32];
	int shift = 0, r;
	uint64_t v;

	if (len && strchr("kK", text[len - 1]))
		shift = 10;
	else if (len && strchr("mM", text[len - 1]))
		shift = 20;
	else if (len && strchr("gG", text[len - 1]))
		shift = 30;
	if (shift)
		len--;
	if (len >= sizeof(digits))
		return -ERANGE;
	memcpy(digits, text, len);
	digits[len] = 0;
	r = parse_uint(digits, UINT64_MAX >> shift, &v);
	if (r)
		return r;
	*ret = v << shift;
	return 0;
}

static int bad_value(struct err *e, const char *where, const char *value, const char *want)
{
	return err_set(e, ERR_USAGE, EINVAL, "use", where, "\"%s\" is not %s", value, want);
}

static int set_number(struct options *o, const struct option_def *d, const char *value,
		      const char *where, struct err *e)
{
	void *field = (char *)o + d->offset;
	uint64_t v;

	if (d->type == OPT_SIZE) {
		if (parse_size(value, &v))
			return bad_value(e, where, value, "a size such as 4096, 64K, 1M or 2G");
		*(uint64_t *)field = v;
	} else if (d->type == OPT_PID) {
		if (parse_uint(value, INT_MAX, &v) || !v)
			return bad_value(e, where, value, "a process id (a number from 1 up)");
		*(pid_t *)field = v;
	} else {
		if (parse_uint(value, INT_MAX, &v))
			return bad_value(e, where, value, "a number from 0 up");
		*(unsigned *)field = v;
	}
	return 0;
}

/* -v3, --verbosity=3, -v -v, -vv: getopt hands over "3", nothing, or the further v's. */
static int set_verbosity(struct options *o, const char *value, const char *where, struct err *e)
{
	uint64_t v;

	if (!value || !value[strspn(value, "v")]) {
		o->verbosity += 1 + (value ? (int)strlen(value) : 0);
		if (o->verbosity > 4)
			o->verbosity = 4;
		return 0;
	}
	if (parse_uint(value, 4, &v))
		return bad_value(e, where, value, "a level from 0 to 4");
	o->verbosity = v;
	return 0;
}

static int set_choice(char **field, const struct option_def *d, const char *value,
		      const char *where, struct err *e)
{
	const char *p;
	size_t len;

	/* Where the value may be left out, the first one is meant. */
	if (!value) {
		free(*field);
		*field = strndup(d->values, strcspn(d->values, "|"));
		return *field ? 0 : err_sys(e, "allocate", "%s", where);
	}
	len = strlen(value);
	for (p = d->values; *p; p += strcspn(p, "|"), p += *p == '|') {
		if (strcspn(p, "|") == len && !strncmp(p, value, len)) {
			free(*field);
			*field = dup_text(value);
			return 0;
		}
	}
	bad_value(e, where, value, "one of its values");
	return err_hint(e, "choose one of %s", d->values);
}

static void list_add(char ***list, size_t *n, const char *value)
{
	*list = realloc(*list, (*n + 1) * sizeof(**list));
	if (!*list)
		abort();
	(*list)[(*n)++] = dup_text(value);
}

bool option_arg_optional(const struct option_def *d)
{
	return d->arg && d->arg[0] == '[' && d->arg[strlen(d->arg) - 1] == ']';
}

void options_note_unused(struct options *o, const char *name)
{
	list_add(&o->unused, &o->n_unused, name);
}

int option_set(struct options *o, const struct option_def *d, bool negated, const char *value,
	       const char *where, struct err *e)
{
	char *field = (char *)o + d->offset;
	bool may_lack = !d->arg || option_arg_optional(d);

	if (!d->arg && value)
		return err_set(e, ERR_USAGE, EINVAL, "use", where, "it takes no value");
	if (!may_lack && (!value || !*value))
		return err_set(e, ERR_USAGE, EINVAL, "use", where, "it needs a value: %s", d->arg);
	if (d->missing && negated)
		return 0;
	if (d->missing) {
		err_set(e, ERR_USAGE, ENOTSUP, "use", where, "it is not built yet: %s", d->missing);
		return err_hint(e, "leave it out");
	}
	switch (d->type) {
	case OPT_BOOL:
	case OPT_FLAG:
		*(bool *)field = !negated;
		return 0;
	case OPT_PID:
	case OPT_UINT:
	case OPT_FD:
	case OPT_SIZE:
		return set_number(o, d, value, where, e);
	case OPT_STR:
		free(*(char **)field);
		*(char **)field = dup_text(value);
		return 0;
	case OPT_CHOICE:
		return set_choice((char **)field, d, value, where, e);
	case OPT_LIST:
		list_add((char ***)field, (size_t *)(field + sizeof(char **)), value);
		return 0;
	case OPT_VERBOSITY:
		return set_verbosity(o, value, where, e);
	default:
		return err_set(e, ERR_GENERAL, ENOTSUP, "use", where, "its type is unknown");
	}
}

/* Edits that lead from a to b; more than @max are not told apart. */
static size_t distance(const char *a, const char *b)
{
	size_t row[64], la = strlen(a), lb = strlen(b), i, j;

	if (lb >= ARRAY_SIZE(row) || la >= ARRAY_SIZE(row))
		return SIZE_MAX;
	for (j = 0; j <= lb; j++)
		row[j] = j;
	for (i = 1; i <= la; i++) {
		size_t diag = row[0];

		row[0] = i;
		for (j = 1; j <= lb; j++) {
			size_t best = diag + (a[i - 1] != b[j - 1]);

			diag = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[lb];
}

int option_unknown(const char *kind, const char *where, const char *name,
		   const char *(*next)(size_t i), struct err *e)
{
	size_t best = SIZE_MAX, i;
	const char *near = NULL, *known;

	for (i = 0; (known = next(i)); i++) {
		size_t d = strncmp(known, name, strlen(name)) ? distance(name, known) : 1;

		if (d < best) {
			best = d;
			near = known;
		}
	}
	err_set(e, ERR_USAGE, EINVAL, "use", where, "no such %s", kind);
	if (near && best <= 1 + strlen(name) / 3)
		return err_hint(e, "did you mean %s%s?", strcmp(kind, "option") ? "" : "--", near);
	return err_hint(e, "--help lists them all");
}

static int need(struct err *e, const char *object, const char *why)
{
	return err_set(e, ERR_USAGE, EINVAL, "go on", object, "%s", why);
}

/* Before anything is begun: a hook that cannot run would otherwise stop us half-way. */
static int check_scripts(const struct options *o, struct err *e)
{
	size_t i;

	for (i = 0; i < o->n_action_scripts; i++) {
		if (access(o->action_scripts[i], X_OK)) {
			err_sys(e, "use", "--action-script %s", o->action_scripts[i]);
			return err_class_set(e, ERR_USAGE);
		}
	}
	return 0;
}

bool options_external(const struct options *o, const char *key)
{
	size_t len = strlen(key);

	for (size_t i = 0; o && i < o->n_externals; i++)
		if (!strncmp(o->externals[i], key, len) &&
		    (!o->externals[i][len] || o->externals[i][len] == ':'))
			return true;
	return false;
}

/* "fd[N]:KEY": the key, or NULL for another form. */
static const char *inherited(const char *text, int *ret_fd)
{
	const char *end = strchr(text, ']');
	char number[16];
	uint64_t v;

	if (strncmp(text, "fd[", 3) || !end || end[1] != ':' || !end[2] ||
	    (size_t)(end - text - 3) >= sizeof(number))
		return NULL;
	memcpy(number, text + 3, (size_t)(end - text - 3));
	number[end - text - 3] = 0;
	if (parse_uint(number, INT_MAX, &v))
		return NULL;
	*ret_fd = (int)v;
	return end + 2;
}

int options_inherit_fd(const struct options *o, const char *key)
{
	/* The last one given counts. */
	for (size_t i = o ? o->n_inherit_fds : 0; i-- > 0;) {
		int fd;
		const char *k = inherited(o->inherit_fds[i], &fd);

		if (k && !strcmp(k, key))
			return fd;
	}
	return -EBADF;
}

static int check_inherited(const struct options *o, struct err *e)
{
	for (size_t i = 0; i < o->n_inherit_fds; i++) {
		int fd;

		if (!inherited(o->inherit_fds[i], &fd))
			return bad_value(e, "--inherit-fd", o->inherit_fds[i],
					 "of the form fd[N]:RES");
		if (strstr(o->inherit_fds[i], "]:socket:["))
			return err_set(e, ERR_USAGE, EOPNOTSUPP, "use", o->inherit_fds[i],
				       "sockets cannot be taken over from the caller");
		if (fcntl(fd, F_GETFD) < 0)
			return bad_value(e, "--inherit-fd", o->inherit_fds[i],
					 "about an open descriptor of the caller");
	}
	return 0;
}

int options_check(struct options *o, enum cmd cmd, struct err *e)
{
	o->log_json = !strcmp(o->log_format, "json");
	if (cmd == CMD_DUMP && !o->tree && !o->cgroup)
		return need(e, "dump", "it needs the root of the tree: --tree PID");
	if (cmd == CMD_DUMP && o->tree && o->cgroup)
		return need(e, "dump", "--tree and --cgroup contradict each other");
	if (cmd == CMD_DUMP && o->leave_running && o->leave_stopped)
		return need(e, "dump", "--leave-running and --leave-stopped contradict each other");
	if (cmd == CMD_DUMP && !o->timeout)
		return need(e, "dump", "--timeout 0 leaves no time to freeze the tree");
	if (cmd == CMD_RESTORE && o->restore_sibling && !o->restore_detached)
		return need(e, "restore", "--restore-sibling needs --restore-detached");
	if (cmd == CMD_RESTORE && o->want_exec && !o->exec_cmd)
		return need(e, "restore", "--exec-cmd needs a command: --exec-cmd -- COMMAND ...");
	if (cmd == CMD_RESTORE && o->want_exec && o->restore_detached)
		return need(e, "restore",
			    "--exec-cmd and --restore-detached contradict each other");
	if (cmd == CMD_RESTORE && check_inherited(o, e))
		return -e->code;
	return check_scripts(o, e);
}
