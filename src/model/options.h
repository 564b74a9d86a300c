/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the caller wants. Filled by the option table (options.c) from the
 * command line, config files, RPC or the library; const for everybody else.
 */
#ifndef STASIS_OPTIONS_H
#define STASIS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum cmd { CMD_DUMP = 1, CMD_RESTORE = 2, CMD_CHECK = 4, CMD_RECOVER = 8 };

struct options {
	pid_t tree;
	char *images_dir;
	char *work_dir;
	bool leave_running;
	bool leave_stopped;
	bool restore_detached;
	bool restore_sibling;
	char *pidfile;
	char *root;
	bool shell_job;
	uint64_t ghost_limit;		/* bytes */
	char *freeze_cgroup;
	unsigned timeout;		/* seconds */
	char **action_scripts;
	size_t n_action_scripts;
	char *log_file;
	int verbosity;
	bool log_json;
	bool display_stats;
	char *file_validation;		/* "filesize" or "buildid" */
	bool skip_file_rwx_check;
	bool no_sync;
	char *exec_tasks;		/* "include" or "refuse" */
	bool json;			/* check, --json */
	bool plan;			/* restore --plan: print the programs, do nothing */
	char **exec_cmd;		/* after "--", NULL-ended */
};

#endif
