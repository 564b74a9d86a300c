// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stasis check: whether this kernel can do it (the probe table), or whether
 * one process tree can be checkpointed (the preflight of a dump, alone).
 */
#include "base/cleanup.h"
#include "checkpoint.h"
#include "cli/cli.h"

static void print_blockers(const struct options *o, const struct err_list *l)
{
	char text[sizeof(struct err) + 64];
	size_t i;

	if (!l->n) {
		printf("Looks good: process tree %d can be checkpointed.\n", o->tree);
		return;
	}
	printf("%zu thing%s in the way of a checkpoint of process tree %d:\n", l->n,
	       l->n == 1 ? " stands" : "s stand", o->tree);
	for (i = 0; i < l->n; i++) {
		err_format(&l->v[i], text, sizeof(text));
		printf("%3zu. %s\n", i + 1, text);
	}
}

static void print_blockers_json(const struct options *o, const struct err_list *l)
{
	size_t i;

	printf("{\"tree\":%d,\"ok\":%s,\"blockers\":[", o->tree, l->n ? "false" : "true");
	for (i = 0; i < l->n; i++) {
		fputs(i ? ",\n{" : "\n{", stdout);
		json_print_err(stdout, &l->v[i]);
		fputc('}', stdout);
	}
	puts("]}");
}

static int check_tree(const struct options *o, int *ret_status, struct err *e)
{
	_cleanup_(err_list_free) struct err_list blockers = { 0 };
	int r;

	r = preflight_run(o, &blockers, e);
	if (r)
		return r;
	if (o->json)
		print_blockers_json(o, &blockers);
	else
		print_blockers(o, &blockers);
	*ret_status = blockers.n ? ERR_UNSUPPORTED : 0;
	return 0;
}
