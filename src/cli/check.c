// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stasis check: whether this kernel can do it (the probe table), or whether
 * one process tree can be checkpointed (the preflight of a dump, alone).
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/probe.h"
#include "checkpoint.h"
#include "cli/cli.h"
#include "feature_names.h"
#include "kinds.h"

static int check_tree(struct invocation *in, struct err *e)
{
	const struct options *o = in->o;
	_cleanup_(err_list_free) struct err_list blockers = { 0 };
	int r;

	r = preflight_run(o, &blockers, e);
	if (r)
		return r;
	if (o->json) {
		printf("{\"tree\":%d,\"ok\":%s,\"blockers\":", o->tree,
		       blockers.n ? "false" : "true");
		json_print_blockers(stdout, &blockers);
		puts("}");
	} else if (blockers.n) {
		printf("%zu thing%s in the way of a checkpoint of process tree %d:\n", blockers.n,
		       blockers.n == 1 ? " stands" : "s stand", o->tree);
		print_blockers(stdout, &blockers);
	} else {
		printf("Looks good: process tree %d can be checkpointed.\n", o->tree);
	}
	in->status = blockers.n ? ERR_UNSUPPORTED : 0;
	return 0;
}

static int check_feature(const char *name, bool *ret_ok, struct err *e)
{
	int r = feature_check(name, ret_ok);

	if (r == -ENOENT)
		return option_unknown("feature", name, name, feature_name_at, e);
	printf("%s: %s\n", name,
	       r == -ENOTSUP ? "no, stasis is built without it" :
	       *ret_ok	     ? "yes" :
			       "no");
	return 0;
}

static int check_features(struct invocation *in, struct err *e)
{
	size_t i, n;
	bool ok = false;
	int r;

	for (i = 0; i < in->o->n_features; i++) {
		if (!strcmp(in->o->features[i], "list")) {
			for (n = 0; feature_name_at(n); n++)
				puts(feature_name_at(n));
			continue;
		}
		r = check_feature(in->o->features[i], &ok, e);
		if (r)
			return r;
		if (!ok)
			in->status = ERR_GENERAL;
	}
	return 0;
}

static void print_probe(const struct probe *p, int r, bool json, bool first)
{
	const char *why = r == -ECANCELED ? "switched off by STASIS_DISABLE" : strerror(-r);

	if (json) {
		printf("%s\n{\"name\":\"%s\",\"ok\":%s,\"required\":%s,\"needed_by\":",
		       first ? "" : ",", p->name, r ? "false" : "true",
		       p->required ? "true" : "false");
		json_print_string(stdout, p->needed_by);
		fputs(",\"why\":", stdout);
		json_print_string(stdout, r ? why : "");
		fputs(",\"hint\":", stdout);
		json_print_string(stdout, r ? p->hint : "");
		putchar('}');
		return;
	}
	printf("%-8s %-24s %s\n",
	       !r	   ? "ok" :
	       p->required ? "MISSING" :
			     "without",
	       p->name, p->needed_by);
	if (r)
		printf("%33s (%s) %s\n", "", why, p->hint);
}

/* The whole table. Missing what is required, or with --all anything, is status 6. */
static int check_kernel(struct invocation *in, struct err *e)
{
	size_t i, missing = 0, lacking = 0;

	if (in->o->json)
		fputs("{\"probes\":[", stdout);
	for (i = 0; i < probe_count(); i++) {
		const struct probe *p = probe_get(i);
		int r = probe_run(p);

		missing += r && p->required;
		lacking += r != 0;
		print_probe(p, r, in->o->json, i == 0);
	}
	if (missing || (in->o->check_all && lacking))
		in->status = ERR_SYSTEM;
	if (in->o->json)
		printf("],\"ok\":%s}\n", in->status ? "false" : "true");
	else if (missing)
		printf("%zu of what every checkpoint needs are missing.\n", missing);
	else if (in->status)
		printf("%zu are missing; checkpoints that need none of them work.\n", lacking);
	else if (lacking)
		printf("Looks good: everything essential is here; %zu more would help.\n", lacking);
	else
		puts("Looks good.");
	return 0;
}

struct kind_printer {
	bool json, any;
	const char *area;
};

static void print_kind(void *ctx, const char *name, const char *why, const char *hint)
{
	struct kind_printer *p = ctx;

	if (p->json) {
		printf("%s\n{\"area\":\"%s\",\"name\":", p->any ? "," : "", p->area);
		json_print_string(stdout, name);
		printf(",\"supported\":%s,\"reason\":", why ? "false" : "true");
		json_print_string(stdout, why ? why : "");
		fputs(",\"hint\":", stdout);
		json_print_string(stdout, why && hint ? hint : "");
		putchar('}');
	} else if (why) {
		printf("  no   %-36s %s%s%s\n", name, why, hint ? ": " : "", hint ? hint : "");
	} else {
		printf("  yes  %s\n", name);
	}
	p->any = true;
}

static int check_kinds(struct invocation *in)
{
	struct kind_printer p = { .json = in->o->json };

	if (p.json)
		fputs("{\"kinds\":[", stdout);
	for (const struct kind_area *a = kind_areas; a->name; a++) {
		p.area = a->name;
		if (!p.json)
			printf("%s:\n", a->title);
		a->list(print_kind, &p);
	}
	if (p.json)
		puts("]}");
	return 0;
}

int cmd_check(struct invocation *in, struct err *e)
{
	int r = cmd_no_operands("check", in->rest, e);

	if (r)
		return r;
	if (!!in->o->kinds + !!in->o->tree + !!in->o->n_features > 1) {
		err_set(e, ERR_USAGE, EINVAL, "use", "check",
			"--tree, --kinds and --feature ask different questions");
		return err_hint(e, "ask one at a time");
	}
	if (in->o->kinds)
		return check_kinds(in);
	if (in->o->tree)
		return check_tree(in, e);
	return in->o->n_features ? check_features(in, e) : check_kernel(in, e);
}
