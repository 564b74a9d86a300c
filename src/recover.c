/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `stasis recover`, also done quietly when a dump or restore begins: when both
 * processes of a run were killed, nobody was left to undo; the journal says
 * what to do.
 */
#include "recover.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/journal.h"
#include "undo.h"

static int recover_one(const char *path, bool quiet, struct err *e)
{
	struct journal *j;
	int r = journal_load(&j, path, e);

	if (r == -ENODATA || r == -ENOENT) {
		if (!quiet)
			printf("%s: not a journal of ours, left alone\n", path);
		err_clear(e);
		return 0;
	}
	if (r)
		return r;
	if (journal_owner_alive(j)) {
		if (!quiet)
			printf("%s: its writers live, left alone\n", path);
		journal_abandon(j);
		return 0;
	}
	r = journal_undo(j, undo_kinds, e);
	printf("%s: %s\n", path, r ? "not everything could be undone" : "everything undone");
	journal_close(j);
	return r;
}

int recover_run(const char *dir, bool quiet, struct err *e)
{
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *de;
	int first = 0, found = 0;

	dir = dir ? dir : journal_default_dir();
	d = opendir(dir);
	while (d && (de = readdir(d))) {
		size_t n = strlen(de->d_name);
		struct err one = { 0 };
		char path[4352];
		int r;

		if (n < 8 || strcmp(de->d_name + n - 8, ".journal"))
			continue;
		found++;
		snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
		r = recover_one(path, quiet, &one);
		if (r && !first) {
			*e = one;
			first = r;
		}
	}
	if (!found && !quiet)
		printf("nothing to recover\n");
	return first;
}
