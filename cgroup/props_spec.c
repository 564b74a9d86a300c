// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * --cgroup-props: which properties of which controllers are saved besides the
 * table's, in a little of YAML:
 *
 *	"cpu":
 *	 - "strategy": "merge"
 *	 - "properties": ["cpu.x", "cpu.y"]
 *
 * "replace" saves these only. Quotes may be left out.
 */
#include "cgroup/tree-internal.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/pool.h"

struct reader {
	char *at;
	const char *where;
	unsigned line;
	struct err *e;
};

static int bad(struct reader *r, const char *why)
{
	err_set(r->e, ERR_USAGE, EINVAL, "read", r->where, "line %u: %s", r->line, why);
	return err_hint(r->e, "it looks like: \"cpu\":\\n - \"strategy\": \"merge\"\\n"
			      " - \"properties\": [\"cpu.shares\"]");
}

static void skip(struct reader *r)
{
	for (;; r->at++) {
		if (*r->at == '#')
			r->at += strcspn(r->at, "\n");
		if (!isspace((unsigned char)*r->at))
			return;
		r->line += *r->at == '\n';
	}
}

static bool take(struct reader *r, char c)
{
	skip(r);
	if (*r->at != c)
		return false;
	r->at++;
	return true;
}

/* A word, quoted or not; in place, so that what ends it is returned. */
static const char *word(struct reader *r, struct pool *p)
{
	char quote, *from;
	size_t n;

	skip(r);
	quote = *r->at == '"' || *r->at == '\'' ? *r->at++ : 0;
	from = r->at;
	n = quote ? strcspn(from, (char[]){ quote, '\n', 0 }) : strcspn(from, " \t\r\n:,[]#");
	if (!n || (quote && from[n] != quote) || memchr(from, '/', n))
		return NULL;
	r->at += n + (quote != 0);
	from = pool_dup(p, from, n + 1);
	from[n] = '\0';
	return from;
}

static int list(struct reader *r, struct pool *p, struct cg_spec *s)
{
	if (!take(r, '['))
		return bad(r, "a list in [ ] is missing");
	while (!take(r, ']')) {
		const char *w = word(r, p);

		if (!w)
			return bad(r, "the name of a property is missing");
		pool_push(p, s->names, s->n, w);
		if (!take(r, ',') && *r->at != ']')
			return bad(r, "\",\" or \"]\" is missing");
	}
	return 0;
}

static int item(struct reader *r, struct pool *p, struct cg_spec *s)
{
	const char *key = word(r, p), *v;

	if (!key || !take(r, ':'))
		return bad(r, "\"strategy\": or \"properties\": is missing");
	if (!strcmp(key, "properties"))
		return list(r, p, s);
	v = word(r, p);
	if (strcmp(key, "strategy") || !v || (strcmp(v, "merge") && strcmp(v, "replace")))
		return bad(r, "the strategy is \"merge\" or \"replace\"");
	s->replace = !strcmp(v, "replace");
	return 0;
}

int cg_specs_parse(struct pool *p, char *text, const char *where, struct cg_specs *ret,
		   struct err *e)
{
	struct reader r = { text, where, 1, e };
	int x = 0;

	/* The head of a YAML document. */
	skip(&r);
	if (!strncmp(r.at, "---", 3))
		r.at += 3;
	for (skip(&r); *r.at && !x; skip(&r)) {
		struct cg_spec s = { .ctl = word(&r, p) };

		if (!s.ctl || !take(&r, ':'))
			return bad(&r, "the name of a controller and \":\" are missing");
		while (!x && take(&r, '-'))
			x = item(&r, p, &s);
		if (!x && !s.n)
			return bad(&r, "a controller without properties");
		pool_push(p, ret->v, ret->n, s);
	}
	return x;
}
