/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the caller wants, and the one table of options. The table drives the
 * command line, --help, config files and the manual's option section; the RPC
 * service and the library set fields through it too. An option is written once,
 * in option_table.c. struct options is const for everybody else.
 */
#ifndef STASIS_OPTIONS_H
#define STASIS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

enum cmd {
	CMD_DUMP = 1,
	CMD_RESTORE = 2,
	CMD_CHECK = 4,
	CMD_RECOVER = 8,
	CMD_PRE_DUMP = 16,
	CMD_PAGE_SERVER = 32,
	CMD_SERVICE = 64,
	CMD_SWRK = 128,
	CMD_DEDUP = 256,
	CMD_LAZY_PAGES = 512,
	CMD_CPUINFO = 1024,
	CMD_UNLOCK = 2048,
	CMD_ALL = 4095
};

/* Strings and lists are owned by the struct; exec_cmd points into argv. */
struct options {
	pid_t tree;
	char *images_dir; /* default "." */
	char *work_dir;	  /* NULL: the images directory */
	bool leave_running;
	bool leave_stopped;
	bool restore_detached;
	bool restore_sibling;
	char *pidfile;
	char *root;
	bool shell_job;
	uint64_t ghost_limit; /* bytes */
	char *freeze_cgroup;
	char *cgroup;	      /* names the tree instead of @tree */
	char *manage_cgroups; /* a mode; NULL: not given */
	char **cgroup_roots;  /* "[CTRL:]PATH" */
	size_t n_cgroup_roots;
	char *cgroup_props; /* the simple YAML of --cgroup-props */
	char *cgroup_props_file;
	char **cgroup_controllers; /* only these are saved; none: all */
	size_t n_cgroup_controllers;
	char *cgroup_yard;
	unsigned timeout; /* seconds */
	char **externals; /* --external, as given */
	size_t n_externals;
	char **ext_mount_maps;
	size_t n_ext_mount_maps;
	bool ext_sharing, ext_masters;
	char **skip_mnts;
	size_t n_skip_mnts;
	char **enable_fs; /* as given, each a list */
	size_t n_enable_fs;
	char **inherit_fds; /* "fd[N]:KEY" */
	size_t n_inherit_fds;
	char **action_scripts;
	size_t n_action_scripts;
	char **irmap_scan_paths;
	size_t n_irmap_scan_paths;
	bool force_irmap;
	bool tcp_established;
	bool tcp_close;
	bool skip_in_flight;
	char *network_lock; /* "nftables" or "skip"; NULL: nftables */
	char *log_file;
	int verbosity;	  /* 0 to 4, 4 is debug */
	char *log_format; /* "human" or "json" */
	bool log_json;	  /* set by options_check() */
	bool display_stats;
	char *file_validation; /* "filesize" or "buildid" */
	bool skip_file_rwx_check;
	bool file_locks;
	bool link_remap;
	bool no_sync;
	char *exec_tasks; /* "include" or "refuse" */
	bool json;	  /* check, --json */
	char *address;	  /* service: path of its socket; NULL: the default */
	bool daemon;	  /* service: go to the background */
	int status_fd;	  /* service: tell there when ready; -1: nowhere */
	bool plan;	  /* restore --plan: print the programs, do nothing */
	bool want_exec;	  /* --exec-cmd was given */
	char **exec_cmd;  /* after "--", NULL-ended */
	char **configs;	  /* --config, in order */
	size_t n_configs;
	bool no_default_config;
	char **features; /* check --feature */
	size_t n_features;
	bool check_all; /* check --all, --extra, --experimental */
	bool kinds;	/* check --kinds */

	char **unused; /* given, but of another command: to be warned about */
	size_t n_unused;

	/* Called now and then during long work; NULL when nobody looks. @total 0: unknown. */
	void (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
	void *progress_ctx;
	/* Restore: a filesystem holds us up for ever. Print the error; the process ends then. */
	void (*give_up)(void *ctx, const struct err *e);
	void *give_up_ctx;
	/* Whoever asked may be of the tree: its socket's inode, and what is to wait there for it. */
	uint32_t client_socket; /* 0: none */
	uint8_t *client_answer; /* owned */
	size_t client_answer_len;
	/* As in struct hooks: a client that is told of each hook point. */
	int (*notify)(void *ctx, const char *point, pid_t pid, int fd, struct err *e);
	void *notify_ctx;
};

enum opt_type {
	OPT_BOOL, /* has a no- form */
	OPT_FLAG, /* has none */
	OPT_PID,
	OPT_UINT,
	OPT_FD,
	OPT_SIZE,
	OPT_STR,
	OPT_CHOICE,
	OPT_LIST,
	OPT_VERBOSITY,
	OPT_NONE /* no field: not built */
};

struct option_def {
	const char *name;
	char letter; /* 0: none */
	const char *
		arg; /* what it is called in --help; "[X]" when it may be left out; NULL: takes none */
	unsigned cmds; /* CMD_* it belongs to */
	enum opt_type type;
	size_t offset;	    /* of the field; lists: the counter follows the pointer */
	const char *values; /* OPT_CHOICE: "a|b" */
	const char *help;
	const char *missing; /* not built: what is missing. Asking for it is refused. */
};
extern const struct option_def option_table[]; /* ends with a NULL name */

struct cmd_name {
	const char *name;
	enum cmd cmd;
	const char *args; /* synopsis after the name */
	const char *help;
	const char *missing; /* as in struct option_def */
};
extern const struct cmd_name cmd_table[]; /* ends with a NULL name */

void options_init(struct options *o);
void options_free(struct options *o);

/* NULL when there is none. "no-X" of an OPT_BOOL X is found with *ret_negated set. */
const struct option_def *option_find(const char *name, bool *ret_negated);

/*
 * Set one option from text; @value NULL when none was given. @where names the
 * place for errors ("--timeout", "/etc/x.conf:3: timeout"). Class ERR_USAGE.
 */
int option_set(struct options *o, const struct option_def *d, bool negated, const char *value,
	       const char *where, struct err *e);

/* "[X]": the value may be left out. */
bool option_arg_optional(const struct option_def *d);
/* Remember that an option of another command was given. */
void options_note_unused(struct options *o, const char *name);

/* Error for a name that nobody knows, with the nearest one as hint. @kind: "option", "command". */
int option_unknown(const char *kind, const char *where, const char *name,
		   const char *(*next)(size_t i), struct err *e);
const char *option_name_at(size_t i);
const char *cmd_name_at(size_t i);

/*
 * Options from a file: names without dashes, optional value, '#' comments.
 * A missing file is -ENOENT with a filled error. Options of other commands
 * than @cmd are checked and then ignored, so that one file serves all.
 */
int options_read_file(struct options *o, enum cmd cmd, const char *path, struct err *e);
/* The default files, CRIU_CONFIG_FILE, then --config, in this order. */
int options_read_configs(struct options *o, enum cmd cmd, struct err *e);

/*
 * The whole command line: finds the command, reads config files, lets the
 * command line win. *ret_rest: arguments after the command, NULL-ended.
 * *ret_help: 'h' (help), 'V' (version) or 'm' (the manual's option section) when only
 * that was asked for.
 */
int options_parse(struct options *o, int argc, char **argv, const struct cmd_name **ret_cmd,
		  char ***ret_rest, int *ret_help, struct err *e);
/* What the command needs and what contradicts. */
int options_check(struct options *o, enum cmd cmd, struct err *e);

/* Strict numbers: whole text, no sign, in range. 0 or -EINVAL, -ERANGE. */
int parse_uint(const char *text, uint64_t max, uint64_t *ret);
/* The same with an optional suffix K, M or G (1024). */
int parse_size(const char *text, uint64_t *ret);

/* Whether --external names that key, with or without a value behind a colon. */
bool options_external(const struct options *o, const char *key);
/* The caller's descriptor that --inherit-fd gives for @key, or -EBADF. */
int options_inherit_fd(const struct options *o, const char *key);

#endif
