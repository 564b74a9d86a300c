// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `stasis recover`, also done quietly when a dump or restore begins: when both
 * processes of a run were killed, nobody was left to undo; the journal says
 * what to do.
 */
#define LOG_MODULE "recover"
#include "recover.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/journal.h"
#include "base/log.h"
#include "undo.h"

static int undo_one(struct journal *j, const char *what, bool quiet, struct err *e)
{
	_cleanup_free_ struct journal_entry **v = NULL;
	size_t n = journal_entries(j, UNDO_NONE, &v);
	int r = journal_undo(j, undo_kinds, e);

	if (r)
		return err_in(e, "%s", what);
	if (!quiet)
		printf("%s: %s\n", what, n ? "undone" : "had left nothing");
	else if (n)
		log_warn("a %s had been killed; what it left is undone", what);
	return 0;
}

static int recover_one(const char *path, bool quiet, struct err *e)
{
	struct journal *j;
	char what[128];
	int r = journal_load(&j, path, e);

	if (r == -ENOENT || r == -EBUSY || r == -ESTALE) {
		err_clear(e);
		return 0;
	}
	if (r)
		return r;
	journal_describe(j, what, sizeof(what));
	if (journal_owner_alive(j)) {
		if (!quiet)
			printf("%s: goes on, left alone\n", what);
		r = 0;
	} else if (journal_is_foreign(j)) {
		r = err_set(e, ERR_SYSTEM, EXDEV, "recover", path,
			    "it was written in another pid namespace");
		err_hint(e, "run `stasis recover` there");
	} else {
		r = undo_one(j, what, quiet, e);
	}
	journal_close(j);
	return r;
}

int recover_run(const char *dir, bool quiet, struct err *e)
{
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *de;
	int first = 0, found = 0;

	if (!dir)
		dir = JOURNAL_DIR;
	d = opendir(dir);
	if (!d && errno != ENOENT)
		return err_sys(e, "open", "%s", dir);
	while (d && (de = readdir(d))) {
		struct err one = { 0 };
		char path[512];
		int r;

		if (de->d_name[0] == '.')
			continue;
		found++;
		snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
		r = recover_one(path, quiet, &one);
		if (r && first)
			log_warn("%s %s: %s", one.op, one.object, one.why);
		if (r && !first) {
			*e = one;
			first = r;
		}
	}
	if (!found && !quiet)
		printf("nothing to recover in %s\n", dir);
	return first;
}
